"""Known ways in which a change breaks a service: what the failure says, what the change does, and how sure the pair is.

Each mechanism is a pair of expressions; `removed` and `added` look at the changed lines. A pair alone is weak (many commits
touch a time-out): it counts where the change also has to do with the place or the words of the failure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from luffy_dagster.core.rca.verdict.changes import Change, defined_in

STRONG, WEAK = 2.0, 1.0  # what is taken away or moved in the harmful direction; what is merely touched


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A match of one mechanism: its name, the line of log and the line of code."""

    name: str
    log: str
    code: str
    weight: float = WEAK


_Does = Callable[[Change, re.Match[str]], tuple[float, str] | None]


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    says: re.Pattern[str]
    does: _Does


def _re(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)


def _first(lines: Iterable[str], expression: re.Pattern[str]) -> str | None:
    return next((line for line in lines if expression.search(line)), None)


def _removed(expression: str) -> _Does:
    """What is looked for was there before and is fewer times there now."""
    pattern = re.compile(expression, re.IGNORECASE)

    def does(change: Change, _: re.Match[str]) -> tuple[float, str] | None:
        before, after = change.removed(), change.added()
        if sum(bool(pattern.search(x)) for x in before) > sum(bool(pattern.search(x)) for x in after):
            return STRONG, f"-{_first(before, pattern)}"
        return None

    return does


def _changed(expression: str) -> _Does:
    """What is looked for is on a changed line, on either side."""
    pattern = re.compile(expression, re.IGNORECASE)

    def does(change: Change, _: re.Match[str]) -> tuple[float, str] | None:
        if (line := _first(change.added(), pattern)) is not None:
            return WEAK, f"+{line}"
        line = _first(change.removed(), pattern)
        return None if line is None else (WEAK, f"-{line}")

    return does


def _added(expression: str) -> _Does:
    pattern = re.compile(expression, re.IGNORECASE)

    def does(change: Change, _: re.Match[str]) -> tuple[float, str] | None:
        before, after = change.removed(), change.added()
        if sum(bool(pattern.search(x)) for x in after) > sum(bool(pattern.search(x)) for x in before):
            return STRONG, f"+{_first(after, pattern)}"
        return None

    return does


def _any_of(*rules: _Does) -> _Does:
    def does(change: Change, found: re.Match[str]) -> tuple[float, str] | None:
        return next((quote for rule in rules if (quote := rule(change, found)) is not None), None)

    return does


_NUMBERS = re.compile(r"\d[\d_]*(?:\.\d+)?")


def _lowered(expression: str) -> _Does:
    """A number on such a line became smaller, or its unit did."""
    return _moved(expression, lambda before, after: after < before)


def _raised(expression: str) -> _Does:
    return _moved(expression, lambda before, after: after > before)


_UNITS = {
    "ms": 0.001,
    "millisecond": 0.001,
    "milliseconds": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "ki": 1024,
    "mi": 1024**2,
    "gi": 1024**3,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
}
_QUANTITY = re.compile(
    r"(\d[\d_]*(?:\.\d+)?)\s*\*?\s*(?:time\.|Duration\.of|TimeUnit\.)?\s*(milliseconds?|seconds?|minutes?|hours?|ms|sec|min|ki|mi|gi|kb|mb|gb|s|m|h)?\b",
    re.IGNORECASE,
)


def _quantity(line: str) -> float | None:
    m = _QUANTITY.search(line.partition("=")[2] or line.partition(":")[2] or line) or _QUANTITY.search(line)
    if m is None:
        return None
    return float(m[1].replace("_", "")) * _UNITS.get((m[2] or "").lower(), 1)


def _moved(expression: str, test: Callable[[float, float], bool]) -> _Does:
    pattern = re.compile(expression, re.IGNORECASE)

    def does(change: Change, _: re.Match[str]) -> tuple[float, str] | None:
        for hunk in change.hunks:
            before = [x for x in hunk.removed if pattern.search(x)]
            after = [x for x in hunk.added if pattern.search(x)]
            for old, new in zip(before, after, strict=False):
                a, b = _quantity(old), _quantity(new)
                if a is not None and b is not None and test(a, b):
                    return STRONG, f"+{new}"
        return None

    return does


