"""How one stream writes its times: settled from those of a sample, kept as JSON, turned into one expression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from luffy_dagster.core.parsing.times.forms import (
    BY_NAME,
    MONTH,
    WEEKDAY,
    ZONE,
    ZONE_SHAPE,
    Found,
    head_pattern,
    unnamed,
)

_WEEKDAY = re.compile(WEEKDAY.rstrip("?"))


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
            WEEKDAY, {"always": "[A-Z][a-z]{2,8},? +", "never": ""}.get(self.weekday, "(?:[A-Z][a-z]{2,8},? +)?")
        )
        text, groups = f"({unnamed(head.replace(MONTH, '[A-Za-z]{3,9}'))})", 1
        if self.fraction:
            part = f"{re.escape(self.fraction)}([0-9]{{1,9}})"
            text += part if self.fraction_always else f"(?:{part})?"
            groups += 1
        if self.tails:
            tails = [unnamed(form.tails[i].replace(ZONE, ZONE_SHAPE)) for i in self.tails]
            one = tails[0] if len(tails) == 1 else "".join(f"(?:{tail})?" for tail in tails)
            text += f"({one})" if self.tails_always else f"({one})?"
            groups += 1
        return text, groups

    @property
    def yearless(self) -> bool:
        """Whether the text may leave out the year."""
        if self.form in ("clock", "pair", "glog", "glued", "dmon_"):
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
    pattern = head_pattern(name)
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
