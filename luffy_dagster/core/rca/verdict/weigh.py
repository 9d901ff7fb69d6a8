"""Weighing one commit: everything that links it to a failure, each link a reason with its quotes.

Belongs here: place, words, mechanism and history of one commit. Does not belong here: who is named in the end (`judge`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from luffy_dagster.core.rca.verdict.changes import Change, is_docs, is_test
from luffy_dagster.core.rca.verdict.mechanisms import DIRECT, direct, gone_definitions, matches
from luffy_dagster.core.rca.verdict.reading import Reading, parts, telling_literal
from luffy_dagster.core.rca.verdict.values import Case, Place, Ranked, Reason

_PLACE = (3.0, 2.4, 1.8, 1.3)  # a changed file that the failure names, by rank of the frame
RAN_LONG = timedelta(hours=2)  # a commit that ran so long without failing so is hardly the cause
STALE = timedelta(days=14)  # a commit so old is no news, where nothing is known of when it began to run
# Reasons begin with a verb, the commit is their subject: "changes …", "names …".
TOUCHES = "touches what fails: "
IN_PLACE = "changes the failing "
WROTE = "wrote the line that failed"
NAMES = "names "
AS_THE_LOG = ", as the log does"


def rarity_of(changes: Iterable[Change]) -> Counter[str]:
    """In how many commits' changed lines a term occurs."""
    counted: Counter[str] = Counter()
    for change in changes:
        own = change.introduced.whole() | change.gone.whole() | change.introduced.words | change.gone.words
        counted.update({t.lower() for t in own})
    return counted


def weigh(case: Case, change: Change, reading: Reading, rarity: Counter[str]) -> Ranked:
    """One commit with its weight and reasons, or with the reason why it cannot be."""
    commit = change.commit
    if commit.at > case.start:
        return Ranked(commit, 0.0, (), f"committed {span(commit.at - case.start)} after the failure began")
    if commit.excluded is not None:
        return Ranked(commit, 0.0, (), commit.excluded)
    reasons: list[Reason] = []
    place, elsewhere = _place(change, reading)
    reasons += place
    words = _words(change, reading, rarity, case.service)
    reasons += words
    reasons += _own_setting(change, case.service, reading)
    printed = _printed(change, reading)
    if printed is not None:
        reasons.append(printed)
    linked = sum(r.weight for r in reasons)
    pair = direct(_lines(reading), change)
    if pair is not None:
        reasons.append(Reason(f"{TOUCHES}{pair.name}", pair.weight, pair.log, pair.code))
    elif linked > 0:
        found = matches(_lines(reading), change)
        if found:
            best = found[0]
            more = 0.5 if len([m for m in found if m.weight == best.weight]) > 1 else 0.0
            reasons.append(Reason(f"{TOUCHES}{best.name}", best.weight + more, best.log, best.code))
    named = sum(r.weight for r in words)
    if (
        named
        and not place
        and not commit.prior
        and (change.config or change.manifest or change.sql)
        and len(reasons) > len(words)
    ):
        reasons.append(
            Reason("changes a setting, schema or dependency that the failure names", 1.5, words[0].log, words[0].code)
        )
    if commit.prior > 0:
        reasons.append(
            Reason(
                f"is suspect by history: {'; '.join(commit.prior_reasons[:2]) or 'blame'}", round(2.5 * commit.prior, 2)
            )
        )
    weight = sum(r.weight for r in reasons)
    if change.harmless is not None:
        return Ranked(commit, round(weight * 0.2, 2), tuple(reasons), change.harmless)
    old = _ran_before(case, change)
    if old is not None and weight > 0:
        return Ranked(commit, round(weight * 0.4, 2), tuple(reasons), old)
    if elsewhere and not named and printed is None and commit.prior < 0.6:
        return Ranked(commit, round(max(weight - 2.5, 0.0), 2), tuple(reasons), elsewhere)
    if elsewhere:
        reasons.append(Reason(elsewhere, -1.5))
        weight -= 1.5
    return Ranked(commit, round(weight, 2), tuple(reasons))


