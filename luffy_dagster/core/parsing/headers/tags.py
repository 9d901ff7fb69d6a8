"""Names at the end of a header: before a colon, a dash, with the host of a syslog before them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from luffy_dagster.core.parsing.headers import lexis
from luffy_dagster.core.parsing.headers.heap import ALL, MOST, NEARLY_ALL, Heap
from luffy_dagster.core.parsing.headers.looks import best, few, independent, roles_of
from luffy_dagster.core.parsing.levels import WORDS

_HOST = "[^ \\t\\n:\\[\\]]+[ \\t]+"
_MARKED = re.compile(f" {lexis.MARKS} $")
_END = "(?=:(?:[ \\t]|$))"
_NAME_PLAIN = "(@N[^ \\t\\n:\\[\"'=]+)"
_NAME_COLONS = "(@N(?:[^ \\t\\n:\\[\"'=]|:+[^ \\t\\n:\\[])+)"
_NAME_WORDS = "(@N(?:[^ \\t\\n:\\[]|[ \\t][^ \\t\\n:\\[]){1,60})"
_PID_ANY = "(?:[ \\t]*\\( *[0-9]+\\))?(?:\\[(@P[^\\]\\n]{0,24})\\])?(?: \\([^()\\n]{0,80}(?:\\([^()\\n]*\\)[^()\\n]*)?\\))?[ \\t]*"
_PIDS = (
    "",
    "[ \\t]*",
    "(?:\\[(@P[^\\]\\n]{0,24})\\])?",
    _PID_ANY,
)  # what may stand behind a tag's name, the simplest first
_LETTERED = re.compile("[VDIWEF]/[A-Za-z]")
_NAME = re.compile(r"[A-Za-z0-9_$@/.+*-]*(?:[._$/@#-]|[a-z0-9][A-Z]|[0-9]|\[|\()")


def try_tag(heap: Heap, separator: str, closed: bool) -> bool:
    """A name before a colon; in a syslog's place with the host before it."""
    since = heap.last == "bracket" and not heap.time and not heap.level and len(heap.marks) == 1  # seconds since start
    syslog = since or (heap.time and not heap.level and heap.last in ("time", "column"))
    names: tuple[str, ...] = (_NAME_PLAIN, _NAME_COLONS)
    bare = [heap.match(_bare(name + _PID_ANY) + _END)[1] for name in names]
    if syslog and max(bare) < MOST:
        names = (*names, _NAME_WORDS)
        host = [heap.match(_HOST + _bare(name + _PID_ANY) + _END)[1] for name in names]
        if max(host) < MOST:
            return False
        ends, _, matches = heap.match(_HOST + _bare(best(names, host) + _PID_ANY) + _END)
        if not _hosts([m.group().split()[0] for m in matches]):
            return False
        pick = _leanest(heap, _HOST, best(names, host), _PIDS[2:])
        expression = f"({heap.role('host')}[^ \\t\\n:\\[\\]]+)[ \\t]+"
        if all(_LETTERED.match(m.group().split()[1]) is not None for m in matches):  # Android Studio's, a process first
            expression += f"({heap.role('level')}[VDIWEF])/"
            heap.level = True
        expression += _tag_roles(heap, pick)
        ends, share, _ = heap.match(expression + _END)
        heap.tagged = share >= MOST and heap.take(separator, expression, ends, "tag", "", closed)
        return heap.tagged
    if max(bare) < MOST and heap.level and len(heap.lines) >= 4:
        return try_worded_tag(heap, separator, closed)
    if max(bare) < MOST:
        return False
    name = best(names, bare)
    if not _tags([m.group() for m in heap.match(_bare(name + _PID_ANY) + _END)[2]]):
        return False
    pick = _leanest(heap, "", name, _PIDS if heap.level else _PIDS[2:])
    ends, share, _ = heap.match(_bare(pick) + _END)
    heap.tagged = share >= MOST and heap.take(separator, _tag_roles(heap, pick), ends, "tag", "", closed)
    return heap.tagged


