"""The wrappers, one `Step` each: how a sample shows them, and how a column of lines is taken out of them.

A step is a value (kind and what is needed to read it), so that a profile that holds it reads the same lines the same way for ever.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from luffy_dagster.core.parsing import levels, times
from luffy_dagster.core.parsing.levels import WORDS
from luffy_dagster.core.parsing.traces.continuation import is_continuation
from luffy_dagster.core.parsing.unwrap import json_lines, json_names, json_plan, logfmt, records
from luffy_dagster.core.schemas import UTC_US

# What unwrapping yields per row. `lane`: lines of different lanes of one stream do not continue each other. `whole`: the
# wrapper said all, no header is to be read. `partial`: the row goes on in the next one of its lane.
COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "text": pl.Utf8,
    "lane": pl.Utf8,
    "time": UTC_US,
    "level": pl.Utf8,
    "logger": pl.Utf8,
    "thread": pl.Utf8,
    "process": pl.Utf8,
    "host": pl.Utf8,
    "trace_id": pl.Utf8,
    "span_id": pl.Utf8,
    "environment": pl.Utf8,
    "version": pl.Utf8,
    "stack": pl.Utf8,
    "partial": pl.Boolean,
    "whole": pl.Boolean,
}
_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
# Expressions with the groups named; the last group is the line inside.
_PATTERNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cri": (rf"^({_ISO}) (stdout|stderr) ([FP])(?::[^ \n]*)?(?: ((?s).*))?$", ("stamp", "lane", "tag", "text")),
    "compose": (r"^([A-Za-z][A-Za-z0-9_.-]{0,63}) *\|(?: ((?s).*))?$", ("lane", "text")),
    "kubectl": (r"^\[(pod/[^\]\s]{1,200})\](?: ((?s).*))?$", ("lane", "text")),
    "stern": (r"^([a-z0-9][a-z0-9.-]*-[a-z0-9]{5} [a-z0-9][a-z0-9-]*)(?: ((?s).*))?$", ("lane", "text")),
    "rfc5424": (
        (
            r"^<([0-9]{1,3})>1 (-|[0-9T:.+Z-]{19,35}) ([^ \n]{1,255}) ([^ \n]{1,48}) ([^ \n]{1,128}) [^ \n]{1,32} "
            r"(?:-|(?:\[(?:[^\]\"\n\\]|\"(?:[^\"\\\n]|\\.)*\"|\\.)*\])+)(?: (?:\x{FEFF})?((?s).*))?$"
        ),
        ("pri", "stamp", "host", "logger", "process", "text"),
    ),
    "pri": (r"^<([0-9]{1,3})>((?s).*)$", ("pri", "text")),
}
_SAMPLE = {
    kind: re.compile(p.replace("(?s).*", "[^\\n]*").replace("\\x{FEFF}", "\ufeff"))
    for kind, (p, _) in _PATTERNS.items()
}
_ANSI = r"\x1b\[[0-9;?]*[A-Za-z]"
_LAYERS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One wrapper to take off."""

    kind: str  # ansi, cri, compose, kubectl, stern, rfc5424, pri, json, logfmt, octal, or one of records
    plan: json_plan.JsonPlan | None = None
    columns: tuple[str, ...] = ()  # names of the columns of W3C's format

    def to_json(self) -> dict[str, object]:
        """The step as JSON values."""
        said: dict[str, object] = {"plan": self.plan.to_json()} if self.plan else {}
        return {"kind": self.kind} | said | ({"columns": list(self.columns)} if self.columns else {})

    @staticmethod
    def from_json(value: dict[str, object]) -> Step:
        """The step again."""
        plan = value.get("plan")
        columns = value.get("columns")
        return Step(
            str(value["kind"]),
            json_plan.JsonPlan.from_json(plan) if isinstance(plan, dict) else None,
            tuple(str(name) for name in columns) if isinstance(columns, list) else (),
        )


def detect(lines: Sequence[str]) -> tuple[list[Step], list[str]]:
    """The wrappers of a sample, outermost first, and the lines inside that still may have a header of their own."""
    steps: list[Step] = []
    inner = [line for line in lines if line.strip()]
    if any("\x1b[" in line for line in inner):
        steps.append(Step("ansi"))
        inner = [re.sub(_ANSI, "", line) for line in inner]
    for _ in range(_LAYERS):
        found = _detect_one(inner, {step.kind for step in steps})
        if found is None:
            break
        step, inner = found
        steps.append(step)
        inner = [line for line in inner if line.strip()]
    if any("#012" in line for line in inner):
        steps.append(Step("octal"))
    return steps, inner