def _ran_before(case: Case, change: Change) -> str | None:
    """Why a commit is too old to explain that it fails only now, or None."""
    commit = change.commit
    if commit.ran_before is not None and commit.ran_before >= RAN_LONG:
        return f"it had run for {span(commit.ran_before)} before this first failed"
    age = case.start - commit.at
    if commit.ran_before is None and age >= STALE:
        return f"it is {span(age)} older than the first failure, and no release is known that brought it just then"
    return None


def _lines(reading: Reading) -> list[str]:
    return [line.text for line in reading.lines if line.used and line.raw == line.text]


def _own_setting(change: Change, service: str, reading: Reading) -> list[Reason]:
    """A small reason: the change is to this service's own deployment or settings, whose limits the failure speaks of."""
    if not change.config or change.harmless or len(service) < 3:
        return []
    own = [f for f in change.files if service.lower() in f.lower()]
    limit = reading.quote_with("limit") or reading.quote_with("OOMKilled") or reading.quote_with("exceeded")
    return (
        [Reason(f"changes this service's own settings (`{own[0]}`)", 1.0, limit, change.first_line())]
        if own and limit
        else []
    )


def _place(change: Change, reading: Reading) -> tuple[list[Reason], str | None]:
    """Reasons of place; and why the change lies elsewhere in the file, where every hunk says so."""
    best: tuple[float, Place, str] | None = None
    for place in reading.places:
        for file in change.files:
            share = same_file(place.file, file)
            weight = share * _PLACE[min(place.rank, len(_PLACE) - 1)]
            if share > 0 and (best is None or weight > best[0]):
                best = (weight, place, file)
    if best is None:
        return [], None
    weight, place, file = best
    if is_test(file) or is_docs(file):
        return [], None
    log = _quote_place(reading, place)
    there = f" (line {place.line})" if place.line else ""
    reasons = [Reason(f"changes `{file}`, where this failed{there}", weight, log, change.first_line())]
    here = [p for p in reading.places if same_file(p.file, file) > 0]
    functions = {_bare(p.function) for p in here if p.function} - {""}
    lines = [p.line for p in here if p.line]
    own = [h for h in change.hunks if not h.file or same_file(h.file, file) == 1.0 or h.file == file]
    inside = [h for h in own if functions & {_bare(f) for f in h.functions}]
    near = [h for h in own if h.new and any(h.new[0] - 3 <= n <= h.new[1] + 3 for n in lines)]
    said = [] if functions else [(h, f) for h in own for f in sorted(h.functions) if _calls(reading, f)]
    if inside or near or said:
        hunk = (inside or near or [h for h, _ in said])[0]
        code = _first_changed(hunk.removed, hunk.added)
        named = min(functions & {_bare(f) for f in hunk.functions}) if inside else said[0][1] if not near else None
        reasons.append(
            Reason(f"{IN_PLACE}{f'function `{named}`' if named else 'line'}", 2.0 if inside else 1.6, log, code)
        )
        return reasons, None
    other = (
        own
        and not any(_sets_up(f) for h in own for f in h.functions)
        and all(h.heading or (h.functions and not h.new) or (h.new and lines) for h in own)
        and (functions or all(h.new for h in own))
    )
    if other and (functions or lines):
        where = sorted({f for h in own for f in h.functions})
        failed = f"`{min(functions)}`" if functions else f"line {lines[0]}"
        lies = f"in `{where[0]}`" if where else "elsewhere in the file"
        return reasons, f"changes `{file}` {lies}, while {failed} failed"
    return reasons, None


def _calls(reading: Reading, function: str) -> bool:
    """Whether the lines name a function as one: behind a dot, colons or an arrow, in quotes, or with a parenthesis."""
    name = re.escape(_bare(function))
    if len(name) < 3:
        return False
    return bool(
        re.search(rf"(?:(?:\w[.#]|::|->)|['\"`]){name}\b(?!\.\w)|(?<![\w/.-]){name}\(", reading.text, re.IGNORECASE)
    )


_SETS_UP = (
    "new",
    "init",
    "setup",
    "set_up",
    "configure",
    "build",
    "create",
    "make",
    "constructor",
    "__init__",
    "initialize",
    "register",
    "main",
    "load",
    "default",
    "bootstrap",
    "connect",
)


def _sets_up(function: str) -> bool:
    """Whether a function prepares what others use: a fault in it shows elsewhere."""
    return _bare(function).startswith(_SETS_UP)


