"""`luffy bench mining`: read a file, split headers, give every line its template, in one process, against yardsticks.

Every contestant is a process of its own that reads the same file; its CPU time counts from the start of the
interpreter (imports included) as the operating system counts it, its memory is the peak of the process. Yardsticks:
Drain3 with the usual masks (on at most `yardstick_lines` lines, since its time is linear), masking of all lines in
polars with the header pattern given, grouped by masked text, and LogLead itself (pliplom behind the same masks) where an
interpreter that has it is named.
"""

from __future__ import annotations

import gzip
import json
import os
import platform
import random
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import polars as pl

CHUNK_BYTES = 24 << 20
FORMATS = ("app", "gateway", "hdfs")
# For the yardsticks only, which need the header's pattern from their user; ours finds it.
HEADERS = {
    "app": r"^\S+ \S+ +[A-Z]+ \[[^\]]*\] \S+ - ",
    "gateway": r"^[A-Z][a-z]{2} +[0-9]+ [0-9:]{8} \S+ [^:]+: ",
    "hdfs": r"^[0-9]{6} [0-9]{6} [0-9]+ [A-Z]+ \S+: ",
}
MASKS = (
    (r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "<UUID>"),
    (r"/?[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]+)?", "<IP>"),
    (r"blk_-?[0-9]+", "<BLK>"),
    (r"0x[0-9a-fA-F]+", "<HEX>"),
    (r"(?:/[A-Za-z0-9_.-]+)+", "<PATH>"),
    (r"[0-9]+", "<NUM>"),
)


def _app(rng: random.Random, number: int) -> str:
    stamp = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(milliseconds=37 * number)
    level, logger, text = _APP[int(rng.random() ** 2 * len(_APP))]
    message = text(rng)
    return f"{stamp:%Y-%m-%d %H:%M:%S},{stamp.microsecond // 1000:03} {level:5} [worker-{rng.randrange(16)}] {logger} - {message}"


def _uuid(rng: random.Random) -> str:
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _ip(rng: random.Random) -> str:
    return f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(256)}"


_APP: tuple[tuple[str, str, Callable[[random.Random], str]], ...] = (
    ("INFO", "shop.http.Access", lambda r: f"served /api/items/{r.randrange(9999)} with 200 in {r.randrange(900)} ms"),
    ("INFO", "shop.orders.Placer", lambda r: f"order {r.randrange(10**8)} placed by customer {r.randrange(10**6)}"),
    ("DEBUG", "shop.cache.Store", lambda r: f"cache hit for item:{r.randrange(10**5)}"),
    ("DEBUG", "shop.cache.Store", lambda r: f"cache miss for item:{r.randrange(10**5)}"),
    (
        "INFO",
        "shop.pay.Client",
        lambda r: f"payment of {r.random() * 300:.2f} authorised for order {r.randrange(10**8)}",
    ),
    ("INFO", "shop.net.Pool", lambda r: f"connection from {_ip(r)}:{r.randrange(65536)} accepted"),
    (
        "INFO",
        "shop.net.Pool",
        lambda r: f"connection from {_ip(r)}:{r.randrange(65536)} closed after {r.randrange(9999)}ms",
    ),
    ("WARN", "shop.pay.Client", lambda r: f"payment declined for order {r.randrange(10**8)}: card expired"),
    ("WARN", "shop.db.Pool", lambda r: f"slow query took {r.randrange(9000)} ms, {r.randrange(99)} rows"),
    ("INFO", "shop.jobs.Runner", lambda r: f"job cleanup-{r.randrange(999)} finished in {r.random() * 9:.3f}s"),
    (
        "ERROR",
        "shop.mail.Sender",
        lambda r: f"could not deliver to user{r.randrange(9999)}@example.org, attempt {r.randrange(5)} of 5",
    ),
    ("INFO", "shop.trace.Tap", lambda r: f"trace {_uuid(r)} sampled at {r.randrange(100)}%"),
)
_GATEWAY: tuple[Callable[[random.Random], str], ...] = (
    lambda r: (
        f"gatewayd[{r.randrange(9999)}]: session opened for user u{r.randrange(500)} from {_ip(r)} port {r.randrange(65536)}"
    ),
    lambda r: f"gatewayd[{r.randrange(9999)}]: session closed for user u{r.randrange(500)}",
    lambda r: f"gatewayd[{r.randrange(9999)}]: authentication failure; uid={r.randrange(99)} rhost={_ip(r)}",
    lambda r: (
        f"filter: drop in=eth{r.randrange(3)} src={_ip(r)} dst={_ip(r)} len={r.randrange(1500)} ttl={r.randrange(255)}"
    ),
    lambda r: f"dhcpd: lease {_ip(r)} renewed for {r.randrange(86400)} seconds",
    lambda r: f"kernel: [{r.random() * 10**5:.6f}] eth{r.randrange(3)}: link up, {r.choice((100, 1000))} Mbps",
    lambda r: f"kernel: [{r.random() * 10**5:.6f}] Out of memory: killed process {r.randrange(32768)} (worker)",
    lambda r: f"proxy: GET /static/{r.randrange(9999)}.js 304 {r.randrange(5000)} {r.random():.3f}",
)


