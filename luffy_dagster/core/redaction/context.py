"""Secrets that their surroundings give away: key and value, headers, command lines, URLs, SQL, prose.

A key is read as words (`db.adminPassword` is db, admin, password); what its last words are decides whether its value
is a secret. Values that are masked already, place holders of templates and plain words after a vague key are left.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from luffy_dagster.core.redaction.looks import Before, Look, words
from luffy_dagster.core.redaction.policy import Kind, Span

# What the column engine looks for (any case) before anything here runs.
LITERALS: tuple[str, ...] = (
    *("passw", "passphrase", "pwd", "passcode", "secret", "token", "apikey", "api_key", "api-key", "api key", "access_key", "access-key"),
    *("accesskey", "accountkey", "account_key", "privatekey", "private_key", "signing", "encryption", "master_key", "masterkey", "auth_key"),
    *("authkey", "_key=", "_key:", "-key:", '_key"', "-key'", 'key":', "&key=", "?key=", "bearer ", "authorization", "cookie", "credential"),
    *("sessid", "sessionid", "session_id", "session=", "sid=", "signature=", "sig=", "code=", "curl ", "mysql", "docker login", "identified by"),
    *("auth=", "csrf", "xsrf", "otp", "pin=", "pin:", 'pin":', "_pass=", "_pass:", "pass=", "pass:", '"pass"', "'pass'", "dsn", "sshpass", "--pass"),
    *("x-amz-", "used key", "with key", "key is ", "invalid key", "kubeconfig", "basic "),
    *("jwt", "cvv", "cvc", "mnemonic", "kennwort", "contrasena", "motdepasse", "rootpw", "userpw", "pw=", "pw:", 'pw"', 'auth"', "auth:", "bearer", "sas="),
    *("key=", "key:", 'key"', "key'", "key>", "key =", "key :", "ticket=", "assertion=", "samlresponse=", "wget", "--user", "auth =", "sid:", "session:"),
)  # fmt: skip

PREFILTER = r"://[^ /@\"'<>]*:?[^ /\"'<>]*@"  # credentials in a URL; Rust expression

_SECRET_WORDS = frozenset(
    {"password", "passwd", "passwort", "pwd", "pass", "passphrase", "passcode", "passw", "pw", "secret", "secrets", "token", "apikey", "credential"}
    | {"credentials", "bearer", "jwt", "authorization", "sessid", "sessionid", "jsessionid", "phpsessid", "csrf", "xsrf", "csrftoken", "xsrftoken"}
    | {"otp", "totp", "pin", "cvv", "cvc", "cvv2", "motdepasse", "contrasena", "kennwort", "sessiontoken", "authtoken", "accesstoken", "refreshtoken"}
    | {"idtoken", "clientsecret", "secretkey", "privatekey", "accesskey", "accountkey", "sharedkey", "signingkey", "masterkey", "authkey", "pgpassword"}
    | {"sharedaccesskey", "sharedaccesssignature", "passkey", "sas", "xapikey", "appkey", "subscriptionkey", "mnemonic", "rootpw", "userpw", "nonce_secret"}
)  # fmt: skip
_NUMERIC_OK = frozenset(
    {"password", "passwd", "pwd", "pass", "pin", "otp", "totp", "cvv", "cvc", "cvv2", "passcode", "secret", "pw"}
)
_KEY_OF = frozenset(
    {"api", "access", "secret", "private", "signing", "sign", "encryption", "encrypt", "auth", "account", "shared", "master", "service", "jwt", "hmac"}
    | {"license", "licence", "storage", "deploy", "client", "app", "application", "consumer", "integration", "webhook", "ingest", "ingestion", "admin"}
    | {"stripe", "sendgrid", "openai", "anthropic", "mailgun", "twilio", "datadog", "google", "maps", "aws", "azure", "gcp", "github", "gitlab", "slack"}
    | {"bot", "write", "read", "subscription", "functions", "host", "session", "cookie", "symmetric", "aes", "rsa", "ssh", "gpg", "pgp", "tls", "ssl", "hec"}
    | {"bus", "vault", "unseal", "recovery", "backup", "instrumentation", "ingress", "dd", "newrelic", "relic", "sas", "wrapping", "cipher", "crypto"}
)  # fmt: skip
# `key` after one of these is a name, not a secret; so is any secret word followed by one of _NAMES.
_NAMES = frozenset(
    {"count", "counts", "size", "limit", "limits", "length", "len", "type", "policy", "path", "file", "filename", "url", "uri", "name", "names", "id"}
    | {"ids", "expires", "expiry", "expiration", "expire", "expired", "ttl", "version", "required", "reset", "enabled", "disabled", "bucket", "usage"}
    | {"prompt", "max", "min", "age", "hash_algorithm", "algorithm", "alg", "field", "column", "label", "status", "state", "valid", "invalid", "rotated"}
    | {"rotation", "provider", "endpoint", "host", "port", "scope", "scopes", "ref", "reference", "arn", "budget", "rate", "total", "used", "remaining"}
    | {"created", "updated", "changed", "change", "attempts", "failed", "failures", "ok", "missing", "present", "strength", "hint", "manager", "store"}
    | {"service", "issuer", "audience", "iat", "exp", "index", "offset", "position", "kind", "class", "format", "mode", "method", "timeout", "cache"}
    | {"dir", "directory", "location", "aliases", "alias", "title", "description", "verified", "validator", "generator", "filter", "factory"}
)  # fmt: skip

_MASKED = re.compile(
    r"(?:[*•x#.]{3,}|\[(?:REDACTED|FILTERED|MASKED|HIDDEN|SECRET|PASSWORD|EMAIL|PHONE|CARD|IBAN|PERSON|NATIONAL_ID|IP)[^\]]*\]?|<[a-z _-]+>|\$\{[^}]*\}|\{\{[^}]*\}\}"
    r"|\$\([^)]*\)|%\([a-z_]+\)s|%s|%v|\{\}|\{[a-z_]*\}|\$[A-Z_]+|redacted|hidden|masked|none|null|nil|undefined|true|false|yes|no|empty|unset|n/a|"
    r"changeme\?|required|optional|missing|expired|invalid|incorrect|wrong|str|string|bytes|int|\(none\)|\(null\)|\(empty\))\Z",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_OBJECT = re.compile(
    r"[A-Za-z_.$]*(?:\{[0-9a-f]+|@[0-9a-f]+)\}?\Z"
)  # how a program prints an object: Token{a64f992, Foo@1b2c3d
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@lru_cache(maxsize=20_000)
def secret_key(key: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    words = [w.lower() for part in re.split(r"[^A-Za-z0-9]+", key) for w in _CAMEL.findall(part)]
    if not words:
        return False
    joined = ["".join(words[-2:]), "".join(words[-3:])] if len(words) > 1 else []
    last = words[-1]
    if last.isdigit() and len(words) > 1:
        last = words[-2]
    if last in _NAMES:
        # "secret_access_key_id" is a name; "session_id" is not
        return joined[:1] in (["sessionid"], ["sessid"])
    if last == "key":
        return len(words) > 1 and (words[-2] in _KEY_OF or words[-2] in _SECRET_WORDS)
    if last in _SECRET_WORDS:
        return True
    if key.lower() in _SECRET_WORDS or any(j in _SECRET_WORDS for j in joined):
        return True
    return last in {"sid", "auth", "session"} and key.lower() not in {"sid", "session", "auth"}


def plausible(value: str, key: str) -> bool:
    """Whether a value after a secret's key is one: not masked, not a place holder, not a count after `token`."""
    bare = value.strip("\"'`,;")
    if not bare or _MASKED.match(bare) or bare.startswith(("[SECRET:", "${", "{{", "$(")):
        return False
    low = key.lower()
    numeric_ok = any(word in low for word in _NUMERIC_OK)
    if bare.replace(".", "").isdigit():
        return numeric_ok and len(bare) > 2
    vague = "session" in low or low.endswith("sid")
    if vague and (_UUID.match(bare) or len(bare) < 12 or bare.lower().startswith("0x")):
        return False
    if _OBJECT.match(bare):
        return False
    if (
        low.endswith(("token", "authorization", "auth", "credential", "credentials", "bearer", "jwt"))
        and not numeric_ok
    ):
        return len(bare) >= 6 and not (bare.isalpha() and bare.islower() and len(bare) < 16)
    return not (len(bare) < 3)