def _detect_one(lines: Sequence[str], had: set[str]) -> tuple[Step, list[str]] | None:
    total = len(lines)
    if not total:
        return None
    for kind, pattern in _SAMPLE.items():
        if kind in had or (kind == "pri" and "rfc5424" in had):
            continue
        found = [pattern.match(line) for line in lines]
        hits = [m for m in found if m is not None]
        if len(hits) < 0.8 * total or not _believable(kind, hits):
            continue
        return Step(kind), [
            m.group(m.re.groups) or "" if m is not None else line for m, line in zip(found, lines, strict=True)
        ]
    if not had & {"json", "logfmt", *records.RECORDS}:
        found_records = records.detect(lines)
        if found_records is not None:
            kind, columns, rest = found_records
            return Step(kind, columns=columns), rest
    if not had & {"json", "logfmt"}:
        pairs = logfmt.sample_objects(lines)
        if pairs and len(pairs) >= 0.7 * _beside_traces(lines[:400]):
            settled = json_plan.plan(pairs)
            if {"level", "time"} & set(settled.keys) and "message" in settled.keys:
                rest = [line for line in lines if logfmt.decode(line) is None]
                return Step("logfmt", replace(settled, line=False)), rest
    objects = json_plan.sample_objects(lines)
    if len(objects) >= max(1, 0.02 * min(total, 400)):
        plan = json_plan.plan(objects)
        if "message" not in plan.keys and not ({"level", "time"} & set(plan.keys)):
            return None
        inner = []
        for line in lines:
            item = json_plan.decode(line) if line.lstrip()[:1] == "{" else None
            if item is None:
                inner.append(line)
            elif plan.line:
                value = json_plan.get(item, plan.keys.get("message", []))
                inner.append(str(value if value is not None else "").rstrip("\n"))
        if "json" in had and not plan.line and not inner and len(had) > 3:
            return None
        return Step("json", plan), inner
    return None


def _beside_traces(lines: Sequence[str]) -> int:
    """How many of the lines are no part of a raw trace."""
    goes_on = is_continuation(pl.Series("line", list(lines), dtype=pl.Utf8))
    return len(lines) - int((goes_on | goes_on.shift(-1, fill_value=False)).sum())


def _believable(kind: str, hits: Sequence[re.Match[str]]) -> bool:
    """Names before a bar must be names of services: few, no levels, no times."""
    if kind == "compose":
        names = Counter(m.group(1) for m in hits)
        if any(name.lower() in WORDS for name in names):
            return False
        return len(names) <= max(3, 0.1 * len(hits)) and (
            len(names) > 1 or len(hits) > 2 or next(iter(names)).islower()
        )
    if kind == "stern":
        return len({m.group(1) for m in hits}) <= max(3, 0.1 * len(hits))
    return True


def apply(
    texts: pl.Series,
    steps: Sequence[Step],
    *,
    assume_tz: str,
    received_at: pl.Series | datetime,
    wants_time: bool = True,
) -> pl.DataFrame:
    """One row per line: COLUMNS. Rows without a wrapper come through as they are.

    Without `wants_time`, objects that have a level may be left without their time.
    """
    frame = pl.DataFrame({"text": texts}).with_columns(
        *(
            pl.lit(None, dtype=kind).alias(name)
            for name, kind in COLUMNS.items()
            if name not in ("text", "partial", "whole")
        ),
        pl.lit(value=False).alias("partial"),
        pl.lit(value=False).alias("whole"),
    )
    for step in steps:
        if step.kind == "ansi":
            frame = frame.with_columns(pl.col("text").str.replace_all(_ANSI, ""))
        elif step.kind == "octal":
            frame = frame.with_columns(
                pl.col("text").str.replace_all("#012", "\n", literal=True).str.replace_all("#011", "\t", literal=True)
            )
        elif step.kind == "json" and step.plan is not None:
            frame = _apply_json(frame, step.plan, assume_tz, received_at, wants_time=wants_time)
        elif step.kind == "logfmt" and step.plan is not None:
            frame = _apply_json(frame, step.plan, assume_tz, received_at, pairs=True, wants_time=wants_time)
        elif step.kind in records.RECORDS:
            frame = records.apply(frame, step.kind, step.columns, assume_tz, received_at)
        else:
            frame = _apply_pattern(frame, step.kind, assume_tz, received_at)
    return frame


