"""Failures with their commits, written for these tests: what happened, who did it, and who only looks like it.

Each is (name, verdict, cause, service, log, commits); a commit is (mark, file, diff) with mark "guilty" or "decoy".
`TUNED` were looked at while the rules were made; `HELD` were written before and run only to measure.
"""

TUNED = [
    ("pool-not-returned", "culprit", None, "billing", """
2026-03-02T09:11:04Z ERROR billing QueuePool limit of size 20 overflow 10 reached, connection timed out, timeout 30.00
  File "/srv/billing/ledger/invoices.py", line 61, in totals
    conn = pool.connect()
""", [("guilty", "ledger/invoices.py", """@@ def totals(month):
-    with pool.connect() as conn:
-        return conn.execute(TOTALS, month).all()
+    conn = pool.connect()
+    return conn.execute(TOTALS, month).all()
"""), ("decoy", "ledger/pdf.py", """-    margin = 12
+    margin = 14
"""), ("decoy", "ledger/invoices.py", """@@ def number(n):
-    return f"INV{n}"
+    return f"INV-{n}"
""")]),
    ("recursion", "culprit", None, "catalog", """
java.lang.StackOverflowError: null
	at shop.tree.CategoryPath.of(CategoryPath.java:44)
	at shop.tree.CategoryPath.of(CategoryPath.java:46)
	at shop.tree.CategoryPath.of(CategoryPath.java:46)
""", [("guilty", "src/main/java/shop/tree/CategoryPath.java", """@@ -41,8 +41,6 @@ String of(Category c) {
-    if (c.parent() == null || seen.contains(c)) {
-      return c.name();
-    }
     return of(c.parent()) + "/" + c.name();
"""), ("decoy", "src/main/java/shop/tree/CategorySort.java", """-    return a.name().compareTo(b.name());
+    return a.rank() - b.rank();
""")]),
    ("env-renamed", "culprit", None, "mailer", """
2026-01-09T04:00:01Z panic: required environment variable SMTP_RELAY_HOST is not set
goroutine 1 [running]:
main.mustEnv(...)
	/app/cmd/mailer/main.go:28
""", [("guilty", "deploy/mailer/deployment.yaml", """-        - name: SMTP_RELAY_HOST
+        - name: MAIL_RELAY_HOST
           value: relay.example.com
"""), ("decoy", "internal/render/html.go", """-	b.WriteString("<br>")
+	b.WriteString("<br/>")
"""), ("decoy", "cmd/mailer/main.go", """@@ func version() string {
-	return "1"
+	return "2"
""")]),
    ("division", "culprit", None, "ads", """
ZeroDivisionError: float division by zero
Traceback (most recent call last):
  File "/opt/ads/stats/ctr.py", line 18, in ctr
    return clicks / shown
""", [("guilty", "stats/ctr.py", """-    return clicks / shown if shown else 0.0
+    return clicks / shown
"""), ("decoy", "stats/export.py", """-    w.writerow(row)
+    w.writerow(list(row))
""")]),
    ("migration-first", "culprit", None, "orders", """
2026-02-11 10:00:09 ERROR orders PG::UndefinedColumn: ERROR:  column orders.channel does not exist
app/models/order.rb:33:in `by_channel'
""", [("guilty", "db/migrate/20260211_drop_channel.rb", """+    remove_column :orders, :channel
"""), ("decoy", "app/models/order.rb", """@@ def total
-    lines.sum(&:cents)
+    lines.sum(&:net_cents)
""")]),
    ("limit-lowered", "culprit", None, "thumbs", """
2026-05-01T08:00:00Z WARN kubelet container thumbs OOMKilled exit code 137 limit=128Mi
2026-05-01T08:00:04Z INFO thumbs starting, GOMEMLIMIT unset
""", [("guilty", "deploy/thumbs/deployment.yaml", """           limits:
-            memory: 512Mi
+            memory: 128Mi
"""), ("decoy", "thumbs/resize.go", """-	q := 80
+	q := 85
""")]),
    ("await-removed", "culprit", None, "portal", """
2026-04-04T11:20:31Z ERROR portal TypeError: profile.then is not a function
2026-04-04T11:20:31Z ERROR portal Error [ERR_HTTP_HEADERS_SENT]: Cannot set headers after they are sent to the client
    at sendProfile (/app/build/routes/profile.js:52:9)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
""", [("guilty", "src/routes/profile.ts", """@@ async function sendProfile(req, res) {
-  await render(res, profile);
+  render(res, profile);
"""), ("decoy", "src/routes/login.ts", """-  const next = '/';
+  const next = '/home';
""")]),
    ("topic", "culprit", None, "events", """
2026-03-21T00:10:00Z ERROR events publish failed: UNKNOWN_TOPIC_OR_PARTITION topic=orders.created.v3 (producer.py:40)
2026-03-21T00:10:00Z ERROR events publish failed: UNKNOWN_TOPIC_OR_PARTITION topic=orders.created.v3 (producer.py:40)
""", [("guilty", "events/producer.py", """-TOPIC = "orders.created.v2"
+TOPIC = "orders.created.v3"
"""), ("decoy", "events/consumer.py", """-    max_poll = 100
+    max_poll = 500
""")]),
    ("spot", "no_code_cause", "node", "encoder", """
2026-01-30T01:02:03Z WARN spot-handler instance i-0ab received interruption notice, terminating in 120 s
2026-01-30T01:04:07Z ERROR encoder/jobs.go:77 job lost: worker went away
""", [("decoy", "encoder/jobs.go", """-	time.Sleep(time.Second)
+	time.Sleep(2 * time.Second)
""")]),
    ("s3-throttle", "no_code_cause", "quota", "exports", """
2026-06-01T02:00:00Z ERROR exports/upload.py:31 botocore ClientError (SlowDown) when calling PutObject: Please reduce your request rate.
2026-06-01T02:00:05Z ERROR exports/upload.py:31 botocore ClientError (SlowDown) when calling PutObject: Please reduce your request rate.
""", [("decoy", "exports/upload.py", """-    key = name
+    key = name.lower()
""")]),
    ("dns-node", "no_code_cause", "dns", "portal", """
2026-06-09T12:00:00Z ERROR portal Error: getaddrinfo ENOTFOUND sso.example.org
    at GetAddrInfoReqWrap.onlookup (node:dns:107:26)
    at login (/app/src/auth/sso.js:19:11)
2026-06-09T12:00:01Z ERROR reports Error: getaddrinfo ENOTFOUND files.example.org
""", [("decoy", "src/auth/sso.js", """-  const scope = 'openid';
+  const scope = 'openid email';
""")]),
    ("read-only-disk", "no_code_cause", "disk", "archive", """
2026-05-05T05:05:05Z ERROR archive/store.rs:88 Os { code: 30, kind: ReadOnlyFilesystem, message: "Read-only file system" }
May  5 05:05:00 st4 kernel: EXT4-fs error (device sdb1): ext4_journal_check_start: Detected aborted journal
""", [("decoy", "archive/store.rs", """-    let tmp = dir.join("t");
+    let tmp = dir.join("tmp");
""")]),
    ("partner-feed", "no_code_cause", "bad input", "pricing", """
2026-02-02T02:02:02Z WARN pricing/feeds.py:70 feed of supplier 118 malformed: line 4 has 3 of 9 columns, skipped
2026-02-02T02:02:02Z INFO pricing feed rejected, supplier informed, prices of yesterday kept
""", [("decoy", "pricing/feeds.py", """-    return list(rows)
+    return [r for r in rows if r]
""")]),
    ("key-revoked", "no_code_cause", "credentials", "maps", """
2026-03-03T03:03:03Z ERROR maps/geo.ts:12 401 from geocoder: API key has been revoked by the account owner
""", [("decoy", "maps/geo.ts", """-  const lang = 'en';
+  const lang = user.lang;
""")]),
    ("crowd", "no_code_cause", "load", "tickets", """
2026-04-01T18:00:00Z WARN lb requests 41200 rps (was 900 rps), 40x of normal since the tv spot
2026-04-01T18:00:10Z ERROR tickets/queue.go:51 request rejected: queue full
""", [("decoy", "tickets/queue.go", """@@ func (q *Queue) Name() string {
-	return "q"
+	return "tickets"
""")]),
    ("only-once", "inconclusive", None, "wallet", """
2026-06-06T06:06:06Z ERROR wallet unexpected end of stream once in 3.1M calls, no stack recorded
""", [("decoy", "wallet/tls.go", """-	MinVersion: tls.VersionTLS11,
+	MinVersion: tls.VersionTLS12,
""")]),
    ("elsewhere-in-file", "inconclusive", None, "roster", """
Traceback (most recent call last):
  File "/app/roster/shifts.py", line 140, in assign
    return free[slot]
IndexError: list index out of range
""", [("decoy", "roster/shifts.py", """@@ -12,3 +12,3 @@ def title(shift):
-    return shift.name
+    return shift.name.title()
"""), ("decoy", "roster/colors.py", """-A = 1
+A = 2
""")]),
    ("vendor-trace", "inconclusive", None, "render", """
2026-05-20T10:00:00Z ERROR render terminate called after throwing an instance of 'std::bad_alloc'
#0 0x7f1 in abort () from /lib/x86_64-linux-gnu/libc.so.6
#1 0x7f2 in cairo_surface_create () from /usr/lib/libcairo.so.2
""", [("decoy", "render/fonts.cc", """-  load("Sans");
+  load("Serif");
""")]),
    ("twins", "inconclusive", None, "feed", """
2026-02-20T20:20:20Z ERROR feed/rank.py:33 score is NaN for 2% of items
""", [("decoy", "feed/rank.py", """-    w = clicks / views
+    w = clicks / (views - bots)
"""), ("decoy", "feed/rank.py", """-    age = hours
+    age = hours / total
""")]),
]