def _gateway(rng: random.Random, number: int) -> str:
    stamp = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(milliseconds=91 * number)
    return f"{stamp:%b} {stamp.day:>2} {stamp:%H:%M:%S} edge{rng.randrange(9)} {_GATEWAY[int(rng.random() ** 2 * len(_GATEWAY))](rng)}"


def generate(form: str, lines: int, data: Path | None = None) -> Iterator[str]:
    """`lines` lines of a format (`FORMATS`)."""
    if form == "hdfs":
        if data is None:
            raise ValueError("format hdfs repeats real lines: give their file with --data")
        raw = data.read_bytes()
        real = (gzip.decompress(raw) if data.suffix == ".gz" else raw).decode("utf-8", "replace").splitlines()
        for number in range(lines):
            yield real[number % len(real)]
        return
    rng, make = random.Random(11), _app if form == "app" else _gateway
    for number in range(lines):
        yield make(rng, number)


def _luffy(path: Path, form: str) -> dict[str, object]:  # noqa: ARG001
    from luffy_dagster.core.parsing import settle_profile
    from luffy_dagster.core.parsing.templates.stream import TemplateStream

    with path.open("rb") as handle:
        sample = handle.read(1 << 19).decode("utf-8", "replace").splitlines()[:-1]
    stream = TemplateStream(settle_profile(sample[:2000], received_at=datetime(2026, 11, 24, tzinfo=UTC)))
    total, codes = 0, path.with_suffix(".codes")
    with path.open("rb") as handle, codes.open("wb") as sink:
        rest = b""
        while chunk := handle.read(CHUNK_BYTES):
            end = chunk.rfind(b"\n") + 1
            block, rest = b"".join((rest, memoryview(chunk)[:end])), chunk[end:] if end else rest + chunk
            if end:
                total += _write(stream.feed_block(block), sink)
        if rest:
            total += _write(stream.feed_block(rest + b"\n"), sink)
    templates = stream.templates()
    codes.unlink()
    return {"lines": total, "shapes": len(templates), "templates": templates["template_id"].n_unique()}


def _write(numbers: pl.Series, sink: BinaryIO) -> int:
    numbers.to_frame("code").write_ipc_stream(sink)
    return len(numbers)


def _polars_masks(path: Path, form: str) -> dict[str, object]:
    import polars as pl

    frame = pl.read_csv(path, has_header=False, separator="\x01", quote_char=None, schema={"line": pl.Utf8})
    masked = pl.col("line").str.replace(HEADERS[form], "")
    for pattern, name in MASKS:
        masked = masked.str.replace_all(pattern, name)
    frame = frame.select(masked=masked)
    ids = frame["masked"].rank("dense")
    return {"lines": len(frame), "templates": ids.n_unique()}


