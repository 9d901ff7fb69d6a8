"""Reading a commit: its hunks, where in a file they lie, what they bring in and take away, and whether it can do harm.

Belongs here: diff → change. Does not belong here: what a change has to do with a failure (`judge`, `mechanisms`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from luffy_dagster.core.rca.safe import clean
from luffy_dagster.core.rca.verdict.reading import Terms, terms
from luffy_dagster.core.rca.verdict.values import CommitFacts

MAX_LINES = 4_000  # lines of a diff that are looked at

_HUNK = re.compile(r"^@@(?: -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@)? ?(.*)$")
_FILE = re.compile(r"^(?:\+\+\+ (?:b/)?(\S+)|diff --git a/\S+ b/(\S+))")
_DEFINES = re.compile(
    r"(?:^|\s)(?:def|defp|func|function|fn|sub|fun|factory)\s+(?:\([^)]*\)\s*)?(?:self\.|[A-Z]\w*[.:])?([A-Za-z_$][\w$]*[?!]?)"
    r"|(?:^|\s)([A-Za-z_$][\w$]*)\s*(?:=\s*(?:async\s*)?(?:function\b|\([^)]*\)\s*=>)|\([^()]*\)\s*(?:throws [\w., ]+)?\{)"
    r"|(?:public|private|protected|static|final|async|override|void|int|long|String|boolean|[A-Z]\w*(?:<[^>]*>)?)\s+([a-z_$][\w$]*)\s*\("
)
_CONTROL = frozenset(
    {"if", "for", "while", "switch", "catch", "return", "else", "new", "with", "elif", "match", "when", "do", "try"}
)

_DOCS = re.compile(
    r"(?:^|/)(?:readme|changelog|contributing|license|authors|notice|docs?|\.github|\.gitlab|\.idea|\.vscode)(?:[./]|$)|\.(?:md|rst|adoc|txt|png|svg|jpe?g|gif|ico)$|(?:^|/)(?:\.editorconfig|\.gitignore|codeowners|\.gitlab-ci\.yml|jenkinsfile)$",
    re.IGNORECASE,
)
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|spec|specs|__tests__|testdata|fixtures|e2e|cypress)/|(?:^|/)(?:test_[^/]*|[^/]*_test|[^/]*_spec|[^/]*\.(?:test|spec)|[^/]*Tests?)\.\w+$"
)
_LOOKS = re.compile(r"\.(?:css|scss|less|sass|styl)$", re.IGNORECASE)
_COMMENT = re.compile(r"^\s*(?://|#(?!!|include|define|if|endif|\[)|/\*|\*/|\*\s|--\s|<!--|;|\"\"\"|''')")
_LOGGING = re.compile(
    r"^\s*(?:\w+\.)*(?:log|logger|logging|console|slog|zap|LOG|Log|_logger)\b[\w.]*\(|^\s*(?:print|println|printf|fmt\.Print\w*|System\.out\.print\w*|puts|p|echo)\b ?\(?",
    re.IGNORECASE,
)
_MANIFEST = re.compile(
    r"(?:^|/)(?:pom\.xml|build\.gradle(?:\.kts)?|gradle\.properties|go\.(?:mod|sum)|package(?:-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|requirements[^/]*\.(?:txt|in|lock)|pyproject\.toml|poetry\.lock|uv\.lock|Pipfile(?:\.lock)?|setup\.(?:py|cfg)|Gemfile(?:\.lock)?|composer\.(?:json|lock)|Cargo\.(?:toml|lock)|mix\.(?:exs|lock)|[^/]+\.(?:csproj|gemspec)|packages\.config|Directory\.Packages\.props|Dockerfile[^/]*|constraints\.txt|libs\.versions\.toml|versions?\.(?:toml|properties))$",
    re.IGNORECASE,
)
_CONFIG = re.compile(
    r"\.(?:ya?ml|toml|ini|cfg|conf|properties|env|json|tf|tfvars|hcl|nomad)$|(?:^|/)(?:\.env[\w.]*|Dockerfile[^/]*|Procfile|Makefile|docker-compose[^/]*|values[^/]*|config[^/]*|settings[^/]*|application[^/]*|nginx[^/]*)$|(?:^|/)(?:deploy|helm|charts?|k8s|kubernetes|manifests|terraform|ansible|config|conf|etc|infra|ops)/",
    re.IGNORECASE,
)
_SQL = re.compile(r"\.sql$|(?:^|/)migrations?/|(?:^|/)(?:alembic|flyway|liquibase|changelog)/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk. `functions` are those it lies in or defines; line ranges are None where the diff does not say."""

    file: str
    old: tuple[int, int] | None
    new: tuple[int, int] | None
    functions: frozenset[str]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    context: tuple[str, ...] = ()
    heading: bool = False  # the hunk's own heading names the function


