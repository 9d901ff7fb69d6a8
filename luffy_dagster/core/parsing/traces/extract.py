"""From entries to exceptions: which entries hold a trace, what it says, and what names it.

Belongs here: the choice of the language's reader and the rows of EXCEPTIONS. Does not belong here: folding lines into
entries (`continuation`), what makes two exceptions the same (`core.clustering`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import lru_cache

import polars as pl

from luffy_dagster.core import schemas
from luffy_dagster.core.clustering import fingerprints  # the module: each of the two packages may be loaded first
from luffy_dagster.core.model import Frame
from luffy_dagster.core.parsing.traces import at_frames, listed, python
from luffy_dagster.core.parsing.traces.in_app import DEFAULT, InAppRules, is_in_app, is_test
from luffy_dagster.core.parsing.traces.kinds import NEEDLES
from luffy_dagster.core.parsing.traces.model import RawFrame, Trace, TracedException
from luffy_dagster.core.parsing.traces.text import unescape

MAX_LINES = 12_000  # lines of one text that are looked at
MAX_LINE = 2_000  # characters of a line that are looked at
MAX_TRACE = 65_536  # characters of `trace` that are kept
MAX_ROW_FRAMES = 200  # frames of `frames` that are kept
_FOUND = (
    "language",
    "type",
    "message",
    "root_type",
    "root_message",
    "culprit",
    "frames",
    "trace",
    "fingerprint",
    "levels",
)
# A trace needs several lines, real or escaped; and one of the signs.
_BREAK = ("\n", "\\n", "#012", " at ", "panicked at", "** (")
_SIGNS = (*NEEDLES, "\n#0 ", "\\n#0 ", "#0 ", ".rb:", ".go:", " at ", "panicked", ".erl:", ".ex:", " 0x")


def can_hold_trace(texts: pl.Series) -> pl.Series:
    """Whether each text may hold a trace (Boolean, False for null): a cheap test that passes too much rather than too little."""
    texts = texts.cast(pl.Utf8).fill_null("")
    broken = texts.str.contains("|".join(map(re.escape, _BREAK))).alias("can_hold_trace")
    rows = broken.arg_true()  # few, and only these are looked at again
    return broken.scatter(rows, texts.gather(rows).str.contains_any(list(_SIGNS))) if len(rows) else broken


def parse_trace(text: str) -> Trace | None:
    """The first trace in `text` (one exception with its chain), or None. Frames are as printed, innermost first."""
    return _first_trace(unescape(text))


def _first_trace(text: str) -> Trace | None:
    lines = [line[:MAX_LINE].rstrip("\r") for line in text.split("\n", MAX_LINES)[:MAX_LINES]]
    votes: Counter[str] = Counter()
    for row, line in enumerate(lines):
        language = _vote(line, lines[row + 1] if row + 1 < len(lines) else "")
        if language:
            votes[language] += 1
            if votes[language] >= 60:
                break
    for language, _ in sorted(votes.items(), key=lambda pair: (-pair[1], pair[0])):
        trace = _read(lines, language)
        if trace is not None:
            return trace
    return None


def _read(lines: list[str], language: str) -> Trace | None:
    if language == "python":
        return python.read(lines)
    if language in listed.READERS:
        return listed.read(lines, language)
    return at_frames.read(lines, language)


_PYTHON_MORE = re.compile(r"^(?:-+> ?\d+ |Cell In ?\[\d+\], line \d+|<ipython-input)")


@lru_cache(maxsize=4096)  # traces of one fault differ in a line or two
def _vote(line: str, after: str) -> str | None:
    """Language that one line speaks for."""
    text = line.lstrip(" \t|+")
    start = text[:1]
    if not start:
        return None
    if text.startswith("at ") or (text.startswith("... ") and "more" in text):
        language = at_frames.language_of(line)
        return None if language is None or (language == "javascript" and ".rs:" in line) else language
    if text.startswith('File "') or "Traceback (most recent" in text or _PYTHON_MORE.match(line):
        return "python"
    if start == "#":
        for language in ("php", "dart"):
            if listed.READERS[language].frame(line, after):
                return language
        return None
    if text.startswith(("panic: ", "goroutine ", "fatal error: ")) or (
        ".go:" in after and listed.READERS["go"].frame(line, after)
    ):
        return "go"
    if text.startswith("thread '") and "panicked at" in text:
        return "rust"
    if start.isdigit() and line[:1] in (" ", "\t") and ": " in text[:8] and after.lstrip().startswith("at "):
        return "rust"
    if (
        text.startswith("** (")
        or (text.startswith("(") and listed.READERS["elixir"].frame(line, after))
        or ((".ex:" in text or ".exs:" in text or ".erl:" in text) and listed.READERS["elixir"].frame(line, after))
    ):
        return "elixir"
    if (".rb:" in text or ":in `" in text or ":in '" in text) and listed.READERS["ruby"].frame(line, after):
        return "ruby"
    if "Uncaught" in text and text.startswith(("PHP ", "Fatal error")):
        return "php"
    if (text.startswith("Fatal error") and ".swift" in text) or text[1:23].lstrip("*").startswith(" Program crashed: "):
        return "swift"
    if start.isdigit() and (" 0x" in text or ".swift:" in text) and listed.READERS["swift"].frame(line, after):
        return "swift"
    return "javascript" if "@" in text and at_frames.language_of(line) == "javascript" else None


def frames_of(trace: Trace, rules: InAppRules = DEFAULT) -> tuple[Frame, ...]:
    """Frames of all exceptions of the chain in order of appearance, innermost first in each, judged by `rules`."""
    return _all_judged(tuple(exception.frames for exception in trace.exceptions), trace.language, rules)


@lru_cache(maxsize=1024)  # traces of one fault differ in their messages, not in their frames
def _all_judged(chain: tuple[tuple[RawFrame, ...], ...], language: str, rules: InAppRules) -> tuple[Frame, ...]:
    return tuple(_judged(raw, language, segment, rules) for segment, frames in enumerate(chain) for raw in frames)


def _judged(raw: RawFrame, language: str, segment: int, rules: InAppRules) -> Frame:
    in_app = is_in_app(language, raw.module, raw.file, raw.function, rules)
    return Frame(raw.function, raw.file, raw.line, raw.module, in_app, segment, raw.source)


def culprit_of(trace: Trace, frames: tuple[Frame, ...]) -> str | None:
    """`file:function` of the innermost in-app frame of the innermost cause, tests last; None without frames."""
    return _culprit(frames, len(trace.exceptions), trace.root_at, trace.outer_at)


@lru_cache(maxsize=1024)
def _culprit(frames: tuple[Frame, ...], exceptions: int, root_at: int, outer_at: int) -> str | None:
    order = sorted(range(exceptions), key=lambda i: (i != root_at, i != outer_at, i))
    own = [f for i in order for f in frames if f.segment == i and f.in_app]
    best = next((f for f in own if not is_test(f.module, f.file, f.function)), own[0] if own else None)
    best = best or next((f for i in order for f in frames if f.segment == i), None)
    return None if best is None else f"{best.file or best.module or '?'}:{best.function or '?'}"


def extract_exceptions(
    entries: pl.DataFrame, in_app: InAppRules = DEFAULT, *, error_lines: bool = False
) -> pl.DataFrame:
    """Exceptions found in `entries`, one row per entry that holds a trace, in the entries' order.

    Args:
        entries: ENTRIES; the column `text` (lines without wrapper and header) is read where it is there, else `raw_line`.
        in_app: What the service says about its own code.
        error_lines: Whether entries of level error and fatal without a trace give a row too, of language MESSAGE.

    Returns:
        EXCEPTIONS without `batch`.
    """
    columns = {name: kind for name, kind in schemas.EXCEPTIONS.items() if name != "batch"}
    source = "text" if "text" in entries.columns else "raw_line"
    texts = entries.get_column(source).fill_null(entries.get_column("message"))
    marked = entries.with_row_index("_at").with_columns(texts.alias("_text"))
    picked = marked.filter(can_hold_trace(texts))
    traces: list[tuple[str, str, Trace]] = []
    for text in picked.get_column("_text").fill_null("").unique(maintain_order=True):
        whole = unescape(text)
        trace = _first_trace(whole)
        if trace is not None:
            traces.append((text, whole, trace))
    templates = fingerprints.templates_of([trace.root.message for _, _, trace in traces])
    rows = [
        {"_text": text, **_row(trace, whole, in_app, template)}
        for (text, whole, trace), template in zip(traces, templates, strict=True)
    ]
    found = pl.DataFrame(rows, schema={"_text": pl.Utf8, **{name: columns[name] for name in _FOUND}})
    own = [name for name in columns if name not in _FOUND and name in entries.columns]
    missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in columns.items() if name not in (*own, *_FOUND)]
    traced = picked.select("_at", *own, pl.col("_text").fill_null("")).join(
        found, on="_text", how="inner", maintain_order="left"
    )
    traced = traced.with_columns(missing).select("_at", *columns).cast(columns)  # type: ignore[arg-type]
    if not error_lines:
        return traced.drop("_at")
    plain = marked.filter(pl.col("level").is_in(["error", "fatal"])).join(traced, on="_at", how="anti")
    return pl.concat([traced, _messages(plain).select("_at", *columns)]).sort("_at").drop("_at")


def _messages(entries: pl.DataFrame) -> pl.DataFrame:
    """Rows of EXCEPTIONS for errors that are only a line: named by the shape of the message, each distinct one once."""
    first = pl.col("message").fill_null("").str.split("\n").list.first().str.slice(0, 500)
    shape = pl.col("shape_id").fill_null("")
    named = entries.with_columns(_shape=shape, _said=pl.when(shape == "").then(first).otherwise(pl.lit("")))
    distinct = named.select("_shape", "_said").unique(maintain_order=True)
    prints = [_names(fingerprints.message_fingerprint(*pair)) for pair in distinct.iter_rows()]
    names = distinct.hstack(pl.DataFrame(prints, schema={"fingerprint": pl.Utf8, "levels": pl.Utf8}))
    text = {name: pl.lit(None, dtype=pl.Utf8).alias(name) for name in ("type", "root_type", "root_message", "culprit")}
    missing = [
        pl.lit(None, dtype=kind).alias(name)
        for name, kind in schemas.EXCEPTIONS.items()
        if name not in (*entries.columns, *text, "language", "frames", "trace", "fingerprint", "levels", "batch")
    ]
    return named.join(names, on=["_shape", "_said"], how="left", maintain_order="left").with_columns(
        *text.values(),
        *missing,
        language=pl.lit(fingerprints.MESSAGE),
        message=pl.col("message").fill_null(""),
        frames=pl.lit("[]"),
        trace=pl.lit(""),
    )


def _row(trace: Trace, text: str, rules: InAppRules, template: str) -> dict[str, object]:
    """What a row says of a trace; `text` is where it stands, with its line breaks."""
    frames = frames_of(trace, rules)
    named = fingerprints.fingerprint(trace, frames, template)
    outer, root = trace.outer, trace.root
    lines = text.split("\n")
    return {
        "language": trace.language,
        "type": _type(outer, trace),
        "message": outer.message,
        "root_type": _type(root, trace),
        "root_message": root.message,
        "culprit": culprit_of(trace, frames),
        "frames": _frames_json(frames[:MAX_ROW_FRAMES]),
        "trace": "\n".join(lines[trace.first : trace.last + 400])[:MAX_TRACE],
        **_names(named),
    }


def _type(exception: TracedException, trace: Trace) -> str | None:
    return exception.type or next((e.type for e in trace.exceptions if e.type), None)


@lru_cache(maxsize=1024)
def _frames_json(frames: tuple[Frame, ...]) -> str:
    return json.dumps([_plain(f) for f in frames], ensure_ascii=False)


def _plain(frame: Frame) -> dict[str, object]:
    return {
        name: getattr(frame, name) for name in ("function", "file", "line", "module", "in_app", "segment", "source")
    }


def _names(named: fingerprints.Fingerprint) -> dict[str, object]:
    return {"fingerprint": named.id, "levels": json.dumps(named.levels, sort_keys=True)}
