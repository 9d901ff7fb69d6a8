"""Names of people, for documents and prompts: by key, by e-mail beside them, by a given name that is known.

The list of given names is drawn from the first-name lists of faker (MIT), folded to ASCII. A given name alone is never
enough: it needs a surname behind it, and neither may be a word of computing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

from luffy_dagster.core.redaction.looks import Before, Look, words
from luffy_dagster.core.redaction.policy import Kind, Span

PREFILTER = r"\p{Lu}\p{L}+[ ,]|[Nn][Aa][Mm][Ee]|<\w"

_UP = r"[A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽĿŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽȘȚ]"
_LOW = r"[a-zß-öø-ÿāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįıĵķĺļľŀłńņňōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżžșț]"
_L = rf"(?:{_UP}|{_LOW})"
_WORD = rf"(?:(?:O|D|L|N)['’]|Mc|Mac|Ní[ -]|Ó |al-|El-)?{_UP}{_LOW}*+(?:['’]{_L}++)?(?:-{_UP}{_L}++)*"  # possessive: no part of a word is a name
_PARTICLE = r"(?:(?:van|von|de|der|den|da|di|del|della|la|le|bin|ibn|al|el|dos|du|zu|ten|ter)\s+){0,2}"
_PAIR = re.compile(
    rf"(?<![\w.@/$#%&=+\\-])({_WORD})(\s+(?:{_UP}\.\s+)?)({_PARTICLE}{_WORD}(?:\s{_WORD})?)(?![\w@/\\]|\.\w|\()"
)
_PAIR_UPPER = re.compile(
    rf"(?<![\w.@/$#%&=+\\-])({_UP}{{2,}})\s+({_UP}['’]?{_UP}+(?:[-'’]{_UP}+)*)(?![\w@/\\=:]|\.\w|\()"
)
_REVERSED = re.compile(rf"(?<![\w.@/$#-])({_WORD}),\s+({_WORD})(?![\w@/\\]|\.\w)")
_PARTICLES = words(
    *("van", "von", "de", "der", "den", "da", "di", "del", "della", "la", "le", "bin", "ibn", "al", "el", "dos", "du", "zu", "ten", "ter"),
    before=Before.SPACE, then=r"\s",
) | words("al-")  # fmt: skip
_ALONE = re.compile("(?<!A)A A")
_UPPER_SIGNS = ("AA AA", "AA A'", "AA  ")  # of the shape of a text with one of _PAIR_UPPER
_REVERSED_SIGNS = ("a, A", "A, A", "a,  ", "A,  ", ", aa-")
_NAME_KEY = re.compile(
    r"(?i)(?<![a-z0-9])(?P<key>(?:(?:full|first|last|given|family|middle|maiden|sur|fore|user|customer|client|patient|employee|contact|display|real|legal|account|card|cardholder|holder|owner|recipient|sender|billing|shipping|beneficiary|payer|payee|member|guest|student|author|subscriber|passenger|applicant|real)[_ .-]?)*names?|"
    r"card[_ ]?holder|holder|recipient|beneficiary|patient|customer|applicant|passenger|contact|payer|payee|assignee|reporter|requester|attendee|signatory|doctor|nurse|student|teacher|manager|employee|guest|member|payer|vorname|nachname|kunde|nom|prenom)"
    r"[\"']?\s*(?:=>|:=|[:=]|\bis\b)\s*[\"'(]?\s*"
    rf"(?P<v>(?-i:{_WORD}(?:,?\s+(?:{_UP}\.\s+)?{_PARTICLE}{_WORD}){{0,3}}|{_UP}{{2,}}(?:\s{_UP}['’]?{_UP}+(?:-{_UP}+)*){{1,3}}))(?![\w.@/=(-])"
)
# The expression ignores case and so starts anywhere; a look for its words first costs a tenth of it.
_KEY_WORDS = words(
    "name", "holder", "recipient", "beneficiary", "patient", "customer", "applicant", "passenger", "contact", "payer", "payee", "assignee",
    "reporter", "requester", "attendee", "signatory", "doctor", "nurse", "student", "teacher", "manager", "employee", "guest", "member", "nachname",
    "kunde", "nom", then=r"s?[\"']?\s*+(?:[:=]|is\b)",
)  # fmt: skip
_KEYED = re.compile(rf"(?:[:=>]|\bis\b)\s*[\"'(]?\s*{_UP}")  # without a capital behind a sign, no name is keyed
_PERSON_KEYS = re.compile(
    r"(?i)(?:full|first|last|given|family|middle|maiden|sur|fore|customer|client|patient|employee|contact|real|legal|holder|cardholder|recipient|sender|beneficiary|payer|payee|guest|student|passenger|applicant|vorname|nachname|kunde|nom|prenom)"
)
_ONE_WORD = re.compile(
    r"^(?:first|last|given|family|middle|maiden|sur|fore)[_ .-]?name$|^(?:vorname|nachname|nom|prenom)$"
)
_VAGUE_KEYS = frozenset({"name", "names", "username", "user_name", "manager", "owner", "member", "contact", "author"})
_XML_NAME = re.compile(
    rf"<(?:\w+:)?(?:full|first|last|given|family|customer|display|user)?[_-]?names?>(?P<v>{_WORD}(?:,?\s+{_PARTICLE}{_WORD}){{0,3}})</",
    re.IGNORECASE,
)
_BESIDE_EMAIL = re.compile(
    rf"(?:^|[:;,\"'(\[|>]\s*|\bfrom\s+|\bto\s+|\bby\s+)\"?(?P<v>{_WORD}(?:\s+(?:{_UP}\.\s+)?{_PARTICLE}{_WORD}){{1,3}})\"?\s*(?:<|\(|\[|&lt;)\s*(?=[\w.+%-]+@)",
    re.MULTILINE,
)
_BESIDE_LOOK = re.compile(r"(?:<|\(|\[|&lt;)\s*[\w.+%-]+@")
_CUE = re.compile(
    r"(?i)\b(?:mr|mrs|ms|miss|dr|prof|herr|frau|mme|sir|madam|dear|hi|hello|cc|attn|attention|signed|regards|thanks|sincerely|cheers|called|contact|call|ask|"
    r"customer|client|patient|user|employee|agent|doctor|colleague|engineer|owner|author|on behalf of|for|by|from|with|to|and)\b[.,:]?\s*$"
)
_SALUTED = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herr|Frau|Mme|Dear)\b\.?\s+(?P<v>{_PARTICLE}{_WORD}(?:\s+{_PARTICLE}{_WORD})?)"
)
_CUED = re.compile(
    rf"(?:\b(?:[Uu]ser|[Cc]ustomer|[Cc]lient|[Pp]atient|[Ee]mployee|[Mm]ember|[Gg]uest|[Ss]tudent|[Cc]ontact|[Cc]all(?:ed)?|[Dd]ear|[Hh]i|[Hh]ello|[Ww]elcome(?: back)?,?|[Oo]n behalf of|"
    rf"(?:[Aa]ssigned|[Aa]ddressed|[Ee]scalated) to|(?:[Aa]pproved|[Ss]igned|[Rr]eported|[Cc]reated|[Rr]equested|[Ss]ubmitted|[Rr]eviewed|[Cc]ancelled) by)\s+)"
    rf"(?P<v>{_WORD}\s+(?:{_UP}\.\s+)?{_PARTICLE}{_WORD})(?![\w.@/=(-])"
)
_SALUTES = words(
    "mr", "mrs", "ms", "miss", "dr", "prof", "herr", "frau", "mme", "dear", before=Before.NO_WORD, then=r"\.?\s"
)
_CUES = words(
    "user", "customer", "client", "patient", "employee", "member", "guest", "student", "contact", "call", "called", "dear", "hi", "hello", "welcome", "welcome back",
    "welcome,", "welcome back,", "on behalf of", "assigned to", "addressed to", "escalated to", "approved by", "signed by", "reported by", "created by", "requested by",
    "submitted by", "reviewed by", "cancelled by", before=Before.NO_WORD, then=r"\s",
)  # fmt: skip
# Given names that are also words of logs, and words that never follow a given name as a surname.
_AMBIGUOUS = frozenset(
    {"will", "mark", "may", "grace", "page", "chase", "summer", "april", "june", "august", "art", "bill", "jack", "pat", "drew", "guy", "ray", "rich"}
    | {"rob", "sue", "gene", "hope", "faith", "joy", "dawn", "eve", "ivy", "rose", "lily", "daisy", "pearl", "ruby", "amber", "jade", "crystal", "sky"}
    | {"storm", "angel", "prince", "king", "major", "dean", "earl", "duke", "noble", "ernest", "frank", "victor", "max", "min", "val", "van", "lane"}
    | {"cliff", "dale", "glen", "heath", "brook", "brooke", "forest", "reed", "cole", "chance", "chip", "chuck", "norm", "sandy", "penny", "star", "sunny"}
    | {"christian", "german", "roman", "london", "paris", "sydney", "india", "china", "france", "israel", "jordan", "georgia", "virginia", "florence", "an"}
    | {"java", "jackson", "tomcat", "jenkins", "catalina", "julia", "scala", "pascal", "ada", "elm", "cary", "case", "log", "data", "ping", "port", "host", "an", "my", "so", "do", "in", "on"}
    | {"the", "and", "per", "son", "even", "long", "thu", "mon", "sun", "tue", "wed", "fri", "sat", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep"}
    | {"oct", "nov", "dec", "love", "light", "true", "loan", "rea", "see", "sol", "song", "tam", "tung", "man", "ban", "can", "cam", "han", "hoa", "hang"}
    | {"bean", "basic", "code", "core", "dev", "ops", "test", "run", "call", "open", "close", "new", "old", "main", "prime", "price", "zone", "unique"}
)  # fmt: skip
_NOT_SURNAME = frozenset(
    {"service", "server", "error", "exception", "failed", "started", "stopped", "request", "response", "timeout", "connection", "session", "user", "client"}
    | {"manager", "controller", "handler", "factory", "task", "job", "thread", "worker", "node", "cluster", "database", "table", "index", "query", "cache"}
    | {"queue", "topic", "message", "event", "process", "system", "application", "app", "api", "http", "https", "tcp", "ssl", "tls", "id", "name", "type"}
    | {"value", "key", "token", "status", "state", "code", "count", "size", "time", "date", "version", "build", "release", "file", "path", "host", "port"}
    | {"retry", "complete", "completed", "running", "pending", "period", "mode", "level", "info", "warn", "warning", "debug", "fatal", "trace", "stack"}
    | {"street", "road", "avenue", "lane", "university", "hospital", "bank", "inc", "ltd", "gmbh", "llc", "corp", "team", "group", "project", "dashboard"}
    | {"signature", "certificate", "driver", "module", "plugin", "engine", "runtime", "kernel", "agent", "proxy", "gateway", "bot", "test", "tests", "st"}
    | {"mozilla", "chrome", "safari", "linux", "windows", "java", "python", "script", "beans", "bean", "pool", "context", "config", "default", "load", "set"}
    | {"start", "stop", "end", "begin", "create", "delete", "update", "insert", "select", "read", "write", "logged", "login", "logout", "account", "order"}
    | {"is", "was", "has", "not", "the", "and", "for", "with", "from", "in", "on", "at", "to", "of", "or", "no", "as", "be", "are", "policy", "rotation"}
)  # fmt: skip


_LONG = 64  # characters of a word that is not remembered


def _fold(word: str) -> str:
    return _folded(word) if len(word) <= _LONG else _folded.__wrapped__(word)


@lru_cache(maxsize=20_000)
def _folded(word: str) -> str:
    table = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ß": "ss", "æ": "ae", "đ": "d", "ı": "i"})
    plain = unicodedata.normalize("NFKD", word.translate(table))
    return "".join(c for c in plain if not unicodedata.combining(c)).lower()


@lru_cache(maxsize=1)
def given_names() -> frozenset[str]:
    """Given names, folded to ASCII, lower case (about 19,000)."""
    text = resources.files("luffy_dagster.core.redaction").joinpath("given_names.txt").read_text("ascii")
    return frozenset(line for line in text.split("\n") if line and not line.startswith("#"))


def is_given(word: str) -> bool:
    """Whether a word (or a part of it between hyphens) is a known given name."""
    return _is_given(word) if len(word) <= _LONG else _is_given.__wrapped__(word)


@lru_cache(maxsize=20_000)
def _is_given(word: str) -> bool:
    return any(part in given_names() for part in _fold(word).replace("’", "'").split("-"))


def _surname(text: str) -> bool:
    return not any(_fold(w) in _NOT_SURNAME for w in text.split())


def find(look: Look) -> Iterator[Span]:
    """Spans of people's names."""
    text, lower, seen = look.text, look.lower, look.seen
    if "name" in lower and "<" in text:
        for m in _XML_NAME.finditer(text):
            if any(is_given(w) for w in re.split(r"[\s,]+", m["v"])):
                yield Span(*m.span("v"), Kind.PERSON)
    if text == lower:  # a name has a capital everywhere else
        return
    for m in _NAME_KEY.finditer(text) if seen & _KEY_WORDS and _KEYED.search(text) else ():
        head, comma, _ = m["v"].partition(",")
        if comma and " " not in head:  # "Last, First"
            head = m["v"]
        words = head.replace(",", " ").split()
        known = any(is_given(w) for w in words)
        key = m["key"].lower()
        sure = len(words) > 1 or _ONE_WORD.search(key)
        if (
            (known or (_PERSON_KEYS.search(key) and sure))
            and _surname(head)
            and (sure or (known and key not in _VAGUE_KEYS))
        ):
            yield Span(m.start("v"), m.start("v") + len(head), Kind.PERSON)
    if "@" in text and _BESIDE_LOOK.search(text):
        for m in _BESIDE_EMAIL.finditer(text):
            if _surname(m["v"]):
                yield Span(*m.span("v"), Kind.PERSON)
    for m in _SALUTED.finditer(text) if seen & _SALUTES else ():
        if _surname(m["v"]):
            yield Span(*m.span("v"), Kind.PERSON)
    for m in _CUED.finditer(text) if seen & _CUES else ():
        if _surname(m["v"]):
            yield Span(*m.span("v"), Kind.PERSON)
    yield from _known(look)