@dataclass(frozen=True, slots=True)
class Change:
    """A commit read."""

    commit: CommitFacts
    hunks: tuple[Hunk, ...]
    introduced: Terms = field(default_factory=Terms)  # in added lines and not in removed ones
    gone: Terms = field(default_factory=Terms)  # in removed lines and not in added ones
    around: Terms = field(default_factory=Terms)  # in context and on both sides
    keys: frozenset[str] = frozenset()  # words of settings, constants and packages whose value changed
    about: frozenset[str] = frozenset()  # names that both sides of a replaced line hold: what it is about
    harmless: str | None = None  # why it cannot change what runs
    manifest: bool = False
    config: bool = False
    sql: bool = False
    unread: bool = False  # no diff was given, or it is cut

    @property
    def files(self) -> tuple[str, ...]:
        """Files that it touches."""
        return self.commit.files or tuple(dict.fromkeys(h.file for h in self.hunks))

    def removed(self) -> list[str]:
        """All removed lines, without the sign."""
        return [line for h in self.hunks for line in h.removed]

    def added(self) -> list[str]:
        """All added lines, without the sign."""
        return [line for h in self.hunks for line in h.added]

    def quote(self, word: str) -> str | None:
        """The first changed line, with its sign, that holds a word."""
        low = word.lower()
        for h in self.hunks:
            for sign, lines in (("+", h.added), ("-", h.removed)):
                for line in lines:
                    if low in line.lower():
                        return f"{sign}{line}"
        return None

    def first_line(self) -> str | None:
        """The first changed line with its sign."""
        for h in self.hunks:
            for sign, lines in (("-", h.removed), ("+", h.added)):
                for line in lines:
                    if line.strip():
                        return f"{sign}{line}"
        return None


def is_docs(path: str) -> bool:
    """Documentation, pictures, settings of editors and of CI."""
    return bool(_DOCS.search(path))


def is_test(path: str) -> bool:
    """A test or its data."""
    return bool(_TESTS.search(path))


@lru_cache(maxsize=2_000)
def read_change(commit: CommitFacts) -> Change:
    """A commit's diff → hunks, terms and whether it can do harm."""
    whole = _hunks(commit)
    files = commit.files or tuple(dict.fromkeys(h.file for h in whole))
    harmless = _harmless(files, [x for h in whole for x in h.removed], [x for h in whole for x in h.added])
    hunks = whole if harmless is not None else _that_runs(whole)
    removed = [line for h in hunks for line in h.removed]
    added = [line for h in hunks for line in h.added]
    before, after = terms("\n".join(removed), code=True), terms("\n".join(added), code=True)
    around = terms("\n".join(line for h in hunks for line in h.context), code=True)
    return Change(
        commit=commit,
        hunks=hunks,
        introduced=_minus(after, before),
        gone=_minus(before, after),
        around=_plus(around, _both(before, after)),
        keys=_keys(hunks),
        about=_about(hunks),
        harmless=harmless,
        manifest=any(_MANIFEST.search(f) for f in files),
        config=any(_CONFIG.search(f) for f in files),
        sql=any(_SQL.search(f) for f in files),
        unread=not removed and not added,
    )


def _that_runs(hunks: tuple[Hunk, ...]) -> tuple[Hunk, ...]:
    """The hunks without lines of comment: these change nothing, so that nobody can talk a commit in by writing one."""
    told = (
        replace(
            h,
            removed=tuple(x for x in h.removed if not _COMMENT.match(x)),
            added=tuple(x for x in h.added if not _COMMENT.match(x)),
        )
        for h in hunks
    )
    return tuple(h for h in told if h.removed or h.added)


def _minus(a: Terms, b: Terms) -> Terms:
    return Terms(a.quoted - b.quoted, a.named - b.named, a.numbers - b.numbers, a.words - b.words, a.idents - b.idents)


def _both(a: Terms, b: Terms) -> Terms:
    return Terms(a.quoted & b.quoted, a.named & b.named, a.numbers & b.numbers, a.words & b.words, a.idents & b.idents)


