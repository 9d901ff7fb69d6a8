"""`luffy bench pipeline`: raw rows to clusters, in lines per CPU-second and memory, over generated logs of several formats.

Runs the flows themselves over a real store and a lake in a folder of its own; the rows come from memory, so that what is
measured is parsing, folding, redaction, shapes, templates, fingerprints, clusters, and the writing of all of it.
"""

from __future__ import annotations

import os
import platform
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import polars as pl

from luffy_dagster import store
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.parsing import ParseOptions
from luffy_dagster.core.schemas import RAW_LOGS
from luffy_dagster.flows import make_context, process
from luffy_dagster.flows.policy import parse_options
from luffy_dagster.settings import Settings

_NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)  # live logs: a day that goes on
_TRACE_EVERY = 200  # one entry in so many is an exception with its trace
_PAGE = 10_000
_PYTHON = (
    "Traceback (most recent call last):",
    '  File "/srv/app/handlers/{module}.py", line {line}, in handle',
    "    result = self.service.run(request)",
    '  File "/srv/app/services/{module}.py", line {line}, in run',
    "    return self.repository.load(key)",
    '  File "/usr/lib/python3.11/site-packages/sqlalchemy/orm/query.py", line 2824, in one',
    "    return self._iter().one()",
    "{kind}: no row for key {key}",
)
_JAVA = (
    "com.shop.{module}.{kind}: no row for key {key}",
    "\tat com.shop.{module}.Repository.load(Repository.java:{line})",
    "\tat com.shop.{module}.Service.run(Service.java:88)",
    "\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1067)",
    "Caused by: java.sql.SQLException: connection to db-{line}:5432 refused",
    "\tat org.postgresql.Driver.connect(Driver.java:297)",
    "\t... 12 more",
)
_MESSAGES = (
    "request {n} GET /api/orders/{n} from 10.0.{a}.{b} took {ms} ms",
    "user user{n} logged in from 192.168.{a}.{b}",
    "cache miss for key order:{n}:{a}, loading from database",
    "payment {hex} for order {n} accepted, amount {ms}.{a} EUR",
    "queue depth {a}, {b} workers busy",
    "retrying call to inventory, attempt {a} of 5 after {ms} ms",
    "mail to customer{n}@example.com queued as {hex}",
    "job {hex} finished in {ms} ms with {b} rows",
    "connection pool: {a} active, {b} idle",
    "config reloaded from /etc/app/conf.d/{a}.yaml",
)