def _may_pair(look: Look) -> bool:
    """Whether two words with capitals may follow one another: the first ends with a small letter, or is a capital alone.

    INFO Foo is no pair, but A-B Foo and O'B Foo are, and Ann van Foo.
    """
    shape = look.shape
    return (
        look.shows(("a A", "a  ", "A  "), _PAIR)
        or bool(look.seen & _PARTICLES)
        or ("A A" in shape and ("'A" in shape or "-A" in shape or _ALONE.search(shape) is not None))
    )


def _known(look: Look) -> Iterator[Span]:
    text = look.text
    pos = 0 if _may_pair(look) else len(text)
    while (m := _PAIR.search(text, pos)) is not None:
        first, last = m[1], m[3]
        folded = _fold(first)
        cued = folded not in _AMBIGUOUS or _CUE.search(text, max(0, m.start() - 24), m.start())
        if is_given(first) and len(folded) > 1 and _surname(last) and cued:
            yield Span(m.start(1), m.end(3), Kind.PERSON)
            pos = m.end()
            continue
        pos = m.end(1) + 1
    for m in _PAIR_UPPER.finditer(text) if look.shows(_UPPER_SIGNS, _PAIR_UPPER) else ():
        folded = _fold(m[1])
        if is_given(m[1]) and folded not in _AMBIGUOUS and len(folded) > 2 and _surname(m[2]):
            yield Span(*m.span(), Kind.PERSON)
    for m in _REVERSED.finditer(text) if look.shows(_REVERSED_SIGNS, _REVERSED) else ():
        if is_given(m[2]) and _fold(m[2]) not in _AMBIGUOUS and _surname(m[1]) and not is_given(m[1]):
            yield Span(*m.span(), Kind.PERSON)
