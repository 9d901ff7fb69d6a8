"""Window features: entries and exceptions in, rows of WINDOWS out. A pure function of them: recomputed, the same rows.

Counts per level, shape, route (of access logs) and fingerprint, and robust statistics of the numbers in messages, per
window of two minutes with ticks of 30 seconds inside. Which shapes are one template is a mapping and not asked here.
"""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl

from luffy_dagster.core import schemas
from luffy_dagster.core.parsing.variables import factor, holes

TICK = 30  # seconds
TICKS = 4  # in a window
WINDOW = timedelta(seconds=TICK * TICKS)
MOST_VALUES = 16  # of a number, kept per tick

# A number without a unit is a time when the word before it says so (`rt=0.023`).
_TIME_WORD = r"(?i)(?:^|[^a-z])(?:u?rt|urt|took|time|elapsed|latency|dur(?:ation)?|cost|response_?time|request_?time|(?:[a-z_]*_)?(?:ms|sec|secs|seconds|millis))[\"']?[=: (\[]+$"
# A field of a JSON or logfmt line that is a duration by its name, or by the unit of its value (`took=27ms`, `"latency_ms": 3.5`).
_FIELD = (
    r"""[\s{,]"?(?P<name>(?:[a-zA-Z0-9]+[_.-])*(?:took|elapsed|latency|dur(?:ation)?|rt|urt|cost|(?:response|request|process|processing|"""
    r"""exec|execution|query)_?time|time_?taken|[a-zA-Z0-9]+_(?:ms|millis|secs|seconds|us|ns))(?:_(?:ms|millis|s|secs?|seconds|us|ns))?)"""
    r""""?[=:]\s?"?(?P<value>[0-9]+(?:\.[0-9]+)?)\s?(?P<unit>ns|us|µs|ms|secs?|s|m|min|h)?(?:["\s,}]|$)"""
)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "millis": 1e-3, "m": 60.0, "min": 60.0, "h": 3600.0}
_ACCESS = r'^"?[A-Z]{3,8} \S+(?: HTTP/\S+)?"? +'
_REQUEST = r'^"?([A-Z]{3,8}) ([^ "]+)(?: HTTP/[0-9.]+)?"? +([1-5][0-9]{2})(?: |$)'
_HEX = re.compile(r"(?:^|[._-])[0-9a-f]{6,}(?:$|[._-])")
_SEGMENTS = 5


