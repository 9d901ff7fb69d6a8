"""The benchmarks on few lines: that they run, count every line and compare within one run (speed itself is not tested)."""

import subprocess
import sys

from luffy_dagster.evals import bench_mining, bench_pipeline, bench_redaction


def test_pipeline_says_what_redaction_costs():
    figures = bench_pipeline.run(lines=3_000)
    assert figures["lines"] == 3_000
    for part in (figures, figures["without_redaction"]):
        assert part["lines_per_cpu_second"] > 0
        assert (part["entries"], part["exceptions"]) == (figures["entries"], figures["exceptions"])
    assert figures["exceptions"] > 0
    assert figures["without_redaction"]["lake_bytes"]["entries"] > 0


def test_mining_compares_in_one_run():
    figures = bench_mining.run(lines=3_000, yardstick_lines=500)
    assert (figures["luffy"]["lines"], figures["drain3"]["lines"]) == (3_000, 500)
    assert figures["times_drain3"] > 0


def test_redaction_is_measured_where_the_parser_calls_it():
    figures = bench_redaction.run(lines=2_000, records=20, yardstick_lines=100)
    formats = figures["log_lines"]["per_format"]
    assert sorted(formats) == ["app", "gateway", "java", "json", "python"]
    assert sum(part["lines"] for part in formats.values()) == 2_000
    assert all(part["lines_per_cpu_second"] > 0 for part in formats.values())
    assert formats["python"]["changed"] > 0
    assert {"EMAIL", "PERSON"} <= set(figures["records"]["spans"])
    assert figures["records"]["lines"] == 20 * 41
    assert figures["yardstick"]["log_lines"]["expressions"] > 100
    assert figures["times_yardstick"] > 0


MEMORY = """
import resource, sys
from datetime import UTC, datetime
import polars as pl
from luffy_dagster.core.parsing.shapes import shape_ids
from luffy_dagster.core.redaction import LOGS, redact
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.argv[1] == "long":
    texts = pl.Series([("word 12 a@b.com " * 130_000), "x" * 4_000_000, "1" * 4_000_000], dtype=pl.Utf8)
else:
    words = pl.Series([f"{i:x}".translate(str.maketrans("0123456789", "ghijklmnop")) for i in range(100_000)])
    texts = pl.select(pl.format("opened {} by {} for 17 s", words, words)).to_series()
shapes = shape_ids(texts)
assert shapes["shape"].null_count() == 0
redact(texts, LOGS, key=b"k")
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) // 1024, shapes["shape_id"].n_unique())
"""


def measured(kind: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", MEMORY, kind], capture_output=True, text=True, check=True, timeout=120)
    return [int(word) for word in done.stdout.split()]


def test_long_lines_and_many_shapes_stay_within_memory():
    grown, _ = measured("long")  # 10 MB in three lines
    assert grown < 400
    grown, shapes = measured("shapes")
    assert shapes == 100_000
    assert grown < 400
