"""Causes that are no commit: what the platform, other systems and people's input say of themselves in the lines.

Each kind has signs. A *hard* sign names the cause itself ("no space left on device", the kernel's OOM killer); a *soft*
one also comes from code (a time-out, a full heap) and counts only beside others. `levers` are the words of a change
that could have brought the cause about; without one of them a commit is not blamed for a hard sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from luffy_dagster.core.rca.verdict.reading import Line
from luffy_dagster.core.rca.verdict.values import CauseKind

HARD, SOFT = 3.0, 1.0


@dataclass(frozen=True, slots=True)
class _Sign:
    kind: CauseKind
    weight: float
    what: str
    expression: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause that lines speak for, with the quotes that do."""

    kind: CauseKind
    weight: float
    what: str
    quotes: tuple[str, ...]

    @property
    def hard(self) -> bool:
        """Whether the lines name it themselves."""
        return self.weight >= HARD


def _sign(kind: CauseKind, weight: float, what: str, expression: str) -> _Sign:
    return _Sign(kind, weight, what, re.compile(expression, re.IGNORECASE))


_K = CauseKind
_SIGNS: tuple[_Sign, ...] = (
    # memory of the machine or of the container
    _sign(_K.MEMORY, HARD, "the kernel killed processes for want of memory", r"\boom[-_ ]?kill|out of memory: kill|killed process \d+|invoked oom-killer|memory cgroup out of memory|oom_reaper"),
    _sign(_K.MEMORY, HARD, "the container was killed at its memory limit", r"\bOOMKilled\b|exit(?:ed)?(?: with)?(?: code)?[ =:]*137\b|container .{0,40}memory limit|exceeded memory limit"),
    _sign(_K.MEMORY, HARD, "the machine had no memory left", r"cannot allocate memory|fork: .{0,30}memory|ENOMEM|memory pressure.{0,30}(?:evict|node)|evicted.{0,60}low on resource: memory|swap (?:space )?(?:is )?(?:full|exhausted)"),
    _sign(_K.MEMORY, SOFT, "the heap was full", r"OutOfMemoryError|heap out of memory|java heap space|GC overhead limit|MemoryError|heap \d+ ?%"),
    # disk
    _sign(_K.DISK, HARD, "the disk was full", r"no space left|ENOSPC|disk (?:is )?full|disk quota exceeded|\b(?:filesystem|disk|volume|partition|inodes?)\b.{0,40}\b(?:100 ?%|9[89] ?%|full|exhausted)|no free inodes|out of disk|disk[ _-]?pressure|flood.?stage (?:disk )?watermark|disk usage exceeded"),
    _sign(_K.DISK, HARD, "the disk failed", r"read-only file ?system|EROFS|I/O error|input/output error|\bEIO\b|bad sectors?|SMART .{0,30}fail|blk_update_request|medium error|uncorrectable|ext4-fs error|xfs.{0,20}corruption|raid.{0,30}degraded|volume .{0,30}(?:detached|lost)"),
    # names
    _sign(_K.DNS, HARD, "names could not be resolved", r"server misbehaving|ENOTFOUND|EAI_AGAIN|\bNXDOMAIN\b|SERVFAIL|temporary failure in name resolution|name or service not known|no such host|could not resolve host|UnknownHostException|getaddrinfo|name resolution|failed to resolve|dns (?:lookup|resolution|query|server).{0,30}(?:fail|timed? ?out|error)|coredns.{0,60}(?:no healthy|error|timeout|unreachable)|lookup \S+ on \S+:53"),
    # certificates
    _sign(_K.CERTIFICATES, HARD, "a certificate was not valid", r"certificate (?:has |is |was )?(?:been )?(?:expired|revoked|not yet valid)|certificate verify failed|cert(?:ificate)? .{0,40}expired|\bCERT_HAS_EXPIRED\b|CERTIFICATE_VERIFY_FAILED|x509:|unable to get (?:local )?issuer certificate|self[- ]signed certificate|PKIX path|SSLHandshakeException|unknown certificate authority|unknown ca\b|notAfter|tls: (?:bad|expired|unknown) cert|UNABLE_TO_VERIFY_LEAF"),
    # others' services
    _sign(_K.UPSTREAM, HARD, "a service that others run was down", r"(?:->|status[=: ]+|code[=: ]+|HTTP(?:/\d\.\d)?[ :]+|returned|answered|responded(?: with)?|got|got a|received|response) ?(?:an? )?(?:502|503|504)\b|\b50[234] (?:service unavailable|bad gateway|gateway time-?out)|service unavailable|bad gateway|major outage|partial outage|degraded performance|status\.[\w.-]+.{0,60}(?:outage|incident|degraded|down)|(?:provider|vendor|upstream|third[- ]party|partner|region|availability zone|az).{0,40}\b(?:outage|down|unavailable|incident|maintenance)|no healthy upstream|upstream connect error|provider incident"),
    _sign(_K.UPSTREAM, HARD, "another service failed first for the same request", r"^upstream service \S+ failed first for the same request:"),
    _sign(_K.UPSTREAM, SOFT, "a service that others run did not answer", r"(?:gave|got|received|had) no (?:answer|response|reply)|did(?:n't| not) (?:answer|respond|reply)|no response from|connection refused|ECONNREFUSED|connect(?:ion)? timed? ?out|upstream (?:timed out|prematurely closed)|remote (?:end )?closed|socket hang up|ETIMEDOUT"),
    # quotas
    _sign(_K.QUOTA, HARD, "a quota or a rate limit of a provider was reached", r"(?:provider|api|quota|remote|upstream|->|status[=: ]*|code[=: ]*|HTTP[ /\d.]*|answered|returned|got|response).{0,30}\b429\b|\b429\b.{0,40}(?:too many|suspend|quota|limit|unpaid|exceed)|\b(?:quota|allowance|credits?|contingent)\b.{0,20}\b(?:used up|exhausted|spent|gone|exceeded)|too many requests|rate ?limit(?:ed)?(?: was| is| has been)?.{0,20}(?:exceed|reach|hit)|rate exceeded|SlowDown|slow down|ThrottlingException|throttl(?:ed|ing)|quota.{0,30}(?:exceed|exhaust|reach|used up|limit)|exceeded.{0,30}quota|RESOURCE_EXHAUSTED|ProvisionedThroughputExceeded|billing (?:account|is|was|issue|disabled|failed)|unpaid|account (?:is |was )?(?:suspended|disabled|closed|locked)|payment required|insufficient (?:credit|balance|funds).{0,30}(?:account|provider)?|subscription (?:has )?(?:expired|lapsed|ended)|licen[sc]e .{0,30}(?:expired|exceeded|invalid|limit)|(?:plan|credits?|daily|monthly) limit"),
    # input
    _sign(_K.BAD_INPUT, HARD, "input of a user or a partner was not valid", r"\b(?:uploaded|sent|supplied|submitted|provided|entered|posted) by (?:the |a )?(?:customer|user|client|partner|supplier|merchant|tenant|caller)|\b(?:4(?:00|22|13|15)) (?:was )?(?:returned|sent|given|answered)|returned (?:a )?4(?:00|22|13|15)|import rejected|rejected: row|row \d+.{0,40}(?:invalid|malformed|bad|not a)|malformed (?:request|input|upload|csv|file|row|payload|body|xml|json) (?:from|by|of)|(?:invalid|bad|corrupt(?:ed)?|unreadable|malformed|broken) (?:file|image|upload|csv|document|attachment|payload|feed|message|record)s? (?:from|by|of|sent|uploaded|received)|client sent|(?:customer|partner|supplier|merchant|tenant|user)(?:'s)? (?:file|feed|upload|csv|input|data|document|payload).{0,50}(?:invalid|malformed|corrupt|wrong|bad|broken|not |truncat|missing)|feed (?:of|from) .{0,40}(?:invalid|malformed|corrupt|truncat)|bad request.{0,40}(?:client|user|customer|partner)|(?:crawler|scanner|bot|penetration|fuzz)\w*.{0,40}(?:request|probe|payload|path)|user ?agent.{0,30}(?:scanner|sqlmap|nikto|bot)"),
    _sign(_K.BAD_INPUT, SOFT, "the input was not in the form that the code reads", r"invalid literal for|could not convert string|NumberFormatException|not a valid (?:number|date|integer|decimal|uuid|email)|invalid (?:number|date|integer|decimal|amount) |unparse?able|malformed|JSONDecodeError|unexpected (?:token|end of (?:json|input))"),
    # network
    _sign(_K.NETWORK, HARD, "the network between machines failed", r"link (?:is )?(?:flapping|down)|\bport \d+ down|CRC errors?|no route to host|EHOSTUNREACH|network is unreachable|ENETUNREACH|packet loss|network partition|partitioned|lost contact with \d|split.?brain|BGP|(?:switch|router|firewall|vpn|tunnel|uplink|peering|nat gateway|load balancer|lb)\b.{0,60}\b(?:down|fail\w*|flap\w*|drop(?:ped|s)|lost|restart\w*|reboot\w*|unreachable|blocked|exhausted|reset)|carrier lost|interface \S+ down|eth\d+.{0,20}down|mtu mismatch|conntrack.{0,20}(?:full|table)|nf_conntrack|arp .{0,20}(?:conflict|incomplete)|duplicate address|security group.{0,40}(?:changed|den|removed)|fiber cut|cable"),
    _sign(_K.NETWORK, SOFT, "connections broke", r"connection reset|ECONNRESET|broken pipe|EPIPE|i/o timeout|read timed out|unexpected EOF"),
    # databases and brokers
    _sign(_K.DATABASE, HARD, "the database or broker changed over, stopped or was not to be written to", r"database system is (?:shutting down|starting up|in recovery)|terminating connection due to administrator|the server is shutting down|promoted .{0,40}(?:leader|primary|master)|new (?:leader|primary|master) elected|leader election|not (?:the )?(?:leader|primary|master)|NotLeader|NOT_LEADER|NotWritablePrimary|READONLY You can't write|read-only (?:transaction|replica|mode)|fail(?:ed)?[- ]?over (?:to|of|started|complete|in progress)|primary (?:is )?(?:down|lost|unreachable|stepped down)|replica(?:tion)? (?:lag|slot|broken|stopped)|lost quorum|no quorum|under-?replicated|ISR|broker .{0,30}(?:down|not available|unavailable|lost|dead)|LOADING Redis|CLUSTERDOWN|MASTERDOWN|MISCONF|remaining connection slots are reserved|autovacuum.{0,40}wraparound|tablespace .{0,30}full|ORA-0?(?:1033|1034|1089|12514|12541|257)|vacuum full|lock(?:ed)? (?:is )?held by .{0,40}(?:psql|dba|pgadmin|admin|backup|manual|dump)|manual(?:ly)? .{0,40}(?:alter|lock|query|session|migration)|(?:pg_dump|mysqldump|backup) .{0,60}(?:lock|saturat|i/?o|slow)"),
    # machines
    _sign(_K.NODE, HARD, "the machine failed or was taken away", r"\bNodeNotReady\b|\bnode\b.{0,60}\b(?:NotReady|unreachable|lost|drained|cordoned|terminated|preempt\w+|reclaim\w+|rebooted|shut ?down|went away|crashed)|NodeStatusUnknown|kubelet stopped posting|evict(?:ing|ed) \d* ?pods?|EDAC|machine check|\bMCE\b|hardware error|memory read error|kernel panic|spot .{0,40}(?:interruption|terminat\w+|reclaim\w+)|\b(?:instance|vm|host|hypervisor|server|rack)\b.{0,40}\b(?:interruption|terminat\w+|preempt\w+|reclaim\w+|retire\w*|stopped by|powered off|power loss|migrat\w+|reboot\w*|unreachable)|interruption notice|preempt(?:ed|ion)|power (?:loss|failure|outage|supply)|UPS .{0,20}(?:battery|fail)|thermal|overheat|cpu throttl|steal(?: time)? ?[=:]? ?\d\d|watchdog: BUG|soft lockup|hung_task|ImagePullBackOff|ErrImagePull|FailedScheduling|insufficient (?:cpu|memory|nodes)|0/\d+ nodes are available|gpu .{0,30}(?:fell off|xid)|Xid"),
    # clocks
    _sign(_K.CLOCK, HARD, "clocks ran apart", r"clock (?:skew|drift|jump|moved|is )|\bskew\b.{0,12}\d|time (?:jumped|went backwards|is out of sync)|chronyd|ntpd?\b.{0,40}(?:unsync|no|fail|lost|can't)|no selectable sources|RequestTimeTooSkewed|not yet valid.{0,40}(?:clock|skew)|token used before issued|issued in the future|leap second"),
    # credentials
    _sign(_K.CREDENTIALS, HARD, "a credential was revoked, expired or changed outside of the code", r"(?:api ?key|access key|token|secret|credentials?|password|refresh token|client secret|service account|ssh key|session)\b.{0,30}\b(?:has |have |is |was |been |were )*(?:expired|revoked|rotated|disabled|deleted|deactivated|invalidated|no longer valid)|password authentication failed|ExpiredToken|InvalidAccessKeyId|InvalidClientTokenId|invalid_grant|invalid_client|AADSTS7000222|account is locked|ORA-(?:01017|28000|28001)|vault.{0,30}(?:sealed|lease expired)|kms.{0,40}(?:disabled|pending deletion|denied)|(?:key|secret) .{0,40}rotated (?:by|in)"),
    # load
    _sign(_K.LOAD, HARD, "far more requests came than usual", r"\bd?dos\b|syn flood|traffic (?:spike|surge|is|was)? ?.{0,20}\d+ ?(?:x|times|%)|(?:requests?|rps|qps|traffic|load|connections?|logins?|signups?)\b.{0,40}\b(?:\d+ ?x|\d+ times|times)\b.{0,20}\b(?:normal|usual|baseline|average|higher|more|than|yesterday)|\(was \d+ (?:rps|req)|from one (?:asn|ip|client|address|tenant)|flash sale|black friday|marketing (?:campaign|mail|push)|crawl(?:er|ing)|brute.?force|credential stuffing|scraper|botnet|thundering herd|newsletter|tv (?:spot|ad)|went viral|hot(?:test)? (?:partition|shard|key)"),
    # people's work on the platform
    _sign(_K.MAINTENANCE, HARD, "planned work on the platform", r"(?:scheduled|planned|emergency) maintenance|maintenance (?:window|mode|started|begins|in progress)|(?:is|was|being) (?:upgraded|patched|rebooted|migrated) by|kernel upgrade|rolling (?:restart|reboot) of nodes|draining node|change (?:window|request) (?:CHG|CR)?-?\d+"),
    # configuration outside of the repository
    _sign(_K.CONFIG, HARD, "a setting was changed by hand outside of the repository", r"(?:changed|edited|set|modified|deleted|removed|scaled|toggled|switched|flipped|updated|disabled|enabled) (?:\w+ ){0,3}(?:by hand|manually|in the (?:console|dashboard|admin ui|ui|portal))|kubectl (?:edit|delete|scale|patch|apply|set)|(?:manual|by-hand) (?:change|edit|override|scale)|(?:feature )?flag .{0,40}(?:toggled|switched|set|turned|flipped|enabled|disabled) .{0,20}(?:by|in) |audit: .{0,80}(?:changed|deleted|updated|edited|removed|set)|drift detected|iam (?:policy|role) .{0,40}(?:changed|detached|removed) by"),
)  # fmt: skip