_SWITCH = re.compile(r"\b(?:true|false|on|off|enabled|disabled|yes|no)\b", re.IGNORECASE)


def _switched(change: Change, _: re.Match[str]) -> tuple[float, str] | None:
    """A line that differs in nothing but a switch."""
    for hunk in change.hunks:
        for old, new in zip(hunk.removed, hunk.added, strict=False):
            if old != new and _SWITCH.search(old) and _SWITCH.sub("?", old) == _SWITCH.sub("?", new):
                return STRONG, f"+{new}"
    return None


def _whole(change: Change) -> tuple[float, str] | None:
    line = change.first_line()
    return None if line is None else (STRONG, line)


_GUARD = r"(?:==|!=|===|!==|is not|is)\s*(?:null|None|nil|undefined)\b|\?\.|\?\?|\bOptional\b|orElse|if_present|isPresent|\bif (?:not )?[\w.]+(?:\s*\{|:|$)|\.get\(|unless|\bguard\b|nonNull|requireNonNull|isEmpty|is_empty|\blen\(|\.length|\bisset\(|\bdefined\b|\bor [\w.\[\]'\"]+;?$|&\.|present\?|nil\?|null(?:able)?\b|exists"
_EDGES = r"[<>]=?|\b(?:len|length|size|count)\b|[-+] ?1\b|range\(|\[\d*:|slice|substring|subList|\.\.=?|\bindex\b|\[\d+\]|\[-?\w+\]|split\("
_LOCK = r"\block\b|\bunlock\b|mutex|synchronized|atomic|concurrent(?:hash)?map|semaphore|with .{0,20}lock|\.acquire|RLock|RWMutex|volatile|single ?thread|sync\.|SELECT .{0,80}FOR UPDATE|transaction|isolation|copyonwrite|threadlocal|actor\b|await lock"
_CLOSE = r"\.close\(|defer\b|\bwith\b|using\b|try ?\(|finally|release\(|dispose|\.end\(|rollback|free\(|destroy\(|disconnect|\.put\(|drain|unsubscribe|removeListener|off\(|clear(?:Interval|Timeout)"
_BOUND = r"bounded|maxsize|max_size|maximum_?size|max_entries|evict|expire|ttl|limit|lru|capacity|clear\(|weak|soft(?:reference|values)|\bcap\b|chunk|stream|batch|yield|iter|page|del\b|pop\(|remove\(|delete\("
_TYPES = r"\b(?:int|float|str|bool|Number|parseInt|parseFloat|String|Integer|Long|BigDecimal|Decimal|cast|as|to_i|to_s|to_f|toString|valueOf|Boolean|json|loads|dumps|parse|stringify|list|dict|tuple|set|Array|Map|List|Set|interface|type|asInstanceOf|static_cast|any)\b|\(\w+\) ?\w"