_Q = r"(?:\\{0,3}[\"'`])"
# key, separator, quoted value | key, separator, bare value
_KEY = r"(?<![A-Za-z0-9_.$\[-])(?P<key>[A-Za-z_][A-Za-z0-9_.\[\]-]{0,80}+)"  # possessive: no separator begins with a sign of a key
_SEP = rf"{_Q}?\s*(?:=>|:=|==?|:|%3[Dd])\s*"
_NAMED = re.compile(rf"{_KEY}{_SEP}")
_BARE = r"[^\s\"'`<>,;&|)\]}]"
# A quoted value, or the beginning of a bare one; what stands before it (`b"…"`, `SecretStr(…)`) is none of it.
_VALUE = re.compile(
    rf"(?:(?:SecretStr|Secret|b|r|u|new String)?\(|[bru](?={_Q}))?"
    r"(?:(?P<quote>\\{0,3}[\"'`])(?P<quoted>(?:(?!(?P=quote))(?:\\.|[^\n\\])){1,4000}?)(?P=quote)"
    rf"|(?P<bare>{_BARE}))"
)
_RUN = re.compile(  # a bare value whole
    rf"{_BARE}*+(?:[,;|)][^\s\"'`<>,;&|)\]}}=:]{{1,200}}(?=[\s,;&]|$)(?![^\s]{{0,200}}[=:]))?"
)
_JUDGED = 4_000  # signs of a bare value that are looked at
_TUPLE_AUTH = re.compile(r"\bauth\s*=\s*\(\s*(['\"])[^'\"\n]{0,80}\1\s*,\s*(['\"])(?P<v>[^'\"\n]{1,200})\2")
_PAREN_PAIR = re.compile(r"\((?P<key>[A-Za-z_]\w{0,60})\)=\((?P<v>[^)\n]{1,200})\)")
_XML = re.compile(r"<(?P<key>[A-Za-z_][\w.:-]{0,60})(?:\s[^<>]{0,200})?>(?P<v>[^<>\n]{1,2000})</(?P=key)>")
_ENV_PAIR = re.compile(
    r"(?m)name[\"']?\s*[:=]\s*[\"']?(?P<key>[A-Za-z_][\w.-]{0,80})[\"']?\s*,?\s*\n?\s*[\"']?value[\"']?\s*[:=]\s*[\"']?(?P<v>[^\s\"',}]{1,4000})"
)
_SQL = re.compile(r"(?i)\b(?:PASSWORD|IDENTIFIED\s+(?:WITH\s+\w+\s+)?(?:BY|AS))\s*\(?\s*'(?P<v>[^'\n]{1,200})'")
_HEADER = re.compile(
    r"(?im)(?P<name>proxy-authorization|authorization|x-amz-security-token|x-vault-token|www-authenticate)(?:\\?[\"'])?\s*[:=]\s*(?:\\?[\"'])?\s*"
    r"(?:\[\s*[\"']?)?(?P<scheme>basic|bearer|token|apikey|api-key|negotiate|digest|aws4-hmac-sha256|splunk|ssws|key|bot)?\s+?(?P<v>[^\s\"'\\,;]{6,4000})"
)
_BEARER = re.compile(r"(?i)(?<![A-Za-z0-9_-])(?:bearer|basic)\s+(?P<v>[A-Za-z0-9._~+/=-]{12,4000})")
_COOKIES = re.compile(r"(?im)(?:set-)?cookie2?(?:\\?[\"'])?\s*[:=]\s*(?:\\?[\"'])?(?P<list>[^\n\"]{3,4000})")
_COOKIE = re.compile(r"(?P<key>[\w.!#$%&*+^`|~-]{1,80})=(?P<v>[^;,\s\"']{6,4000})")
_COOKIE_SECRET = re.compile(
    r"(?i)sess|(?:^|[._-])s?sid$|sid$|auth|token|jwt|remember|csrf|xsrf|login|identity|\.aspnet|ticket|passport|_id_session"
)
_USERINFO = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,30})://(?P<user>[^\s:/@?#\"'<>]{0,100}):(?P<v>[^\s/\"'<>]{1,300}?)@(?=[\w\[.%-])(?![^\s/\"'<>]*@)"
)
_USERINFO_TOKEN = re.compile(r"://(?P<v>[A-Za-z0-9_.-]{16,400})(?::x-oauth-basic)?@(?=[\w\[])")
_QUERY = re.compile(r"(?i)(?<=[?&;#])(?P<key>[A-Za-z_][\w.\[\]-]{0,60})=(?P<v>[^&\s\"'<>#;]{4,4000})")
_QUERY_SECRET = re.compile(
    r"(?i)(?:^|[._-])(?:sig|signature|key|hash_?key|auth|session|sessionid|sid|jsessionid|ticket|code|assertion|samlresponse|x-amz-(?:signature|security-token)|se?cret|pwd|pass)$"
)
_MATRIX = re.compile(r"(?i);jsessionid=(?P<v>[A-Za-z0-9._!-]{8,})")
_CURL_USER = re.compile(
    r"(?<!\S)(?:-u|--user|--proxy-user|-U)[\s=]*(['\"]?)[^\s:'\"]{1,80}:(?P<v>[^'\"\n]+?)(?=\1(?:\s|$))"
)
_OPTION = re.compile(
    r"(?i)(?<!\S)--?(?P<key>[a-z][\w-]{1,60})(?:=|\s+)(?:(?P<q>['\"])(?P<v1>[^'\"\n]{1,400})(?P=q)|(?P<v2>[^\s'\"-][^\s'\"]{0,400}))"
)
_SHORT_P = re.compile(
    r"(?i)\b(?:mysql|mysqldump|mysqladmin|mariadb|sshpass|docker login|podman login|helm registry login|redis-cli|mongo(?:sh|dump)?)\b[^\n|;]*?\s(?-i:-p|-a)(?P<sp>\s*)(?P<q>['\"]?)(?P<v>[^\s'\"]{3,200})"
)
_PROSE = re.compile(
    r"(?i)\b(?P<word>token|secret|password|passwd|passphrase|api[ _-]?key|access key|key|credential|pwd|pin)s?\b(?P<is>\s+(?:is|was|of|used|value|set to|changed to|reset to)\b)?"
    r"\s*[:=]?\s+(?P<open>[\"'`(\[]\s*)?(?P<v>[^\s\"'`,;()<>\[\]]{5,4000})"
)
_PROSE_WORDS = words(
    *("token", "secret", "password", "passwd", "passphrase", "api key", "api_key", "api-key", "apikey", "access key", "key", "credential", "pwd", "pin"),
    before=Before.NO_WORD,
    then=r"s?[:=]?\s",
)  # fmt: skip
_WORDS = _PROSE_WORDS | words(*LITERALS, "auth", "sess", "sid", "pass", "pw", "sas", "pin")  # of any of these rules
_HEADER_WORDS = words(
    *("authorization", "x-amz-security-token", "x-vault-token", "www-authenticate"), then=r"\\?[\"']?\s*+[:=]"
)
_TUPLE_WORDS = words("auth", then=r"\s*+=\s*+\(")
_CHANGED = re.compile(
    r"(?i)\b(?:password|passphrase|passwd|passcode)\b[^\n=:]{1,60}?\b(?:set|changed|reset|updated)\s+to\s+[\"'`]?(?P<v>[^\s\"'`,;]{5,200})"
)
_BLANKED = re.compile(
    r"(?i)(?<![A-Za-z])(?:passphrase|password|passwd)\s*[:=]\s*(?P<v>[a-z]{3,20}(?: [a-z0-9]{2,20}){2,6})\s*$",
    re.MULTILINE,
)


