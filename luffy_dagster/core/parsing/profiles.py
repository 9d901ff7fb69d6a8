"""A stream's profile: settled once from a sample, stored, and from then on the only thing that says how lines are read.

What wrappers and headers look like is known by `unwrap` and `headers`; here they are put together into one JSON value with an id.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import unwrap
from luffy_dagster.core.parsing.headers import Format, infer_formats, read_headers
from luffy_dagster.core.parsing.headers.lexis import DIGITS
from luffy_dagster.core.parsing.traces.continuation import is_continuation
from luffy_dagster.core.parsing.unwrap import Step, logfmt, records

PROFILE_ALGORITHM = "profile-2026-12-5"
_SAMPLE = 2000
_OBJECTS = ("json", "logfmt", *records.RECORDS)  # wrappers that say all of a line
_OFTEN, _KINDS = 8, 3  # entries of a kind, and kinds, to tell whether lines without header belong to what they follow
_LONGEST = 20_000  # characters of a line that a sample needs


@dataclass(frozen=True)
class Reading:
    """A profile's specification, unpacked."""

    steps: tuple[Step, ...]
    formats: tuple[Format, ...]
    after: tuple[Step, ...]  # wrappers that stand behind the header (`tag: {"json": …}`)
    fold_all: bool  # a line without header belongs to the one before; else only when it looks like a trace
    zone: str
    paired: bool = False  # a line with the time, then one with level and message (java.util.logging)

    def to_json(self) -> dict[str, object]:
        """The specification as JSON values."""
        return {
            "steps": [step.to_json() for step in self.steps],
            "formats": [form.to_json() for form in self.formats],
            "after": [step.to_json() for step in self.after],
            "fold_all": self.fold_all,
            "zone": self.zone,
            **({"paired": True} if self.paired else {}),
        }


def settle_profile(lines: Sequence[str], *, assume_tz: str = "UTC", received_at: datetime) -> StreamProfile:
    """The profile of a stream from a sample of its raw lines in order (up to 2,000 are looked at).

    Args:
        lines: raw bodies; an empty sample gives the profile that keeps every line whole.
        assume_tz: zone of times that carry none; becomes part of the profile.
        received_at: when the sample came.
    """
    chosen = _spread([line[:_LONGEST] for line in lines if line is not None])
    steps, inner = unwrap.detect(chosen)
    flat = [part for line in inner for part in (line.split("\n", 1)[0],)]
    formats = infer_formats(_without_traces(flat) if any(step.kind in ("json", "logfmt") for step in steps) else flat)
    after: list[Step] = []
    confidence = 1.0
    fold_all = False
    if formats:
        after, fold_all = _behind(flat, formats, assume_tz, received_at)
    fold_all = fold_all or any(step.kind == "export" for step in steps)
    confidence = _confidence(chosen, steps, flat, formats)
    paired = _paired(flat, formats, assume_tz, received_at)
    reading = Reading(tuple(steps), tuple(formats), tuple(after), fold_all, assume_tz, paired)
    return make_profile(reading, confidence)


def _without_traces(lines: list[str]) -> list[str]:
    """What stands between objects, without raw traces: few lines, among which `panic: …` would pass for a header."""
    import polars as pl

    goes_on = is_continuation(pl.Series("line", lines, dtype=pl.Utf8))
    part = (goes_on | goes_on.shift(-1, fill_value=False)).to_list()
    return [line for line, inside in zip(lines, part, strict=True) if not inside]


