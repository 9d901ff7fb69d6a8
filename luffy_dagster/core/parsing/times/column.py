"""A column of texts of one form as UTC times, in the column engine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from luffy_dagster.core.parsing.times.forms import BY_NAME, NAMES, ZONES
from luffy_dagster.core.parsing.times.spec import TimeSpec
from luffy_dagster.core.schemas import UTC_US

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone by name ("Europe/Berlin"), abbreviation or offset ("+02:00")."""

    name: str

    def localise(self, naive: pl.Series) -> pl.Series:
        """Naive local times as UTC; a time that the clock's change skips is moved by an hour, one it repeats is the first."""
        offset = offset_minutes(self.name)
        if offset is not None:
            return (naive - timedelta(minutes=offset)).dt.replace_time_zone("UTC")
        try:
            ZoneInfo(self.name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"time zone {self.name!r} is not known; use a name such as Europe/Berlin or an offset such as +02:00"
            ) from error
        first = naive.dt.replace_time_zone(self.name, ambiguous="earliest", non_existent="null").dt.convert_time_zone(
            "UTC"
        )
        if first.null_count() > naive.null_count():
            later = (naive + timedelta(hours=1)).dt.replace_time_zone(
                self.name, ambiguous="earliest", non_existent="null"
            )
            first = first.fill_null(later.dt.convert_time_zone("UTC"))
        return first


def offset_minutes(zone: str) -> int | None:
    """Minutes east of UTC of an offset or an abbreviation, or None when it is neither."""
    text = zone.strip().strip("()")
    if text in ZONES:
        return ZONES[text]
    found = re.fullmatch(r"([+-])([0-9]{2}):?([0-9]{2})?", text)
    if found is None:
        return None
    minutes = int(found.group(2)) * 60 + int(found.group(3) or 0)
    return -minutes if found.group(1) == "-" else minutes


