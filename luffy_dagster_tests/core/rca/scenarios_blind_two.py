"""A second set written after the rules, in other languages and words than both others; only measured with before anything was tuned."""

BLIND_TWO = [
    ("elixir-match", "culprit", None, "parcels", """
10:15:02.114 [error] GenServer Parcels.Tracker terminating
** (FunctionClauseError) no function clause matching in Parcels.Label.parse/1
    (parcels 2.4.0) lib/parcels/label.ex:18: Parcels.Label.parse({:ok, "RX-99"})
    (parcels 2.4.0) lib/parcels/tracker.ex:52: Parcels.Tracker.handle_info/2
""", [("guilty", "lib/parcels/label.ex", """@@ def parse(value)
-  def parse({:ok, code}), do: parse(code)
   def parse(code) when is_binary(code) do
-    String.trim(code)
+    code |> String.trim() |> String.upcase()
"""), ("decoy", "lib/parcels/tracker.ex", """@@ def init(state)
-    {:ok, state}
+    {:ok, state, {:continue, :warm}}
""")]),
    ("swift-index", "culprit", None, "route-planner", """
Fatal error: Index out of range
Current stack trace:
0    libswiftCore.so  Array._checkSubscript
1    RoutePlanner     Leg.next(after:) at /build/Sources/RoutePlanner/Leg.swift:41
2    RoutePlanner     Trip.advance() at /build/Sources/RoutePlanner/Trip.swift:88
""", [("guilty", "Sources/RoutePlanner/Leg.swift", """@@ func next(after stop: Int) -> Stop? {
-        guard stop + 1 < stops.count else { return nil }
-        return stops[stop + 1]
+        return stops[stop + 1]
"""), ("decoy", "Sources/RoutePlanner/Trip.swift", """@@ func title() -> String {
-        return name
+        return name.capitalized
""")]),
    ("perl-undef", "culprit", None, "ledger-import", """
Can't call method "amount" on an undefined value at lib/Ledger/Batch.pm line 63.
	Ledger::Batch::total(Ledger::Batch=HASH(0x55d0)) called at bin/import.pl line 20
""", [("guilty", "lib/Ledger/Batch.pm", """@@ sub total {
-    return sum0 map { $_->amount } grep { defined } @{ $self->{rows} };
+    return sum0 map { $_->amount } @{ $self->{rows} };
"""), ("decoy", "bin/import.pl", """@@
-my $verbose = 0;
+my $verbose = $ENV{VERBOSE} // 0;
""")]),
    ("cpp-limit", "culprit", None, "transcoder", """
2026-06-01T11:58:40Z ERROR transcoder std::length_error: frame 4147200 bytes exceeds kMaxFrame=2097152 (src/frame_pool.cc:112)
2026-06-01T11:58:41Z ERROR transcoder std::length_error: frame 4147200 bytes exceeds kMaxFrame=2097152 (src/frame_pool.cc:112)
""", [("guilty", "src/frame_pool.h", """-constexpr std::size_t kMaxFrame = 16 * 1024 * 1024;
+constexpr std::size_t kMaxFrame = 2 * 1024 * 1024;
"""), ("decoy", "src/audio_pool.cc", """-  buffers_.reserve(32);
+  buffers_.reserve(64);
""")]),
    ("dart-json", "culprit", None, "menu-api", """
Unhandled exception:
type 'Null' is not a subtype of type 'String' in type cast
#0      Dish.fromJson (package:menu_api/src/dish.dart:27:33)
#1      MenuStore.load (package:menu_api/src/menu_store.dart:59:21)
""", [("guilty", "lib/src/dish.dart", """@@ factory Dish.fromJson(Map<String, dynamic> j) {
-      allergens: (j['allergens'] as String?) ?? '',
+      allergens: j['allergens'] as String,
"""), ("decoy", "lib/src/menu_store.dart", """@@ Future<void> clear() async {
-    _cache.clear();
+    _cache = {};
""")]),
    ("lua-gateway", "culprit", None, "edge", """
2026/06/01 11:59:12 [error] 31#31: *811 lua entry thread aborted: runtime error: /etc/edge/lua/quota.lua:24: attempt to compare number with nil
stack traceback:
coroutine 0: /etc/edge/lua/quota.lua: in function 'allowed' , client: 10.1.1.4, request: "GET /v2/maps HTTP/1.1"
""", [("guilty", "lua/quota.lua", """@@ local function allowed(plan)
-  local limit = limits[plan] or limits.free
+  local limit = limits[plan]
"""), ("decoy", "lua/cors.lua", """-  local age = 600
+  local age = 3600
""")]),
    ("scala-serial", "culprit", None, "clickstream", """
26/06/01 11:57:03 ERROR Executor: Exception in task 4.0 in stage 9.0 (TID 210)
java.io.NotSerializableException: stream.geo.CityLookup
Serialization stack:
	- field (class: stream.jobs.Enrich, name: lookup, type: class stream.geo.CityLookup)
	at stream.jobs.Enrich.run(Enrich.scala:36)
""", [("guilty", "src/main/scala/stream/jobs/Enrich.scala", """@@ class Enrich
-  @transient private lazy val lookup = new CityLookup(path)
+  private val lookup = new CityLookup(path)
"""), ("decoy", "src/main/scala/stream/jobs/Count.scala", """-  val window = 10.minutes
+  val window = 15.minutes
""")]),
    ("terraform-role", "culprit", None, "thumbnails", """
2026-06-01T11:56:30Z ERROR thumbnails AccessDenied: User arn:aws:sts::000000000000:assumed-role/thumbnails is not authorized to perform: s3:PutObject on resource "media-small/9.png"
2026-06-01T11:56:31Z ERROR thumbnails AccessDenied: User arn:aws:sts::000000000000:assumed-role/thumbnails is not authorized to perform: s3:PutObject on resource "media-small/10.png"
""", [("guilty", "infra/thumbnails/role.tf", """-    actions   = ["s3:GetObject", "s3:PutObject"]
+    actions   = ["s3:GetObject"]
"""), ("decoy", "infra/thumbnails/alarms.tf", """-  threshold = 5
+  threshold = 10
""")]),
    ("clock-behind", "no_code_cause", "clock", "ticketing", """
2026-06-01T11:55:00Z ERROR ticketing token rejected: issued in the future (iat 2026-06-01T11:58:12Z, host time 2026-06-01T11:55:00Z) node=ix-7
2026-06-01T11:55:10Z WARN ticketing chronyd on ix-7: system clock wrong by 192.411 seconds
""", [("decoy", "ticketing/views.py", """-PAGE = 25
+PAGE = 50
""")]),
    ("registry-cert", "no_code_cause", "certificates", "builder", """
2026-06-01T11:50:00Z ERROR builder pull registry.internal/base:9: tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-06-01T11:50:00Z is after 2026-06-01T00:00:00Z
""", [("decoy", "builder/queue.go", """-const depth = 8
+const depth = 12
""")]),
    ("inodes-gone", "no_code_cause", "disk", "spooler", """
2026-06-01T11:52:00Z ERROR spooler open /var/spool/out/77.tmp: no space left on device
2026-06-01T11:52:03Z WARN node-agent ix-2 /var/spool inodes 100% used
""", [("decoy", "spooler/format.rb", """-  WIDTH = 80
+  WIDTH = 100
""")]),
    ("supplier-503", "no_code_cause", "upstream", "hotel-search", """
2026-06-01T11:53:00Z ERROR hotel-search supplier api.beds.example answered 503 Service Unavailable after 3 attempts
2026-06-01T11:53:04Z ERROR hotel-search supplier api.beds.example answered 503 Service Unavailable after 3 attempts
2026-06-01T11:53:09Z WARN hotel-search circuit for api.beds.example opened
""", [("decoy", "search/rank.py", """@@ def order(hotels):
-    return sorted(hotels, key=price)
+    return sorted(hotels, key=lambda h: (price(h), h.name))
""")]),
    ("only-a-code", "inconclusive", None, "pushes", """
2026-06-01T11:54:00Z ERROR pushes job 5519 ended with code 3
2026-06-01T11:54:40Z ERROR pushes job 5520 ended with code 3
""", [("decoy", "pushes/worker.ts", """@@ function pick(list) {
-  return list[0];
+  return list.at(0);
"""), ("decoy", "pushes/text.ts", """-const HELLO = 'Hi';
+const HELLO = 'Hello';
""")]),
    ("lost-reply", "inconclusive", None, "seat-map", """
2026-06-01T11:51:00Z WARN seat-map reply for hold h-120 was empty
2026-06-01T11:51:20Z WARN seat-map reply for hold h-121 was empty
""", [("decoy", "seatmap/colours.py", """-FREE = "#0a0"
+FREE = "#0b0"
"""), ("decoy", "seatmap/pdf.py", """@@ def footer(page):
-    return str(page)
+    return f"{page} of {pages}"
""")]),
    ("cut-trace", "inconclusive", None, "payroll", """
2026-06-01T11:49:00Z ERROR payroll run 2026-05 failed
	... 34 common frames omitted
[log truncated]
""", [("decoy", "src/main/java/pay/Slip.java", """@@ String name() {
-        return first + last;
+        return first + " " + last;
""")]),
    ("heap-of-other", "inconclusive", None, "badges", """
2026-06-01T11:48:00Z ERROR badges print queue stopped unexpectedly
2026-06-01T11:48:05Z INFO badges print queue started
""", [("decoy", "badges/layout.kt", """-    val margin = 4
+    val margin = 6
"""), ("decoy", "badges/Printer.kt", """@@ fun pause() {
-    paused = true
+    paused = true; note()
""")]),
]  # fmt: skip
