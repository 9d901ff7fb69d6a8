"""Log lines that are JSON objects: which keys say what, for the usual libraries, collectors and exports.

Docker, ECS, logstash, GELF, journald, bunyan, pino, winston, zap, zerolog, structlog, python-json-logger, monolog, Serilog,
Log4j, MongoDB, CloudWatch, Cloud Logging, OpenTelemetry. The keys are settled from a sample; what holds a stack trace is looked
for in every row, because the sample may have none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import polars as pl

from luffy_dagster.core.parsing import levels, times
from luffy_dagster.core.parsing.unwrap import json_columns, json_layouts
from luffy_dagster.core.parsing.unwrap.json_names import NAMES, ROLES, SIGNS, STACK
from luffy_dagster.core.schemas import UTC_US

_DEPTH = 3


@dataclass(frozen=True, slots=True)
class JsonPlan:
    """Which keys of a stream's JSON objects say what. JSON by `to_json`/`from_json`."""

    keys: dict[str, list[list[str]]]  # role → paths, the first that a row has is taken
    times: dict[str, object] = field(default_factory=dict)  # TimeSpec of the time's text; empty: a number
    level_scale: str = "words"  # words, syslog, otlp; compact: words, and none means Information (Serilog)
    line: bool = False  # the message is a raw line of the program (Docker, CloudWatch): its header is read
    newline: bool = False  # a line ends with "\n"; one without goes on in the next object (Docker)

    def to_json(self) -> dict[str, object]:
        """The plan as JSON values."""
        return {
            "keys": self.keys,
            "times": self.times,
            "level_scale": self.level_scale,
            "line": self.line,
            "newline": self.newline,
        }

    @staticmethod
    def from_json(value: dict[str, object]) -> JsonPlan:
        """The plan again."""
        keys, spec = value.get("keys"), value.get("times")
        return JsonPlan(
            {str(role): [[str(part) for part in path] for path in paths] for role, paths in keys.items()}
            if isinstance(keys, dict)
            else {},
            dict(spec) if isinstance(spec, dict) else {},
            str(value.get("level_scale", "words")),
            bool(value.get("line")),
            bool(value.get("newline")),
        )


