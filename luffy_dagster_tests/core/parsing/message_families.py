"""Message families written by us, with their truth, to measure template mining on words nobody tuned for.

A family is a system with some dozen templates. In a template `{kind}` is a value drawn by the generator of that name
and `{a|b|c}` one of these values; its truth has `<*>` there. `{!a|b}` are reasons or states: a template each. Those of `held_families` were never looked at while
tuning: they are only measured.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

_USERS = "root admin mlopez postgres www-data jenkins deploy anna.berg svc_backup guest oracle pgarcia ubuntu ftp mail nagios tkim".split()
_WORDS = "amber birch cobalt delta ember falcon garnet harbor indigo juniper kestrel lantern meadow nimbus opal pepper quartz raven saffron tundra".split()
_NAMES = [
    "Living Room",
    "Kitchen",
    "Master Bedroom Lamp",
    "Hall",
    "Garage Door",
    "Front Porch Light",
    "Office Desk",
    "Attic Fan North",
]
_HOSTS = "web-01 web-02 db-primary db-replica-3 cache7.internal node12.rack4.dc1.local edge-gw mail.example.com kube-worker-11 buildbox".split()
_CLASSES = "com.acme.billing.InvoiceService com.acme.cart.CartController io.demo.auth.TokenFilter org.sample.store.Repository com.acme.mail.Sender".split()


def _hex(r: random.Random, n: int) -> str:
    return "".join(r.choice("0123456789abcdef") for _ in range(n))


GENERATORS: dict[str, Callable[[random.Random], str]] = {
    "n": lambda r: str(r.randrange(1, 10 ** r.randrange(1, 6))),
    "small": lambda r: str(r.randrange(0, 9)),
    "neg": lambda r: str(r.randrange(-50, 50)),
    "f": lambda r: f"{r.random() * 100:.{r.randrange(1, 4)}f}",
    "ms": lambda r: f"{r.randrange(1, 9000)}ms",
    "pct": lambda r: f"{r.randrange(0, 100)}%",
    "size": lambda r: f"{r.random() * 900:.1f} {r.choice(['KB', 'MB', 'GB'])}",
    "ip": lambda r: ".".join(str(r.randrange(1, 255)) for _ in range(4)),
    "ipport": lambda r: ".".join(str(r.randrange(1, 255)) for _ in range(4)) + f":{r.randrange(1024, 65000)}",
    "port": lambda r: str(r.randrange(1024, 65000)),
    "hex": lambda r: "0x" + _hex(r, r.choice([4, 8, 12])),
    "sha": lambda r: _hex(r, 40),
    "short": lambda r: _hex(r, 7) + str(r.randrange(10)),
    "uuid": lambda r: "-".join(_hex(r, n) for n in (8, 4, 4, 4, 12)),
    "mac": lambda r: ":".join(_hex(r, 2) for _ in range(6)),
    "user": lambda r: r.choice(_USERS),
    "word": lambda r: r.choice(_WORDS),
    "name": lambda r: r.choice(_NAMES),
    "host": lambda r: r.choice(_HOSTS),
    "class": lambda r: r.choice(_CLASSES),
    "path": lambda r: (
        "/"
        + "/".join(r.choice(_WORDS) for _ in range(r.randrange(2, 5)))
        + r.choice(["", ".log", ".conf", f"-{r.randrange(99)}"])
    ),
    "winpath": lambda r: (
        "C:\\"
        + "\\".join(r.choice(_WORDS).title() for _ in range(r.randrange(2, 4)))
        + r.choice([".dll", ".exe", ".cat"])
    ),
    "url": lambda r: f"https://{r.choice(_WORDS)}.example.org/{r.choice(_WORDS)}?id={r.randrange(999)}",
    "file": lambda r: f"{r.choice(_WORDS)}_{r.choice(_WORDS)}.{r.choice(['csv', 'parquet', 'tmp', 'json'])}",
    "bool": lambda r: r.choice(["true", "false"]),
    "bool2": lambda r: r.choice(["True", "False"]),
    "time": lambda r: f"{r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}",
    "date": lambda r: f"2026-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}",
    "job": lambda r: f"job-{r.randrange(10**6)}-{_hex(r, 5)}",
    "dev": lambda r: r.choice(["sda", "sdb1", "nvme0n1", "eth0", "eth1", "wlan0", "vda2"]),
    "pkg": lambda r: f"lib{r.choice(_WORDS)}-{r.randrange(9)}.{r.randrange(20)}.{r.randrange(9)}",
    "list": lambda r: ", ".join(str(r.randrange(999)) for _ in range(r.randrange(1, 6))),
    "words": lambda r: " ".join(r.choice(_WORDS) for _ in range(r.randrange(1, 4))),
    "cmd": lambda r: r.choice(
        [
            "run-parts /etc/cron.hourly",
            "/usr/bin/backup --full",
            "cd / && run-parts daily",
            "/opt/tool/rotate.sh -q",
            "test -x /usr/sbin/anacron",
            "php /srv/app/artisan schedule:run",
        ]
    ),
    "optsize": lambda r: r.choice(["", f" ({r.random() * 90:.1f} KB)", f" ({r.random() * 9:.2f} MB)"]),
}

FAMILIES: dict[str, list[str]] = {
    "gateway": [
        "Accepted publickey for {user} from {ip} port {port} ssh2",
        "Accepted password for {user} from {ip} port {port} ssh2",
        "Connection closed by {ip} port {port} [preauth]",
        "Connection reset by {ip} port {port} [preauth]",
        "Disconnected from user {user} {ip} port {port}",
        "session opened for user {user}(uid={n}) by (uid={small})",
        "session closed for user {user}",
        "Bad protocol version identification '{word}' from {ip} port {port}",
        "reverse mapping checking getaddrinfo for {host} [{ip}] failed.",
        "Too many authentication failures for {user}",
        "error: maximum authentication attempts exceeded for {user} from {ip} port {port} ssh2 [preauth]",
        "error: maximum authentication attempts exceeded for illegal account {user} from {ip} port {port} ssh2 [preauth]",
        "Server listening on {ip} port {port}.",
        "Received signal {small}; terminating.",
        "pam_limits: could not sign on {user}: limit reached",
        "fatal: Timeout before authentication for {ip}",
    ],
    "homehub": [
        "Device {name} turned on",
        "Device {name} turned off",
        "Scene {word} activated by {user}",
        "Battery of {name} is at {pct}",
        "Lost contact with {name}, retrying in {n} seconds",
        "Regained contact with {name} after {n} seconds",
        "Temperature in {name} changed from {f} to {f}",
        "Zigbee frame dropped: source={hex} cluster={hex} reason={no_route|queue_full|tx_busy}",
        "Firmware of {name} is up to date",
        "Firmware of {name} is outdated: installed {pkg}, available {pkg}",
        "Motion started in {name}",
        "Motion ended in {name}",
        "Heartbeat",
        "Rule '{name}' fired in {ms}",
        "Rule '{name}' skipped: condition not met",
    ],
    "fitness": [
        "onStepSample {n} {n}",
        "calculateDistanceWithCache totalDistance={n}",
        "calculateStepsWithCache totalSteps={n}",
        "flush sensor data",
        "storeRecord() type = {small} start = {n} end={n}",
        "processBroadcast action:android.intent.action.{SCREEN_ON|SCREEN_OFF|TIME_TICK|USER_PRESENT}",
        "getTodayTotals = {n}##{n}##{n}",
        "setGoal:{n} done",
        "upload finished, ok={bool}, code {n}",
        "sync bind failed, retry {small} of {small}",
        "REPORT : {n} {n} {n} {n}",
        "heart rate sample dropped because wrist state is {bool}",
        "uploadStaticsToCloud fail, list is empty",
        "onAlarm triggered elapsed={n}",
    ],
    "cluster": [
        "node {host} changed state from {idle|alloc|drain|down|mixed} to {idle|alloc|drain|down|mixed}",
        "Fan speeds ( {n} {n} {n} {n} )",
        "PSU readings ( {on|off} {on|off} )",
        "Link error on switch {small} port {n}: CRC count {n}",
        "job {n} submitted by {user} to partition {debug|batch|gpu|long}",
        "job {n} finished with exit status {small}",
        "ambient={n}",
        "Lustre: mount of {path} on {host} succeeded",
        "Lustre: mount of {path} on {host} failed",
        "Linkerror event interval expired",
        "slurmstepd: task {n} exceeded memory limit ({n} > {n}), being killed",
        "critical temperature on cpu {small}",
        "ECC error corrected at {hex} row {n} col {n}",
        "bringing node {host} online",
        "taking node {host} offline",
        "risBoot command has been sent to {list}",
    ],
    "tunnel": [
        "{host}:{port} open through proxy {host}:{port} HTTPS",
        "{host}:{port} close, {n} bytes{optsize} sent, {n} bytes{optsize} received, lifetime {time}",
        "{host}:{port} error : Could not connect to proxy {host}:{port} - Could not resolve {host} error {n}",
        "{host}:{port} error : A connection request was canceled before the completion.",
        "open through gateway {host}:{port} SOCKS",
        "rule list reloaded, {n} rules",
        "authentication accepted for {user}",
        "authentication rejected for {user}",
        "DNS lookup of {host} took {ms}",
    ],
    "desktop": [
        "Installing update {pkg} (session {n})",
        "Update {pkg} installed, result = {hex}, restart required: {bool2}",
        "Loaded component {winpath} version {f}.{n}",
        "Session: {n}_{n} initialized by client {UpdateAgent|Installer|StoreBroker|Scheduler}.",
        "Session: {n}_{n} finalized. Reboot required: {yes|no}",
        "Failed to open package [HRESULT = {hex} - {E_NOT_FOUND|E_ACCESS|E_STORE_CORRUPT}]",
        "Warning: Unrecognized attribute.",
        "Expecting attribute name [HRESULT = {hex} - {E_MALFORMED|E_NOT_FOUND}]",
        "Scavenge: Starts",
        "Scavenge: Completed, disposition: {n}",
        "Reading cached applicability for {pkg}, state: {n}, pending: {n}",
        "Ending maintenance loop.",
        "Starting maintenance loop.",
        "Service {Audio Endpoint|Print Spooler|Time Broker|Themes|Windows Search} entered the running state.",
        "Service {Audio Endpoint|Print Spooler|Time Broker|Themes|Windows Search} entered the stopped state.",
        "Volume {C|D|E} has {n} clusters free",
    ],
    "laptop": [
        "en{small}: link up, {n} Mbps",
        "en{small}: link down",
        "powerChange: System Wake - {!Full Wake|Dark Wake|Maintenance Wake}",
        "{class} invalid handle {hex}",
        "Captive portal check: probe {url} interface {dev}",
        "Unable to set priority for process {n}: {!Operation not permitted|No such process}",
        "thermal pressure state changed to {small}",
        "AirPort: roamed from {mac} to {mac}",
        "hibernate image path: {path}",
        "Bluetooth device {name} connected",
        "Bluetooth device {name} disconnected",
        "Sandbox: {word}({n}) deny({small}) mach-lookup {class}",
        "Wake reason: {lid|rtc|user|ec}",
        "assertion '{word}' held by pid {n} for {n} secs",
        "RTC: PowerByCalendarDate setting ignored",
    ],
    "mailer": [
        "{short}: from=<{user}@example.com>, size={n}, nrcpt={small} (queue active)",
        "{short}: to=<{user}@example.net>, relay={host}[{ip}]:{n}, delay={f}, status=sent (250 OK id={short})",
        "{short}: to=<{user}@example.net>, relay=none, delay={f}, status=deferred (connect to {host}[{ip}]:{n}: Connection timed out)",
        "{short}: removed",
        "connect from {host}[{ip}]",
        "disconnect from {host}[{ip}] ehlo={small} mail={small} quit={small} commands={small}",
        "warning: hostname {host} does not resolve to address {ip}",
        "NOQUEUE: reject: RCPT from {host}[{ip}]: blocked using {word}.example.org",
        "statistics: max connection rate {small}/{n}s for (smtp:{ip}) at {date} {time}",
        "table {path} has changed -- restarting",
        "daemon started -- version {f}, configuration {path}",
        "refreshing the Postfix mail system",
        "({user}) CMD ({cmd})",
        "({user}) RELOAD ({path})",
    ],
    "shop": [
        "Order {n} placed by customer {uuid} total={f} currency={EUR|USD|GBP}",
        "Order {n} shipped via {UPS|DHL|FedEx}",
        "Order {n} cancelled by customer {uuid}",
        "Payment of {f} {EUR|USD|GBP} authorised for order {n}",
        "Payment of {f} {EUR|USD|GBP} declined for order {n}: {!insufficient funds|card expired|fraud suspected|limit exceeded|unknown issuer}",
        "Product {words} added to cart {uuid}",
        "Product {words} removed from cart {uuid}",
        "GET /api/orders/{n} 200 in {ms}",
        "Cache miss for key {word}:{n}",
        "Cache hit for key {word}:{n}",
        "Coupon {SUMMER|WINTER|FRIEND|WELCOME|LOYAL} applied, {pct} off",
        "Inventory of {words} is low: {n} left",
        "Worker pool resized from {n} to {n}",
        "Retrying call to {class} (attempt {small} of {small}) in {ms}",
        'Search for "{words}" returned {n} results in {ms}',
    ],
    "database": [
        "connection received: host={ip} port={port}",
        "connection authorized: user={user} database={word} application_name={psql|pgbench|backend|metabase}",
        "disconnection: session time: {time} user={user} database={word} host={ip} port={port}",
        "checkpoint starting: {time|xlog|shutdown immediate|immediate force wait}",
        "checkpoint complete: wrote {n} buffers ({f}%); write={f} s, sync={f} s",
        "duration: {f} ms  statement: {SELECT 1|SELECT count(*) FROM orders|UPDATE stock SET qty = qty - 1 WHERE id = 5|BEGIN|COMMIT|DELETE FROM carts WHERE age > 9}",
        "could not receive data from client: Connection reset by peer",
        'relation "{word}" does not exist at character {n}',
        'column "{word}" does not exist at character {n}',
        'automatic vacuum of table "{word}.public.{word}": index scans: {small}',
        'automatic analyze of table "{word}.public.{word}" system usage: CPU: user: {f} s, elapsed: {f} s',
        "database system is ready to accept connections",
        "database system was shut down at {date} {time} UTC",
        'role "{user}" does not exist',
        "process {n} still waiting for {ShareLock|ExclusiveLock|AccessShareLock} on transaction {n} after {f} ms",
    ],
    "orchestrator": [
        "Pulling image {word}/{word}:{small}.{n}.{small}",
        "Successfully pulled image {word}/{word}:{small}.{n}.{small} in {f}s",
        "Created container {word}",
        "Started container {word}",
        "Killing container with id docker://{word}: {!Need to kill Pod|Container failed liveness probe|Preempted}",
        "Readiness probe failed: HTTP probe failed with statuscode: {n}",
        "Liveness probe failed: Get {url}: dial tcp {ipport}: connect: connection refused",
        "Scaled up replica set {word}-{short} to {small}",
        "Scaled down replica set {word}-{short} to {small}",
        "Node {host} status is now: NodeReady",
        "Node {host} status is now: NodeNotReady",
        'volume "pvc-{uuid}" is already attached to node "{host}"',
        "Watch close - *v1.{Pod|Service|Endpoints|ConfigMap|Secret} total {n} items received",
        "Throttling request took {f}s, request: GET:{url}",
        "leader election lost",
        "{bool}",
    ],
    "router": [
        "Interface {dev}, changed state to up",
        "Interface {dev}, changed state to down",
        "neighbor {ip} Up",
        "neighbor {ip} Down - {!Hold timer expired|Peer closed the session|Interface flap|BGP Notification sent}",
        "DHCPACK on {ip} to {mac} via {dev}",
        "DHCPDISCOVER from {mac} via {dev}: network {ip}/{small}: no free leases",
        "list {word} denied tcp {ip}({n}) -> {ip}({n}), {small} packets",
        "list {word} permitted udp {ip}({n}) -> {ip}({n}), {small} packets",
        "Configured from console by {user} on vty{small} ({ip})",
        "duplicate address {ip} on {dev}, sourced by {mac}",
        "power supply {small} failed",
        "fan tray {small} ok",
        "SNMP authentication failure from host {ip}",
        "ntp: clock synchronised to {ip}, stratum {small}, offset {f} ms",
    ],
    "pipeline": [
        "Stage {compile|unit tests|integration tests|package|deploy to staging|lint} started",
        "Stage {compile|unit tests|integration tests|package|deploy to staging|lint} finished in {n}s",
        "Checking out revision {sha} (refs/remotes/origin/{word})",
        "Uploading artifact {file} ({size})",
        "Agent {host} went offline during the build; ping time out",
        "Agent {host} is back online",
        "test {class}.{word} FAILED",
        "test {class}.{word} PASSED",
        "Triggered by {user} with {n} parameters",
        "Build {job} queued behind {job}",
        "Cache restored from key: {word}-{sha}",
        "warning: unused variable: `{word}`",
        "Downloaded {pkg} ({size})",
        "Compiling {word} v{small}.{n}.{small}",
        "Coverage dropped from {f}% to {f}%",
    ],
    "broker": [
        "[Partition {word}-{small} broker={small}] Log loaded for partition {word}-{small} with initial high watermark {n}",
        "[GroupCoordinator {small}]: Member {word}-{uuid} in group {word} has failed, removing it from the group",
        "[GroupCoordinator {small}]: Preparing to rebalance group {word} in state {PreparingRebalance|Stable|Empty|CompletingRebalance} with old generation {n}",
        "[GroupCoordinator {small}]: Stabilized group {word} generation {n} with {small} members",
        "Rolled new log segment at offset {n} in {small} ms.",
        "Deleting segment {n} from log {word}-{small}",
        "Creating topic {word} with configuration {} and initial partition assignment Map({small} -> ArrayBuffer({list}))",
        "Consumer {word} subscribed to topic(s): {word}",
        "Revoke previously assigned partitions {word}-{small}",
        "Setting newly assigned partitions: {word}-{small}",
        "Session expired; reconnecting",
        "Client session timed out, have not heard from server in {ms} for sessionid {hex}",
        "Awaiting socket connections on {ip}:{port}.",
        "Error while fetching metadata with correlation id {n} : {{word}=LEADER_NOT_AVAILABLE}",
        "shutting down",
    ],
    "printer": [
        "Printer {Accounting Laser|Lobby Colour|Warehouse Label|Second Floor} is out of paper",
        "Printer {Accounting Laser|Lobby Colour|Warehouse Label|Second Floor} is out of toner",
        "Job {n} ({words}) for user {user} printed on {Accounting Laser|Lobby Colour|Warehouse Label|Second Floor}, {n} pages",
        "Job {n} held for authentication",
        "Job {n} released",
        "Spool file {path} removed",
        "Driver {word} loaded from {winpath}",
        "Unsupported paper size {A3|Letter|Legal|B5} requested by {user}",
        "Maintenance kit life {pct}, replace at {pct}",
        "Toner low: {cyan|magenta|yellow|black}",
        "Web interface login by {user} from {ip}",
        "Web interface logout by {user} from {ip}",
        "Ready",
        "Sleep mode entered after {n} minutes",
    ],
    "game": [
        "Player {user} joined match {uuid} on map {Dust Bowl|Frozen Lake|Harbor|Old Town Square}",
        "Player {user} left match {uuid} after {n} seconds",
        "Match {uuid} started with {n} players",
        "Match {uuid} aborted: {!not enough players|server draining|map failed to load}",
        "Chat message of {user} filtered",
        "Tick took {ms}, budget {ms}",
        "Player {user} scored {n} points with {plasma rifle|sword|rocket launcher|bow}",
        "Kicked {user}: {!idle|ping too high|voted out|cheating suspected}",
        "Loading asset bundle {file} [{small}/{n}]",
        "Region {eu-west|us-east|ap-south} latency p99={f}ms p50={f}ms",
        "Anti-cheat verdict for {user}: {!clean|suspicious}",
        "Matchmaking queue length {n}",
        "Voice channel opened for party {n}",
        "Voice channel closed for party {n}",
        "RCON from {ipport}: {status|kick all|say hello world|map harbor}",
    ],
}

_SLOT = re.compile(r"\{([^{}]+)\}")
_REASON = re.compile(r"\{!([^{}]+)\}")
_TOKEN = re.compile(
    r"[A-Za-z0-9_/%+-]*<\*>(?:[A-Za-z0-9_/%+-]*[.:/]?[A-Za-z0-9_/%+-]*<\*>)*[A-Za-z0-9_/%+-]*"
)  # a value is a whole token


def generate(family: str, lines: int = 2000, seed: int = 7) -> tuple[list[str], list[str], list[int]]:
    """Messages, true template of each and its number; templates of falling frequency, each at least twice."""
    rng = random.Random(f"{family}-{seed}")
    templates = FAMILIES[family]
    order = list(range(len(templates)))
    rng.shuffle(order)
    weights = [1 / (1 + rank) ** 1.1 for rank in range(len(order))]
    picks = [t for t in order for _ in range(2)] + rng.choices(order, weights, k=lines - 2 * len(order))
    rng.shuffle(picks)
    messages, truths = [], []
    for pick in picks:
        text = _REASON.sub(lambda m: rng.choice(m[1].split("|")), templates[pick])
        messages.append(
            _SLOT.sub(lambda m: GENERATORS[m[1]](rng) if m[1] in GENERATORS else rng.choice(m[1].split("|")), text)
        )
        truths.append(_TOKEN.sub("<*>", _SLOT.sub("<*>", text.replace("{optsize}", " <*>"))))
    return messages, truths, picks


def held_families() -> list[str]:
    """Names of the families that are only measured."""
    return ["database", "router", "broker", "game"]


def tuning_families() -> list[str]:
    """Names of the families one may look at."""
    return [name for name in FAMILIES if name not in held_families()]
