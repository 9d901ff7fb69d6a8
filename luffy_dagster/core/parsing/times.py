"""Times in log lines: which forms there are, how a stream's form is settled, how a column of them becomes UTC.

A form is an expression with named parts; a `TimeSpec` is the form made exact for one stream (order of day and month,
zone or none, year or none). Where in a line a time stands is the business of `headers`. Two syntaxes read the same
expressions: Python's `re` for samples, the column engine's for everything else, so they use ASCII classes only.

Parsing is done on the distinct texts up to the second; fractions are added as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from luffy_dagster.core.schemas import UTC_US

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MON = "(?P<b>[Jj][Aa][Nn]|[Ff][Ee][Bb]|[Mm][Aa][RrYy]|[Aa][Pp][Rr]|[Jj][Uu][NnLl]|[Aa][Uu][Gg]|[Ss][Ee][Pp]|[Oo][Cc][Tt]|[Nn][Oo][Vv]|[Dd][Ee][Cc])[a-z]*"
_DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? +)?"
_HMS = "(?P<H>[0-9]{1,2}):(?P<M>[0-9]{1,2}):(?P<S>[0-9]{1,2})"
_GAP = "(?:[T_]| +|, ?|[-:]|;)"
_ZONES: dict[str, int] = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "EET": 120, "EEST": 180, "MSK": 180,
    "BST": 60, "IST": 330, "JST": 540, "KST": 540, "AEST": 600, "AEDT": 660, "EST": -300, "EDT": -240, "CST": -360,
    "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
}  # fmt: skip
_ZONE = (
    "(?P<z>(?:Z|[+-][0-9]{2}:?(?:[0-9]{2})?|"
    + "|".join(sorted((z for z in _ZONES if len(z) > 1), key=len, reverse=True))
    + "))"
)
_ZONE_SHAPE = "(?P<z>(?:Z|[+-][0-9]{2}:?(?:[0-9]{2})?|[A-Z]{3,4}))"  # the same, as it is looked for in a settled header
_WEEKDAY = re.compile(_DAY.rstrip("?"))
_AMPM = "(?P<p>[AaPp]\\.?[Mm]\\.?)"


@dataclass(frozen=True, slots=True)
class Form:
    """One way of writing a time: `head` up to the seconds, then a fraction, then `tails` (zone, half of day, year)."""

    name: str
    head: str
    fraction: str = "[.,]"
    tails: tuple[str, ...] = ()
    rank: int = 0  # how much it says; of several times in a header the highest is taken


_STD_TAILS = (" ?" + _AMPM, " ?" + _ZONE, r" ?\(?" + _ZONE + r"\)?")
FORMS: tuple[Form, ...] = (
    Form("iso", "(?P<Y>[0-9]{4})[-/.](?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})" + _GAP + "(?P<H>[0-9]{1,2})[:.](?P<M>[0-9]{2})[:.](?P<S>[0-9]{2})", "[.,:]", (" ?" + _AMPM, " ?" + _ZONE), 9),
    Form("basic", "(?P<Y>[12][09][0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])" + "(?:[T_ -])" + "(?P<H>[0-9]{1,2}):(?P<M>[0-9]{1,2}):(?P<S>[0-9]{1,2})", "[.,:]", (" ?" + _ZONE,), 9),
    Form("basic14", "(?P<Y>[12][09][0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])[T_ -]?(?P<H>[0-2][0-9])(?P<M>[0-5][0-9])(?P<S>[0-6][0-9])", "[.,]", (" ?" + _ZONE,), 8),
    Form("ymon", "(?P<Y>[0-9]{4})[-/ ]" + _MON + "[-/ ](?P<d>[0-9]{1,2})" + _GAP + _HMS, "[.,:]", (" ?" + _ZONE,), 9),
    Form("dmon", _DAY + "(?P<d>[0-9]{1,2})[-/ ]" + _MON + "[-/ ,]+(?P<Y>[0-9]{4}|[0-9]{2})" + "(?:[T_]| +|, ?|[-:])" + _HMS, "[.,:]", (" ?" + _AMPM, " ?" + _ZONE), 9),
    Form("dmon_", _DAY + "(?P<d>[0-9]{1,2})[-/ ]" + _MON + " +" + _HMS, "[.,]", (" ?" + _ZONE,), 6),
    Form("mdy_text", _DAY + _MON + r"\.? +(?P<d>[0-9]{1,2}),? (?P<Y>[0-9]{4}),? +(?:at )?" + _HMS, "[.,:]", (" ?" + _AMPM, " ?" + _ZONE), 9),
    Form("ctime", _DAY + _MON + " +(?P<d>[0-9]{1,2}) +" + _HMS, "[.,]", ("(?: " + _ZONE + ")? (?P<Y>(?:19|20)[0-9]{2})", " ?" + _ZONE), 6),
    Form("numeric", "(?P<i>[0-9]{1,2})[-/.](?P<j>[0-9]{1,2})[-/.](?P<k>[0-9]{4}|[0-9]{2})" + _GAP + _HMS, "[.,:]", (" ?" + _AMPM, " ?" + _ZONE), 8),
    Form("pair", "(?P<i>[0-9]{1,2})[-/.](?P<j>[0-9]{1,2})" + "(?:T|_| +|-|, )" + _HMS, "[.,:]", (" ?" + _AMPM, " ?" + _ZONE), 6),
    Form("short6", "(?P<y>[0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])[ T_-] ?(?P<H>[0-9]{1,2}):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])", "[.,:]", (" ?" + _ZONE,), 8),
    Form("short66", "(?P<y>[0-9]{2})(?P<m>[01][0-9])(?P<d>[0-3][0-9])[ T_-](?P<H>[0-2][0-9])(?P<M>[0-5][0-9])(?P<S>[0-6][0-9])", "[.,]", (" ?" + _ZONE,), 7),
    Form("glog", "(?P<m>[01][0-9])(?P<d>[0-3][0-9]) +(?P<H>[0-2][0-9]):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])", "[.]", (), 6),
    Form("tai", "@(?P<n>4[0-9a-f]{15})(?P<x>[0-9a-f]{8})", "", (), 8),
    Form("epoch_ns", "(?P<n>[12][0-9]{9})(?P<u>[0-9]{9})", "", (), 5),
    Form("epoch_us", "(?P<n>[12][0-9]{9})(?P<u>[0-9]{6})", "", (), 5),
    Form("epoch_ms", "(?P<n>[12][0-9]{9})(?P<u>[0-9]{3})", "", (), 5),
    Form("epoch", "(?P<n>[12][0-9]{9})", "[.]", (), 4),
    Form("clock", "(?P<H>[0-2]?[0-9]):(?P<M>[0-5][0-9]):(?P<S>[0-6][0-9])", "[.,:]", (" ?" + _AMPM, " ?" + _ZONE), 2),
)  # fmt: skip
BY_NAME = {form.name: form for form in FORMS}
_PART = re.compile(r"\(\?P<\w+>")
_NAMES = re.compile(r"\(\?P<(\w+)>")


def unnamed(expression: str) -> str:
    """The expression with its named parts made plain groups that capture nothing."""
    return _PART.sub("(?:", expression)


@lru_cache(maxsize=1)
def scanner() -> tuple[tuple[Form, re.Pattern[str]], ...]:
    """Each form's whole expression for Python, tried in order; groups `_h`, `_f`, `_t0`… say which part matched."""
    out = []
    for form in FORMS:
        expression = f"(?P<_h>{unnamed(form.head)})"
        if form.fraction:
            expression += f"(?:(?P<_fs>{form.fraction})(?P<_f>[0-9]{{1,9}})(?![0-9]))?"
        tails = [f"(?P<_t{i}>{unnamed(tail)})" for i, tail in enumerate(form.tails)]
        for tail in tails:
            expression += f"(?:{tail}(?![0-9A-Za-z]))?"
        out.append((form, re.compile(expression + r"(?![0-9A-Za-z]|[-:.][0-9])")))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Found:
    """A time found in a line of the sample."""

    form: str
    start: int
    end: int
    head: str
    fraction_sign: str  # "" without fraction
    fraction: str
    tails: tuple[str, ...]  # text of each of the form's tails, "" where absent