def parse(
    heads: pl.Series,
    fractions: pl.Series | None,
    tails: pl.Series | None,
    spec: TimeSpec,
    *,
    assume_tz: str = "UTC",
    received_at: pl.Series | datetime,
) -> pl.Series:
    """UTC times of a column of texts; null where there is none or it cannot be (31st of February).

    Args:
        heads: the part up to the seconds, as `TimeSpec.expression` captures it; null where a line has none.
        fractions: digits of the fraction, or None.
        tails: zone, half of day or year, or None.
        spec: the stream's form.
        assume_tz: zone of times that carry none.
        received_at: when the rows came; gives the year, or the day, that a form leaves out.
    """
    n = len(heads)
    if spec.form.startswith("epoch") or spec.form == "tai":
        return _parse_epoch(heads, fractions, spec)
    frame = pl.DataFrame({"h": heads})
    if tails is not None and not (tails.n_unique() == 1 and tails.null_count() == n):
        frame = frame.with_columns(tails.alias("t"))
    if spec.yearless:
        received = received_at if isinstance(received_at, pl.Series) else pl.Series([received_at], dtype=UTC_US)
        day = received.dt.date()
        frame = frame.with_columns(day.alias("r") if len(day) == n else pl.lit(day[0] if len(day) else None).alias("r"))
    if n == 0:
        return pl.Series("time", [], dtype=UTC_US)
    # Lines come in order of time: runs of equal texts are collapsed before the distinct ones are looked for.
    changed = frame.select(
        pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in frame.columns).alias("c")
    )["c"]
    changed = pl.concat([pl.Series("c", [True]), changed.slice(1)])
    run = (changed.cast(pl.UInt32).cum_sum() - 1).cast(pl.UInt32)
    firsts = frame.filter(changed)
    distinct = firsts.unique(maintain_order=True)
    parsed = _parse_distinct(distinct, spec, assume_tz)
    if len(distinct) == len(firsts):
        seconds = parsed.gather(run)
    else:
        joined = firsts.join(
            distinct.with_columns(parsed.alias("_v")),
            on=list(firsts.columns),
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        seconds = joined["_v"].gather(run)
    if fractions is not None and spec.fraction:
        seconds = seconds + _fraction(fractions, spec.fraction)
    return seconds.cast(UTC_US)


def _fraction(fractions: pl.Series, sign: str) -> pl.Series:
    """Digits after the seconds as a duration. After a colon they count milliseconds (`22:15:29:6` is 6 ms)."""
    if sign == ":":
        return (fractions.str.slice(0, 3).cast(pl.Int64, strict=False).fill_null(0) * 1000).cast(pl.Duration("us"))
    lengths = fractions.str.len_bytes()
    size = lengths.min()
    if (
        size is not None and size == lengths.max() and isinstance(size, int) and size <= 6
    ):  # all alike: no padding needed
        return (fractions.cast(pl.Int64, strict=False).fill_null(0) * 10 ** (6 - size)).cast(pl.Duration("us"))
    padded = (fractions + "000000").str.slice(0, 6).cast(pl.Int64, strict=False).fill_null(0)
    return padded.cast(pl.Duration("us"))


def _parse_epoch(heads: pl.Series, fractions: pl.Series | None, spec: TimeSpec) -> pl.Series:
    if spec.form == "tai":
        seconds = heads.str.slice(2, 15).str.to_integer(base=16, strict=False) - 10
        micros = heads.str.slice(17, 8).str.to_integer(base=16, strict=False) // 1000
        return (seconds * 1_000_000 + micros).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    value = heads.cast(pl.Int64, strict=False)
    scaled = {"epoch": value * 1_000_000, "epoch_ms": value * 1000, "epoch_us": value, "epoch_ns": value // 1000}[
        spec.form
    ]
    out = scaled.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if fractions is not None and spec.fraction:
        out = out + _fraction(fractions, spec.fraction)
    return out


def _parse_distinct(distinct: pl.DataFrame, spec: TimeSpec, assume_tz: str) -> pl.Series:
    """UTC times of the distinct rows (columns h, perhaps t, perhaps r)."""
    form = BY_NAME[spec.form]
    parts = distinct["h"].str.extract_groups(form.head).struct.unnest()
    names = NAMES.findall(form.head)
    frame = pl.DataFrame({name: parts.to_series(i) for i, name in enumerate(names)}) if names else pl.DataFrame()
    if "t" in distinct.columns:
        for index in spec.tails:
            tail = form.tails[index]
            found = distinct["t"].str.extract_groups(tail).struct.unnest()
            for i, name in enumerate(NAMES.findall(tail)):
                column = found.to_series(i)
                frame = frame.with_columns(
                    pl.col(name).fill_null(column) if name in frame.columns else column.alias(name)
                )
    integers = [c for c in frame.columns if c not in ("b", "z", "p")]
    frame = frame.with_columns(pl.col(c).cast(pl.Int32, strict=False) for c in integers)
    if "b" in frame.columns:
        month = pl.Series(_MONTHS)
        frame = frame.with_columns(
            pl.col("b")
            .str.to_lowercase()
            .str.slice(0, 3)
            .replace_strict(month, pl.Series(range(1, 13), dtype=pl.Int32), default=None)
            .alias("m")
        )
    if spec.order:
        for letter, source in zip(spec.order, "ijk", strict=False):
            frame = frame.with_columns(pl.col(source).alias(letter if letter != "y" else "Y"))
    if "y" in frame.columns and "Y" not in frame.columns:
        frame = frame.with_columns(pl.col("y").alias("Y"))
    if "Y" in frame.columns:
        frame = frame.with_columns(
            pl.when(pl.col("Y") < 70)
            .then(pl.col("Y") + 2000)
            .when(pl.col("Y") < 100)
            .then(pl.col("Y") + 1900)
            .otherwise(pl.col("Y"))
            .alias("Y")
        )
    if "w" in frame.columns or "o" in frame.columns:
        frame = _from_day_of_year(frame)
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.Int32).alias(c) for c in ("Y", "m", "d", "H", "M", "S") if c not in frame.columns
    )
    if "p" in frame.columns:
        half = pl.col("p").str.slice(0, 1).str.to_lowercase()
        frame = frame.with_columns(
            pl.when(half == "p")
            .then(pl.col("H") % 12 + 12)
            .when(half == "a")
            .then(pl.col("H") % 12)
            .otherwise(pl.col("H"))
            .alias("H")
        )
    if "r" in distinct.columns:
        frame = _fill_from_receipt(frame.with_columns(distinct["r"]))
    clock = pl.duration(hours=pl.col("H"), minutes=pl.col("M"), seconds=pl.col("S").clip(0, 60))
    naive = frame.select(_date(pl.col("Y"), pl.col("m"), pl.col("d")).cast(pl.Datetime("us")) + clock).to_series()
    if "z" not in frame.columns:
        return Zone(assume_tz).localise(naive).cast(UTC_US)
    zones = frame["z"].unique().to_list()
    out = pl.Series([None] * len(naive), dtype=UTC_US)
    for zone in zones:
        mask = frame["z"].is_null() if zone is None else (frame["z"] == zone).fill_null(value=False)
        out = out.zip_with(~mask, Zone(zone if zone is not None else assume_tz).localise(naive).cast(UTC_US))
    return out


