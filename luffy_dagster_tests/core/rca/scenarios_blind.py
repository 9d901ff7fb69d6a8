"""Failures that were written after the rules and only measured with: other words, other causes, other languages."""

BLIND = [
    ("thread-pool-lowered", "culprit", None, "quotes", """
2026-03-01T10:00:00Z ERROR quotes java.util.concurrent.RejectedExecutionException: Task rejected from ThreadPoolExecutor[Running, pool size = 2, active threads = 2, queued tasks = 10]
	at fin.quotes.Pricer.submit(Pricer.java:55)
""", [("guilty", "src/main/java/fin/quotes/Pricer.java", """-    this.pool = new ThreadPoolExecutor(16, 16, 0, SECONDS, new ArrayBlockingQueue<>(1000));
+    this.pool = new ThreadPoolExecutor(2, 2, 0, SECONDS, new ArrayBlockingQueue<>(10));
"""), ("decoy", "src/main/java/fin/quotes/Feed.java", """-    int depth = 5;
+    int depth = 10;
""")]),
    ("http-method", "culprit", None, "crm-sync", """
2026-02-03T12:00:00Z ERROR crm-sync PATCH /api/contacts/77 -> 405 Method Not Allowed (sync/contacts.go:48)
2026-02-03T12:00:01Z ERROR crm-sync PATCH /api/contacts/78 -> 405 Method Not Allowed (sync/contacts.go:48)
""", [("guilty", "sync/contacts.go", """-	req, err := http.NewRequest("PUT", u, body)
+	req, err := http.NewRequest("PATCH", u, body)
"""), ("decoy", "sync/deals.go", """-	page := 20
+	page := 40
""")]),
    ("template-var", "culprit", None, "letters", """
jinja2.exceptions.UndefinedError: 'recipient' is undefined
Traceback (most recent call last):
  File "/app/letters/build.py", line 31, in letter
    return tpl.render(context)
""", [("guilty", "letters/templates/welcome.j2", """-Dear {{ customer }},
+Dear {{ recipient }},
"""), ("decoy", "letters/build.py", """@@ def envelope(kind):
-    return kind
+    return kind.upper()
""")]),
    ("php-null", "culprit", None, "forum", """
[2026-01-02 09:00:00] production.ERROR: Call to a member function avatar() on null {"exception":"[object] (Error(code: 0): Call to a member function avatar() on null at /var/www/app/View/PostCard.php:23)
#0 /var/www/app/Http/ThreadController.php(61): App\\View\\PostCard->html()
""", [("guilty", "app/View/PostCard.php", """-        $pic = $post->author?->avatar() ?? self::NOBODY;
+        $pic = $post->author->avatar();
"""), ("decoy", "app/Http/ThreadController.php", """@@ public function tags()
-        return $this->tags;
+        return array_unique($this->tags);
""")]),
    ("csharp-config", "culprit", None, "backoffice", """
Unhandled exception. System.InvalidOperationException: Section 'Storage:Blob' not found in configuration.
   at Backoffice.Startup.ConfigureServices(IServiceCollection services) in /src/Backoffice/Startup.cs:line 34
""", [("guilty", "src/Backoffice/appsettings.json", """-    "Blob": { "Url": "https://blob.example.com" }
+    "Blobs": { "Url": "https://blob.example.com" }
"""), ("decoy", "src/Backoffice/Pages/Home.cshtml", """-<h2>Hello</h2>
+<h2>Welcome</h2>
""")]),
    ("rust-overflow", "culprit", None, "meter", """
thread 'worker' panicked at src/tariff.rs:77:18:
attempt to subtract with overflow
stack backtrace:
   2: meter::tariff::delta
             at ./src/tariff.rs:77:18
""", [("guilty", "src/tariff.rs", """@@ fn delta(now: u64, before: u64) -> u64 {
-        now.saturating_sub(before)
+        now - before
"""), ("decoy", "src/tariff.rs", """@@ fn name(&self) -> &str {
-        &self.n
+        self.n.as_str()
""")]),
    ("kotlin-cast", "culprit", None, "scooter", """
java.lang.ClassCastException: class java.lang.String cannot be cast to class java.lang.Integer
	at ride.BatteryParser.level(BatteryParser.kt:19)
	at ride.Telemetry.accept(Telemetry.kt:44)
""", [("guilty", "app/src/ride/BatteryParser.kt", """-    return (raw["level"] as? Int) ?: raw["level"].toString().toInt()
+    return raw["level"] as Int
"""), ("decoy", "app/src/ride/Telemetry.kt", """@@ fun tag(): String {
-    return "t"
+    return "telemetry"
""")]),
    ("cookie-samesite", "culprit", None, "sso", """
2026-05-06T07:00:00Z WARN sso login loop: session cookie not sent by browser, SameSite=Strict (session/cookie.rb:12)
2026-05-06T07:00:02Z WARN sso login loop: session cookie not sent by browser, SameSite=Strict (session/cookie.rb:12)
""", [("guilty", "session/cookie.rb", """-  same_site: :lax,
+  same_site: :strict,
"""), ("decoy", "session/token.rb", """-  LENGTH = 24
+  LENGTH = 32
""")]),
    ("helm-port", "culprit", None, "avatars", """
2026-04-28T06:00:00Z WARN ingress connect() failed (111: Connection refused) upstream: http://10.2.0.8:8090/avatars
2026-04-28T06:00:01Z INFO avatars listening on :8080
""", [("guilty", "helm/avatars/service.yaml", """-    targetPort: 8080
+    targetPort: 8090
"""), ("decoy", "avatars/crop.go", """-	size := 64
+	size := 96
""")]),
    ("float-key", "culprit", None, "basket", """
2026-06-15T16:00:00Z ERROR basket total mismatch: lines 19.99+5.01, charged 24.99 (basket/sum.js:14)
2026-06-15T16:05:00Z ERROR basket total mismatch: lines 0.10+0.20, charged 0.29 (basket/sum.js:14)
""", [("guilty", "basket/sum.js", """-  return Math.round(lines.reduce((a, l) => a + l.price * 100, 0));
+  return Math.floor(lines.reduce((a, l) => a + l.price * 100, 0));
"""), ("decoy", "basket/view.js", """-  const rows = 10;
+  const rows = 12;
""")]),
    ("inode", "no_code_cause", "disk", "mailstore", """
2026-02-22T02:22:22Z ERROR mailstore/spool.c:210 open: No space left on device
2026-02-22T02:22:23Z INFO df /var/spool: blocks 41% used, inodes 100% used
""", [("decoy", "mailstore/spool.c", """-  mode_t m = 0644;
+  mode_t m = 0640;
""")]),
    ("cloud-region", "no_code_cause", "upstream", "notify", """
2026-03-14T15:09:26Z ERROR notify/push.py:58 push gateway timeout after 30 s
2026-03-14T15:10:00Z INFO cloud status: region eu-2 partial outage of managed queues since 15:05
""", [("decoy", "notify/push.py", """-    ttl = 3600
+    ttl = 7200
""")]),
    ("hw-power", "no_code_cause", "node", "render-farm", """
2026-05-19T03:00:00Z CRIT ipmi rack 7 power supply 2 failure, hosts rf-12 rf-13 lost
2026-05-19T03:00:05Z ERROR render-farm/lease.go:91 lease lost: host unreachable
""", [("decoy", "render-farm/lease.go", """-	const lease = 30
+	const lease = 45
""")]),
    ("bot", "no_code_cause", "load", "listing", """
2026-01-28T20:00:00Z WARN edge 31000 requests/min from one asn, user agent scraper/2
2026-01-28T20:00:30Z ERROR listing/search.go:40 503 queue full
""", [("decoy", "listing/search.go", """-	facets := 8
+	facets := 10
""")]),
    ("customer-xml", "no_code_cause", "bad input", "edi", """
2026-04-06T06:06:06Z WARN edi/parse.java:77 order of partner 3310 rejected: malformed XML sent by partner, unexpected end at line 9
2026-04-06T06:06:07Z INFO edi answered 400, partner notified
""", [("decoy", "edi/parse.java", """-    int max = 10;
+    int max = 20;
""")]),
    ("vault", "no_code_cause", "credentials", "loans", """
2026-06-03T09:09:09Z ERROR loans pq: password authentication failed for user "loans_rw" (store/db.go:33)
2026-06-03T09:00:00Z INFO vault database/creds/loans lease expired, rotation job disabled by operator
""", [("decoy", "store/db.go", """-	db.SetMaxIdleConns(2)
+	db.SetMaxIdleConns(4)
""")]),
    ("broker-election", "no_code_cause", "database", "clicks", """
2026-02-10T01:00:00Z ERROR clicks NotLeaderForPartitionException: this server is not the leader for clicks-7
	at web.clicks.Sink.flush(Sink.java:66)
2026-02-10T01:00:01Z INFO controller broker 3 failed, new leader elected for 118 partitions
""", [("decoy", "src/web/clicks/Sink.java", """-    int linger = 5;
+    int linger = 20;
""")]),
    ("maintenance", "no_code_cause", "maintenance", "statements", """
2026-03-29T01:00:00Z ERROR statements/core.cs:120 core banking not reachable
2026-03-29T00:55:00Z INFO calendar planned maintenance of core banking 01:00-03:00
""", [("decoy", "statements/core.cs", """-    var page = 50;
+    var page = 80;
""")]),
    ("docs-only-near", "inconclusive", None, "wiki", """
2026-04-20T10:10:10Z ERROR wiki render failed
    at toHtml (/app/src/markdown/render.js:88:13)
""", [("decoy", "docs/render.md", """+How pages are rendered.
"""), ("decoy", "test/render.test.js", """+test('renders', () => expect(toHtml('a')).toBe('<p>a</p>'));
""")]),
    ("comment-only", "inconclusive", None, "planner", """
Traceback (most recent call last):
  File "/app/planner/route.py", line 52, in shortest
    return paths[0]
IndexError: list index out of range
""", [("decoy", "planner/route.py", """@@ def shortest(a, b):
+    # the first is the shortest
""")]),
    ("after-the-fact", "inconclusive", None, "radio", """
2026-07-01T00:00:00Z ERROR radio stream stalled, buffer underrun, cause unknown
""", [("decoy", "radio/eq.rs", """-    let gain = 1.0;
+    let gain = 1.1;
""")]),
    ("other-team", "inconclusive", None, "cards", """
2026-02-26T14:00:00Z WARN risk-engine (team risk) decisions delayed by 40 s
2026-02-26T14:00:05Z INFO cards error rate 0.0%, latency normal
""", [("decoy", "cards/risk.go", """-	client := "risk-v1"
+	client := "risk-v2"
""")]),
    ("garbled", "inconclusive", None, "faxes", """
2026-03-05T05:05:05Z ERROR faxes job aborted (12 earlier lines suppressed)
""", [("decoy", "faxes/dial.c", """-  wait(3);
+  wait(5);
""")]),
    ("log-line-added", "inconclusive", None, "vault-ui", """
2026-05-25T12:12:12Z ERROR vault-ui TypeError: Cannot read properties of undefined (reading 'rows')
    at draw (/app/src/grid.js:61:20)
""", [("decoy", "src/grid.js", """@@ function draw(t) {
+  console.log('draw', t);
"""), ("decoy", "src/menu.js", """-const WIDTH = 200;
+const WIDTH = 220;
""")]),
]