def match_at(line: str, start: int) -> Found | None:
    """The time that begins exactly at `start`, by the first form that fits, or None."""
    for form, pattern in scanner():
        found = pattern.match(line, start)
        if found is None:
            continue
        groups = found.groupdict()
        if form.name.startswith("epoch") and not 946_684_800 <= int(found.group("_h")[:10]) <= 2_524_608_000:
            continue
        if not _plausible(form, found.group("_h")):
            continue
        tails = tuple(groups.get(f"_t{i}") or "" for i in range(len(form.tails)))
        return Found(
            form.name, start, found.end(), found.group("_h"), groups.get("_fs") or "", groups.get("_f") or "", tails
        )
    return None


@lru_cache(maxsize=64)
def _head_pattern(name: str) -> re.Pattern[str]:
    return re.compile(BY_NAME[name].head)


def _plausible(form: Form, text: str) -> bool:
    found = _head_pattern(form.name).fullmatch(text)
    if found is None:
        return False
    part = found.groupdict()
    limits = {"m": (1, 12), "d": (1, 31), "H": (0, 24), "M": (0, 59), "S": (0, 61), "i": (0, 99), "j": (1, 31)}
    for key, (low, high) in limits.items():
        if part.get(key) is not None and not low <= int(part[key]) <= high:
            return False
    return not (form.name == "pair" and not 1 <= int(part["i"]) <= 31)