def window_rows(entries: pl.DataFrame, exceptions: pl.DataFrame, shapes: pl.DataFrame) -> pl.DataFrame:
    """Rows of WINDOWS (without batch) of these entries, sorted; whole windows must be given.

    Args:
        entries: entry_id, event_time, environment, level, shape_id, variables, message, and raw_line for the fields of JSON
            and logfmt lines.
        exceptions: entry_id, fingerprint.
        shapes: shape_id, shape of at least the shapes that occur.
    """
    columns = [name for name in schemas.WINDOWS if name != "batch"]
    if entries.is_empty():
        return schemas.empty("windows").select(columns)
    base = entries.select(
        "entry_id",
        pl.col("event_time").cast(schemas.UTC_US),
        pl.col("environment").fill_null(""),
        pl.col("level").fill_null("none"),
        "shape_id",
        pl.int_range(pl.len(), dtype=pl.UInt32).alias("at"),  # texts and values are fetched for the few that need them
    ).sort("event_time", "entry_id")
    base = base.with_columns(
        pl.col("event_time").dt.truncate(f"{TICK * TICKS}s").alias("window"),
        ((pl.col("event_time").dt.epoch("s") // TICK) % TICKS).cast(pl.Int8).alias("tick"),
    )
    base = _with_routes(base, shapes, entries["message"])
    found = exceptions.select("entry_id", "fingerprint").unique("entry_id")
    parts = [
        _counts(base.with_columns(pl.col("level").alias("key")), "level"),
        _counts(base.filter(pl.col("route").is_null() & pl.col("shape_id").is_not_null()), "shape", "shape_id"),
        _counts(base.filter(pl.col("route").is_not_null()), "route", "route"),
        _counts(base.join(found, on="entry_id", how="inner", maintain_order="left"), "fingerprint", "fingerprint"),
        _numbers(base, shapes, entries),
    ]
    rows = pl.concat([part for part in parts if not part.is_empty()], how="diagonal")
    for name in columns:
        if name not in rows.columns:
            rows = rows.with_columns(pl.lit(None).alias(name))
    rows = rows.with_columns(
        pl.lit(TICK * TICKS, dtype=pl.Int32).alias("seconds"), pl.col("event_time").dt.date().alias("day")
    )
    schema = {name: kind for name, kind in schemas.WINDOWS.items() if name != "batch"}
    return rows.select(columns).cast(schema).sort("event_time", "environment", "feature", "key")  # type: ignore[arg-type]


def _with_routes(base: pl.DataFrame, shapes: pl.DataFrame, messages: pl.Series) -> pl.DataFrame:
    """Adds `route`: method, path without its values, status; null where the message (of row `at`) is no request line."""
    access = shapes.filter(pl.col("shape").str.contains(_ACCESS)).select("shape_id").unique()
    if access.is_empty():
        return base.with_columns(pl.lit(None, dtype=pl.Utf8).alias("route"))
    is_access = pl.col("shape_id").is_in(access["shape_id"].to_list())
    requests = base.filter(is_access).select("entry_id", "at")
    requests = requests.select("entry_id", messages.gather(requests["at"]).str.extract_groups(_REQUEST).alias("r"))
    requests = requests.unnest("r").rename({"1": "method", "2": "path", "3": "status"}).drop_nulls("status")
    if requests.is_empty():
        return base.with_columns(pl.lit(None, dtype=pl.Utf8).alias("route"))
    distinct = requests.select("path").unique()
    distinct = distinct.with_columns(pl.Series("plain", [plain_path(p) for p in distinct["path"]], dtype=pl.Utf8))
    requests = requests.join(distinct, on="path", how="left")
    named = requests.select("entry_id", pl.concat_str("method", "plain", "status", separator=" ").alias("route"))
    return base.join(named, on="entry_id", how="left", maintain_order="left")


def plain_path(path: str) -> str:
    """A request's path without values: no query, segments with digits become `*`, at most five segments."""
    segments = path.split("?", 1)[0].split("#", 1)[0].split("/")
    plain = ["*" if any(c.isdigit() for c in s) or len(s) > 40 or _HEX.search(s) else s for s in segments]
    if len(plain) > _SEGMENTS + 1:
        plain = [*plain[: _SEGMENTS + 1], "*"]
    return "/".join(plain)


def _counts(rows: pl.DataFrame, feature: str, key: str = "key") -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame()
    per_tick = [(pl.col("tick") == i).sum().cast(pl.Int32).alias(f"t{i}") for i in range(TICKS)]
    # the mean of the gaps: a median per group costs more than all the rest
    spread = (pl.col("event_time").last() - pl.col("event_time").first()).dt.total_microseconds() / 1e6
    gap = [] if feature == "level" else [pl.when(pl.len() > 1).then(spread / (pl.len() - 1)).alias("gap")]
    level = [] if feature == "level" else [pl.col("level").first()]
    found = rows.group_by(
        pl.col("window").alias("event_time_"), "environment", pl.col(key).alias("key_"), maintain_order=True
    ).agg(pl.len().cast(pl.Int64).alias("count"), *per_tick, *level, *gap)
    found = found.rename({"event_time_": "event_time", "key_": "key"})
    return found.with_columns(
        pl.lit(feature).alias("feature"), pl.concat_list([f"t{i}" for i in range(TICKS)]).alias("ticks")
    ).drop([f"t{i}" for i in range(TICKS)])


def numeric_holes(shapes: pl.DataFrame) -> pl.DataFrame:
    """shape_id, position, factor, unit of the holes that hold times or sizes (unit "s" or "bytes")."""
    from luffy_dagster.core.parsing import masks

    word = re.compile(_TIME_WORD)
    rows: list[tuple[str, int, float, str]] = []
    for shape_id, shape in shapes.select("shape_id", "shape").drop_nulls().unique().iter_rows():
        literals = masks.HOLE.split(shape)[0::2]
        for position, (kind, unit) in enumerate(holes(shape)):
            scale = factor(kind, unit) if kind in ("duration", "size") else None
            if scale is not None:
                rows.append((shape_id, position, scale, "s" if kind == "duration" else "bytes"))
            elif kind == "num" and word.search(literals[position]):
                milli = re.search(r"(?i)(?:ms|millis)[\"']?[=: (\[]+$", literals[position]) is not None
                rows.append((shape_id, position, 1e-3 if milli else 1.0, "s"))
    schema = {"shape_id": pl.Utf8, "position": pl.Int32, "factor": pl.Float64, "unit": pl.Utf8}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _fields(base: pl.DataFrame, lines: pl.Series) -> pl.DataFrame:
    """The first duration among the fields of each line (`lines`, one per row): rows as `_numbers` counts them."""
    some = lines.str.contains(_FIELD).fill_null(value=False)  # to find costs a tenth of taking apart
    found = base.filter(some).select(
        "window",
        "environment",
        "tick",
        "event_time",
        "shape_id",
        lines.filter(some).str.extract_groups(_FIELD).alias("f"),
    )
    found = found.unnest("f").drop_nulls(["value", "shape_id"])
    if found.is_empty():
        return found
    named = pl.col("name").str.extract(r"_(ms|millis|us|ns)$", 1)
    factor = pl.coalesce("unit", named).replace_strict(_UNITS, default=1.0, return_dtype=pl.Float64)
    return found.select(
        "window",
        "environment",
        "tick",
        "event_time",
        pl.lit("s").alias("unit"),
        pl.concat_str("shape_id", pl.lit("/"), "name").alias("key"),
        (pl.col("value").cast(pl.Float64, strict=False) * factor).alias("number"),
    ).drop_nulls("number")


def _numbers(base: pl.DataFrame, shapes: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    slots = numeric_holes(shapes)
    parts = []
    if "raw_line" in entries.columns:
        rest = base.filter(~pl.col("shape_id").is_in(slots["shape_id"].unique().to_list()))
        fields = _fields(rest, entries["raw_line"].gather(rest["at"]))
        parts = [fields] if fields.height else []
    for position in sorted(slots["position"].unique().to_list()):
        group = slots.filter(pl.col("position") == position)
        rows = base.join(group, on="shape_id", how="inner", maintain_order="left")
        rows = rows.with_columns(entries["variables"].gather(rows["at"])).filter(
            pl.col("variables").list.len() > position
        )
        if rows.is_empty():
            continue
        parts.append(
            rows.select(
                "window",
                "environment",
                "tick",
                "event_time",
                "unit",
                pl.when(pl.col("route").is_null())
                .then(pl.concat_str("shape_id", pl.lit("/"), pl.col("position").cast(pl.Utf8)))
                .otherwise(pl.concat_str("route", pl.lit("/"), "unit"))
                .alias("key"),
                (
                    pl.col("variables").list.get(position, null_on_oob=True).cast(pl.Float64, strict=False)
                    * pl.col("factor")
                ).alias("number"),
            ).drop_nulls("number")
        )
    if not parts:
        return pl.DataFrame()
    rows = pl.concat(parts).sort("event_time", "key")
    per = ("window", "environment", "key")
    rows = rows.with_columns(place=pl.int_range(pl.len()).over(*per, "tick"), size=pl.len().over(*per, "tick"))
    step = (pl.col("size") + MOST_VALUES - 1) // MOST_VALUES
    kept = pl.col("place") % step == 0
    found = rows.group_by(*per, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("count"),
        pl.col("unit").first(),
        pl.col("number").quantile(0.1).alias("low"),
        pl.col("number").median().alias("middle"),
        pl.col("number").quantile(0.9).alias("high"),
        pl.col("number").filter(kept).cast(pl.Float32).alias("values"),
        *[(pl.col("tick") == i).sum().cast(pl.Int32).alias(f"c{i}") for i in range(TICKS)],
        *[((pl.col("tick") == i) & kept).sum().cast(pl.Int32).alias(f"t{i}") for i in range(TICKS)],
    )
    return (
        found.rename({"window": "event_time"})
        .with_columns(
            pl.lit("number").alias("feature"),
            pl.concat_list([f"c{i}" for i in range(TICKS)]).alias("ticks"),
            pl.concat_list([f"t{i}" for i in range(TICKS)]).alias("value_ticks"),
        )
        .drop([f"{c}{i}" for c in "ct" for i in range(TICKS)])
    )
