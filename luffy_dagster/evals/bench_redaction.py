"""`luffy bench redaction`: log lines as the parser redacts them and records as prompts are, beside the same expressions one by one.

Log lines are those that `luffy bench mining` and `luffy bench pipeline` generate, in five formats: each is parsed in pieces of the
pipeline's size, and what redaction takes of it is measured where the parser calls it, on all cores. Records are reports with names, places
and forty such lines each, redacted whole, as documents, prompts and messages are. The yardstick is every expression of the same rules,
compiled by `re` and tried on each line (or record) one after another; on fewer of them, since its time is linear.
"""

from __future__ import annotations

import os
import platform
import random
import re
import resource
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from unittest.mock import patch

from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.parsing.redacting import redact_entries
from luffy_dagster.core.redaction import (
    ALGORITHM,
    DOCUMENTS,
    LOGS,
    context,
    names,
    personal,
    places,
    redact_text,
    tokens,
)
from luffy_dagster.evals import bench_mining, bench_pipeline
from luffy_dagster.evals.common import raw_rows

_NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
_KEY = b"luffy bench"
_PIECE = 200_000  # rows, as the flows parse them
_LINES_OF_A_RECORD = 40
_REPORTS = (
    "Incident {n}: {who} from {town} saw errors since {hour}:{minute:02}. {whom} is on call ({mail}, +41 44 555 {minute:02} {hour:02}).",
    "{who} asked {whom} to look at order {n}; the customer lives at Lindenstrasse {hour}, 80{minute:02} {town}.",
    "Deployed by {who} <{mail}> at {hour}:{minute:02}, reviewed by {whom}; nothing but timeouts since.",
)
_GIVEN = "Anna Bruno Clara Daniel Elena Felix Greta Hugo Ines Jonas".split()
_FAMILY = "Berger Costa Fischer Gruber Keller Meier Novak Rossi Schmidt Weber".split()
_TOWNS = "Basel Bern Graz Lyon Turin Wien".split()


