"""`luffy eval templates`: group messages by template and compare with the truth of loghub-like folders.

DATA is a folder of `<set>/<set>_2k.log_structured.csv` (column Content). One setting for all sets: the code that the
assets call. Where a truth is present, four figures per set: grouping accuracy (GA: share of lines whose group holds
exactly the right lines), FGA (F1 over groups), parsing accuracy (PA: share of lines whose template text is the true
one) and FTA (F1 over templates: text right and all lines of the group of that template).
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from luffy_dagster.core.parsing.shapes import shape_messages, summarise_shapes
from luffy_dagster.core.parsing.templates import TEMPLATE_ALGORITHM, mine_templates

SUFFIX = "_2k.log_structured.csv"
CORRECTED = "_2k.log_structured_corrected.csv"


def templates_of(messages: Sequence[str]) -> pl.DataFrame:
    """template_id and template of each message, in order; an empty message gets template ""."""
    frame = pl.DataFrame({"message": pl.Series(messages, dtype=pl.Utf8)})
    frame = pl.concat([frame, shape_messages(frame["message"])], how="horizontal")
    mapping = mine_templates(summarise_shapes(frame))
    joined = frame.join(mapping, on="shape_id", how="left", maintain_order="left")
    return joined.select(pl.col("template_id").fill_null(""), pl.col("template").fill_null(""))


def scores(ids: Sequence[str], texts: Sequence[str], truth: Sequence[str]) -> dict[str, float]:
    """GA, FGA, PA, FTA of predicted group ids and texts against true templates (all of one length)."""
    predicted: dict[str, set[int]] = defaultdict(set)
    true: dict[str, set[int]] = defaultdict(set)
    for line, (group, template) in enumerate(zip(ids, truth, strict=True)):
        predicted[group].add(line)
        true[template].add(line)
    right_lines = right_groups = right_templates = 0
    for lines in predicted.values():
        some = next(iter(lines))
        templates = {truth[line] for line in lines}
        if len(templates) != 1:
            continue
        if true[truth[some]] == lines:
            right_groups += 1
            right_lines += len(lines)
        if texts[some] == truth[some]:
            right_templates += 1
    same_text = sum(a == b for a, b in zip(texts, truth, strict=True))
    total = len(predicted) + len(true)
    return {
        "GA": round(right_lines / len(truth), 4),
        "FGA": round(2 * right_groups / total, 4),
        "PA": round(same_text / len(truth), 4),
        "FTA": round(2 * right_templates / total, 4),
    }


def _read(path: Path, column: str) -> list[str]:
    with path.open(encoding="utf-8", errors="replace", newline="") as handle:
        return [row[column] or "" for row in csv.DictReader(handle)]


def _mean(per_set: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    names = ("GA", "FGA", "PA", "FTA")
    return {n: round(sum(s[n] for s in per_set.values()) / len(per_set), 4) for n in names} if per_set else {}


def _has_column(path: Path, column: str) -> bool:
    with path.open(encoding="utf-8", errors="replace", newline="") as handle:
        return column in next(csv.reader(handle), [])


def run(data: Path, out: Path | None) -> dict[str, object]:
    """Predict every set below `data`, write one JSON object per line to `out`, return the figures.

    Raises:
        FileNotFoundError: when `data` holds no structured file.
    """
    files = sorted(p for p in data.glob(f"*/*{SUFFIX}"))
    if not files:
        raise FileNotFoundError(f"no <set>/<set>{SUFFIX} below {data}: give the folder that holds the sets")
    csv.field_size_limit(sys.maxsize)
    against: dict[str, dict[str, dict[str, float]]] = {"structured": {}, "corrected": {}}
    counts: Counter[str] = Counter()
    sink = out.open("w", encoding="utf-8") if out is not None else None
    started = time.process_time()
    spent = 0.0
    try:
        for path in files:
            name = path.name.removesuffix(SUFFIX)
            contents = _read(path, "Content")
            began = time.process_time()
            predicted = templates_of(contents)
            spent += time.process_time() - began
            ids, texts = predicted["template_id"].to_list(), predicted["template"].to_list()
            counts["lines"] += len(contents)
            counts["templates"] += len(set(ids))
            if sink is not None:
                for line, (group, text) in enumerate(zip(ids, texts, strict=True), start=1):
                    row = {"dataset": name, "line": line, "template_id": group, "template": text}
                    sink.write(json.dumps(row, ensure_ascii=False) + "\n")
            for kind, truth_file in (("structured", path), ("corrected", path.with_name(f"{name}{CORRECTED}"))):
                if truth_file.exists() and _has_column(truth_file, "EventTemplate"):
                    against[kind][name] = scores(ids, texts, _read(truth_file, "EventTemplate"))
    finally:
        if sink is not None:
            sink.close()
    return {
        "evaluation": "templates",
        "algorithm": TEMPLATE_ALGORITHM,
        "sets": len(files),
        **counts,
        "cpu_seconds": round(time.process_time() - started, 2),
        "mining_cpu_seconds": round(spent, 2),
        "mean": {kind: _mean(per_set) for kind, per_set in against.items() if per_set},
        "per_set": {kind: per_set for kind, per_set in against.items() if per_set},
    }