def _bare(function: str | None) -> str:
    """`(*Shelf).Next(…)`, `Shelf.next`, `<module>` → next."""
    if not function:
        return ""
    name = function.split("(0x")[0].rstrip("().…*").replace("::", ".").rsplit(".", 1)[-1]
    return name.strip("<>()*").lower()


def _quote_place(reading: Reading, place: Place) -> str | None:
    base = place.file.rsplit("/", 1)[-1]
    return (reading.quote_with(f"{base}:{place.line}") if place.line else None) or reading.quote_with(base)


def _first_changed(removed: Sequence[str], added: Sequence[str]) -> str | None:
    for sign, lines in (("-", removed), ("+", added)):
        for line in lines:
            if line.strip():
                return f"{sign}{line}"
    return None


_COMPILED = {
    "cc": {"h", "hh", "hpp"},
    "cpp": {"h", "hpp"},
    "c": {"h"},
    "js": {"ts", "tsx", "jsx", "js", "mjs", "cjs", "vue"},
    "mjs": {"ts", "mts", "js"},
    "cjs": {"ts", "js"},
    "class": {"java", "kt", "scala"},
    "pyc": {"py"},
}
_BUILT = frozenset(
    {
        "dist",
        "build",
        "out",
        "lib",
        "target",
        "src",
        "app",
        "srv",
        "opt",
        "usr",
        "home",
        "main",
        "java",
        "kotlin",
        "python",
        "code",
        "workspace",
        "bin",
        ".",
    }
)


def same_file(failed: str, changed: str) -> float:
    """How sure it is that two paths mean one file: 0 to 1. Roots of containers and builds do not count."""
    a, b = (p.replace("\\", "/").removeprefix("webpack://").lstrip("./") for p in (failed, changed))
    name_a, name_b = a.rsplit("/", 1)[-1], b.rsplit("/", 1)[-1]
    stem_a, _, ext_a = name_a.rpartition(".")
    stem_b, _, ext_b = name_b.rpartition(".")
    if stem_a.lower() != stem_b.lower() or not stem_a:
        return 0.0
    if ext_a != ext_b and ext_b not in _COMPILED.get(ext_a, ()):
        return 0.0
    up_a = [p for p in a.split("/")[:-1] if p.lower() not in _BUILT]
    up_b = [p for p in b.split("/")[:-1] if p.lower() not in _BUILT]
    if not up_a or not up_b:
        return 0.6 if stem_a.lower() in {"index", "main", "app", "utils", "__init__", "mod"} else 1.0
    if up_a[-1] == up_b[-1]:
        return 1.0
    return 0.3 if set(up_a) & set(up_b) else 0.0


def _words(change: Change, reading: Reading, rarity: Counter[str], service: str) -> list[Reason]:
    """Reasons of words: what the change brings in or takes away, and the failure names."""
    own_name = {service.lower(), *parts(service)}
    touched = {t.lower(): t for t in change.introduced.whole() | change.gone.whole()}
    plain = change.introduced.words | change.gone.words | change.keys
    idents = {w.lower() for w in change.introduced.idents | change.gone.idents}
    found: dict[str, tuple[float, str, str]] = {}
    shown: dict[str, str] = {}

    def add(word: str, weight: float, said: str) -> None:
        low = word.lower()
        if low in own_name or rarity[low] > 2:
            return
        code, log = change.quote(word), reading.quote_with(said)
        if code is not None and log is not None and weight > found.get(low, (0.0, "", ""))[0]:
            found[low] = (weight, log, code)
            shown[low] = said if said.lower() == low else word

    changed = [line for h in change.hunks for line in (*h.removed, *h.added)]
    for said in reading.terms.quoted:
        low = said.lower()
        if low in touched or (len(said) >= 5 and low in own_lines(change)):
            add(touched.get(low, said), 2.2, said)
            continue
        for piece in {*said.split("."), *said.split("/"), *said.split()}:
            if (
                len(piece) >= 4
                and (piece.lower() in plain or piece.lower() in touched or piece.lower() in idents)
                and piece.lower() not in own_name
            ):
                add(piece, 1.4, said)
    for said in reading.terms.named:
        low = said.lower()
        if low in touched:
            add(touched[low], 1.8, said)
        elif low in change.keys and _is_name(said):
            add(said, 1.8, said)
        elif low in change.about:
            add(said, 1.0, said)
    for number in reading.terms.numbers:
        if (
            len(number) >= 2
            and number in (change.introduced.numbers | change.gone.numbers)
            and any(number in c for c in changed)
        ):
            add(number, 1.0, number)
    for literal in change.introduced.quoted | change.gone.quoted:
        if (
            len(literal) >= 3
            and telling_literal(literal)
            and re.search(rf"(?<![\w]){re.escape(literal)}(?![\w])", reading.text)
        ):
            add(literal, 1.8, literal)
    for name in reading.wanted & reading.terms.quoted & (change.introduced.idents | change.introduced.quoted):
        add(name, 4.25, name)
    for old, new in _moved_values(change):
        if _says(reading, old) and _says(reading, new):
            add(new, 2.5, new)
    gone = change.gone.idents | change.gone.whole() | change.gone.quoted
    drops = "\n".join(line for line in change.added() if _DROPS.search(line))
    for name in reading.wanted:
        if (
            name in gone
            or (
                name.isupper()
                and any(re.search(rf"\b{re.escape(name)}\b", x) for x in change.removed())
                and not any(re.search(rf"\b{re.escape(name)}\b", x) for x in change.added())
            )
            or (drops and re.search(rf"\b{re.escape(name)}\b", drops))
        ):
            add(name, DIRECT, name)
    for name in gone_definitions(change):
        if len(name) > 3 and reading.quote_with(name) is not None:
            add(name, 2.4, name)
    shared = sorted(
        w
        for w in plain & reading.terms.words
        if w not in own_name and rarity[w] <= 1 and w not in {p for f in found for p in parts(f)}
    )
    for word in shared[:4]:
        code, log = change.quote(word), reading.quote_with(word)
        if code is not None and log is not None:
            found.setdefault(word, (0.5, log, code))
    out = []
    left = 4.5
    for word, (weight, log, code) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        given = min(weight, left)
        if given <= 0:
            break
        left -= given
        what = (
            f"takes away `{shown.get(word, word)}`, which the failure misses"
            if weight >= DIRECT
            else f"brings in `{shown.get(word, word)}`, which the failure does not know"
            if weight == 4.25
            else f"{NAMES}`{shown.get(word, word)}`{AS_THE_LOG}"
        )
        out.append(Reason(what, round(given, 2), log, code))
    return out


def _is_name(word: str) -> bool:
    """Whether a word is a name of a program (`kMaxFrame`, `max_frame`) rather than one of a language."""
    return len(word) >= 5 and any(c.isupper() or c == "_" for c in word[1:])


def _says(reading: Reading, value: str) -> bool:
    return bool(re.search(rf"(?<![\w.]){re.escape(value)}(?![\w])", reading.text))


def _moved_values(change: Change) -> list[tuple[str, str]]:
    """Old and new value of lines that differ in one value alone (a port, a name, a limit)."""
    out = []
    for h in change.hunks:
        for old, new in zip(h.removed, h.added, strict=False):
            a, b = (re.findall(r"[\w.-]+", x) for x in (old, new))
            if len(a) == len(b):
                differ = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
                if len(differ) == 1 and all(len(v) >= 2 for v in differ[0]):
                    out.append(differ[0])
    return out


_DROPS = re.compile(r"\b(?:drop|remove_?|delete_?|rename_?|unset|revoke|disable)", re.IGNORECASE)


def own_lines(change: Change) -> str:
    """All changed lines, lower case, as one text (to look a quoted text up)."""
    return "\n".join((*change.removed(), *change.added())).lower()


def _printed(change: Change, reading: Reading) -> Reason | None:
    """The trace prints a source line that the change wrote."""
    added = {line.strip(): line for line in change.added() if len(line.strip()) >= 12}
    for line in reading.lines:
        if line.used and (bare := line.text.strip()) in added:
            return Reason(WROTE, 3.0, line.raw.strip(), f"+{added[bare]}")
    for place in reading.places:
        if place.source and place.source.strip() in added:
            line_ = place.source.strip()
            return Reason(WROTE, 3.0, reading.quote_with(line_), f"+{added[line_]}")
    return None


def span(delta: timedelta) -> str:
    """A length of time in one unit."""
    seconds = int(abs(delta.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds} s"
