"""Reading the lines of a failure: where code failed, and which words in them are telling.

Belongs here: lines → places and terms. Does not belong here: what they mean for a commit (`judge`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from luffy_dagster.core.rca.safe import addresses_reader, clean
from luffy_dagster.core.rca.verdict.values import Place

_EXT = r"(?:py|pyx|js|jsx|mjs|cjs|ts|tsx|vue|java|kt|kts|groovy|scala|go|rb|erb|php|cs|fs|vb|rs|swift|c|cc|cpp|cxx|h|hpp|m|mm|ex|exs|erl|dart|lua|pl|pm|sql|clj|cljs|sh|zig|nim|jl|hs|cr|f90|ya?ml|toml|json|xml|properties|tf|html|j2|proto)"
_FILE_LINE = re.compile(
    rf"(?<![\w/.-])((?:[A-Za-z]:)?[\w@~./\\-]*[\w-]\.{_EXT})(?::(\d+)|\((\d+)|\", line (\d+)| line (\d+))(?::\d+)?"
    # a function behind it, where a sign says that it is one: "in f", "in function 'f'", "(f", "`f", ": Mod.f"
    r"(?:(?:[:,]? ?(?:in (?:function |method )?|\(|(?=[`']))[`'(]?|: (?=[A-Z]\w*\.\w))([\w.*$<>]+))?"
)
_BARE_FILE = re.compile(rf"(?<![\w/.-])((?:[\w@~.-]+/)+[\w-]+\.{_EXT})(?![\w(])")
_JAVA_FRAME = re.compile(r"\bat ([\w$.]+)\.([\w$<>]+)\((\w+\.(?:java|kt|scala|groovy))(?::(\d+))?\)")

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b|"
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2}\b|\b\d{10,13}\b"
)
_ID = re.compile(
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b",
    re.IGNORECASE,
)
_IP = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_QUOTED = re.compile(r"\"([^\"\n]{2,120})\"|(?<![A-Za-z])'([^'\n]{1,120})'(?![A-Za-z])|`([^`\n]{2,120})`")
_WORD = re.compile(r"[A-Za-z_$][\w$]*(?:[-.][A-Za-z_$][\w$]*)*")
_ROUTE = re.compile(r"(?<![\w:/])/[A-Za-z][\w./-]{2,80}")
_NUMBER = re.compile(
    r"(?<![\w.])(\d{2,9})(?: ?(ms|s|m|h|kb|mb|gb|kib|mib|gib|ki|mi|gi|k|g|%))?(?![\w.])", re.IGNORECASE
)
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")

# Words of logs and of programs at large: that two texts share one of them tells nothing.
_COMMON = frozenset(
    {"error", "errors", "warn", "warning", "info", "debug", "fatal", "trace", "exception", "failed", "failure", "fail", "failing", "java", "lang", "util"}
    | {"null", "none", "nil", "true", "false", "self", "this", "return", "returned", "class", "public", "private", "static", "final", "void", "const", "func"}
    | {"function", "import", "from", "with", "while", "that", "have", "been", "because", "cannot", "could", "must", "value", "values", "data", "file", "line"}
    | {"message", "level", "thread", "main", "call", "calls", "called", "code", "type", "types", "name", "names", "string", "int", "integer", "number", "list"}
    | {"object", "array", "bool", "boolean", "undefined", "default", "request", "requests", "response", "status", "http", "https", "server", "client", "service"}
    | {"app", "application", "source", "src", "lib", "dist", "test", "tests", "runtime", "goroutine", "running", "recent", "last", "most", "traceback", "error:"}
    | {"time", "date", "user", "users", "host", "port", "path", "root", "process", "start", "started", "stop", "stopped", "after", "before", "since", "when"}
    | {"read", "write", "open", "close", "load", "item", "items", "entry", "entries", "first", "next", "some", "only", "more", "than", "into", "over", "under"}
    | {"else", "elif", "then", "print", "assert", "raise", "throw", "throws", "catch", "except", "finally", "async", "await", "yield", "lambda", "struct", "type"}
    | {"acme", "demo", "example", "com", "org", "net", "www", "local", "internal", "system", "module", "package", "method", "invoke", "given", "expected", "found"}
    | {"node", "kubernetes", "container", "pod", "health", "healthy", "retry", "version", "build", "release", "commit", "commits", "deploy", "queue", "count"}
    | {"log", "logs", "logger", "invalid", "missing", "unknown", "stack", "frame", "were", "does", "not", "the", "and", "for", "all", "any", "has", "was", "are"}
    | {"new", "old", "get", "set", "put", "add", "let", "var", "def", "end", "out", "off", "use", "used", "one", "two", "now", "its", "but", "can", "per"}
    | {"id", "ok", "no", "yes", "is", "in", "on", "at", "to", "of", "or", "if", "as", "be", "by", "an", "it", "do", "go", "so", "up", "we", "us", "me", "my"}
)  # fmt: skip


def parts(word: str) -> tuple[str, ...]:
    """The words an identifier is made of, lower case: `callTimeout` is call, timeout."""
    return tuple(w.lower() for piece in re.split(r"[^A-Za-z0-9]+", word) for w in _CAMEL.findall(piece))


def telling(word: str) -> bool:
    """Whether an identifier is specific enough that sharing it means something: several words in one, or mixed."""
    own = parts(word)
    if len(word) < 3 or word.lower() in _COMMON:
        return False
    return len([p for p in own if p not in _COMMON]) >= 1 and (len(own) >= 2 or any(c.isdigit() for c in word))


def common(word: str) -> bool:
    """Whether a plain word tells nothing."""
    return len(word) < 4 or word in _COMMON or word.isdigit()


def telling_literal(text: str) -> bool:
    """Whether a string of a program is specific: a word that is none of the common ones, no blank, no lone number."""
    return " " not in text and not text.isdigit() and text.lower() not in _COMMON and any(c.isalpha() for c in text)


@dataclass(frozen=True, slots=True)
class Terms:
    """The telling words of a text, by how much they tell."""

    quoted: frozenset[str] = frozenset()  # what the text itself puts in quotes
    named: frozenset[str] = frozenset()  # identifiers of several words, routes
    numbers: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()  # plain words and parts of the above
    idents: frozenset[str] = frozenset()  # every identifier as it stands

    def whole(self) -> frozenset[str]:
        """Quoted and named."""
        return self.quoted | self.named


def terms(text: str, *, code: bool = False) -> Terms:
    """The telling words of a text; times, ids and addresses are left out (`code`: string quotes tell nothing more)."""
    bare = _IP.sub(" ", _ID.sub(" ", _TIME.sub(" ", text)))
    quoted: set[str] = set()
    for m in _QUOTED.finditer(bare):
        inner = next(g for g in m.groups() if g is not None).strip()
        if 2 <= len(inner) <= 80 and inner.lower() not in _COMMON and not inner.isdigit():
            quoted.add(inner)
    named: set[str] = set(_ROUTE.findall(bare))
    words: set[str] = set()
    idents: set[str] = set()
    for m in _WORD.finditer(bare):
        word = m[0]
        idents.update(w for w in (word, *word.split(".")) if not common(w))
        for piece in {word, *word.split("."), *word.split("-")}:
            if telling(piece):
                named.add(piece)
        words.update(p for p in parts(word) if not common(p))
    numbers = {m[1] for m in _NUMBER.finditer(bare)}
    if code:
        named |= {q for q in quoted if not q.isspace()}
    return Terms(frozenset(quoted), frozenset(named), frozenset(numbers), frozenset(words), frozenset(idents))


@dataclass(frozen=True, slots=True)
class Line:
    """One line: as it came, without control characters, and whether it may be used."""

    number: int
    raw: str
    text: str
    used: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What the lines say."""

    lines: tuple[Line, ...]
    places: tuple[Place, ...]
    terms: Terms
    text: str = ""
    missing: bool = False  # the lines say themselves that something was cut off
    wanted: frozenset[str] = frozenset()  # names that the failure says it misses, does not know or may not use
    per_line: tuple[tuple[Line, Terms], ...] = field(default=())

    def quote_with(self, word: str) -> str | None:
        """The first used line that holds a word, as it came (lines with control characters are never quoted)."""
        low = word.lower()
        for line in self.lines:
            if line.used and low in line.text.lower() and line.raw == line.text:
                return line.raw.strip()
        return None