# What a change must touch to be able to bring a hard cause about.
LEVERS: dict[CauseKind, re.Pattern[str] | None] = {
    _K.MEMORY: re.compile(
        r"\bmemory:|mem_limit|memory_limit|memoryLimit|-Xm[xs]|Xmx|MaxRAMPercentage|max[-_]old[-_]space|GOMEMLIMIT|\blimits:|cache|maxsize|max_size|maximumSize|evict|unbounded|Bounded|read_?all|readFully|\.read\(\)|to_list|toList|collect\(|preload|load_all",
        re.IGNORECASE,
    ),
    _K.DISK: re.compile(
        r"retention|rotate|maxBackups|max_files|keep|ttl|cleanup|prune|unlink|remove\(|delete|tmp|level.{0,5}debug|DEBUG|storage:|size:",
        re.IGNORECASE,
    ),
    _K.DNS: re.compile(r"host|url|endpoint|addr|domain|nameserver|dns", re.IGNORECASE),
    _K.CERTIFICATES: re.compile(
        r"verify|ca_?file|ca_?cert|truststore|keystore|cert_?path|certificate|\.pem|\.crt|InsecureSkip|base image|^FROM ",
        re.IGNORECASE,
    ),
    _K.UPSTREAM: re.compile(r"host|url|endpoint|path|base_?url|port", re.IGNORECASE),
    _K.QUOTA: re.compile(
        r"batch|bulk|interval|every|poll|concurren|parallel|workers?|limit|sleep|cache|retry|backoff|per_?second|rate",
        re.IGNORECASE,
    ),
    _K.BAD_INPUT: None,
    _K.NETWORK: None,
    _K.DATABASE: None,
    _K.NODE: re.compile(
        r"image:|tag:|requests:|cpu:|memory:|replicas|affinity|nodeSelector|tolerations", re.IGNORECASE
    ),
    _K.CLOCK: None,
    _K.CREDENTIALS: re.compile(r"secret|key|token|credential|password|auth|user", re.IGNORECASE),
    _K.LOAD: re.compile(r"cache|retry|backoff|interval|poll|every|concurren|batch|replicas|limit", re.IGNORECASE),
    _K.MAINTENANCE: None,
    _K.CONFIG: None,
}


