"""A third set, written after what the second showed was mended: 6 of 7 culprits and 4 of 5 others were right before anything was tuned on it."""

BLIND_THREE = [
    ("ruby-frozen", "culprit", None, "invites", """
FrozenError: can't modify frozen String: "Hi "
  app/mailers/invite_text.rb:14:in `<<'
  app/mailers/invite_text.rb:14:in `greeting'
""", [("guilty", "app/mailers/invite_text.rb", """@@ class InviteText
+# frozen_string_literal: true
+
   def greeting
-    out = String.new("Hi ")
+    out = "Hi "
"""), ("decoy", "app/mailers/footer.rb", """-  YEAR = 2025
+  YEAR = 2026
""")]),
    ("zig-alloc", "culprit", None, "packer", """
error: OutOfMemory
/src/pack/arena.zig:48:9: 0x10d3f in reserve (packer)
/src/pack/main.zig:19:5: 0x10aa1 in main (packer)
""", [("guilty", "src/pack/arena.zig", """@@ pub fn reserve(self: *Arena, n: usize) !void
-    const want = @min(n, self.max);
+    const want = n * self.block;
"""), ("decoy", "src/pack/main.zig", """-    const name = "packer";
+    const name = "packer2";
""")]),
    ("ts-enum", "culprit", None, "bookings-ui-api", """
Error: Unsupported booking state: WAITLISTED
    at toBadge (/srv/dist/badges/state.js:33:13)
    at renderRow (/srv/dist/table/row.js:71:20)
""", [("guilty", "src/badges/state.ts", """@@ export function toBadge(state: State)
-    case 'WAITLISTED':
-      return 'amber';
     case 'BOOKED':
"""), ("decoy", "src/table/row.ts", """@@ export function header()
-  return cols.map(String);
+  return cols.map((c) => String(c));
""")]),
    ("go-nil-map", "culprit", None, "fleet", """
panic: assignment to entry in nil map

goroutine 41 [running]:
example.com/fleet/internal/seen.(*Set).Add(...)
	/src/internal/seen/set.go:27
example.com/fleet/cmd/fleet.poll()
	/src/cmd/fleet/poll.go:90
""", [("guilty", "internal/seen/set.go", """@@ func New() *Set
-	return &Set{m: make(map[string]bool)}
+	return &Set{}
"""), ("decoy", "cmd/fleet/poll.go", """@@ func banner()
-	log.Println("fleet")
+	log.Println("fleet", version)
""")]),
    ("kafka-topic", "culprit", None, "loyalty", """
2026-06-01T11:58:00Z ERROR loyalty org.apache.kafka.common.errors.UnknownTopicOrPartitionException: points-earned-v3
2026-06-01T11:58:05Z ERROR loyalty subscribe points-earned-v3 failed
""", [("guilty", "src/main/resources/loyalty.yml", """-topic: points-earned-v2
+topic: points-earned-v3
"""), ("decoy", "src/main/java/loyal/Tiers.java", """-    static final int GOLD = 1000;
+    static final int GOLD = 1200;
""")]),
    ("jvm-timeout", "culprit", None, "quotes-feed", """
2026-06-01T11:57:00Z ERROR quotes-feed java.net.http.HttpTimeoutException: request timed out after 250 ms
	at feed.RateClient.fetch(RateClient.java:62)
""", [("guilty", "src/main/java/feed/RateClient.java", """@@ HttpResponse<String> fetch(URI uri)
-        var limit = Duration.ofMillis(4000);
+        var limit = Duration.ofMillis(250);
"""), ("decoy", "src/main/java/feed/RateView.java", """@@ String text()
-        return r + "";
+        return String.valueOf(r);
""")]),
    ("c-format", "culprit", None, "printerd", """
*** buffer overflow detected ***: terminated
#4  0x00007f in label_write (job=0x5581) at src/label.c:88
#5  0x00007f in run_job () at src/job.c:140
""", [("guilty", "src/label.c", """@@ static void label_write(struct job *job)
-    snprintf(buf, sizeof buf, "%s", job->title);
+    sprintf(buf, "%s", job->title);
"""), ("decoy", "src/job.c", """@@ static int job_age(void)
-    return 0;
+    return now() - start;
""")]),
    ("quota-sms", "no_code_cause", "quota", "otp", """
2026-06-01T11:55:00Z ERROR otp sms gateway refused: 429 monthly message allowance used up (account acme)
2026-06-01T11:55:02Z ERROR otp sms gateway refused: 429 monthly message allowance used up (account acme)
""", [("decoy", "otp/text.py", """-LANG = "en"
+LANG = "en-GB"
""")]),
    ("dns-gone", "no_code_cause", "dns", "geocode", """
2026-06-01T11:55:00Z ERROR geocode lookup tiles.internal: server misbehaving
2026-06-01T11:55:01Z ERROR geocode lookup tiles.internal: no such host
""", [("decoy", "geocode/cache.go", """-const entries = 100
+const entries = 200
""")]),
    ("db-failover", "no_code_cause", "database", "cases", """
2026-06-01T11:54:00Z ERROR cases cannot execute UPDATE in a read-only transaction
2026-06-01T11:54:00Z WARN cases primary db-1 demoted, db-2 promoted
""", [("decoy", "cases/views.py", """-LIMIT = 10
+LIMIT = 20
""")]),
    ("vague", "inconclusive", None, "gate", """
2026-06-01T11:54:00Z ERROR gate something went wrong, please try again later
""", [("decoy", "gate/colours.py", """-A = 1
+A = 2
""")]),
    ("two-lines", "inconclusive", None, "mixer", """
2026-06-01T11:54:00Z ERROR mixer worker exited unexpectedly
2026-06-01T11:54:02Z INFO mixer worker restarted
""", [("decoy", "mixer/gain.rs", """@@ fn gain(&self) -> f32 {
-        self.g
+        self.g * 1.0
""")]),
]  # fmt: skip