_RULES: tuple[_Rule, ...] = (
    _Rule("null check", _re(r"NullPointer|null reference|NullReference|NoneType|nil pointer|nil dereference|of (?:null|undefined)\b|(?:undefined|nil) value|with (?:nil|null|undefined)\b|'Null' is not|is (?:null|None|nil|undefined)\b|undefined (?:method|local variable)|unwrap.{0,20}None|\bon null\b|unexpectedly found nil|not an object|segmentation (?:fault|violation)|SIGSEGV|invalid memory address|nil map|uninitiali[sz]ed|KeyError|NoSuchElement|key not found|Undefined (?:array key|index|offset|property|variable)"), _any_of(_removed(_GUARD), _removed(r"\bmake\(|\bnew \w|= ?\{\}|= ?\[\]|= ?\w+\(\)|init|default"), _changed(r"\bnull\b|\bNone\b|\bnil\b|undefined"))),
    _Rule("bounds", _re(r"out of (?:range|bounds)|IndexError|IndexOutOfBounds|ArrayIndex|index \d+|slice bounds|StringIndex|substring|RangeError|off.by.one|overflow|length \d+"), _changed(_EDGES)),
    _Rule("lock", _re(r"concurrent (?:map|write|modif)|ConcurrentModification|data race|race (?:condition|detected)|deadlock|lost update|double (?:spend|book|charg|free)|duplicate (?:order|charge|booking|entry|key)|stale (?:object|version|read)|changed size during iteration|twice|could not serialize|optimistic lock|inconsistent|sold .{0,20}twice|oversold|negative stock"), _any_of(_removed(_LOCK), _changed(r"\block\b|FOR UPDATE|transaction|atomic|synchronized|mutex"))),
    _Rule("time-out", _re(r"deadline exceeded|timed? ?-?out|timeout|ETIMEDOUT|took too long|context canceled|after[= ]\d+ ?ms"), _any_of(_lowered(r"time_?out|deadline|ttl|wait|duration|expir|millis|second|interval|delay"), _changed(r"time_?out|deadline|\.wait\(|setTimeout|await_"))),
    _Rule("memory", _re(r"OutOfMemory|heap|MemoryError|memory|OOM|allocation|GC overhead|evictions?=0|rss"), _any_of(_removed(_BOUND), _lowered(r"memory|xmx|xms|heap|limit|rss"), _raised(r"cache|buffer|batch|size|max|limit|pool|prefetch"), _added(r"read_?all|readFully|\.read\(\)|readlines|to_list|toList\(|collect\(|preload|append\(|\.push\(|static .{0,30}(?:Map|List)|global |lru_cache\((?:maxsize=)?None|list\("))),
    _Rule("resources not given back", _re(r"too many (?:open files|connections|clients)|EMFILE|ENFILE|pool (?:is )?(?:exhausted|timed out|empty|full|limit)|connection pool|could not (?:get|acquire|obtain) .{0,20}connection|no (?:free|idle|available) (?:connection|worker|thread)|connections? (?:in use|leak|not available|is not available)|Cannot get a connection|QueuePool|HikariPool|leak|file descriptors?|active=\d+|idle=0|goroutines?[= ]\d{4,}|unable to create (?:new )?native thread|remaining connection slots|handles?"), _any_of(_removed(_CLOSE), _lowered(r"pool|max|conn|limit|worker|thread|size"), _raised(r"pool|max|conn|worker|thread|replica|concurren"), _added(r"connect\(|open\(|new \w*(?:Client|Connection|Pool|Session|Socket|Thread)|Thread\(|go func|http\.Client\{|create_engine|Pool\("))),
    _Rule("recursion", _re(r"StackOverflow|RecursionError|maximum (?:call stack|recursion)|stack (?:overflow|exceeded|level too deep)|call stack size|infinite recursion|goroutine stack exceeds"), _any_of(_removed(r"\bif\b|return|depth|visited|seen|limit|base"), _changed(r"\w+\(.*\)|parent|children|depth|visited"))),
    _Rule("encoding", _re(r"UnicodeDecode|UnicodeEncode|codec can't|charset|encoding|invalid byte|Malformed(?:Input)?|mojibake|not valid utf|UTF-?8|incompatible character|illegal character|invalid start byte|surrogat|Ã|\ufffd|\?\?\?"), _changed(r"encod|decod|charset|utf-?8|ascii|latin|iso-?8859|cp125|bytes|Buffer|getBytes|errors=|binary|'rb?'|\"rb?\"|NFC|unidecode|locale|collat")),
    _Rule("pattern", _re(r"PatternSyntax|re\.error|regex|regular expression|unclosed|unterminated (?:group|character)|missing \)|catastrophic|invalid pattern|unmatched|bad pattern|error parsing regexp|does not match|nothing to repeat|invalid group"), _changed(r"re\.|regex|pattern|\[[\w^]-?.*\]|\\d|\\w|\\s|\(\?|\.\*|\.\+|RegExp|/\^|\$/|match")),
    _Rule("query", _re(r"column|relation .{0,60}does not exist|no such (?:table|column)|unknown column|Unknown table|invalid (?:column|object) name|syntax error at or near|sql ?(?:syntax|error|exception|state)|pq:|psycopg|ORA-0|doesn't exist|table .{0,40}(?:missing|not found|does not exist)|null value in column|violates|constraint|duplicate (?:key|entry)|unique|foreign key|seq(?:uential)? scan|slow query|full (?:table )?scan|query took|QueryFailed|ActiveRecord::|sequelize|Ecto\.|lock wait|UndefinedColumn|UndefinedTable|IntegrityError|OperationalError|value too long|data ?truncat|numeric (?:field )?overflow|out of range for type"), _changed(r"\b(?:select|insert|update|delete|join|where|from|order by|group by|alter|drop|create|rename|index|column|table|not null|unique|references|varchar|numeric|add_column|remove_column|rename_column|@Column|Column\(|Field\(|db:\"|gorm|belongs_to|has_many|migrat)")),
    _Rule("setting", _re(r"(?:missing|required|unknown|invalid|unset|undefined|no) (?:required )?(?:setting|config\w*|option|property|parameter|variable|env\w*|key|argument|field|value for|placeholder|secret|flag)|(?:setting|config\w*|option|property|variable|env\w*|parameter|flag|placeholder)\b.{0,40}\b(?:missing|not set|unset|not found|required|undefined|empty|unknown|invalid|not defined|not recogni[sz]ed|unrecogni[sz]ed)|could not resolve placeholder|must be set|is not set|is required|not configured|KeyError: '[A-Z_]+'|ConfigurationException|ConfigError|failed to load config|unrecognized|env(?:ironment)?"), _any_of(lambda change, _: _whole(change) if change.config else None, _changed(r"env|config|setting|getenv|process\.env|os\.environ|property|properties|@Value|viper|flag|option|cfg|conf\b"))),
    _Rule("dependency", _re(r"NoSuchMethod|NoClassDefFound|ClassNotFound|NoSuchField|AbstractMethodError|IncompatibleClassChange|UnsupportedClassVersion|LinkageError|ModuleNotFound|ImportError|cannot import name|Cannot find module|MODULE_NOT_FOUND|ERR_REQUIRE_ESM|ERR_MODULE|LoadError|cannot load such file|undefined symbol|symbol lookup|version `?GLIBC|unexpected keyword argument|has no attribute|is not a function|is not a constructor|undefined method|unsupported|deprecated|removed in|no longer|incompatible|BadImageFormat|could not load (?:file or assembly|library)|AttributeError|TypeLoadException|MissingMethod|NoSuchMethodError|not exported|wrong number of arguments|takes \d+ positional|peer dep|version (?:conflict|mismatch)|proto(?:buf)?|Descriptor"), lambda change, _: _whole(change) if change.manifest else None),
    _Rule("name", _re(r"NameError|ReferenceError|is not defined|AttributeError|has no attribute|undefined (?:method|function|variable|symbol)|is not a function|NoMethodError|cannot find symbol|unresolved|ImportError|cannot import|NoSuchMethod|UnboundLocal|no such (?:method|function)|BadMethodCall|Call to undefined|unknown (?:function|method|field|type)|TemplateNotFound|no matching (?:function|clause)|FunctionClauseError|UndefinedFunction"), _any_of(_removed(r"\bdef |\bfunc|\bfunction|class |import |require|export|from |use |const |let |var |public |include|alias|defp?\b"))),
    _Rule("permission", _re(r"\b40[13]\b|forbidden|denied|unauthori[sz]ed|not (?:allowed|permitted|authori[sz]ed)|permission|EACCES|EPERM|AccessDenied|insufficient (?:scope|privilege|permission|rights)|missing scope|CSRF|deny|AuthorizationException|InvalidToken|signature (?:mismatch|verification|invalid|does not match)|invalid (?:token|signature|audience|issuer)|jwt|audience|blocked by CORS|Access-Control"), _changed(r"role|scope|allow|deny|polic|permi|auth|grant|admin|acl|rbac|can\(|access|user:|USER |chmod|chown|mode|secret|token|sign|verify|audience|issuer|jwt|cors|origin|csrf|public|rule|verbs|resources")),
    _Rule("rounding", _re(r"differ(?:s|ed|ence)?(?: by)? |mismatch|rounding|precision|0\.0\d|off by|does not (?:add up|match|balance)|unbalanced|imbalance|sum of|total .{0,30}(?:wrong|expected)|cents?\b|reconcil|NaN|checksum|negative (?:amount|balance|price|total)|wrong (?:amount|total|price|sum)|expected .{0,30}(?:got|but|was)"), _changed(r"decimal|float|round|to_?cents|int\(|\* ?100|/ ?100|toFixed|BigDecimal|double|\bfloor|\bceil|Math\.|quantize|parseFloat|\* ?0?\.\d|[*/] ?1_?000|//|%|\bsum\b|scale")),
    _Rule("retry without end", _re(r"(?:retry|retries|attempt)s?\b.{0,20}\d{3,}|retry(?:ing)? .{0,30}(?:storm|forever|loop)|busy loop|spin|starv|(?:100|9\d)(?:\.\d)? ?% cpu|cpu .{0,20}(?:100|9\d) ?%|stuck|hang|not respond|no progress|infinite loop|livelock|blocked for|queue (?:full|is full|backlog)|rejected execution|RejectedExecution|backpressure|loop"), _any_of(_added(r"while ?\(?\s*(?:true|1)\b|for ?\(;;\)|for \{|loop \{|loop do|retry|forever|while True|setInterval|until"), _removed(r"\bbreak\b|sleep|backoff|back_off|range\(|attempt|max|limit|return|timeout|await|next"), _changed(r"retry|retries|attempt|backoff|sleep|interval|delay|while|queue|prefetch|concurren|workers?|threads?|pool"))),
    _Rule("parsing", _re(r"parse|pars(?:ing|er)|unmarshal|deserialize|unexpected (?:token|character|end|field|eof|type|value)|JSON(?:Decode|Parse)?|invalid (?:json|yaml|xml|format|date|literal|syntax|value|number|input|enum|argument)|malformed|unknown (?:field|enum|property|variant|type)|cannot convert|could not convert|unrecognized|schema|validation|required property|missing field|NumberFormat|ValueError|format exception|FormatException|strptime|does not match format|not a valid|No enum constant|unknown variant|cannot be cast|protobuf|avro|wire type|DateTimeParse|UnrecognizedProperty|wrong format"), _changed(r"json|yaml|xml|parse|format|strptime|strftime|field|enum|tag|schema|serial|decode|encode|marshal|delimiter|split|proto|avro|message|struct|optional|required|%[YymdHMS]|yyyy|MM|dd|pattern")),
    _Rule("division", _re(r"divi(?:de|sion) by zero|ZeroDivision|ArithmeticException|integer divide|modulo by zero|/ by zero|NaN|Infinity|DivideByZero"), _any_of(_removed(r"\bif\b|== ?0|!= ?0|> ?0|max\(|\?|or 1|\|\| ?1|unless|when|zero"), _changed(r"(?<![/*<])/(?![/*>])|%|div|rem"))),
    _Rule("time zone or date", _re(r"time ?zone|timezone|\butc\b|offset-?(?:naive|aware)|DST|daylight|tzinfo|\bdate\b|day (?:is )?out of range|epoch|expired|in the future|in the past|month|year|calendar|hour|1970|scheduled|too (?:early|late)|cron|not valid (?:before|after|yet)|iat|exp\b"), _changed(r"tz|utc|zone|now\(|today|date|time|strftime|strptime|epoch|local|calendar|moment|instant|day|month|year|hour|cron|schedule|millis|seconds|1000|86400|\* ?\* ?\*|timedelta|duration")),
    _Rule("type", _re(r"TypeError|ClassCast|type mismatch|cannot (?:convert|be cast|assign|use)|unsupported operand|expected .{0,40}(?:got|found|received|but|instead)|invalid conversion|not iterable|not (?:callable|subscriptable)|unhashable|is not a (?:function|string|number|list|valid)|interface conversion|panic: interface|InvalidCast|argument .{0,30}must be|incompatible types|NumberFormat|ArgumentError|wrong type|bad argument"), _changed(_TYPES)),
    _Rule("name of a place", _re(r"\b404\b|not found|NOT_FOUND|no (?:such|route|handler|matching|exchange|queue|topic|bucket|index|key|file)|does not exist|unknown (?:topic|queue|host|route|command|index|bucket|exchange|path)|NoSuchKey|NoSuchBucket|cannot (?:GET|POST|find)|no route|unroutable|FileNotFound|ENOENT|No such file|index_not_found|NoSuchFile|\b405\b|method not allowed|connection refused|\b502\b|UnknownTopic|known \w+:|bad address|invalid url|wrong (?:host|url|path|queue|topic)|could not find|missing (?:file|template|asset|key|translation)|TemplateNotFound|template|translation|unknown message key"), _changed(r"url|path|port\b|method|Request|route|queue|topic|bucket|endpoint|host|exchange|file|dir|uri|address|name|index|prefix|key|@(?:Get|Post|Put|Request)|app\.(?:get|post|put)|router|COPY|ADD|WORKDIR|mount|template")),
    _Rule("switch", _re(r"flag|v2|beta|experiment|rollout|variant|feature|toggle|ranker|enabled|canary|mode="), _any_of(_switched, _changed(r"flag|feature|toggle|rollout|experiment|canary|variant"))),
    _Rule("waiting", _re(r"unhandled ?(?:promise)?|never awaited|coroutine|promise|await|async|event loop|callback|already (?:closed|resolved|sent|executed)|headers already sent|ERR_HTTP_HEADERS_SENT|after (?:close|end|response)|different loop|blocking"), _any_of(_removed(r"await|async|return|\.then|catch|\.join|wait"), _changed(r"await|async|promise|then\(|callback|asyncio|gather|goroutine|go func|Task|Future|subscribe|next\("))),
    _Rule("slow work", _re(r"p9\d|latency|slow|took \d|duration|exceeded .{0,20}(?:time|budget|slo)|queries per|n\+1|\d+ queries|select .{0,30}\(\d+ times|cpu|hot ?spot|response time"), _any_of(_removed(r"index|cache|bulk|batch|in \(|prefetch|join|eager|include|limit|paginate|pool|parallel|gather|memo"), _added(r"for .{0,40} in .{0,60}\(|\.map\(|\[.{1,40} for |forEach|while|sleep|join\(|sorted|O\(n|find_by|\.get\(|select .{0,20}\*|lazy|sync|fsync|flush"))),
    _Rule("wiring", _re(r"circular|cyclic|bean|inject|No qualifying|UnsatisfiedDependency|not (?:registered|initialized|initialised|wired|bound|mounted|ready)|provider|before (?:init|assign)|uninitiali[sz]ed|used before|lifecycle|startup|CrashLoop|Back-?off restarting|liveness|readiness|probe|exec format|entrypoint|permission denied.{0,30}entry|port .{0,20}already|address already in use|EADDRINUSE"), _changed(r"import|require|@(?:Bean|Autowired|Inject|Component|Service|Configuration|Module|Provides)|register|init|provide|bind|new |singleton|probe|port|entrypoint|CMD|command|args|image|FROM|path:|initialDelay|EXPOSE|listen|setup|mount|order|module")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Pair:
    """A failure and a change that belong together by themselves, wherever the change lies."""

    name: str
    says: re.Pattern[str]
    file: re.Pattern[str]
    does: _Does


DIRECT = 4.2
_DEPLOYED = r"(?:^|/)(?:Dockerfile|Containerfile)[^/]*$|\.ya?ml$|\.tf$|\.hcl$|\.conf$|nginx|haproxy|envoy|\.properties$|\.toml$|\.ini$|\.json$"
_PAIRS: tuple[_Pair, ...] = (
    _Pair("base image", _re(r"error while loading shared libraries|cannot open shared object|GLIBC_|exec format error|: command not found|executable file not found|exit (?:status|code) 127|UnsupportedClassVersion|libssl|libc\.so|musl|no such file or directory.{0,20}(?:/bin|/usr)"), _re(r"(?:^|/)(?:Dockerfile|Containerfile)[^/]*$|image"), _any_of(_changed(r"^\s*(?:FROM|ARG .*(?:VERSION|IMAGE)|image:)"), _removed(r"apt-get|apk add|yum|dnf|COPY|ENV|install"))),
    _Pair("probe", _re(r"(?:liveness|readiness|startup) probe (?:failed|errored)|probe failed|unhealthy.{0,40}probe|killing container.{0,60}probe"), _re(_DEPLOYED), _changed(r"initialDelay|timeoutSeconds|periodSeconds|failureThreshold|httpGet|Probe|path:|port:")),
    _Pair("transport security", _re(r"no shared cipher|unsupported protocol|protocol version|handshake_failure|handshake failure|cipher (?:suite )?mismatch|wrong version number"), _re(r".*"), _changed(r"TLSv?1|cipher|minVersion|MinVersion|ssl_protocols|min_version|SSLContext|SSLv")),
    _Pair("content policy", _re(r"Content Security Policy|violates the following.{0,30}directive"), _re(r".*"), _changed(r"Content-Security-Policy|(?:script|style|img|connect|default|frame)-src|csp")),
    _Pair("size of bodies", _re(r"\b413\b|(?:request )?entity too large|payload too large|body (?:is )?too large|max(?:imum)? (?:body|upload|request) size|MaxUploadSize"), _re(r".*"), _any_of(_lowered(r"client_max_body_size|max.{0,12}(?:size|body|upload|length|bytes)|limit|bodyParser"), _added(r"client_max_body_size|max.{0,12}(?:body|upload)|limit:"))),
    _Pair("limit of memory", _re(r"OOMKilled|exit(?:ed)?(?: with)?(?: code)?[ =:]*137|memory limit|heap out of memory|java heap space|OutOfMemory"), _re(_DEPLOYED), _lowered(r"memory|-?Xmx|max-old-space|MaxRAM|GOMEMLIMIT|mem_limit")),
    _Pair("limit of processor", _re(r"cpu thrott|throttled periods|CPUThrottling"), _re(_DEPLOYED), _lowered(r"cpu")),
    _Pair("index", _re(r"slow query|seq(?:uential)? scan|full (?:table|collection) scan|COLLSCAN|missing index|took \d+.{0,6}s.{0,40}select|Using filesort"), _re(r".*"), _any_of(_added(r"drop index|remove_index|dropIndex|drop_index"), _removed(r"create (?:unique )?index|add_index|create_index|index=True|@Index|db_index"))),
)  # fmt: skip


def direct(lines: Iterable[str], change: Change) -> Mechanism | None:
    """A failure and a change that belong together by themselves, or None."""
    if change.harmless is not None:
        return None
    for pair in _PAIRS:
        if not any(pair.file.search(f) for f in change.files):
            continue
        for line in lines:
            says = pair.says.search(line)
            quote = pair.does(change, says) if says is not None else None
            if quote is not None:
                return Mechanism(pair.name, line.strip(), quote[1], DIRECT)
    return None


def matches(lines: Iterable[str], change: Change) -> list[Mechanism]:
    """The mechanisms that the lines and the change speak for together; the strongest first."""
    found: list[Mechanism] = []
    kept = [line for line in lines if line.strip()]
    for rule in _RULES:
        for line in kept:
            says = rule.says.search(line)
            if says is None:
                continue
            quote = rule.does(change, says)
            if quote is not None:
                found.append(Mechanism(rule.name, line.strip(), quote[1], quote[0]))
                break
    found.sort(key=lambda m: -m.weight)
    return found


def gone_definitions(change: Change) -> frozenset[str]:
    """Names of functions that the change takes away and does not bring back."""
    before = frozenset().union(*(defined_in(line) for line in change.removed()), frozenset())
    after = frozenset().union(*(defined_in(line) for line in change.added()), frozenset())
    return before - after