def decode(text: str) -> dict[str, object] | None:
    """The object of a line, or None when it is none (broken, cut off, another kind of value)."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def plan(objects: Sequence[dict[str, object]]) -> JsonPlan:
    """The plan for a sample of objects (at least one)."""
    seen: Counter[tuple[str, ...]] = Counter()
    for item in objects:
        for path, _ in _leaves(item):
            seen[path] += 1
    named: dict[str, list[tuple[str, ...]]] = {}
    for path in seen:
        named.setdefault(_name(path), []).append(path)
    keys: dict[str, list[list[str]]] = {}
    used: set[tuple[str, ...]] = set()
    for role in ROLES:
        found: list[tuple[str, ...]] = []
        for name in NAMES[role]:
            for path in named.get(
                name.replace("_", "").replace("-", "") if not name.startswith("_") else name, []
            ) + named.get(name, []):
                if path not in used and path not in found and _suits(role, path, objects):
                    found.append(path)
        if role in ("time", "level", "host"):
            found = found[:2]
        used.update(found[:1] if role == "message" else found)
        if found:
            keys[role] = [list(path) for path in found]
    names = set(named)
    docker = {"log", "stream"} <= names
    syslog = (
        "priority" in names
        or ("shortmessage" in names and "version" in names)
        or _small_numbers(keys.get("level"), objects)
    )
    scale = (
        "syslog" if syslog else "otlp" if (keys.get("level") or [[""]])[0][-1].lower() == "severitynumber" else "words"
    )
    if "@t" in names and names & {"@m", "@mt"}:
        scale = "compact"
    line = docker or ("level" not in keys and scale != "compact")
    sampled = [str(value) for item in objects if (value := get(item, keys.get("message", [])))]
    newline = docker and sum(text.endswith("\n") for text in sampled) * 2 > len(sampled)
    return JsonPlan(keys, _time_spec(keys.get("time", []), objects), scale, line, newline)


def _suits(role: str, path: tuple[str, ...], objects: Sequence[dict[str, object]]) -> bool:
    values = [value for item in objects if (value := get(item, [list(path)])) is not None]
    if not values:
        return False
    if role == "message":
        return sum(isinstance(value, str) for value in values) * 2 > len(values)
    if role == "time":
        return sum(_is_time(value) for value in values) * 2 > len(values)
    if role == "level":
        return sum(str(value).isdigit() or levels.normal(str(value)) is not None for value in values) * 2 > len(values)
    return all(isinstance(value, str | int) for value in values)


def _is_time(value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 9e8 < float(value) < 3e18
    return isinstance(value, str) and (
        times.match_at(value.strip(), 0) is not None or value.replace(".", "", 1).isdigit()
    )


def _small_numbers(paths: list[list[str]] | None, objects: Sequence[dict[str, object]]) -> bool:
    values = [value for item in objects if (value := get(item, paths or [])) is not None]
    return bool(values) and all(isinstance(value, int) and 0 <= value <= 7 for value in values)


def _time_spec(paths: list[list[str]], objects: Sequence[dict[str, object]]) -> dict[str, object]:
    values = [value.strip() for item in objects if isinstance(value := get(item, paths), str)]
    found = [
        match
        for value in values
        if not value.replace(".", "", 1).isdigit() and (match := times.match_at(value, 0)) is not None
    ]
    if not found:
        return {}
    form = Counter(match.form for match in found).most_common(1)[0][0]
    return times.settle([match for match in found if match.form == form]).to_json()


def _name(path: Sequence[str]) -> str:
    text = ".".join(path).lower()
    return text if text.startswith(("_", "@")) else text.replace("_", "").replace("-", "")


def _leaves(value: dict[str, object], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and len(prefix) + 1 < _DEPTH:
            yield from _leaves(inner, (*prefix, key))
        else:
            yield (*prefix, key), inner


def get(item: dict[str, object], paths: Iterable[Sequence[str]]) -> object | None:
    """The first value that one of the paths leads to (null and empty values are passed over)."""
    for path in paths:
        value: object = item
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
            if value is None:
                break
        if value is not None and value != "":
            return value
    return None


def _stack(item: dict[str, object], message: object, prefix: str = "", depth: int = 0) -> list[str]:
    """Texts of several lines, or under a key of stack traces, other than the message."""
    out: list[str] = []
    for key, value in item.items():
        if isinstance(value, str):
            if value is not message and ("\n" in value or ((prefix + key).lower() in STACK and len(value) > 12)):
                out.append(value)
        elif isinstance(value, dict) and depth < _DEPTH:
            out.extend(_stack(value, message, f"{prefix}{key}.", depth + 1))
        elif (
            isinstance(value, list)
            and (prefix + key).lower() in STACK
            and value
            and all(isinstance(part, str) for part in value)
        ):
            out.append("\n".join(str(part) for part in value))
    return out


def read(texts: pl.Series, settled: JsonPlan) -> pl.DataFrame:
    """One row per text: `ok`, the roles (Utf8), `time` (UTC or null), `stack` (further lines), `partial`.

    Objects that cannot be read have `ok` false and nulls.
    """
    # what may hold a stack trace is looked at key by key, the others give their wanted keys alone
    close = texts.str.contains("|".join(map(re.escape, SIGNS))).fill_null(value=True)
    plain = None if close.all() else _plain(texts.filter(~close), settled)
    if plain is None and not close.all():  # some are no objects
        roles, message = _wanted(settled)
        close |= json_columns.refused(texts, list(roles.values()), message)
        plain = None if close.all() else _plain(texts.filter(~close), settled)
    if plain is None:
        frame = _each(texts, settled)
    elif not close.any():
        frame = plain
    else:
        number = pl.int_range(len(texts), dtype=pl.UInt32, eager=True).alias("_row")
        frames = [
            plain.with_columns(number.filter(~close)),
            _each(texts.filter(close), settled).with_columns(number.filter(close)),
        ]
        frame = pl.concat(frames).sort("_row").drop("_row")
    if settled.level_scale == "compact":
        said = (
            frame["level"]
            if "level" in frame.columns
            else pl.Series([None], dtype=pl.Utf8).new_from_index(0, len(frame))
        )
        frame = frame.with_columns(said.set(frame["ok"] & said.is_null(), "Information").alias("level"))
    elif settled.level_scale != "words" and "level" in frame.columns:
        frame = frame.with_columns(_numbered(frame["level"], settled.level_scale).alias("level"))
    if settled.newline:
        whole = frame["message"].str.ends_with("\n")
        frame = frame.with_columns(
            (~whole).fill_null(value=False).alias("partial"), frame["message"].str.strip_suffix("\n").alias("message")
        )
    return frame


def _wanted(settled: JsonPlan) -> tuple[dict[str, list[list[str]]], list[list[str]]]:
    """The paths of each column but the message, and those of the message."""
    paths = {role: settled.keys[role] for role in ROLES if role in settled.keys and role not in ("message", "time")}
    return {**paths, "stamp": settled.keys.get("time", [])}, settled.keys.get("message", [])


def _plain(texts: pl.Series, settled: JsonPlan) -> pl.DataFrame | None:
    """Texts without stack traces, as `_each` reads them; None when one of them is no object."""
    roles, message = _wanted(settled)
    wanted = list(roles.values())
    rows, columns = json_layouts.columns(texts, wanted, message)
    if len(rows) < len(texts):
        every = pl.int_range(len(texts), dtype=pl.UInt32, eager=True)
        rest = every.filter(~every.is_in(rows.implode())) if len(rows) else every
        left = json_columns.columns(texts.gather(rest), wanted, message)
        if left is None:
            return None
        columns = [pl.concat(pair) for pair in zip(columns, left, strict=True)] if columns else left
        rows = pl.concat([rows, rest])
    if not rows.is_sorted():
        place = rows.arg_sort()
        columns = [column.gather(place) for column in columns]
    nothing = pl.Series([None], dtype=pl.Utf8).new_from_index(0, len(texts))
    ok = pl.Series([True]).new_from_index(0, len(texts))
    named = dict(zip(roles, columns[1:], strict=True))
    return pl.DataFrame({"ok": ok, "message": columns[0], "stack": nothing, **named})


def _each(texts: pl.Series, settled: JsonPlan) -> pl.DataFrame:
    """`ok`, `message`, `stack`, the roles and `stamp` of texts decoded one by one."""
    roles = [role for role in ROLES if role in settled.keys and role not in ("message", "time")]
    paths = [settled.keys[role] for role in roles]
    at_message, at_time = settled.keys.get("message", []), settled.keys.get("time", [])
    simple = [path[0] for path in at_message] if all(len(path) == 1 for path in at_message) else None
    decoder = msgspec.json.Decoder()
    ok: list[bool] = []
    messages: list[str | None] = []
    stamps: list[str | None] = []
    stacks: list[str | None] = []
    columns: list[list[str | None]] = [[] for _ in roles]
    # the first path of a role is nearly always one key: asked for directly, the others only when it is not there
    getters: list[tuple[list[str | None], str | None, list[list[str]]]] = []
    for column, path in zip([stamps, *columns], [at_time, *paths], strict=True):
        direct = path[0][0] if path and len(path[0]) == 1 else None
        getters.append((column, direct, path[1:] if direct is not None else path))
    for text in texts.to_list():
        try:
            item = decoder.decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, TypeError):
            item = None
        if not isinstance(item, dict):
            ok.append(False)
            messages.append(None)
            stamps.append(None)
            stacks.append(None)
            for column in columns:
                column.append(None)
            continue
        otlp = _otlp(item) if "resourceLogs" in item else None
        if otlp is not None:
            item = otlp
        ok.append(True)
        message = None
        if simple is not None:
            for key in simple:
                message = item.get(key)
                if message:
                    break
        else:
            message = get(item, at_message)
        if message is not None and not isinstance(message, str):
            message = msgspec.json.encode(message).decode()
        messages.append(message)
        for sink, direct, path in getters:
            found = item.get(direct) if direct is not None else None
            if found is None or found == "":
                found = get(item, path) if path else None
            sink.append(found if isinstance(found, str) else json_columns.text_of(found))
        more = _stack(item, message) if any(sign in text for sign in SIGNS) else []
        stacks.append("\n".join(more) if more else None)
    data = {
        "ok": pl.Series(ok, dtype=pl.Boolean),
        "message": pl.Series(messages, dtype=pl.Utf8),
        "stack": pl.Series(stacks, dtype=pl.Utf8),
    }
    for role, column in zip(roles, columns, strict=True):
        data[role] = pl.Series(column, dtype=pl.Utf8)
    frame = pl.DataFrame(data)
    return frame.with_columns(pl.Series("stamp", stamps, dtype=pl.Utf8))


def _numbered(column: pl.Series, scale: str) -> pl.Series:
    words = column.unique().drop_nulls().to_list()
    mapped = []
    for word in words:
        number = int(word) if word.isdigit() else None
        if number is None:
            mapped.append(word)
        else:
            mapped.append(levels.from_syslog(number) if scale == "syslog" else levels.from_otlp(number))
    return column.replace_strict(words, mapped, default=None, return_dtype=pl.Utf8) if words else column


def stamps(texts: pl.Series, settled: JsonPlan, *, assume_tz: str, received_at: pl.Series | datetime) -> pl.Series:
    """UTC times of the texts under the time's key: the settled form, or a number of seconds, milli-, micro- or nanoseconds."""
    out = pl.Series([None], dtype=UTC_US).new_from_index(0, len(texts))
    # no number has a colon; trying to read one costs more than looking for it
    worded = settled.times and bool(texts.str.contains(":", literal=True).all())
    numbers = None if worded else texts.cast(pl.Float64, strict=False)
    if numbers is not None and numbers.null_count() < len(texts):
        integer = texts.cast(pl.Int64, strict=False)
        micros = (
            pl.DataFrame({"f": numbers, "i": integer})
            .select(
                pl.when(pl.col("f") < 1e11).then((pl.col("f") * 1e6).round(0).cast(pl.Int64, strict=False))
                .when(pl.col("f") < 1e14).then((pl.col("f") * 1e3).round(0).cast(pl.Int64, strict=False))
                .when(pl.col("f") < 1e17).then(pl.col("i"))
                .otherwise(pl.col("i") // 1000)
            ).to_series()
        )  # fmt: skip
        out = micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if settled.times:
        spec = times.TimeSpec.from_json(settled.times)
        expression, _ = spec.expression()
        found = texts.str.extract_groups(r"^[ \t]*" + expression).struct.unnest()
        at = 1
        fractions = found.to_series(at) if spec.fraction else None
        at += bool(spec.fraction)
        tails = found.to_series(at) if spec.tails else None
        parsed = times.parse(found.to_series(0), fractions, tails, spec, assume_tz=assume_tz, received_at=received_at)
        out = out.zip_with(out.is_not_null(), parsed)
    return out


def _otlp(item: dict[str, Any]) -> dict[str, object] | None:
    """One flat object of an OTLP/JSON export line: the first record's fields, the bodies of all its records as lines."""
    try:
        resource = item["resourceLogs"][0]
        flat: dict[str, object] = {
            a["key"]: next(iter(a["value"].values())) for a in resource.get("resource", {}).get("attributes", [])
        }
        records = [
            (scope, record)
            for r in item["resourceLogs"]
            for scope in r.get("scopeLogs", [])
            for record in scope.get("logRecords", [])
        ]
        scope, first = records[0]
        for attribute in first.get("attributes", []):
            flat[attribute["key"]] = next(iter(attribute["value"].values()))
        bodies = [str(next(iter(record.get("body", {}).values()), "")) for _, record in records]
        flat["message"] = "\n".join(bodies)
        flat["logger"] = (scope.get("scope") or {}).get("name")
        flat["time"] = first.get("timeUnixNano") or first.get("observedTimeUnixNano")
        flat["level"] = first.get("severityText") or levels.from_otlp(int(first.get("severityNumber", 0) or 0))
        flat["trace_id"], flat["span_id"] = first.get("traceId"), first.get("spanId")
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration, ValueError):
        return None
    return flat


def sample_objects(lines: Sequence[str], most: int = 400) -> list[dict[str, object]]:
    """The objects among the lines, OTLP ones flattened."""
    out: list[dict[str, object]] = []
    for line in lines:
        if line[:1] != "{" and line.lstrip()[:1] != "{":
            continue
        item = decode(line)
        if item is None:
            continue
        flat = _otlp(item) if "resourceLogs" in item else None
        out.append(flat if flat is not None else item)
        if len(out) >= most:
            break
    return out