def _plus(a: Terms, b: Terms) -> Terms:
    return Terms(a.quoted | b.quoted, a.named | b.named, a.numbers | b.numbers, a.words | b.words, a.idents | b.idents)


def defined_in(text: str) -> frozenset[str]:
    """Names of functions that a line of code defines."""
    return frozenset(name for m in _DEFINES.finditer(text) for name in m.groups() if name and name not in _CONTROL)


def _hunks(commit: CommitFacts) -> tuple[Hunk, ...]:
    file = commit.files[0] if commit.files else ""
    out: list[Hunk] = []
    current: dict[str, list[str]] = {"-": [], "+": [], " ": []}
    old = new = None
    heading = ""

    def flush() -> None:
        if not (current["-"] or current["+"]):
            for lines in current.values():
                lines.clear()
            return
        named = defined_in(heading)
        body = frozenset().union(*(defined_in(line) for lines in current.values() for line in lines))
        out.append(
            Hunk(
                file, old, new, named | body, tuple(current["-"]), tuple(current["+"]), tuple(current[" "]), bool(named)
            )
        )
        for lines in current.values():
            lines.clear()

    for raw in clean(commit.diff).split("\n")[:MAX_LINES]:
        if (m := _FILE.match(raw)) is not None:
            flush()
            name = m[1] or m[2]
            if name != "/dev/null":
                file = name
            old = new = None
            heading = ""
        elif raw.startswith(
            (
                "--- ",
                "index ",
                "new file",
                "deleted file",
                "similarity ",
                "rename ",
                "old mode",
                "new mode",
                "Binary ",
                "\\ No newline",
            )
        ):
            continue
        elif (m := _HUNK.match(raw)) is not None:
            flush()
            old = (int(m[1]), int(m[1]) + int(m[2] or 1)) if m[1] else None
            new = (int(m[3]), int(m[3]) + int(m[4] or 1)) if m[3] else None
            heading = (m[5] or "") if (m[5] or "").find("@@") < 0 else ""
        elif raw[:1] in current:
            current[raw[0]].append(raw[1:])
        elif raw:
            current[" "].append(raw)
    flush()
    return tuple(out)


_HUMP = re.compile(r"[a-z][A-Z]|[A-Za-z0-9]_[A-Za-z0-9]")
_VALUE = re.compile(r"^(.*?[\w\])>\"'])\s*(?:=>|:=|[=:@>,]|\bv?\d|\s)")


def _keys(hunks: tuple[Hunk, ...]) -> frozenset[str]:
    """What a changed value belongs to: words that both sides of a replaced line have in common."""
    found: set[str] = set()
    for h in hunks:
        for old, new in zip(h.removed, h.added, strict=False):
            if old.strip() == new.strip():
                continue
            a, b = terms(old, code=True), terms(new, code=True)
            first = _VALUE.match(old.strip())
            if first is not None and new.strip().startswith(first[1]):
                found |= a.words & b.words
                found |= {w.lower() for w in a.idents & b.idents}
    return frozenset(found)


def _about(hunks: tuple[Hunk, ...]) -> frozenset[str]:
    """Names of programs (`CityLookup`, `max_frame`) on both sides of lines that were replaced, lower case."""
    found: set[str] = set()
    for h in hunks:
        for old, new in zip(h.removed, h.added, strict=False):
            if old.strip() != new.strip():
                both = terms(old, code=True).whole() & terms(new, code=True).whole()
                found |= {w.lower() for w in both if len(w) >= 6 and _HUMP.search(w)}
    return frozenset(found)


def _harmless(files: tuple[str, ...], removed: list[str], added: list[str]) -> str | None:
    """Why a commit cannot change what the service does at run time, or None."""
    if files and all(is_docs(f) for f in files):
        return "changes only documentation or CI settings"
    if files and all(is_test(f) or is_docs(f) for f in files):
        return "changes only tests"
    if files and all(_LOOKS.search(f) for f in files):
        return "changes only style sheets"
    lines = [line for line in (*removed, *added) if line.strip()]
    if lines and all(_COMMENT.match(line) for line in lines):
        return "changes only comments"
    if lines and not removed and all(_LOGGING.match(line) or _COMMENT.match(line) for line in lines):
        return "only adds output to the log"
    before, after = ("".join("".join(x).split()) for x in (removed, added))
    if lines and before and before == after:
        return "changes only white space"
    return None