def make_profile(reading: Reading, confidence: float) -> StreamProfile:
    """The profile of a reading, with its id."""
    spec = reading.to_json()
    stable = json.dumps(
        {"algorithm": PROFILE_ALGORITHM, "spec": _without_shares(spec)}, sort_keys=True, separators=(",", ":")
    )
    identity = hashlib.blake2b(stable.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return StreamProfile(f"pr-{identity}", PROFILE_ALGORITHM, spec, round(confidence, 4))


def _without_shares(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_shares(inner) for key, inner in value.items() if key != "share"}
    if isinstance(value, list):
        return [_without_shares(inner) for inner in value]
    return value


def reading(profile: StreamProfile) -> Reading:
    """The profile's specification, unpacked (kept, because compiling it is not free)."""
    return _reading(json.dumps(profile.spec, sort_keys=True))


@lru_cache(maxsize=512)
def _reading(spec: str) -> Reading:
    value = json.loads(spec)
    return Reading(
        tuple(Step.from_json(item) for item in value.get("steps", [])),
        tuple(Format.from_json(item) for item in value.get("formats", [])),
        tuple(Step.from_json(item) for item in value.get("after", [])),
        bool(value.get("fold_all", False)),
        str(value.get("zone", "UTC")),
        bool(value.get("paired", False)),
    )


def _spread(lines: list[str]) -> list[str]:
    """At most 2,000 lines: the first half as they come, the rest evenly."""
    if len(lines) <= _SAMPLE:
        return lines
    half = _SAMPLE // 2
    step = (len(lines) - half) / half
    return lines[:half] + [lines[half + int(i * step)] for i in range(half)]


_STRAY = re.compile(
    r"\s|[\]})]|at |Caused by|\.\.\. |Traceback|File \"|During handling|The above exception|Suppressed|goroutine |created by |#[0-9]+ |[\w$.]+(?:Error|Exception|Warning|Exit|Interrupt)\b|\^|-+$|=+$|\*+$|$"
)


def _behind(
    lines: Sequence[str], formats: Sequence[Format], assume_tz: str, received_at: datetime
) -> tuple[list[Step], bool]:
    """Wrappers behind the header, and whether lines without header continue the one before."""
    import polars as pl

    column = pl.Series("line", list(lines), dtype=pl.Utf8)
    read = read_headers(column, formats, assume_tz=assume_tz, received_at=received_at)
    headed = read["format"].is_not_null()
    messages = read["message"].filter(headed).to_list()
    objects = [text for text in messages if text.lstrip()[:1] == "{" or logfmt.decode(text) is not None]
    after: list[Step] = []
    if len(objects) >= max(2, 0.3 * len(messages)):
        steps, _ = unwrap.detect(objects)
        after = [step for step in steps if step.kind in ("json", "logfmt") and step.plan and not step.plan.newline]
    if sum(not text.strip() for text in messages) >= 0.8 * len(messages):
        return after, True  # the header is a line of its own, the message stands on the next
    bare = [line for line in column.filter(~headed).to_list() if not _STRAY.match(line)]
    joined = len(bare) <= 0.34 * max(1, int(headed.sum()))
    return after, joined and not _stands_apart(lines, headed.to_list(), read["message"].to_list())


def _stands_apart(lines: Sequence[str], headed: Sequence[bool], messages: Sequence[str]) -> bool:
    """Whether lines without header have nothing to do with what they follow: they follow all kinds of entries, and none regularly."""
    total: Counter[str] = Counter()
    followed: Counter[str] = Counter()
    for i in range(len(lines) - 1):
        if not headed[i]:
            continue
        kind = " ".join(messages[i].translate(DIGITS).split()[:2])
        total[kind] += 1
        followed[kind] += not headed[i + 1] and not _STRAY.match(lines[i + 1])
    kinds = [kind for kind, count in total.items() if count >= _OFTEN]
    behind = [kind for kind in kinds if followed[kind]]
    return (
        len(kinds) >= _KINDS
        and len(behind) >= 0.6 * len(kinds)
        and all(followed[kind] <= 0.5 * total[kind] for kind in behind)
    )


def _paired(lines: Sequence[str], formats: Sequence[Format], assume_tz: str, received_at: datetime) -> bool:
    """Whether nearly every line with a time and no level is followed by one with a level and no time, and the other way round."""
    import polars as pl

    kinds = [(form.compiled.time is not None, "level" in form.compiled.groups) for form in formats]
    if (True, False) not in kinds or (False, True) not in kinds:
        return False
    column = pl.Series("line", list(lines), dtype=pl.Utf8)
    read = read_headers(column, formats, assume_tz=assume_tz, received_at=received_at, wants_time=False)
    seen = [kinds[number] for number in read["format"].to_list() if number is not None]
    dated, levelled = seen.count((True, False)), seen.count((False, True))
    pairs = sum(a == (True, False) and b == (False, True) for a, b in pairwise(seen))
    return pairs >= 3 and pairs >= 0.9 * max(dated, levelled)


def _confidence(lines: Sequence[str], steps: Sequence[Step], inner: Sequence[str], formats: Sequence[Format]) -> float:
    """Share of the sample's lines that are read: by a wrapper that says all, by a header, or as a trace's line."""
    total = sum(1 for line in lines if line.strip())
    if not total:
        return 0.0
    if not inner:
        return 1.0
    plain = [line for line in inner if line.strip()]
    read = sum(form.share for form in formats) * len(plain)
    strays = sum(1 for line in plain if _STRAY.match(line)) if formats else 0
    said = total - len(plain) if any(step.kind in _OBJECTS for step in steps) else 0
    dated = (
        1.0 if any(step.kind == "rfc5424" for step in steps) else 0.5
    )  # it says time, level and who; others only some of it
    wrapped = dated * len(plain) if not formats and any(step.kind not in ("ansi", "octal") for step in steps) else 0
    return min(1.0, (said + max(read + strays, wrapped)) / total)
