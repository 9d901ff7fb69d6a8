"""`luffy eval headers`: time, level and message of log lines with no setting, against the structured files beside them.

The same functions as the flows call (`settle_profile`, `read_lines`); nothing here knows a data set.
"""

from __future__ import annotations

import csv
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from luffy_dagster.core.parsing import PROFILE_ALGORITHM, settle_profile
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster.core.parsing.rows import read_lines

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_CLOCKED = ("Time", "Timestamp", "Date", "Day", "Month")


def run(data: Path, out: Path | None) -> dict[str, object]:
    """Reads every `<set>/<set>_2k.log` below `data`, writes one prediction per line to `out`, gives the figures.

    Figures per set: share of lines with the right message, level and time of day and date (where the truth has them),
    CPU-seconds to settle the profile, and to read a million lines by it.

    Raises:
        FileNotFoundError: no log of that form is there.
    """
    logs = sorted(path for path in data.glob("*/*_2k.log") if path.stem == f"{path.parent.name}_2k")
    if not logs:
        raise FileNotFoundError(f"no <set>/<set>_2k.log below {data}: give the folder that holds the sets")
    sink = out.open("w", encoding="utf-8") if out else None
    figures: dict[str, object] = {}
    received = datetime.now(tz=UTC)
    try:
        for log in logs:
            name = log.parent.name
            lines = [line.rstrip("\r") for line in log.read_bytes().decode("utf-8", "replace").split("\n")]
            if lines and not lines[-1]:
                lines.pop()
            started = time.process_time()
            profile = settle_profile(lines, received_at=received)
            settled = time.process_time() - started
            started = time.process_time()
            read = read_lines(
                pl.Series("body", lines, dtype=pl.Utf8), reading(profile), assume_tz="UTC", received_at=received
            )
            seconds = time.process_time() - started
            stamps, levels, messages = (
                read["time"].to_list(),
                read["level"].to_list(),
                read["text"].str.strip_chars().to_list(),
            )
            if sink:
                for number, (at, level, message) in enumerate(zip(stamps, levels, messages, strict=True), 1):
                    stamp = at.isoformat() if at else None
                    sink.write(
                        json.dumps(
                            {"dataset": name, "line": number, "timestamp": stamp, "level": level, "message": message},
                            ensure_ascii=False,
                        )
                        + "\n"
                    )
            truth = log.with_name(log.name + "_structured.csv")
            scored = _score(truth, stamps, levels, messages) if truth.exists() else {"lines": len(lines)}
            figures[name] = {
                **scored,
                "confidence": profile.confidence,
                "settle_cpu_s": round(settled, 3),
                "cpu_s_per_million": round(seconds / max(1, len(lines)) * 1e6, 2),
            }
    finally:
        if sink:
            sink.close()
    return {"algorithm": PROFILE_ALGORITHM, "sets": figures}


def _score(
    truth: Path, stamps: list[datetime | None], levels: list[str | None], messages: list[str]
) -> dict[str, object]:
    with truth.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    n = max(1, len(rows))
    pairs = list(zip(rows, stamps, levels, messages, strict=False))
    found: dict[str, object] = {
        "lines": len(rows),
        "message": round(sum(row["Content"].strip() == message for row, _, _, message in pairs) / n, 4),
    }
    if rows and "Level" in rows[0]:
        found["level"] = round(sum(row["Level"] == level for row, _, level, _ in pairs) / n, 4)
    columns = [name for name in _CLOCKED if rows and name in rows[0]]
    if columns:
        found["time"] = round(sum(_agrees(row, columns, at) for row, at, _, _ in pairs) / n, 4)
    return found


def _agrees(row: dict[str, str], columns: list[str], at: datetime | None) -> bool:
    """Whether time of day and date stand in the truth's columns, whatever their form."""
    if at is None:
        return False
    text = " ".join(row[name] for name in columns).lower()
    digits = re.sub(r"(?<![0-9])([0-9])(?![0-9])", r"0\1", row.get("Time") or row.get("Timestamp") or "")
    clock = f"{at:%H%M%S}" in re.sub(r"[^0-9]", "", digits) or str(int(at.timestamp())) in text
    month = f"{at:%m}" in text or _MONTHS[at.month - 1] in text
    day = f"{at:%d}" in text or re.search(rf"(?<![0-9]){at.day}(?![0-9])", text) is not None
    dated = (
        not re.search(r"[0-9]+[-/. ]?[0-9]*[-/. ]?[0-9]* ", text) or (month and day) or str(int(at.timestamp())) in text
    )
    return clock and dated