def try_tag_level(heap: Heap, separator: str, closed: bool) -> bool:
    """A program, its process and the level before the colon, as Apple's syslog writes it (`mac Mail[412] <Error>: `)."""
    if heap.level or not heap.time:
        return False
    ends, share, matches = heap.match("[^ \\t\\n:\\[\\]]+ [^\\[\\]\\n:]{1,60}\\[[0-9]+\\] <[A-Z][a-z]{2,12}>" + _END)
    if share < MOST or not all(m.group().rsplit("<", 1)[1].rstrip(">").lower() in WORDS for m in matches):
        return False
    host, name, process, level = (heap.role(role) for role in ("host", "logger", "process", "level"))
    expression = f"({host}[^ \\t\\n:\\[\\]]+) ({name}[^\\[\\]\\n:]{{1,60}})\\[({process}[0-9]+)\\] <({level}[A-Za-z]+)>"
    heap.level = heap.tagged = heap.take(separator, expression, ends, "tag", "", closed)
    return heap.tagged


def try_mnemonic(heap: Heap, separator: str, closed: bool) -> bool:
    """Cisco's mnemonic, which holds the severity (`%LINK-3-UPDOWN: `), perhaps with the host before it."""
    if heap.level or not heap.time:
        return False
    mark = "%[A-Z0-9_]+(?:-[A-Z0-9_]+)*?(@L-[0-7]-)[A-Z0-9_]+(?=:[ \\t])"
    for before in ("", _HOST, _HOST + ":[ \\t]+"):
        ends, share, _ = heap.match(before + mark.replace("@L", "?:"))
        if share >= MOST:
            expression = before.replace(_HOST, f"({heap.role('host')}[^ \\t\\n:\\[\\]]+)[ \\t]+") if before else ""
            expression += mark.replace("(@L", f"({heap.role('level')}").replace("(?=:[ \\t])", "")
            heap.level = heap.tagged = heap.take(separator, expression, ends, "tag", "", closed)
            return heap.level
    return False


def try_event_host(heap: Heap, separator: str, closed: bool) -> bool:
    """The host before an event in CEF or LEEF, which begin the message."""
    if not heap.time or heap.level:
        return False
    ends, share, _ = heap.match(_HOST + "(?=(?:CEF|LEEF):[0-9])")
    host = f"({heap.role('host')}[^ \\t\\n:\\[\\]]+)" if share >= MOST else ""
    return share >= MOST and heap.take(separator, host, [e - 1 if e > 0 else e for e in ends], "column", "", closed)


def try_bracketed_level(heap: Heap, separator: str, closed: bool) -> bool:
    """A name with the level in its bracket (`util.py[DEBUG]: `)."""
    if heap.level:
        return False
    name = "[^ \\t\\n:\\[\\]]{1,60}"
    ends, share, matches = heap.match(name + "\\[[A-Za-z]{3,13}\\](?=:)")
    if share < MOST or not all(m.group().rsplit("[", 1)[1][:-1].lower() in WORDS for m in matches):
        return False
    expression = f"({heap.role('logger')}{name})\\[({heap.role('level')}[A-Za-z]+)\\]"
    heap.level = heap.tagged = heap.take(separator, expression, ends, "tag", "", closed)
    return heap.tagged


def _leanest(heap: Heap, before: str, name: str, choices: Sequence[str]) -> str:
    """The tag with the simplest of the choices behind its name that loses no line: it is the cheapest to run."""
    shares = [heap.match(before + _bare(name + choice) + _END)[1] for choice in choices]
    return name + best(choices, shares)


def try_worded_tag(heap: Heap, separator: str, closed: bool) -> bool:
    """One and the same word before the tag on every line (`ERROR in app.views: …`)."""
    firsts = {heap.lines[i][at:].split(" ", 1)[0] for i, at in heap.alive()}
    word = firsts.pop() if len(firsts) == 1 else ""
    if not word.isalpha():
        return False
    tag = re.escape(word) + "[ \\t]+" + _NAME_PLAIN
    ends, share, matches = heap.match(_bare(tag) + _END)
    if share < NEARLY_ALL or not _tags([m.group().split(" ", 1)[1] for m in matches]):
        return False
    heap.tagged = heap.take(separator, _tag_roles(heap, tag), ends, "tag", "", closed)
    return heap.tagged


def _tag_roles(heap: Heap, tag: str) -> str:
    name, process = heap.role("logger"), heap.role("process")
    return tag.replace("@N", name).replace("@P", process)


def try_optional_tag(heap: Heap, separator: str, closed: bool) -> bool:
    """A class before a colon that part of the lines leave out."""
    if not heap.level:
        return False
    sides = heap.sides("[A-Za-z_$][A-Za-z0-9_$-]*(?:[.][A-Za-z0-9_$<>-]+)+: ")
    if sides is None or not independent(*sides.rests) or not few([m.group() for m in sides.matches]):
        return False
    heap.tagged = heap.take(
        separator, f"(?:({heap.role('logger')}[A-Za-z_$][A-Za-z0-9_$<>.-]*): )?", sides.ends, "tag", "", closed
    )
    return heap.tagged


def try_colon_name(heap: Heap, separator: str, closed: bool) -> bool:
    """`INFO:app.module:message`: names between colons without blanks."""
    if heap.gap != ":" or heap.last != "level":
        return False
    ends, share, _ = heap.match("[A-Za-z_][\\w.$-]*(?=:)")
    if share < ALL:
        return False
    heap.tagged = heap.take(separator, f"({heap.role('logger')}[A-Za-z_][A-Za-z0-9_.$-]*)", ends, "tag", "", closed)
    return heap.tagged


def try_dash(heap: Heap, separator: str, closed: bool) -> bool:
    """A name before a dash with blanks around it."""
    name = "[A-Za-z_$<][A-Za-z0-9_.$:<>/#@-]*"
    ends, share, matches = heap.match(name + f"(?=[ \\t]+{lexis.MARKS} )")
    general = heap.match(lexis.DASH.pattern)[1]
    if share >= NEARLY_ALL and share >= general - 0.002 and (heap.level or few([m.group() for m in matches])):
        return heap.take(separator, f"({heap.role('logger')}[^ \\t\\n]+)", ends, "dash", "", closed)
    _, share, matches = heap.match(lexis.DASH.pattern)
    if share < NEARLY_ALL:
        return False
    names = [_MARKED.sub("", m.group()) for m in matches]
    if any(" /" in name for name in names):
        return False  # a request ("GET /cart => …")
    words = [len(name.split()) for name in names]
    if sum(count <= 3 for count in words) < NEARLY_ALL * len(words):
        return False
    if sum(count == 1 for count in words) < 0.6 * len(words) and not few(names):
        return False
    body = "[^ \\t\\n]+(?: [^ \\t\\n-][^ \\t\\n]*){0,3}" if max(words) > 1 else "[^ \\t\\n]+"
    ends, share, _ = heap.match(body + f"(?=[ \\t]+{lexis.MARKS} )")
    if share < MOST:
        return False
    return heap.take(separator, f"({heap.role(*roles_of(names))}{body})", ends, "dash", "", closed)


def _bare(tag: str) -> str:
    return tag.replace("@N", "?:").replace("@P", "?:")


def _tags(texts: Sequence[str]) -> bool:
    """Whether names before a colon are names of programs or loggers and no words of a sentence."""
    if sum("[" in text for text in texts) >= 0.3 * len(texts) or few(texts):
        return True
    return sum(_NAME.match(text) is not None for text in texts) >= 0.6 * len(texts)


def _hosts(texts: Sequence[str]) -> bool:
    """Whether words can be host names: not a sentence's first words."""
    return few(texts) or sum(any(c.isdigit() or c in "-._/" for c in text) for text in texts) >= 0.6 * len(texts)