def _apply_pattern(frame: pl.DataFrame, kind: str, assume_tz: str, received_at: pl.Series | datetime) -> pl.DataFrame:
    expression, names = _PATTERNS[kind]
    found = frame["text"].str.extract_groups(expression).struct.unnest()
    found.columns = list(names)
    hit = found[names[0]].is_not_null()
    if not hit.any():
        return frame
    new: list[pl.Series] = []
    for name in names:
        if name == "text":
            new.append(found["text"].fill_null("").zip_with(hit, frame["text"]).alias("text"))
        elif name == "stamp":
            new.append(_iso(found["stamp"], assume_tz, received_at).fill_null(frame["time"]).alias("time"))
        elif name == "tag":
            new.append((found["tag"] == "P").fill_null(value=False).alias("partial"))
        elif name == "pri":
            new.append(_pri(found["pri"]).fill_null(frame["level"]).alias("level"))
        elif name == "lane":
            new.append(_lanes(found["lane"], frame["lane"]).alias("lane"))
            if kind in ("compose", "kubectl", "stern"):
                new.append(found["lane"].fill_null(frame["process"]).alias("process"))
        else:
            column = found[name].set(found[name] == "-", None) if name != "text" else found[name]
            new.append(column.fill_null(frame[name]).alias(name))
    return frame.with_columns(new)


def _lanes(inner: pl.Series, outer: pl.Series) -> pl.Series:
    if outer.null_count() == len(outer):
        return inner
    return (
        pl.DataFrame({"o": outer, "i": inner})
        .select(pl.concat_str("o", "i", separator="\x1f", ignore_nulls=True))
        .to_series()
    )


def _iso(stamps: pl.Series, assume_tz: str, received_at: pl.Series | datetime) -> pl.Series:
    spec = times.TimeSpec("iso", ".", fraction_always=False, tails=(1,), tails_always=False)
    found = stamps.str.extract_groups("^" + spec.expression()[0]).struct.unnest()
    return times.parse(
        found.to_series(0), found.to_series(1), found.to_series(2), spec, assume_tz=assume_tz, received_at=received_at
    )


def _pri(column: pl.Series) -> pl.Series:
    words = column.unique().drop_nulls().to_list()
    if not words:
        return column
    return column.replace_strict(
        words, [levels.from_syslog(int(word)) for word in words], default=None, return_dtype=pl.Utf8
    )


def _apply_json(
    frame: pl.DataFrame,
    plan: json_plan.JsonPlan,
    assume_tz: str,
    received_at: pl.Series | datetime,
    *,
    pairs: bool = False,
    wants_time: bool = True,
) -> pl.DataFrame:
    candidate = frame["text"].str.contains(logfmt.LINE if pairs else r"^\s*\{") & ~frame["whole"]
    if not candidate.any():
        return frame
    everything = bool(candidate.all())
    rows = None if everything else candidate.arg_true()
    part = frame if rows is None else frame[rows]
    received = received_at if rows is None or isinstance(received_at, datetime) else received_at.gather(rows)
    read = json_lines.read(logfmt.as_json(part["text"]) if pairs else part["text"], plan)
    ok = read["ok"]
    columns = [read["message"].fill_null("").zip_with(ok, part["text"]).alias("text")]
    if not plan.line:  # an object without a message is kept as it is
        kept = ok & read["message"].is_not_null()
        columns = [read["message"].zip_with(kept, part["text"]).alias("text")]
    if wants_time or "level" not in read.columns or read["level"].null_count():  # a level says as well that it was read
        stamps = json_lines.stamps(read["stamp"], plan, assume_tz=assume_tz, received_at=received)
        columns.append(stamps.fill_null(part["time"]).alias("time"))
    for role in json_names.ROLES:
        if role in read.columns and role in frame.columns and role != "time":
            value = _lanes(read[role], part[role]) if role == "lane" else read[role].fill_null(part[role])
            columns.append(value.alias(role))
    columns.append(read["stack"].fill_null(part["stack"]).alias("stack"))
    if "partial" in read.columns:
        columns.append((read["partial"] & ok).alias("partial"))
    if not plan.line:
        columns.append((ok | part["whole"]).alias("whole"))
    part = part.with_columns(columns)
    if rows is None:
        return part
    number = pl.int_range(len(frame), dtype=pl.UInt32, eager=True).alias("_row")
    rest = frame.with_columns(number).filter(~candidate)
    return pl.concat([part.with_columns(number.gather(rows)), rest]).sort("_row").drop("_row")