_MISSES = re.compile(
    r"does(?:n't| not) exist|not (?:been )?(?:found|defined|declared|registered|exported|set|configured|bound|allowed|permitted|authori[sz]ed|mapped|supported|recogni[sz]ed|available|initiali[sz]ed)"
    r"|NOT_FOUND|\bno (?:such|enum|route|handler|attribute|method|matching|value|module|property|mapping|default|field|column|overload|bean|provider|template|permission)|cannot (?:import|find|resolve|locate|open|invoke|access|load)|could not (?:import|find|resolve|locate|load)"
    r"|unknown|unrecogni[sz]ed|undefined|unresolved|unexpected (?:field|property|key|keyword|argument|option)|missing|required|has no|KeyError|NameError|unset|unbound|denied|forbidden|blocked|invalid (?:column|object|option|enum|key|field|property)|refused|lacks|without|must be (?:set|present|given)|no longer",
    re.IGNORECASE,
)

_CUT = re.compile(
    r"\b(?:log|output|trace|stack|lines?)s?\b.{0,30}\b(?:truncated|cut off|dropped|lost|omitted|suppressed|missing|not kept|rotated away|sampled)|\b(?:truncated|suppressed)\b.{0,20}\b(?:log|lines?|output)|no stack|no core|not recorded|nothing (?:was )?(?:kept|recorded|logged)|\bno (?:trace|profile|dump|log)s?\b",
    re.IGNORECASE,
)


def read_evidence(lines: Sequence[str], places: Sequence[Place] | None = None) -> Reading:
    """Lines of log → evidence. Lines that address their reader are kept out; `places` given by the caller win."""
    kept = tuple(
        Line(number, raw, clean(raw), not addresses_reader(raw)) for number, raw in enumerate(lines) if raw.strip()
    )
    used = [line for line in kept if line.used]
    text = "\n".join(line.text for line in used)
    per_line = tuple(
        (line, own if not printed else replace(own, numbers=frozenset()))
        for line, own, printed in zip(used, map(terms, (line.text for line in used)), _printed(used), strict=True)
    )
    whole = Terms(
        frozenset().union(*(t.quoted for _, t in per_line)),
        frozenset().union(*(t.named for _, t in per_line)),
        frozenset().union(*(t.numbers for _, t in per_line)),
        frozenset().union(*(t.words for _, t in per_line)),
        frozenset().union(*(t.idents for _, t in per_line)),
    )
    found = tuple(places) if places is not None else places_of(text)
    return Reading(kept, found, whole, text, bool(_CUT.search(text)), _wanted(per_line), per_line)


_PYTHON_FRAME = re.compile(r'^\s*File "[^"]+", line \d+')


def _printed(lines: Sequence[Line]) -> list[bool]:
    """Which lines are source code that a trace prints: its numbers are the program's, not the failure's."""
    return [i > 0 and bool(_PYTHON_FRAME.match(lines[i - 1].text)) for i in range(len(lines))]


def _wanted(per_line: Iterable[tuple[Line, Terms]]) -> frozenset[str]:
    """Names in lines that say that something is missing, unknown or not allowed: quoted ones, else all that tell."""
    found: set[str] = set()
    for line, own in per_line:
        says = list(_MISSES.finditer(line.text))
        if not says:
            continue
        near = " ".join(line.text[max(0, m.start() - 30) : m.end() + 30] for m in says)
        beside = {w for m in _WORD.finditer(near) for w in (m[0], *m[0].split(".")) if line.text.count(w)}
        for name in {*own.quoted, *own.named, *(own.idents & beside)}:
            for one in {name, re.split(r"[.:/]", name)[-1]}:
                if (
                    len(one) >= 4
                    and " " not in one
                    and one.lower() not in _COMMON
                    and not one.endswith(("Exception", "Error"))
                ):
                    found.add(one)
        found.update(re.findall(r"\b[a-z]\w*:([A-Za-z]\w{3,})", near))
    return frozenset(found)


def places_of(text: str) -> tuple[Place, ...]:
    """Where the service's own code failed, innermost first: frames of a trace, then files that lines name."""
    from luffy_dagster.core.parsing.traces.extract import frames_of, parse_trace

    found: list[Place] = []
    trace = parse_trace(text)
    if trace is not None:
        order = sorted(range(len(trace.exceptions)), key=lambda i: (i != trace.root_at, i != trace.outer_at, i))
        frames = frames_of(trace)
        for segment in order:
            found += (
                Place(_java_path(f.module, f.file), f.line, f.function, source=f.source)
                for f in frames
                if f.segment == segment and f.in_app and f.file
            )
    for m in _JAVA_FRAME.finditer(text):
        found.append(Place(_java_path(m[1], m[3]), int(m[4]) if m[4] else None, m[2]))
    for m in _FILE_LINE.finditer(text):
        number = next((g for g in m.groups()[1:5] if g), None)
        found.append(Place(m[1].replace("\\", "/"), int(number) if number else None, m[6]))
    found += (Place(m[1], None, None) for m in _BARE_FILE.finditer(text))
    return _ranked(found)


def _java_path(module: str | None, file: str | None) -> str:
    """`com.acme.shop.Cart` and `Cart.java` → `com/acme/shop/Cart.java`."""
    if file and module and "/" not in file and file.endswith((".java", ".kt", ".scala", ".groovy")) and "." in module:
        package = module.split("$")[0].rpartition(".")[0]
        if package and package.replace(".", "/") not in file:
            return f"{package.replace('.', '/')}/{file}"
    return (file or module or "").replace("\\", "/")


_FOREIGN = re.compile(
    r"(?:^|/)(?:java|javax|jdk|sun|node_modules|site-packages|dist-packages|internal/modules|usr/local/go|usr/lib)/|^node:|^<"
)


def _ranked(found: Iterable[Place]) -> tuple[Place, ...]:
    out: list[Place] = []
    for place in found:
        if not place.file or _FOREIGN.search(place.file):
            continue
        base = place.file.rsplit("/", 1)[-1]
        same = [p for p in out if p.file.rsplit("/", 1)[-1] == base and (p.line == place.line or place.line is None)]
        if not same:
            out.append(Place(place.file, place.line, place.function, len(out), place.source))
    return tuple(out)