# Characters by kind (digit, lower, upper, other), and the pairs of kinds between which a word changes.
_KINDS = {
    i: "d" if chr(i).isdigit() else "l" if chr(i).islower() else "u" if chr(i).isupper() else "o" for i in range(128)
}
_CHANGES = ("dl", "du", "do", "ld", "ud", "od", "lu", "ul")
_LONG_RUN = re.compile(r"[A-Za-z0-9]{16}")


def looks_random(value: str) -> bool:
    """Whether a value reads like a generated secret: long, letters and digits mixed, no words, no path, no number."""
    v = value.strip(".,:;!?")
    if len(v) < 14 or "/" in v[:2] or "://" in v or _UUID.match(v):
        return False
    if v.isascii():
        kinds = v.translate(_KINDS)
        digits = kinds.count("d")
        letters = kinds.count("l") + kinds.count("u")
    else:
        kinds, digits, letters = "", sum(c.isdigit() for c in v), sum(c.isalpha() for c in v)
    if letters < 4 or digits < 1:
        return False
    if v.count("-") + v.count(".") + v.count("_") + v.count(":") > 3 and not _LONG_RUN.search(v):
        return False
    if kinds:
        changes = sum(map(kinds.count, _CHANGES))
    else:
        changes = sum(
            1
            for a, b in pairwise(v)
            if a.isdigit() != b.isdigit() or (a.isalpha() and b.isalpha() and a.islower() != b.islower())
        )
    return changes >= max(4, len(v) // 8)


def find(look: Look) -> Iterator[Span]:
    """Spans of secrets that a key, header, option, URL or sentence names."""
    text, lower = look.text, look.lower
    if not look.seen & _WORDS and not ("://" in text and "@" in text) and " -u" not in lower:
        return
    yield from _pairs(look)
    yield from _urls(text, lower)
    yield from _headers(look)
    yield from _commands(text, lower)
    for m in _PROSE.finditer(text) if look.seen & _PROSE_WORDS else ():
        value = m["v"]
        strong = (m["is"] or m["open"]) and m["word"].lower() not in {"key", "token"}
        if plausible(value, m["word"]) and (looks_random(value) or (strong and _odd(value))):
            yield _span(m, "v", text)
    if " to " in lower and "pass" in lower:
        for m in _CHANGED.finditer(text):
            if plausible(m["v"], "password") and _odd(m["v"]):
                yield _span(m, "v", text)


def _odd(value: str) -> bool:
    """A password in prose: no plain word."""
    v = value.rstrip(".,:;!?)")
    return (
        len(v) >= 5 and (any(c.isdigit() for c in v) or any(c in "!@#$%^&*" for c in v)) and any(c.isalpha() for c in v)
    )


def _span(m: re.Match[str], group: str, text: str) -> Span:
    start, end = m.span(group)
    return Span(start, _trimmed(text, start, end) if group in {"v", "v2"} else end, Kind.SECRET)


def _trimmed(text: str, start: int, end: int) -> int:
    """Where a value ends without the punctuation that belongs to the sentence; a "!" at a password's end does not cost much."""
    while end > start + 1 and text[end - 1] in ".,;:)]}" and not (text[end - 1] == ")" and "(" in text[start:end]):
        end -= 1
    return end


def _pairs(look: Look) -> Iterator[Span]:
    text, lower = look.text, look.lower
    run = covered = 0  # where the bare value ends that was read last, and where the one that was taken
    for named in _NAMED.finditer(text):
        key = named["key"]
        low = key.lower()
        if not secret_key(key) or "authorization" in low or low in {"cookie", "set-cookie"}:
            continue
        m = _VALUE.match(text, named.end())
        if m is None:
            continue
        if m["quoted"] is not None:
            if plausible(m["quoted"], key):
                yield Span(*m.span("quoted"), Kind.SECRET)
            continue
        start = m.start("bare")
        if start < covered:  # `password=token=…`: all of one value, which is read once however many keys it holds
            continue
        if start >= run:
            found = _RUN.match(text, start)
            run = found.end() if found else start
        if plausible(text[start : min(run, start + _JUDGED)], key):
            covered = _trimmed(text, start, run)
            yield Span(start, covered, Kind.SECRET)
    for expression, worth in ((_TUPLE_AUTH, look.seen & _TUPLE_WORDS), (_SQL, "'" in text)):
        if worth:
            for m in expression.finditer(text):
                if plausible(m["v"], "password"):
                    yield Span(*m.span("v"), Kind.SECRET)
    for expression, needed in ((_PAREN_PAIR, ")=("), (_XML, "</"), (_ENV_PAIR, "value")):
        if needed in lower:
            for m in expression.finditer(text):
                if secret_key(m["key"]) and plausible(m["v"], m["key"]):
                    yield Span(*m.span("v"), Kind.SECRET)
    if "pass" in lower:
        for m in _BLANKED.finditer(text):
            if not _MASKED.match(m["v"]):
                yield Span(*m.span("v"), Kind.SECRET)


def _urls(text: str, lower: str) -> Iterator[Span]:
    if "://" in text:
        for m in _USERINFO.finditer(text):
            if not _MASKED.match(m["v"]):
                yield Span(*m.span("v"), Kind.SECRET)
        for m in _USERINFO_TOKEN.finditer(text):
            if looks_random(m["v"]):
                yield Span(*m.span("v"), Kind.SECRET)
    if "=" in text:
        for m in _QUERY.finditer(text):
            key, value = m["key"], m["v"]
            if secret_key(key):
                if plausible(value, key):
                    yield _span(m, "v", text)
            elif (
                _QUERY_SECRET.search(key)
                and len(value) >= 12
                and not (_MASKED.match(value) or _UUID.match(value))
                and (looks_random(value) or re.fullmatch(r"[0-9a-fA-F]{20,}", value) or "%" in value)
            ):
                yield _span(m, "v", text)
        if ";jsessionid=" in lower:
            for m in _MATRIX.finditer(text):
                yield Span(*m.span("v"), Kind.SECRET)


def _headers(look: Look) -> Iterator[Span]:
    text, lower = look.text, look.lower
    if look.seen & _HEADER_WORDS:
        for m in _HEADER.finditer(text):
            if not _MASKED.match(m["v"]):
                yield _span(m, "v", text)
    if "bearer" in lower or "basic " in lower:
        for m in _BEARER.finditer(text):
            if looks_random(m["v"]) or (m[0][:6].lower() == "bearer" and any(c.isdigit() for c in m["v"])):
                yield _span(m, "v", text)
    if "cookie" in lower:
        for m in _COOKIES.finditer(text):
            for c in _COOKIE.finditer(text, m.start("list"), m.end("list")):
                if _COOKIE_SECRET.search(c["key"]) and not _MASKED.match(c["v"]):
                    yield Span(*c.span("v"), Kind.SECRET)


def _commands(text: str, lower: str) -> Iterator[Span]:
    if " -u" in lower or "--user" in lower or "-user" in lower:
        for m in _CURL_USER.finditer(text):
            if not _MASKED.match(m["v"]) and ("curl" in lower or "wget" in lower or "http" in lower):
                yield Span(*m.span("v"), Kind.SECRET)
    if " -" in text or text.startswith("-"):
        for m in _OPTION.finditer(text):
            group = "v1" if m["v1"] is not None else "v2"
            if secret_key(m["key"]) and plausible(m[group], m["key"]):
                yield _span(m, group, text)
        if " -p" in text or " -a" in text:
            for m in _SHORT_P.finditer(text):
                spaced = bool(m["sp"])
                if spaced != (
                    "login" in m[0].lower()
                    or "redis" in m[0].lower()
                    or "mongo" in m[0].lower()
                    or "sshpass" in m[0].lower()
                ):
                    continue
                yield Span(*m.span("v"), Kind.SECRET)