def _drain3(path: Path, form: str) -> dict[str, object]:
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.profiling_enabled = False
    config.masking_instructions = [MaskingInstruction(pattern, name.strip("<>")) for pattern, name in MASKS]
    miner, header = TemplateMiner(config=config), re.compile(HEADERS[form])
    with path.open() as handle:
        ids = [miner.add_log_message(header.sub("", line.rstrip("\n"), count=1))["cluster_id"] for line in handle]
    return {"lines": len(ids), "templates": len(set(ids))}


CONTESTANTS: dict[str, Callable[[Path, str], dict[str, object]]] = {
    "luffy": _luffy,
    "polars_masks": _polars_masks,
    "drain3": _drain3,
}


def _measure(name: str, path: Path, form: str) -> dict[str, object]:
    """Run one contestant in a process of its own; its figures with lines per CPU-second."""
    return _figures_of(name, [sys.executable, "-m", __name__, name, str(path), form])


def _figures_of(name: str, command: list[str]) -> dict[str, object]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise RuntimeError(f"contestant {name} failed: {last[0]}")
    figures: dict[str, object] = json.loads(done.stdout.strip().splitlines()[-1])
    figures["lines_per_cpu_second"] = round(int(str(figures["lines"])) / float(str(figures["cpu_seconds"])))
    return figures


def _loglead(python: Path, path: Path, form: str) -> dict[str, object]:
    """LogLead's figures, by the interpreter that has it."""
    script = Path(__file__).with_name("_loglead.py")
    command = [str(python), str(script), str(path), HEADERS[form], json.dumps(MASKS)]
    return _figures_of("loglead", command)


def run(
    lines: int = 1_000_000,
    format: str = "app",  # noqa: A002
    data: Path | None = None,
    yardstick_lines: int = 200_000,
    loglead: Path | None = None,
) -> dict[str, object]:
    """Figures of all contestants on one generated file.

    Args:
        lines: length of the file.
        format: "app" (application log), "gateway" (syslog) or "hdfs" (real lines of `data`, repeated).
        data: for "hdfs": file of real lines, gzip or plain.
        yardstick_lines: length of the file for Drain3.
        loglead: a Python that has LogLead installed (it needs an older polars than ours); left out when None.

    Raises:
        ValueError: for an unknown format or missing data.
        RuntimeError: when a contestant fails.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}: choose one of {', '.join(FORMATS)}")
    with tempfile.TemporaryDirectory(prefix="luffy-bench-") as folder:
        whole, part = Path(folder) / "whole.log", Path(folder) / "part.log"
        with whole.open("w") as handle, part.open("w") as start:
            for number, line in enumerate(generate(format, lines, data)):
                handle.write(line + "\n")
                if number < yardstick_lines:
                    start.write(line + "\n")
        size = whole.stat().st_size
        ours = _measure("luffy", whole, format)
        masks = _measure("polars_masks", whole if lines <= 2_000_000 else part, format)
        drain = _measure("drain3", part, format)
        rival = _loglead(loglead, whole if lines <= 2_000_000 else part, format) if loglead is not None else None
    speed = float(str(ours["lines_per_cpu_second"]))
    return {
        "benchmark": "mining",
        "format": format,
        "lines": lines,
        "bytes": size,
        "luffy": ours,
        "polars_masks": masks,
        "drain3": drain,
        "times_drain3": round(speed / float(str(drain["lines_per_cpu_second"])), 1),
        "times_polars_masks": round(speed / float(str(masks["lines_per_cpu_second"])), 1),
        "loglead": rival,
        "times_loglead": round(speed / float(str(rival["lines_per_cpu_second"])), 1) if rival else None,
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{name: version(name) for name in ("polars", "drain3")},
        },
    }


def _main(name: str, path: str, form: str) -> None:
    figures = CONTESTANTS[name](Path(path), form)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures["cpu_seconds"] = round(usage.ru_utime + usage.ru_stime, 3)
    figures["peak_mb"] = round(usage.ru_maxrss / 1024)
    print(json.dumps(figures))


if __name__ == "__main__":
    _main(*sys.argv[1:4])