HELD = [
    ("naive-datetime", "culprit", None, "booking", """
TypeError: can't compare offset-naive and offset-aware datetimes
Traceback (most recent call last):
  File "/srv/booking/slots.py", line 92, in open_slots
    return [s for s in slots if s.start > now]
""", [("guilty", "booking/slots.py", """@@ def open_slots(slots):
-    now = datetime.now(timezone.utc)
+    now = datetime.utcnow()
"""), ("decoy", "booking/slots.py", """@@ def label(slot):
-    return slot.start.strftime("%H:%M")
+    return slot.start.strftime("%H.%M")
"""), ("decoy", "booking/rooms.py", """-    rooms = 4
+    rooms = 5
""")]),
    ("json-field-renamed", "culprit", None, "loyalty", """
2026-01-12T08:00:00Z ERROR loyalty com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException: Unrecognized field "pointsBalance" (class app.loyalty.Account)
	at app.loyalty.AccountClient.fetch(AccountClient.java:57)
""", [("guilty", "src/main/java/app/loyalty/Account.java", """-  @JsonProperty("pointsBalance")
+  @JsonProperty("points_balance")
   private long balance;
"""), ("decoy", "src/main/java/app/loyalty/AccountClient.java", """@@ -12,2 +12,2 @@ AccountClient(Http http) {
-    this.agent = "loyalty";
+    this.agent = "loyalty/2";
""")]),
    ("cors", "culprit", None, "gateway", """
2026-03-08T15:00:00Z WARN gateway blocked by CORS policy: origin https://shop.example.com not in allowed origins (middleware/cors.go:24)
2026-03-08T15:00:01Z WARN gateway blocked by CORS policy: origin https://shop.example.com not in allowed origins (middleware/cors.go:24)
""", [("guilty", "middleware/cors.go", """-	allowed := []string{"https://shop.example.com", "https://admin.example.com"}
+	allowed := []string{"https://admin.example.com"}
"""), ("decoy", "middleware/gzip.go", """-	level := 5
+	level := 6
""")]),
    ("nil-map", "culprit", None, "metrics-relay", """
panic: assignment to entry in nil map
goroutine 33 [running]:
relay/agg.(*Window).Add(0xc00011e000, {0xc0, 0x4}, 0x1)
	/src/relay/agg/window.go:29 +0x65
""", [("guilty", "relay/agg/window.go", """@@ func NewWindow() *Window {
-	return &Window{counts: make(map[string]int)}
+	return &Window{}
"""), ("decoy", "relay/agg/flush.go", """-	every := 10
+	every := 15
""")]),
    ("unit-ms-s", "culprit", None, "sessions", """
2026-02-14T07:00:00Z ERROR sessions cookie rejected: expired 1 s after issue, max_age=3 (auth/cookie.py:44)
2026-02-14T07:00:02Z ERROR sessions cookie rejected: expired 1 s after issue, max_age=3 (auth/cookie.py:44)
""", [("guilty", "auth/cookie.py", """-    max_age = 3600
+    max_age = 3600 // 1000
"""), ("decoy", "auth/forms.py", """-    size = 20
+    size = 30
""")]),
    ("import-moved", "culprit", None, "reports", """
Traceback (most recent call last):
  File "/app/reports/run.py", line 4, in <module>
    from reports.tables import as_rows
ImportError: cannot import name 'as_rows' from 'reports.tables' (/app/reports/tables.py)
""", [("guilty", "reports/tables.py", """-def as_rows(frame):
-    return frame.to_dict("records")
+def to_rows(frame):
+    return frame.to_dict("records")
"""), ("decoy", "reports/run.py", """@@ def footer():
-    return ""
+    return "end"
""")]),
    ("enum-value", "culprit", None, "shipping", """
2026-04-22T22:00:00Z ERROR shipping java.lang.IllegalArgumentException: No enum constant parcel.Carrier.NORDPOST
	at parcel.Carrier.valueOf(Carrier.java:3)
	at parcel.LabelService.label(LabelService.java:71)
""", [("guilty", "src/parcel/Carrier.java", """-  SUEDPOST, NORDPOST, KURIER
+  SUEDPOST, KURIER
"""), ("decoy", "src/parcel/LabelService.java", """@@ -20,2 +20,2 @@ int width() {
-    return 100;
+    return 105;
""")]),
    ("image-bump", "culprit", None, "pdf-maker", """
2026-05-11T09:00:00Z ERROR pdf-maker /usr/local/bin/wkpdf: error while loading shared libraries: libssl.so.1.1: cannot open shared object file
2026-05-11T09:00:00Z ERROR pdf-maker exit status 127 (maker/run.go:40)
""", [("guilty", "Dockerfile", """-FROM debian:11-slim
+FROM debian:12-slim
"""), ("decoy", "maker/run.go", """@@ func name(id string) string {
-	return id + ".pdf"
+	return "doc-" + id + ".pdf"
""")]),
    ("index-dropped", "culprit", None, "directory", """
2026-01-25T13:00:00Z WARN directory slow query 8.4 s: SELECT * FROM people WHERE email_lower = $1 (seq scan on people)
2026-01-25T13:00:09Z ERROR directory/people.go:66 context deadline exceeded
""", [("guilty", "migrations/0107_cleanup.sql", """+DROP INDEX people_email_lower_idx;
"""), ("decoy", "directory/people.go", """@@ func (p Person) Initials() string {
-	return p.First[:1]
+	return p.First[:1] + p.Last[:1]
""")]),
    ("role-scope", "culprit", None, "ops-console", """
2026-03-30T16:00:00Z WARN ops-console AccessDenied: role ops-reader is not authorized to perform s3:ListBucket
2026-03-30T16:00:00Z ERROR ops-console browse failed (console/browse.py:21)
""", [("guilty", "terraform/ops/iam.tf", """-      actions = ["s3:GetObject", "s3:ListBucket"]
+      actions = ["s3:GetObject"]
"""), ("decoy", "console/theme.py", """-DARK = False
+DARK = True
""")]),
    ("backoff-gone", "culprit", None, "sync", """
2026-06-18T06:00:00Z WARN sync retry attempt=40122 target=crm err="409 conflict"
2026-06-18T06:00:00Z WARN sync cpu 99% for 12 min
  at pushAll (/app/src/push.ts:88:5)
""", [("guilty", "src/push.ts", """@@ async function pushAll(batch) {
-    await sleep(backoff(attempt));
"""), ("decoy", "src/pull.ts", """-const PAGE = 50;
+const PAGE = 100;
""")]),
    ("clock", "no_code_cause", "clock", "signer", """
2026-02-27T00:00:09Z ERROR signer/verify.go:30 RequestTimeTooSkewed: difference between request time and server time is too large
2026-02-27T00:00:10Z WARN ntpd lost sync on host sg2, offset 410 s
""", [("decoy", "signer/verify.go", """-	h := sha1.New()
+	h := sha256.New()
""")]),
    ("registry", "no_code_cause", "node", "chat", """
2026-03-17T10:00:00Z WARN kubelet Failed to pull image: ImagePullBackOff registry.example.com/chat: 503
2026-03-17T10:00:30Z ERROR chat 2 of 6 replicas ready
""", [("decoy", "chat/rooms.ex", """-  @limit 100
+  @limit 200
""")]),
    ("dba-lock", "no_code_cause", "database", "invoices", """
2026-04-09T14:00:00Z ERROR invoices/store.py:90 canceling statement due to lock timeout
2026-04-09T14:00:01Z INFO postgres lock held by pid 7712 (psql, user dba_kim): ALTER TABLE invoices, started by hand
""", [("decoy", "invoices/store.py", """-    rows = cur.fetchall()
+    rows = cur.fetchmany(500)
""")]),
    ("provider-down", "no_code_cause", "upstream", "pay", """
2026-05-15T15:15:15Z ERROR pay/card.py:48 acquirer answered 502 Bad Gateway for all merchants
2026-05-15T15:16:00Z INFO status.acquirer.example incident: card processing degraded
""", [("decoy", "pay/card.py", """-    body = json.dumps(req)
+    body = json.dumps(req, sort_keys=True)
""")]),
    ("licence", "no_code_cause", "quota", "ocr", """
2026-01-01T00:00:05Z ERROR ocr/engine.cs:17 LicenseException: license expired on 2025-12-31
2026-01-01T00:00:06Z ERROR ocr/engine.cs:17 LicenseException: license expired on 2025-12-31
""", [("decoy", "ocr/engine.cs", """-    var dpi = 200;
+    var dpi = 300;
""")]),
    ("firewall", "no_code_cause", "network", "sftp-bridge", """
2026-02-08T08:08:08Z ERROR sftp-bridge/dial.go:22 dial tcp 192.0.2.7:22: no route to host
2026-02-08T08:08:00Z INFO netops firewall fw-2 rebooted after update, 3 rules not restored
""", [("decoy", "sftp-bridge/dial.go", """-	retries := 3
+	retries := 4
""")]),
    ("cert-chain", "no_code_cause", "certificates", "webhooks", """
2026-06-21T01:00:00Z ERROR webhooks javax.net.ssl.SSLHandshakeException: PKIX path validation failed: NotAfter: Sat Jun 20 2026
	at hooks.Sender.post(Sender.java:40)
""", [("decoy", "src/hooks/Sender.java", """-    int tries = 2;
+    int tries = 3;
""")]),
    ("by-hand", "no_code_cause", "config", "promo", """
2026-05-30T09:00:00Z ERROR promo/apply.go:19 discount 100% for every cart
2026-05-30T08:59:50Z INFO audit: flag promo.full_refund switched on in the dashboard by m.ray
""", [("decoy", "promo/apply.go", """-	log.Println("apply")
+	log.Println("apply", code)
""")]),
    ("replica", "no_code_cause", "database", "stock", """
2026-03-11T11:11:11Z ERROR stock READONLY You can't write against a read only replica. (cache.rb:14)
2026-03-11T11:11:10Z INFO sentinel failover to 10.1.0.9 complete, old master demoted
""", [("decoy", "stock/cache.rb", """-  TTL = 60
+  TTL = 90
""")]),
    ("no-history", "inconclusive", None, "quiz", """
2026-02-19T19:19:19Z ERROR quiz RangeError: Invalid array length
    at shuffle (/app/src/shuffle.js:8:14)
""", []),
    ("healthy-here", "inconclusive", None, "profile", """
2026-01-17T17:17:17Z ERROR ranking-svc (team search) 12% errors since 17:00
2026-01-17T17:17:20Z INFO profile healthy, 0 errors
""", [("decoy", "profile/rank.go", """-	n := 10
+	n := 12
""")]),
    ("cut-log", "inconclusive", None, "jobs", """
2026-04-13T13:13:13Z ERROR jobs failed
2026-04-13T13:13:13Z WARN log-agent dropped 18820 lines of jobs (buffer full)
""", [("decoy", "jobs/run.go", """-	workers := 8
+	workers := 12
""")]),
    ("slow-since-release", "inconclusive", None, "library", """
2026-05-03T03:00:00Z WARN library p95 2.2 s (was 0.2 s) on all pages since release 88
""", [("decoy", "library/covers.py", """-    return cache.get(k)
+    return load(k)
"""), ("decoy", "library/authors.py", """-    names = join(ids)
+    names = [one(i) for i in ids]
""")]),
    ("file-touched-elsewhere", "inconclusive", None, "chess", """
thread 'main' panicked at 'called `Option::unwrap()` on a `None` value', src/board.rs:210:31
stack backtrace:
   3: chess::board::Board::king
             at ./src/board.rs:210
""", [("decoy", "src/board.rs", """@@ -18,2 +18,2 @@ fn fen(&self) -> String {
-        let mut s = String::new();
+        let mut s = String::with_capacity(90);
""")]),
]