def _from_day_of_year(frame: pl.DataFrame) -> pl.DataFrame:
    """Month and day of ISO weeks (columns w and u) or of days of the year (o); null where there is none such."""
    first = _date(pl.col("Y"), pl.lit(1), pl.lit(1))
    if "w" in frame.columns:
        fourth = first + pl.duration(days=3)  # always in week 1
        days = (pl.col("w") - 1) * 7 + pl.col("u") - fourth.dt.weekday() + 3
    else:
        days = pl.when(pl.col("o").is_between(1, 366)).then(pl.col("o") - 1)
    day = first + pl.duration(days=days)
    return frame.with_columns(Y=day.dt.year(), m=day.dt.month().cast(pl.Int32), d=day.dt.day().cast(pl.Int32))


def _date(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    """A date, null where there is none such (`pl.date` would raise)."""
    first = pl.date(
        pl.when(month.is_between(1, 12) & year.is_between(1, 9999)).then(year),
        pl.when(month.is_between(1, 12)).then(month),
        1,
    )
    made = first + pl.duration(days=day - 1)
    return pl.when((made.dt.month() == month) & day.is_between(1, 31)).then(made)


def _fill_from_receipt(frame: pl.DataFrame) -> pl.DataFrame:
    """Year, or whole day, that the text leaves out: the latest not more than a day after the receipt."""
    received = pl.col("r")
    whole = pl.col("m").is_null() & pl.col("d").is_null()
    year = received.dt.year()
    frame = frame.with_columns(
        pl.when(whole).then(received.dt.month().cast(pl.Int32)).otherwise(pl.col("m")).alias("m"),
        pl.when(whole).then(received.dt.day().cast(pl.Int32)).otherwise(pl.col("d")).alias("d"),
    )
    limit = received + pl.duration(days=1)
    choice = pl.lit(None, dtype=pl.Int32)
    for back in range(8, -1, -1):  # eight years hold a 29th of February
        made = _date(year - back, pl.col("m"), pl.col("d"))
        choice = pl.when(made.is_not_null() & (made <= limit)).then(year - back).otherwise(choice)
    made = _date(year + 1, pl.col("m"), pl.col("d"))  # the first of January, received on the last of December
    choice = pl.when(made.is_not_null() & (made <= limit)).then(year + 1).otherwise(choice)
    return frame.with_columns(pl.col("Y").fill_null(choice).cast(pl.Int32).alias("Y"))