def run(lines: int = 500_000, records: int = 5_000, yardstick_lines: int = 20_000) -> dict[str, Any]:
    """Figures for `lines` log lines and `records` records of some forty lines, beside the yardstick on `yardstick_lines` of either."""
    each = lines // 5
    logs = dict(_logs(each, lines - 4 * each))
    reports = list(_records(records, [line for part in zip(*logs.values(), strict=False) for line in part]))
    per_format = {name: _log_lines(part) for name, part in logs.items()}
    seconds = sum(part["cpu_seconds"] for part in per_format.values())
    whole = _whole(reports)
    few = [line for part in logs.values() for line in part[: yardstick_lines // 5]]
    slow = _one_by_one([*_expressions(tokens, context, personal)], few, len(few))
    some = reports[: max(1, yardstick_lines // _LINES_OF_A_RECORD)]
    slow_whole = _one_by_one([*_expressions(tokens, context, personal, names, places)], some, _lines_in(some))
    speed = round(lines / seconds)
    return {
        "bench": "redaction",
        "algorithm": ALGORITHM,
        "lines": lines,
        "log_lines_per_cpu_second": speed,
        "records_lines_per_cpu_second": whole["lines_per_cpu_second"],
        "log_lines": {"cpu_seconds": round(seconds, 3), "per_format": per_format},
        "records": whole,
        "yardstick": {"log_lines": slow, "records": slow_whole},
        "times_yardstick": round(speed / slow["lines_per_cpu_second"], 1),
        "times_yardstick_records": round(whole["lines_per_cpu_second"] / slow_whole["lines_per_cpu_second"], 1),
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "polars": version("polars"),
        },
    }


def _logs(each: int, last: int) -> Iterator[tuple[str, list[str]]]:
    """Name and lines of each format."""
    for (stream,), part in bench_pipeline.generate(3 * each).group_by("stream", maintain_order=True):
        yield str(stream), part["body"].to_list()
    yield "app", list(bench_mining.generate("app", each))
    yield "gateway", list(bench_mining.generate("gateway", last))


def _records(count: int, lines: Sequence[str]) -> Iterator[str]:
    """Reports written by people over lines of log."""
    dice = random.Random(3)
    for number in range(count):
        given = {
            "n": dice.randrange(100_000),
            "hour": dice.randrange(10, 24),
            "minute": dice.randrange(10, 60),
            "town": dice.choice(_TOWNS),
        }
        who, whom = (f"{dice.choice(_GIVEN)} {dice.choice(_FAMILY)}" for _ in range(2))
        told = dice.choice(_REPORTS).format(
            who=who, whom=whom, mail=f"{whom.replace(' ', '.').lower()}@example.com", **given
        )
        at = number * _LINES_OF_A_RECORD % max(1, len(lines) - _LINES_OF_A_RECORD)
        yield "\n".join((told, *lines[at : at + _LINES_OF_A_RECORD]))


def _log_lines(lines: Sequence[str]) -> dict[str, Any]:
    """What redaction takes while lines of one stream are parsed."""
    profile = settle_profile(lines[:2000], received_at=_NOW)
    found = 0
    with _clocked() as spent:
        for start in range(0, len(lines), _PIECE):
            found += _parse(lines[start : start + _PIECE], profile, start)
    return {
        "lines": len(lines),
        "changed": found,
        "cpu_seconds": round(sum(spent), 3),
        "lines_per_cpu_second": _speed(len(lines), sum(spent)),
    }


def _parse(lines: Sequence[str], profile: StreamProfile, first: int) -> int:
    """Parses lines as the flows do; the number of entries in which something was found."""
    options = ParseOptions(now=_NOW, redaction=LOGS, redaction_key=_KEY, shapes=False, exceptions=False, close=True)
    return parse_rows(raw_rows(lines, "s", _NOW, first=first), {"s": profile}, options).stats.redacted


@contextmanager
def _clocked() -> Iterator[list[float]]:
    """CPU seconds of each call of redaction by the parser."""
    spent: list[float] = []

    def timed(*given: Any) -> Any:
        start = _cpu()
        out = redact_entries(*given)
        spent.append(_cpu() - start)
        return out

    with patch("luffy_dagster.core.parsing.engine.redact_entries", timed):
        yield spent


def _whole(texts: Sequence[str]) -> dict[str, Any]:
    """Records redacted one after the other, with names and places."""
    counts: Counter[str] = Counter()
    start = _cpu()
    for text in texts:
        redact_text(text, DOCUMENTS, _KEY, counts)
    seconds = _cpu() - start
    lines = _lines_in(texts)
    return {
        "records": len(texts),
        "lines": lines,
        "spans": dict(counts),
        "cpu_seconds": round(seconds, 3),
        "lines_per_cpu_second": _speed(lines, seconds),
    }


def _expressions(*modules: Any) -> Iterator[re.Pattern[str]]:
    """Every compiled expression of the rules' modules."""
    for module in modules:
        yield from _patterns(vars(module).values())


def _patterns(values: Iterable[Any]) -> Iterator[re.Pattern[str]]:
    for value in values:
        if isinstance(value, re.Pattern):
            yield value
        elif isinstance(value, tuple):
            yield from _patterns(value)


def _one_by_one(expressions: Sequence[re.Pattern[str]], texts: Sequence[str], lines: int) -> dict[str, Any]:
    """The yardstick: every expression over every text."""
    start = _cpu()
    for text in texts:
        for expression in expressions:
            for _ in expression.finditer(text):
                pass
    seconds = _cpu() - start
    return {
        "lines": lines,
        "expressions": len(expressions),
        "cpu_seconds": round(seconds, 3),
        "lines_per_cpu_second": _speed(lines, seconds),
    }


def _lines_in(texts: Sequence[str]) -> int:
    return sum(text.count("\n") + 1 for text in texts)


def _speed(lines: int, seconds: float) -> int:
    return round(lines / max(seconds, 1e-9))


def _cpu() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime
