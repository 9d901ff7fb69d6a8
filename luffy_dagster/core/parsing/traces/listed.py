"""Traces as plain lists of frames behind one message: Go, Ruby, PHP, Rust, Dart, Elixir and Erlang, Swift.

One `Reader` per language says what its frames and its heads look like; the walk over the lines is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from luffy_dagster.core.parsing.traces.model import RawFrame, Trace, TracedException, bounded

Head = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Reader:
    """How one language prints: `frame` reads a line (and the next), `head` the lines above the first frame."""

    frame: Callable[[str, str], RawFrame | None]
    head: Callable[[str], Head | None]
    reverse: bool = False
    single: bool = False  # frames after a blank belong to other threads


def _number(text: str | None) -> int | None:
    return int(text) if text else None


_GO_CALL = re.compile(
    r"^(?:created by )?([\w./~%-]*(?:\([^()]*\))?[\w.·/*()\[\]{}-]+?)(?:\((?:[^()]|\([^()]*\))*\))?(?: in goroutine \d+)?\s*$"
)
_GO_FILE = re.compile(r"^\s+(\S.{0,400}?\.(?:go|s|c)):(\d+)")


def _go_frame(line: str, after: str) -> RawFrame | None:
    place = _GO_FILE.match(after)
    call = _GO_CALL.match(line) if place else None
    if not place or not call:
        return None
    name = re.sub(r"\([^()*]*\)$", "", call[1])
    module, _, function = name.rpartition("/")
    package, _, function = function.partition(".")
    return RawFrame(function or package, place[1], int(place[2]), f"{module}/{package}" if module else package)


def _go_head(line: str) -> Head | None:
    match = re.match(r"^\s*(panic|fatal error|unexpected fault address|SIG[A-Z]+): ?(.*)", line)
    if not match:
        return None
    message = re.sub(r"\s*\[recovered.*\]$", "", match[2])
    typed = re.match(r"^([\w/]+\.[\w.*]+)\((.*)\)$", message)
    if typed:
        return typed[1], typed[2]
    if message.startswith("runtime error: "):
        return "runtime error", message.removeprefix("runtime error: ")
    return match[1], message


_RUBY_FRAME = re.compile(
    r"^\s*(?:from )?(?:([\w-]+) \([\d.a-z]+\) )?([^\s:(][^:(]{0,300}):(\d+)(?::in [`'](.{1,200}?)')?(?::? .*)?\s*$"
)
_RUBY_FIRST = re.compile(r"^(\S{1,300}):(\d+):in [`'](.{1,200}?)': (.*?)(?: \(([A-Z][\w:]*)\))?$")


def _ruby_frame(line: str, after: str) -> RawFrame | None:
    del after
    if not re.search(r"\.(?:rb|erb|haml|slim|rake|ru):\d|:in [`']", line):
        return None
    match = _RUBY_FRAME.match(line)
    return RawFrame(match[4], match[2], int(match[3]), match[1]) if match else None


def _ruby_head(line: str) -> Head | None:
    first = _RUBY_FIRST.match(line)
    if first:
        return first[5], first[4]
    match = re.match(r"^\s*((?:[A-Z]\w*::)*[A-Z]\w*) \((.*)\):?\s*$", line) or re.match(
        r"^\s*((?:[A-Z]\w*::)*[A-Z]\w*): (.*)$", line
    )
    return (match[1], match[2]) if match else None


_PHP_FRAME = re.compile(
    r"^\s*#\d+ +(?:(\{main\})|(\[internal function\]|.{1,300}?)(?:\((\d+)\))?: (.{1,300}?)(?:\(.*)?)\s*$"
)


def _php_frame(line: str, after: str) -> RawFrame | None:
    del after
    match = _PHP_FRAME.match(line)
    if not match:
        return None
    return RawFrame(match[1] or match[4], match[2], _number(match[3]))


def _php_head(line: str) -> Head | None:
    match = re.search(r"Uncaught exception '([\w\\]+)' with message '(.*)' in (?:.*?):\d+", line)
    match = match or re.search(
        r"(?:Uncaught |^Next |^\[object\] \()([\w\\]+): (.*?)(?: in \S.*?(?::\d+| on line \d+))?$", line
    )
    match = match or re.match(r"^(?:.*? )?([A-Z][\w\\]*(?:Exception|Error)): (.*?)(?: in \S+?:\d+)?$", line)
    return (match[1], match[2]) if match else None


_RUST_NAME = re.compile(r"^\s+\d+: +(?:0x[0-9a-f]+ - )?(.{1,400}?)\s*$")
_RUST_PLACE = re.compile(r"^\s+at (.{1,300}?):(\d+)(?::\d+)?")


def _rust_frame(line: str, after: str) -> RawFrame | None:
    match = _RUST_NAME.match(line)
    if not match:
        return None
    place = _RUST_PLACE.match(after)
    return RawFrame(
        re.sub(r"::h[0-9a-f]{16}$", "", match[1]), place[1] if place else None, int(place[2]) if place else None
    )


def _rust_head(line: str) -> Head | None:
    match = re.match(r"^thread '([^']*)'(?: \(\d+\))? panicked at (?:'(.*)', )?(\S.*?):(\d+)(?::\d+)?:?\s*$", line)
    return ("panic", match[2] or "") if match else None


_DART_FRAME = re.compile(r"^\s*#\d+ +(.{1,300}?) \((.{1,300}?)(?::(\d+))?(?::\d+)?\)\s*$")


def _dart_frame(line: str, after: str) -> RawFrame | None:
    del after
    match = _DART_FRAME.match(line)
    return RawFrame(match[1], match[2], _number(match[3])) if match else None


def _dart_head(line: str) -> Head | None:
    match = re.match(r"^(?:\[ERROR:.{0,120}?\] )?Unhandled [Ee]xception:\s*(.*)$", line)
    return ("", match[1]) if match else None


_BEAM_FRAME = re.compile(
    r"^\s+(?:\((\w+)(?: [\w.+-]+)?\) )?(?:([\w./-]+\.(?:ex|exs|erl|eex|heex|leex)):(\d+): )?([\w.:&/!?<>\"-]+/\d+(?:-fun-\d+-)?.*?)\s*$"
)


def _beam_frame(line: str, after: str) -> RawFrame | None:
    del after
    match = _BEAM_FRAME.match(line)
    if not match or not (match[1] or match[2]):
        return None
    return RawFrame(re.split(r"[( ]", match[4])[0], match[2], _number(match[3]), match[1])


def _beam_head(line: str) -> Head | None:
    match = re.search(r"\*\* \(([A-Za-z][\w.]*)\) ?(.*)$", line)
    return (match[1], match[2]) if match else None


_SWIFT_FRAME = re.compile(r"^\s*\d{1,3}\s+(\S.{0,60}?)\s+0x[0-9a-f]{8,16} (.+?) \+ \d+(?: \((.+?):(\d+)\))?\s*$")


# Since Swift 5.9: `0 0x55d0 Cart.total(of:) + 318 in App at /app/Cart.swift:42:21`.
_SWIFT_PLACED = re.compile(
    r"^\s*\d{1,3} (?:\[[a-z]{1,12}\] ){0,3}(?:0x[0-9a-f]{8,16} )?(\S.{0,300}?)(?: \+ \d+)? in (\S{1,80}) at (\S.{0,300}?)(?::(\d+))?(?::\d+)?\s*$"
)


def _swift_frame(line: str, after: str) -> RawFrame | None:
    del after
    match = _SWIFT_FRAME.match(line)
    if match:
        return RawFrame(match[2], match[3], _number(match[4]), match[1])
    match = _SWIFT_PLACED.match(line)
    return RawFrame(match[1], match[3], _number(match[4]), match[2]) if match else None


def _swift_head(line: str) -> Head | None:
    match = re.match(r"^(?:(\S+\.swift):\d+: )?(Fatal error)(?:: (.*?))?(?:: file .*)?$", line)
    match = match or re.match(r"^()\S{1,4} (Program crashed): (.*)$", line)
    match = match or re.match(r"^()(Exception Type|Terminating app due to uncaught exception)[: ]+(.*)$", line)
    return (match[2], match[3] or "") if match else None


READERS = {
    "go": Reader(_go_frame, _go_head, single=True),
    "ruby": Reader(_ruby_frame, _ruby_head),
    "php": Reader(_php_frame, _php_head),
    "rust": Reader(_rust_frame, _rust_head),
    "dart": Reader(_dart_frame, _dart_head),
    "elixir": Reader(_beam_frame, _beam_head),
    "swift": Reader(_swift_frame, _swift_head),
}
_OPTIONAL_FRAMES = frozenset(("rust", "elixir", "swift", "php"))  # a head alone is a crash
_LABEL = re.compile(r"^([A-Za-z_][\w.$]*)(?: \([^)]*\))?(?:: (.*))?$", re.DOTALL)


def read(lines: list[str], language: str) -> Trace | None:
    """The trace in `lines`, read as `language`; None when there is neither a frame nor, where that is enough, a head."""
    reader = READERS[language]
    type_: str | None = None
    message: list[str] = []
    heads: list[tuple[str | None, str, list[RawFrame]]] = []
    frames: list[RawFrame] = []
    first, last, headed = -1, -1, False
    for row, line in enumerate(lines):
        after = lines[row + 1] if row + 1 < len(lines) else ""
        head = reader.head(line)
        frame = reader.frame(line, after)
        if head is not None and (not headed or language in ("php", "go") or not frames):
            if headed and language == "php":
                heads.append((type_, "\n".join(message), frames))
                frames = []
            if not (headed and language == "go"):
                type_, message = head[0], [head[1]] if head[1] else []
            headed, last = True, row
            first = row if first < 0 else first
        elif frame is not None:
            first = row if first < 0 else first
            last = row
        elif headed and not frames and line.strip() and len(message) < 30 and not _NOISE.match(line):
            message.append(line.rstrip())
        elif not headed and not frames and line.strip():
            message = [line.strip()]
        if frame is not None and not (reader.single and frames and _second_thread(lines, row, frames)):
            frames.append(frame)
            last = row + 1 if language in ("go", "rust") else row
        if reader.single and frames and not line.strip():
            break
    if not frames and not heads and not (headed and language in _OPTIONAL_FRAMES):
        return None
    text = "\n".join(message).strip()
    if not type_ and language in ("dart", "php", "ruby", "swift"):
        match = _LABEL.match(text)
        if match and (match[2] is not None or re.search(r"(?:Exception|Error)$", match[1])):
            type_, text = match[1], match[2] or ""
    heads.append((type_ or None, text, frames))
    chain = tuple(TracedException(t, m, bounded(f), "" if i == 0 else "cause") for i, (t, m, f) in enumerate(heads))
    if language == "php" and len(chain) > 1:  # "Next": the last is the outermost
        return Trace(language, chain, first, last, len(chain) - 1, 0)
    return Trace(language, chain, first, last)


_NOISE = re.compile(r"^(?:goroutine \d|\[signal|stack backtrace|Stack trace|note: |\s*\^|\*\*\*|pid:|isolate|build_id)")


def _second_thread(lines: list[str], row: int, frames: list[RawFrame]) -> bool:
    """Whether a frame comes after the blank line that ends the first goroutine."""
    return bool(frames) and row > 0 and not lines[row - 1].strip()
