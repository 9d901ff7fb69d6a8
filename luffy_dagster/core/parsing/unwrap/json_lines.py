"""Log lines that are JSON objects, read by the plan that was settled for their stream (`json_plan`).

What holds a stack trace is looked for in every row, because the sample may have none.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec
import polars as pl

from luffy_dagster.core.parsing import levels, times
from luffy_dagster.core.parsing.unwrap import json_columns, json_layouts
from luffy_dagster.core.parsing.unwrap.json_names import ROLES, SIGNS, STACK
from luffy_dagster.core.parsing.unwrap.json_plan import DEPTH, JsonPlan, flattened, get
from luffy_dagster.core.schemas import UTC_US


def _stack(item: dict[str, object], message: object, prefix: str = "", depth: int = 0) -> list[str]:
    """Texts of several lines, or under a key of stack traces, other than the message."""
    out: list[str] = []
    for key, value in item.items():
        if isinstance(value, str):
            if value is not message and ("\n" in value or ((prefix + key).lower() in STACK and len(value) > 12)):
                out.append(value)
        elif isinstance(value, dict) and depth < DEPTH:
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
        otlp = flattened(item) if "resourceLogs" in item else None
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