@dataclass(frozen=True, slots=True)
class TimeSpec:
    """How one stream writes its time. JSON by `to_json`/`from_json`; reads the same text the same way for ever."""

    form: str
    fraction: str = ""  # the sign before the fraction ("." …), "" when there is none
    fraction_always: bool = True
    tails: tuple[int, ...] = ()  # which of the form's tails occur
    tails_always: bool = True
    order: str = ""  # numeric: "dmy" "mdy" "ymd"; pair: "md" "dm"
    ambiguous: bool = False  # day and month could be read both ways
    weekday: str = ""  # "always", "never", or "" for sometimes

    def to_json(self) -> dict[str, object]:
        """The specification as JSON values."""
        return {
            "form": self.form,
            "fraction": self.fraction,
            "fraction_always": self.fraction_always,
            "tails": list(self.tails),
            "tails_always": self.tails_always,
            "order": self.order,
            "ambiguous": self.ambiguous,
            "weekday": self.weekday,
        }

    @staticmethod
    def from_json(value: dict[str, object]) -> TimeSpec:
        """The specification again (KeyError for one without a form)."""
        tails = value.get("tails") or []
        return TimeSpec(
            str(value["form"]),
            str(value.get("fraction", "")),
            bool(value.get("fraction_always", True)),
            tuple(int(tail) for tail in tails) if isinstance(tails, list) else (),
            bool(value.get("tails_always", True)),
            str(value.get("order", "")),
            bool(value.get("ambiguous", False)),
            str(value.get("weekday", "")),
        )

    def expression(self) -> tuple[str, int]:
        """Expression with plain capturing groups and their number: head, then fraction, then tail where there are any."""
        form = BY_NAME[self.form]
        head = form.head.replace(
            _DAY, {"always": "[A-Z][a-z]{2,8},? +", "never": ""}.get(self.weekday, "(?:[A-Z][a-z]{2,8},? +)?")
        )
        text, groups = f"({unnamed(head.replace(_MON, '[A-Za-z]{3,9}'))})", 1
        if self.fraction:
            part = f"{re.escape(self.fraction)}([0-9]{{1,9}})"
            text += part if self.fraction_always else f"(?:{part})?"
            groups += 1
        if self.tails:
            tails = [unnamed(form.tails[i].replace(_ZONE, _ZONE_SHAPE)) for i in self.tails]
            one = tails[0] if len(tails) == 1 else "".join(f"(?:{tail})?" for tail in tails)
            text += f"({one})" if self.tails_always else f"({one})?"
            groups += 1
        return text, groups

    @property
    def yearless(self) -> bool:
        """Whether the text may leave out the year."""
        if self.form in ("clock", "pair", "glog", "dmon_"):
            return True
        return self.form == "ctime" and not (
            self.tails_always and any("P<Y>" in BY_NAME[self.form].tails[i] for i in self.tails)
        )

    @property
    def has_zone(self) -> bool:
        """Whether a zone stands in the text."""
        return any("P<z>" in BY_NAME[self.form].tails[i] for i in self.tails)