def external_causes(lines: Iterable[Line], service: str = "") -> list[Cause]:
    """Causes that are no commit, the strongest first. Soft signs of one kind in two lines or more add up to less than hard."""
    weights: dict[CauseKind, float] = {}
    what: dict[CauseKind, tuple[float, str]] = {}
    quotes: dict[CauseKind, list[str]] = {}
    for line in lines:
        if not line.used:
            continue
        text = re.sub(rf"(?<![\w]){re.escape(service)}(?![\w])", " ", line.text) if service else line.text
        for sign in _SIGNS:
            if not sign.expression.search(text):
                continue
            kind = sign.kind
            if sign.weight >= HARD:
                weights[kind] = max(weights.get(kind, 0.0), HARD) + (0.5 if weights.get(kind, 0.0) >= HARD else 0.0)
            elif weights.get(kind, 0.0) < HARD:
                weights[kind] = min(weights.get(kind, 0.0) + sign.weight, HARD - 0.5)
            if sign.weight > what.get(kind, (0.0, ""))[0]:
                what[kind] = (sign.weight, sign.what)
            raw = line.raw.strip()
            if line.raw == line.text and raw not in quotes.setdefault(kind, []):
                quotes[kind].append(raw)
    found = [Cause(kind, weight, what[kind][1], tuple(quotes.get(kind, [])[:5])) for kind, weight in weights.items()]
    found.sort(key=lambda c: (-c.weight, list(CauseKind).index(c.kind)))
    return found