def _python_line(at: datetime, level: str, text: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {level} app.main - {text}"


def _java_line(at: datetime, level: str, text: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}  {level} 4711 --- [http-nio-8080-exec-3] c.shop.OrderService : {text}"


def _json_line(at: datetime, level: str, text: str) -> str:
    return f'{{"timestamp":"{at.isoformat()}","level":"{level.lower()}","logger":"shop.orders","message":"{text}"}}'


_FORMATS: dict[str, tuple[Callable[[datetime, str, str], str], tuple[str, ...]]] = {
    "python": (_python_line, _PYTHON),
    "java": (_java_line, _JAVA),
    "json": (_json_line, ()),
}


def generate(lines: int, *, seed: int = 7) -> pl.DataFrame:
    """`lines` rows of three streams, one per format, over two hours: columns of an adapter's frame, sorted by time."""
    dice = random.Random(seed)
    each = lines // len(_FORMATS)
    frames = []
    for name, (layout, trace) in _FORMATS.items():
        count = each if name != "json" else lines - each * (len(_FORMATS) - 1)
        bodies: list[str] = []
        times: list[datetime] = []
        step = timedelta(seconds=7000 / max(count, 1))
        at = _NOW - timedelta(hours=2)
        number = 0
        while len(bodies) < count:
            number += 1
            values = {
                "n": dice.randrange(100_000),
                "a": dice.randrange(255),
                "b": dice.randrange(255),
                "ms": dice.randrange(3000),
                "hex": f"{dice.getrandbits(64):016x}",
            }
            failed = bool(trace) and number % _TRACE_EVERY == 0
            text = dice.choice(_MESSAGES).format(**values)
            block = [layout(at, "ERROR" if failed else "INFO", "request failed" if failed else text)]
            if failed:
                told = {
                    "module": dice.choice(("orders", "payments", "stock")),
                    "line": dice.choice((42, 57, 133)),
                    "kind": dice.choice(("KeyError", "LookupFailed", "StateError")),
                    "key": dice.randrange(10_000),
                }
                block += [part.format(**told) for part in trace]
            bodies += block
            times += [at] * len(block)
            at += step * len(block)
        frames.append(
            pl.DataFrame({"body": bodies[:count], "event_time": times[:count]}).select(
                pl.format("{}-{}", pl.lit(name), pl.int_range(pl.len())).alias("doc_id"),
                pl.lit("s").alias("source_id"),
                pl.lit(name).alias("stream"),
                pl.int_range(pl.len(), dtype=pl.Int64).alias("seq"),
                pl.col("event_time").cast(RAW_LOGS["event_time"]),
                "body",
                pl.lit(None, dtype=pl.Utf8).alias("fields"),
                pl.lit(0, dtype=pl.Int32).alias("flags"),
            )
        )
    return pl.concat(frames).sort("event_time", maintain_order=True)


class _Memory:
    """A source that gives rows from memory."""

    def __init__(self, source_id: str, rows: pl.DataFrame) -> None:
        self.source_id = source_id
        self.rows = rows

    def fetch(self, window: TimeRange, *, state: Any = None, limit: Any = None, undated: bool = True) -> _Reading:
        """The rows of the window."""
        del state, limit, undated
        inside = pl.col("event_time").is_between(window.start, window.end, closed="left")
        return _Reading(self.rows.filter(inside), window)

    def close(self) -> None:
        """Nothing to let go of."""


class _Reading:
    def __init__(self, rows: pl.DataFrame, window: TimeRange) -> None:
        from luffy_dagster.adapters.source_model import FetchSummary

        self.rows = rows
        self.summary = FetchSummary(rows.height, 0, capped=False, covered=window)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[pl.DataFrame]:
        yield from self.rows.iter_slices(_PAGE)


def _cpu() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def run(lines: int = 1_000_000, url: str | None = None) -> dict[str, Any]:
    """Figures of two runs over the same rows: with redaction (the figures at the top) and without it (`without_redaction`).

    Lines per CPU-second from raw rows to clusters, all threads and imports counted, and the same with windows and detection behind
    them; peak memory in MiB. Raises BenchError when a run fails.
    `url` names the PostgreSQL to use (an own database is best); the embedded one of a temporary home when None, whose own CPU time
    is not counted as it is another process.
    """
    rows = generate(lines)
    text = int(rows.get_column("body").str.len_bytes().sum() or 0)
    whole = _measure(rows, url, "bench")
    with patch("luffy_dagster.flows.parse.parse_options", _unredacted):
        bare = _measure(rows, url, "bench-bare")
    return {
        "bench": "pipeline",
        "lines": lines,
        "bytes": text,
        "formats": [*_FORMATS],
        "redaction": True,
        **whole,
        "without_redaction": bare,
        "machine": {
            "cpus": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            **{name: version(name) for name in ("polars", "deltalake", "psycopg", "msgspec")},
        },
    }


def _unredacted(*given: Any, **named: Any) -> ParseOptions:
    return replace(parse_options(*given, **named), redaction=None)


class BenchError(RuntimeError):
    """What was measured did not do its work; its figures would mean nothing."""


@contextmanager
def _detection() -> Iterator[list[float]]:
    """CPU seconds that windows and detection take, told apart: they come after the clusters."""
    spent: list[float] = []
    real = process.detect_days

    def timed(*given: Any, **named: Any) -> Any:
        start = _cpu()
        found = real(*given, **named)
        spent.append(_cpu() - start)
        return found

    with patch.object(process, "detect_days", timed):
        yield spent


def _measure(rows: pl.DataFrame, url: str | None, slug: str) -> dict[str, Any]:
    """Figures of one run over a store and a lake of its own."""
    with tempfile.TemporaryDirectory(prefix="luffy-bench-", ignore_cleanup_errors=True) as folder:
        settings = Settings(home=Path(folder), **({"database_url": url} if url else {}))  # type: ignore[arg-type]
        engine = store.engine(settings)
        try:
            store.migrate(engine)
            with store.begin(engine) as conn:
                store.services.create(conn, {"id": slug, "name": slug}, actor="bench", now=_NOW)
                fields = {"type": "opensearch", "host": "localhost", "index_pattern": "bench"}
                source = store.sources.create(conn, slug, fields, actor="bench", now=_NOW)
                store.sources.set_monitoring(conn, source.id, True, actor="bench", now=_NOW)
            base = make_context(settings, now=lambda: _NOW)
            ctx = replace(base, open_source=lambda config: _Memory(config.id, rows))  # type: ignore[arg-type, return-value]
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            clock, cpu = time.perf_counter(), _cpu()
            with _detection() as spent:
                result = process.process_service(ctx, slug, close=True)
            seconds, cpu = time.perf_counter() - clock, _cpu() - cpu
            if result.error or result.detect is None or result.detect.error:
                raise BenchError(f"the run failed: {result.error or (result.detect and result.detect.error)}")
            clock_again, cpu_again = time.perf_counter(), _cpu()
            process.process_service(ctx, slug)
            again = {"seconds": time.perf_counter() - clock_again, "cpu_seconds": _cpu() - cpu_again}
            sizes = {kind: ctx.lake.size(kind, slug).bytes for kind in ("raw_logs", "entries", "exceptions")}
        finally:
            store.dispose()
            if url is None:
                store.embedded.stop(settings)
    parsed, clustered = result.parse, result.cluster
    return {
        "entries": parsed.entries if parsed else 0,
        "exceptions": parsed.exceptions if parsed else 0,
        "clusters": clustered.clusters if clustered else 0,
        "new_shapes": parsed.new_shapes if parsed else 0,
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu, 3),
        "detection_cpu_seconds": round(sum(spent), 3),
        "lines_per_cpu_second": round(rows.height / (cpu - sum(spent))),
        "lines_per_cpu_second_with_detection": round(rows.height / cpu),
        "same_rows_again": {name: round(value, 3) for name, value in again.items()},
        "memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "memory_before_mib": round(before / 1024),
        "lake_bytes": sizes,
    }
