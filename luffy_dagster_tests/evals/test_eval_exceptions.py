"""The evaluations of exceptions over cases written by us."""

import json

from luffy_dagster.evals import bench_exceptions, extraction, grouping
from luffy_dagster_tests.core.parsing.trace_samples import SAMPLES


def test_extraction_finds_first_and_last_line(tmp_path):
    text = SAMPLES["java_cause"][4].split("\n")
    head = [f"2026-03-01T10:00:0{i}Z INFO [shop] request {i} done" for i in range(5)]
    log = "\n".join(
        [*head, *(f"2026-03-01T10:00:06Z ERROR [shop] {t}" if i == 0 else t for i, t in enumerate(text)), head[0]]
    )
    truth = [{"lines": [6, 5 + len(text)], "lang": "java", "exc": "com.shop.OrderException", "service": "shop"}]
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text(json.dumps({"stream": "a", "format": "prefixed_header", "log": log, "truth": truth}) + "\n")
    result = extraction.run(data, out)
    assert result["f1"] == 1.0
    (row,) = [json.loads(line) for line in out.read_text().splitlines()]
    assert (row["first"], row["last"], row["language"], row["type"]) == (
        6,
        5 + len(text),
        "java",
        "com.shop.OrderException",
    )


def test_grouping_counts_pairs(tmp_path):
    def case(i, group, frames):
        text = "java.lang.NullPointerException\n" + "\n".join(f"\tat shop.{f}.run({f}.java:{i})" for f in frames)
        return {"id": str(i), "project": "p", "group": group, "trace": text}

    cases = [case(1, "a", ["Cart", "Web"]), case(2, "a", ["Cart", "Web", "X"]), case(3, "b", ["Till"])]
    data, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    data.write_text("".join(json.dumps(c) + "\n" for c in cases))
    result = grouping.run(data, out)
    assert (result["f1"], result["precision"], result["clusters"]) == (1.0, 1.0, 2)
    assert len(out.read_text().splitlines()) == 3


def test_bench_finds_every_exception():
    result = bench_exceptions.run(40)
    assert (result["exceptions"], result["found_in_ordinary"]) == (40, 0)
