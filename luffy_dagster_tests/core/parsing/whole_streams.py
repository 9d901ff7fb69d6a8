"""A sixth corpus: whole streams as servers write them, several kinds of lines each, scored by what `parse_rows` gives.

A kind of line is its weight, its text (strftime signs and `{name}` of `products`, `¦` where the message may as well begin; without one the
whole line is the message) and its level (None: not judged). Those of `HELD` are only measured: do not look at their failures.

    python -m luffy_dagster_tests.core.parsing.whole_streams          # with what is wrong
    python -m luffy_dagster_tests.core.parsing.whole_streams held     # the shares of the others alone
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta

from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster_tests.core.parsing.products import _fill
from luffy_dagster_tests.core.parsing.raw import NOW, rows

Kind = tuple[int, str, str | None]

STREAMS: dict[str, list[Kind]] = {
    "uwsgi": [
        (12, "[pid: {pid}|app: 0|req: {n}/{n}] {ip} () {{36 vars in {n} bytes}} [%a %b %e %H:%M:%S %Y] ¦GET /shelves/{n} => generated {n} bytes in {n} msecs (HTTP/1.1 200) {n1} headers in {n2} bytes ({n1} switches on core {n1})", None),
        (1, "*** Operational MODE: preforking ***", None),
        (2, "spawned uWSGI worker {n1} (pid: {pid}, cores: 2)", None),
        (1, "WSGI app 0 (mountpoint='') ready in {n1} seconds on interpreter 0x55{hex8} pid: {pid} (default app)", None),
        (3, "%Y-%m-%d %H:%M:%S,{ms} ERROR orchard.stock ¦Could not reserve {n} items of {w}", "error"),
        (3, "%Y-%m-%d %H:%M:%S,{ms} INFO orchard.web ¦User {user} logged in", "info"),
    ],
    "haproxy": [
        (9, "%b %d %H:%M:%S lb1 haproxy[{pid}]: ¦{ip}:{port} [%d/%b/%Y:%H:%M:%S.{ms}] ¦fe_{w} be_{w}/srv{n1} 0/0/{n1}/{n}/{n} {code} {n} - - ---- {n1}/{n1}/0/0/0 0/0 \"GET /shelves/{n} HTTP/1.1\"", None),
        (3, "%b %d %H:%M:%S lb1 haproxy[{pid}]: ¦{ip}:{port} [%d/%b/%Y:%H:%M:%S.{ms}] ¦fe_tcp be_{w}/srv{n1} {n1}/0/{n} {n} -- {n1}/{n1}/0/0/0 0/0", None),
        (2, "%b %d %H:%M:%S lb1 haproxy[{pid}]: ¦Server be_{w}/srv{n1} is DOWN, reason: Layer4 timeout, check duration: {n}ms. {n1} active and 0 backup servers left.", None),
        (1, "%b %d %H:%M:%S lb1 haproxy[{pid}]: ¦Proxy fe_{w} started.", None),
        (1, "%b %d %H:%M:%S lb1 haproxy[{pid}]: ¦backend be_{w} has no server available!", None),
    ],
    "klog_mixed": [
        (6, "I%m%d %H:%M:%S.{us}    {pid} reconciler.go:{n}] ¦\"operationExecutor.MountVolume started for volume\" pod=\"stock/{w}-{n}\"", "info"),
        (4, "E%m%d %H:%M:%S.{us}    {pid} pod_workers.go:{n}] ¦\"Error syncing pod, skipping\" err=\"failed to pull image {w}:{n1}.{n1}\" pod=\"stock/{w}-{n}\"", "error"),
        (3, "W%m%d %H:%M:%S.{us}    {pid} reflector.go:{n}] ¦failed to list *v1.Node: Get \"https://{ip}:6443/api/v1/nodes\": dial tcp {ip}:6443: connect: connection refused", "warn"),
        (1, "Flag --{w}-dir has been deprecated, This parameter should be set via the config file specified by the Kubelet's --config flag.", None),
        (3, "I%m%d %H:%M:%S.{us}    {pid} kubelet.go:{n}] ¦\"SyncLoop (PLEG): event for pod\" pod=\"stock/{w}-{n}\" event={{\"ID\":\"{uuid}\",\"Type\":\"ContainerDied\"}}", "info"),
    ],
    "envoy_mixed": [
        (8, '[%Y-%m-%dT%H:%M:%S.{ms}Z] ¦"GET /shelves/{n} HTTP/1.1" {code} - via_upstream - "-" 0 {n} {n1} {n1} "{ip}" "curl/8.{n1}" "{uuid}" "orchard.example" "{ip}:8080" outbound|80||{w}.stock.svc.cluster.local {ip}:{port} {ip}:80 {ip}:{port} - default', None),
        (3, "[%Y-%m-%d %H:%M:%S.{ms}][1][info][upstream] [source/common/upstream/cds_api_helper.cc:{n}] ¦cds: add {n1} cluster(s), remove {n1} cluster(s)", "info"),
        (2, "[%Y-%m-%d %H:%M:%S.{ms}][{n2}][warning][config] [source/common/config/grpc_stream.h:{n}] ¦StreamAggregatedResources gRPC config stream closed: 13, ", "warn"),
        (1, '[%Y-%m-%dT%H:%M:%S.{ms}Z] ¦"- - -" 0 UH no_healthy_upstream - "-" {n} 0 {n1} - "-" "-" "-" "-" "-" - - {ip}:443 {ip}:{port} - -', None),
    ],
    "pg_stderr": [
        (6, "%Y-%m-%d %H:%M:%S.{ms} UTC [{pid}] {user}@{db} LOG:  ¦duration: {n}.{n1} ms  statement: SELECT * FROM {w} WHERE id = {n}", "info"),
        (3, "%Y-%m-%d %H:%M:%S.{ms} UTC [{pid}] {user}@{db} ERROR:  ¦relation \"{w}\" does not exist at character {n}", "error"),
        (3, "%Y-%m-%d %H:%M:%S.{ms} UTC [{pid}] {user}@{db} STATEMENT:  ¦select {w}.id,\n\t    {w}.name\n\tfrom {w} where id = {n}", None),
        (2, "%Y-%m-%d %H:%M:%S.{ms} UTC [{pid}] LOG:  ¦checkpoint starting: time", "info"),
        (2, "%Y-%m-%d %H:%M:%S.{ms} UTC [{pid}] {user}@{db} DETAIL:  ¦Key (id)=({n}) already exists.", None),
        (1, "%Y-%m-%d %H:%M:%S.{ms} UTC [{pid}] {user}@{db} FATAL:  ¦terminating connection due to administrator command", "fatal"),
    ],
    "rabbitmq": [
        (6, "%Y-%m-%d %H:%M:%S.{us}+00:00 [info] <0.{n}.0> ¦accepting AMQP connection <0.{n}.0> ({ip}:{port} -> {ip}:5672)", "info"),
        (3, "%Y-%m-%d %H:%M:%S.{us}+00:00 [warning] <0.{n}.0> ¦closing AMQP connection <0.{n}.0> ({ip}:{port} -> {ip}:5672, vhost: '/', user: '{user}'):\n%Y-%m-%d %H:%M:%S.{us}+00:00 [warning] <0.{n}.0> client unexpectedly closed TCP connection", "warn"),
        (3, "%Y-%m-%d %H:%M:%S.{us}+00:00 [error] <0.{n}.0> ¦Error on AMQP connection <0.{n}.0> ({ip}:{port} -> {ip}:5672, state: starting):", "error"),
        (2, "%Y-%m-%d %H:%M:%S.{us}+00:00 [notice] <0.{n2}.0> ¦Logging: switching to configured handler(s); following messages may not be visible in this log output", "info"),
        (1, "%Y-%m-%d %H:%M:%S.{us}+00:00 [info] <0.{n}.0>  ¦* rabbitmq_{w}", "info"),
    ],
    "erlang_old": [
        (5, "=INFO REPORT==== %e-%b-%Y::%H:%M:%S ===\n¦accepting AMQP connection <0.{n}.0> ({ip}:{port} -> {ip}:5672)\n", "info"),
        (3, "=WARNING REPORT==== %e-%b-%Y::%H:%M:%S ===\n¦closing AMQP connection <0.{n}.0> ({ip}:{port} -> {ip}:5672):\nconnection_closed_abruptly\n", "warn"),
        (2, "=ERROR REPORT==== %e-%b-%Y::%H:%M:%S ===\n¦closing AMQP connection <0.{n}.0>:\n{{handshake_timeout,frame_header}}\n", "error"),
    ],
    "jvm_gc": [
        (5, "[%Y-%m-%dT%H:%M:%S.{ms}+0000][info][gc,start     ] ¦GC({n}) Pause Young (Normal) (G1 Evacuation Pause)", "info"),
        (5, "[%Y-%m-%dT%H:%M:%S.{ms}+0000][info][gc,heap      ] ¦GC({n}) Eden regions: {n}->0({n})", "info"),
        (5, "[%Y-%m-%dT%H:%M:%S.{ms}+0000][info][gc           ] ¦GC({n}) Pause Young (Normal) (G1 Evacuation Pause) {n}M->{n}M({n}M) {n1}.{ms}ms", "info"),
        (3, "[%Y-%m-%dT%H:%M:%S.{ms}+0000][info][gc,cpu       ] ¦GC({n}) User=0.0{n1}s Sys=0.0{n1}s Real=0.0{n1}s", "info"),
        (1, "[%Y-%m-%dT%H:%M:%S.{ms}+0000][warning][gc,alloc   ] ¦{thr}: Retried waiting for GCLocker too often allocating {n} words", "warn"),
    ],
    "rails_prod": [
        (5, "I, [%Y-%m-%dT%H:%M:%S.{us} #{pid}]  INFO -- : ¦[{uuid}] ¦Started GET \"/shelves/{n}\" for {ip} at %Y-%m-%d %H:%M:%S +0000", "info"),
        (4, "I, [%Y-%m-%dT%H:%M:%S.{us} #{pid}]  INFO -- : ¦[{uuid}] ¦Completed 200 OK in {n}ms (Views: {n1}.{n1}ms | ActiveRecord: {n1}.{n1}ms | Allocations: {n})", "info"),
        (3, "D, [%Y-%m-%dT%H:%M:%S.{us} #{pid}] DEBUG -- : ¦[{uuid}] ¦  Shelf Load ({n1}.{n1}ms)  SELECT \"shelves\".* FROM \"shelves\" WHERE \"shelves\".\"id\" = $1", "debug"),
        (2, "F, [%Y-%m-%dT%H:%M:%S.{us} #{pid}] FATAL -- : ¦[{uuid}] ¦ActionController::RoutingError (No route matches [GET] \"/{w}\"):", "fatal"),
        (1, "W, [%Y-%m-%dT%H:%M:%S.{us} #{pid}]  WARN -- : ¦[{uuid}] ¦Creating scope :{w}. Overwriting existing method Shelf.{w}.", "warn"),
    ],
    "rails_dev": [
        (4, 'Started GET "/shelves/{n}" for {ip} at %Y-%m-%d %H:%M:%S +0000', None),
        (4, "Processing by ShelvesController#show as HTML", None),
        (4, '  Parameters: {{"id"=>"{n}"}}', None),
        (4, "Completed 200 OK in {n}ms (Views: {n1}.{n1}ms | ActiveRecord: {n1}.{n1}ms)", None),
    ],
    "laravel": [
        (5, "[%Y-%m-%d %H:%M:%S] production.ERROR: ¦SQLSTATE[42S02]: Base table or view not found: 1146 Table '{w}' doesn't exist {{\"userId\":{n},\"exception\":\"[object] (Illuminate\\\\Database\\\\QueryException(code: 42S02): SQLSTATE at /var/www/vendor/laravel/{w}.php:{n})\n[stacktrace]\n#0 /var/www/app/{w}.php({n}): App\\\\Shelf->pick()\n#1 {{main}}\n\"}} ", "error"),
        (5, "[%Y-%m-%d %H:%M:%S] production.INFO: ¦Order {n6} placed {{\"user\":{n}}} ", "info"),
        (3, "[%Y-%m-%d %H:%M:%S] production.WARNING: ¦Queue {w} is slow  ", "warn"),
        (2, "[%Y-%m-%d %H:%M:%S] production.DEBUG: ¦cache {w} missed  ", "debug"),
    ],
    "log4net": [
        (5, "%Y-%m-%d %H:%M:%S,{ms} [{n2}] INFO  Orchard.Stock.PickService [(null)] - ¦Picked {n} items from {w}", "info"),
        (3, "%Y-%m-%d %H:%M:%S,{ms} [{n2}] WARN  Orchard.Web.OrderController [(null)] - ¦Order {n6} is late", "warn"),
        (3, "%Y-%m-%d %H:%M:%S,{ms} [{n2}] ERROR Orchard.Stock.ShelfIndex [{ip}] - ¦Could not open shelf {w}\nSystem.IO.IOException: disk full\n   at Orchard.Stock.ShelfIndex.Open(String name) in C:\\src\\ShelfIndex.cs:line {n}", "error"),
        (2, "%Y-%m-%d %H:%M:%S,{ms} [main] DEBUG Orchard.Main [(null)] - ¦started", "debug"),
    ],
    "event_list": [
        (4, "Information\t%m/%d/%Y {h12}:%M:%S {ap}\tService Control Manager\t7036\tNone\t¦The {w} service entered the running state.", "info"),
        (3, "Error\t%m/%d/%Y {h12}:%M:%S {ap}\tDistributedCOM\t10016\tNone\t¦The application-specific permission settings do not grant Local Activation permission to user {user}.", "error"),
        (2, "Warning\t%m/%d/%Y {h12}:%M:%S {ap}\tDNS Client Events\t1014\t(1014)\t¦Name resolution for the name {w}.example timed out after none of the configured DNS servers responded.", "warn"),
    ],
    "mongod_plain": [
        (5, "%Y-%m-%dT%H:%M:%S.{ms}+0000 I  NETWORK  [listener] ¦connection accepted from {ip}:{port} #{n} ({n1} connections now open)", "info"),
        (4, "%Y-%m-%dT%H:%M:%S.{ms}+0000 I  COMMAND  [conn{n}] ¦command shop.{w} command: find {{ find: \"{w}\", filter: {{ _id: {n} }} }} planSummary: IDHACK keysExamined:1 docsExamined:1 nreturned:1 {n}ms", "info"),
        (2, "%Y-%m-%dT%H:%M:%S.{ms}+0000 W  CONTROL  [initandlisten] ¦** WARNING: Access control is not enabled for the database.", "warn"),
        (2, "%Y-%m-%dT%H:%M:%S.{ms}+0000 E  STORAGE  [WTJournalFlusher] ¦WiredTiger error (28) [{epoch}:{n6}][{pid}:0x7f{hex8}], log-server: No space left on device", "error"),
        (1, "%Y-%m-%dT%H:%M:%S.{ms}+0000 I  -        [conn{n}] ¦end connection {ip}:{port}", "info"),
    ],
    "elasticsearch7": [
        (5, "[%Y-%m-%dT%H:%M:%S,{ms}][INFO ][o.e.c.m.MetadataCreateIndexService] [node-{n1}] ¦[{w}-2026.11] creating index, cause [auto(bulk api)], templates [], shards [1]/[1]", "info"),
        (4, "[%Y-%m-%dT%H:%M:%S,{ms}][WARN ][o.e.m.j.JvmGcMonitorService] [node-{n1}] ¦[gc][{n}] overhead, spent [{n}ms] collecting in the last [1.{n1}s]", "warn"),
        (3, "[%Y-%m-%dT%H:%M:%S,{ms}][INFO ][o.e.x.s.a.AuthenticationService] [node-{n1}] ¦Authentication of [{user}] was terminated by realm [reserved]", "info"),
        (2, "[%Y-%m-%dT%H:%M:%S,{ms}][ERROR][o.e.x.m.c.i.IndexStatsCollector] [node-{n1}] ¦collector [index-stats] timed out when collecting data", "error"),
    ],
}

HELD: dict[str, list[Kind]] = {
    "nginx_both": [
        (8, '{ip} - {user} [%d/%b/%Y:%H:%M:%S +0000] ¦"GET /shelves/{n} HTTP/1.1" {code} {n} "-" "Mozilla/5.0 (X11; Linux x86_64)"', None),
        (3, "%Y/%m/%d %H:%M:%S [error] {pid}#{pid}: ¦*{n} ¦open() \"/srv/www/{w}.png\" failed (2: No such file or directory), client: {ip}, server: orchard.example", "error"),
        (1, "%Y/%m/%d %H:%M:%S [notice] {pid}#{pid}: ¦signal process started", "info"),
    ],
    "sidekiq": [
        (5, "%Y-%m-%dT%H:%M:%S.{ms}Z pid={pid} tid={hex4}x class=SweepJob jid={hex12}{hex12} ¦INFO: ¦start", "info"),
        (5, "%Y-%m-%dT%H:%M:%S.{ms}Z pid={pid} tid={hex4}x class=SweepJob jid={hex12}{hex12} elapsed={f} ¦INFO: ¦done", "info"),
        (2, "%Y-%m-%dT%H:%M:%S.{ms}Z pid={pid} tid={hex4}x ¦WARN: ¦RuntimeError: shelf {w} is locked", "warn"),
        (2, "%Y-%m-%dT%H:%M:%S.{ms}Z pid={pid} tid={hex4}x ¦ERROR: ¦heartbeat: Connection refused - connect(2) for {ip}:6379", "error"),
    ],
    "gunicorn": [
        (4, "[%Y-%m-%d %H:%M:%S +0000] [{pid}] [INFO] ¦Booting worker with pid: {pid}", "info"),
        (6, '{ip} - - [%d/%b/%Y:%H:%M:%S +0000] ¦"POST /orders HTTP/1.1" 201 {n} "-" "python-requests/2.{n1}"', None),
        (2, "[%Y-%m-%d %H:%M:%S +0000] [{pid}] [CRITICAL] ¦WORKER TIMEOUT (pid:{pid})", "fatal"),
        (2, "[%Y-%m-%d %H:%M:%S +0000] [{pid}] [ERROR] ¦Exception in worker process", "error"),
    ],
    "celery": [
        (5, "[%Y-%m-%d %H:%M:%S,{ms}: INFO/MainProcess] ¦Task orchard.tasks.sweep[{uuid}] received", "info"),
        (4, "[%Y-%m-%d %H:%M:%S,{ms}: INFO/ForkPoolWorker-{n1}] ¦Task orchard.tasks.sweep[{uuid}] succeeded in {f}s: None", "info"),
        (2, "[%Y-%m-%d %H:%M:%S,{ms}: WARNING/ForkPoolWorker-{n1}] ¦shelf {w} is empty", "warn"),
        (2, "[%Y-%m-%d %H:%M:%S,{ms}: ERROR/ForkPoolWorker-{n1}] ¦Task orchard.tasks.sweep[{uuid}] raised unexpected: KeyError('{w}')\nTraceback (most recent call last):\n  File \"/srv/app/tasks.py\", line {n}, in sweep\n    shelf[name]\nKeyError: '{w}'", "error"),
    ],
    "jenkins": [
        (4, "%Y-%m-%d %H:%M:%S.{ms}+0000 [id={n}]\tINFO\thudson.model.AsyncPeriodicWork#lambda$doRun$1: ¦Started DockerContainerWatchdog Asynchronous Periodic Work", "info"),
        (3, "%Y-%m-%d %H:%M:%S.{ms}+0000 [id={n}]\tWARNING\tj.u.ErrorLoggingScheduledThreadPoolExecutor#afterExecute: ¦failure in task not wrapped in SafeTimerTask", "warn"),
        (2, "%Y-%m-%d %H:%M:%S.{ms}+0000 [id={n}]\tSEVERE\thudson.util.BootFailure#publish: ¦Failed to initialize Jenkins\njava.lang.IllegalStateException: no {w}\n\tat hudson.WebAppMain.run(WebAppMain.java:{n})", "error"),
    ],
    "php_fpm": [
        (4, "[%d-%b-%Y %H:%M:%S] NOTICE: ¦fpm is running, pid {pid}", "info"),
        (4, "[%d-%b-%Y %H:%M:%S] WARNING: ¦[pool www] server reached pm.max_children setting ({n1}), consider raising it", "warn"),
        (3, "[%d-%b-%Y %H:%M:%S] WARNING: ¦[pool www] child {pid} exited on signal 11 (SIGSEGV) after {n}.{n6} seconds from start", "warn"),
        (1, "[%d-%b-%Y %H:%M:%S] ALERT: ¦[pool www] failed to resolve {w}", "fatal"),
    ],
    "auditd": [
        (5, "type=SYSCALL msg=audit({epochms}.{ms}:{n}): ¦arch=c000003e syscall=59 success=yes exit=0 ppid={pid} pid={pid} auid=1000 uid=0 comm=\"{w}\" exe=\"/usr/bin/{w}\" key=\"exec\"", None),
        (3, "type=USER_LOGIN msg=audit({epochms}.{ms}:{n}): ¦pid={pid} uid=0 auid=1000 ses={n} msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname={ip} addr={ip} terminal=/dev/pts/{n1} res=success'", None),
    ],
    "postfix_dovecot": [
        (4, "%b %e %H:%M:%S mx1 postfix/smtpd[{pid}]: ¦connect from mail.{w}.example[{ip}]", None),
        (4, "%b %e %H:%M:%S mx1 postfix/qmgr[{pid}]: ¦{HEX8}: from=<{user}@{w}.example>, size={n}, nrcpt=1 (queue active)", None),
        (2, "%b %e %H:%M:%S mx1 postfix/smtpd[{pid}]: ¦warning: ¦hostname {w}.example does not resolve to address {ip}", "warn"),
        (3, "%b %e %H:%M:%S mx1 dovecot: ¦imap-login: ¦Login: user=<{user}>, method=PLAIN, rip={ip}, lip={ip}, mpid={pid}, TLS", None),
    ],
    "nlog_blocks": [
        (5, "%Y-%m-%d %H:%M:%S.{tms}|INFO|Orchard.Stock.PickService|¦Picked {n} items from {w}", "info"),
        (3, "%Y-%m-%d %H:%M:%S.{tms}|WARN|Orchard.Web.OrderController|¦Order {n6} is late", "warn"),
        (2, "%Y-%m-%d %H:%M:%S.{tms}|ERROR|Orchard.Stock.ShelfIndex|¦Could not open {w} System.IO.IOException: disk full\n   at Orchard.Stock.ShelfIndex.Open(String name)", "error"),
    ],
    "cisco_mixed": [
        (4, "%b %e %H:%M:%S.{ms}: ¦%%LINEPROTO-5-UPDOWN: ¦Line protocol on Interface GigabitEthernet0/{n1}, changed state to up", None),
        (3, "%b %e %H:%M:%S.{ms}: ¦%%LINK-3-UPDOWN: ¦Interface Vlan{n}, changed state to down", None),
        (2, "%b %e %H:%M:%S.{ms}: ¦%%SYS-5-CONFIG_I: ¦Configured from console by {user} on vty0 ({ip})", None),
    ],
}


def make(name: str, count: int, seed: int) -> list[tuple[str, tuple[str, ...], str | None, datetime | None]]:
    """Records of a stream: the text, the messages that are right, the level, the time."""
    kinds = {**STREAMS, **HELD}[name]
    rng = random.Random(f"{name}/{seed}")
    at = datetime(2026, 11, 20, 7, 41, 3, tzinfo=UTC)
    out = []
    for _ in range(count):
        at += timedelta(microseconds=rng.randint(2000, 90_000_000))
        _, text, level = rng.choices(kinds, [weight for weight, _, _ in kinds])[0]
        timed = "%H" in text or "%M" in text or "{epoch}" in text
        pieces = _fill(at.strftime(text), rng, at, {}).split("¦")
        starts = ["".join(pieces[i:]) for i in range(min(1, len(pieces) - 1), len(pieces))]
        firsts = {part.strip() for start in starts for part in (start, start.split("\n")[0])}
        out.append(("".join(pieces), tuple(firsts), level, at if timed else None))
    return out


def score(name: str, count: int = 250, seed: int = 1) -> tuple[float, float, float, list[str]]:
    """Shares of records with the right message, level and time, and what was read of some that are wrong."""
    made = make(name, count, seed)
    lines = [line for text, *_ in made for line in text.split("\n")]
    profile = settle_profile(lines, received_at=NOW)
    options = ParseOptions(now=NOW, header_times=frozenset({"src"}), shapes=False, exceptions=False, close=True)
    read = parse_rows(rows(lines), {"s": profile}, options).entries
    found = {doc: rest for doc, *rest in read.select("entry_id", "message", "level", "event_time").iter_rows()}
    good, levels, timed, wrong, at = 0, [], [], [], 0
    for text, messages, level, when in made:
        message, got, moment = found.get(f"s:{at}", ("(no entry)", None, NOW))
        at += text.count("\n") + 1
        right = message.strip() in messages
        good += right
        if level is not None:
            levels.append(got == level)
        if when is not None:
            timed.append(abs((moment - when).total_seconds()) < 1.01)
        if not right or (level is not None and got != level) or (when is not None and not timed[-1]):
            wrong.append(f"{text[:160]!r}\n            -> {message[:140]!r} | {got} | {moment:%d %H:%M:%S}  wanted {level}")
    shares = (sum(hits) / len(hits) if hits else 1.0 for hits in (levels, timed))
    return good / count, *shares, wrong[:4]  # type: ignore[return-value]


def main(held: bool, names: list[str]) -> None:
    """Prints what falls short and the shares of cases at .98."""
    tally = [0, 0, 0, 0, 0]
    for name in HELD if held else STREAMS:
        for count, seed in ((250, 1), (60, 2)):
            if names and name not in names:
                continue
            message, level, timed, wrong = score(name, count, seed)
            right = [message >= 0.98, level >= 0.98, timed >= 0.98]
            tally = [t + r for t, r in zip(tally, [1, *right, all(right)], strict=True)]
            if not held and not all(right):
                print(f"{name:24} {count} message {message:.3f} level {level:.3f} time {timed:.3f}")
                for text in wrong if count == 250 else []:
                    print("      ", text)
    n = max(1, tally[0])
    print("cases", n, *(f"{what} {count / n:.3f}" for what, count in zip(("message", "level", "time", "all"), tally[1:], strict=True)))


if __name__ == "__main__":
    main("held" in sys.argv, [word for word in sys.argv[1:] if word != "held"])