def settle(found: Sequence[Found]) -> TimeSpec:
    """The specification that reads all of `found` (times of one place and form, in stream order; at least one)."""
    form = BY_NAME[found[0].form]
    signs = [item.fraction_sign for item in found if item.fraction_sign]
    sign = max(set(signs), key=signs.count) if signs else ""
    used = tuple(i for i in range(len(form.tails)) if sum(1 for item in found if item.tails[i]) * 50 > len(found))
    days = sum(_WEEKDAY.match(item.head) is not None for item in found)
    order, ambiguous = ("", False)
    if form.name in ("numeric", "pair"):
        order, ambiguous = _settle_order(form.name, [item.head for item in found])
    return TimeSpec(
        form.name,
        sign,
        len(signs) == len(found),
        used,
        all(all(item.tails[i] for i in used) for item in found),
        order,
        ambiguous,
        "always" if days == len(found) else "never" if days == 0 else "",
    )


def _settle_order(name: str, heads: Sequence[str]) -> tuple[str, bool]:
    """Order of day, month and year, told apart over the stream: what cannot be is excluded, then what moves slowest."""
    pattern = _head_pattern(name)
    rows = [
        [int(x) for x in (m.group("i"), m.group("j"), m.group("k") if name == "numeric" else "0")]
        for h in heads
        if (m := pattern.fullmatch(h))
    ]
    if name == "numeric" and any(len(m.group("k")) == 4 for h in heads[:50] if (m := pattern.fullmatch(h))):
        choices = ["dmy", "mdy"]
    elif name == "numeric":
        choices = ["ymd", "dmy", "mdy"]
    else:
        choices = ["md", "dm"]
    fits = [c for c in choices if all(_fits(c, row) for row in rows)]
    if len(fits) == 1:
        return fits[0], False
    if not fits:
        return choices[0], True

    # A stream runs forward: the reading that goes back least often, then covers the least time, is the right one.
    def keys(choice: str) -> list[tuple[int, int, int]]:
        out = []
        for row in rows:
            part = dict(zip(choice, row, strict=False))
            out.append((part.get("y", 0), part["m"], part["d"]))
        return out

    scored = []
    for choice in fits:
        days = keys(choice)
        back = sum(1 for a, b in pairwise(days) if b < a)
        spread = {(y, m) for y, m, _ in days}
        scored.append((back, len(spread), fits.index(choice), choice))
    scored.sort()
    told = len(scored) < 2 or scored[0][:2] != scored[1][:2]
    separators = heads[0]
    if not told and name == "numeric" and "ymd" in fits:
        # two-digit years that are all alike and plausible: the year-first reading is usual for "17/06/09 20:10:40"
        firsts = {row[0] for row in rows}
        lasts = {row[2] for row in rows}
        if len(lasts) == 1 and len(firsts) > 1:
            rest = [c for c in fits if c != "ymd"]
            return (rest[0] if "." in separators or "-" in separators else rest[-1]), True
        return "ymd", True
    if not told and name == "numeric":
        return ("mdy" if "/" in separators and "mdy" in fits else fits[0]), True
    return scored[0][3], not told


def _fits(choice: str, row: Sequence[int]) -> bool:
    part = dict(zip(choice, row, strict=False))
    return 1 <= part["m"] <= 12 and 1 <= part["d"] <= 31 and part.get("y", 0) < 10000


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
    if text in _ZONES:
        return _ZONES[text]
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
    names = _NAMES.findall(form.head)
    frame = pl.DataFrame({name: parts.to_series(i) for i, name in enumerate(names)}) if names else pl.DataFrame()
    if "t" in distinct.columns:
        for index in spec.tails:
            tail = form.tails[index]
            found = distinct["t"].str.extract_groups(tail).struct.unnest()
            for i, name in enumerate(_NAMES.findall(tail)):
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
