"""`kill -9` at random moments of fetch and parse, then run again: the rows of an undisturbed run. Other moments: LUFFY_TEST_SEED."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from luffy_dagster import store
from luffy_dagster.lake import Lake
from luffy_dagster_tests.flows.support import NOW, Doc, World, line, minutes_of_logs, rows_of

ROUNDS = 20
PER_ROUND = 60


class Nursery:
    """A process with everything imported that does each task in a child."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "luffy_dagster_tests.faults.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("LUFFY_")},
        )
        assert self._said() == "ready"

    def _said(self) -> str:
        return self.process.stdout.readline().strip()

    def run(self, task: dict, kill_after: float | None = None, kill_when=None) -> tuple[bool, float]:
        """Whether it was killed while at work, and the seconds it took. `kill_when`: killed as soon as this is so."""
        started = time.perf_counter()
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        child = int(self._said())
        while kill_when is not None and not kill_when() and time.perf_counter() - started < 20:
            time.sleep(0.01)
        if kill_after is not None:
            time.sleep(kill_after)
        if kill_after is not None or kill_when is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        status = int(self._said())
        killed = os.WIFSIGNALED(status)
        assert killed or os.WEXITSTATUS(status) == 0, status
        return killed, time.perf_counter() - started

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


class Story:
    """A service with a source of documents and a source of files, both growing from round to round."""

    def __init__(self, world: World, slug: str, folder: Path) -> None:
        self.world, self.slug, self.folder = world, slug, folder
        folder.mkdir()
        self.log = folder / "app.log"
        self.documents = folder / "docs.jsonl"
        self.log.write_text("")
        self.documents.write_text("")
        self.source, _ = world.service(slug)
        world.source(slug, name="files", type="file", host=None, index_pattern=None, paths=[str(self.log)], options={"read_from": "start"})
        self.clock = NOW

    def grow(self, number: int) -> None:
        start = NOW + timedelta(minutes=10 * number)
        docs = minutes_of_logs(PER_ROUND, start, stream="a", tag=f"r{number}") + minutes_of_logs(30, start, stream="b", tag=f"r{number}")
        held = docs[10 + number]  # this one arrives a round later
        docs.remove(held)
        held.at, late = held.at, self.folder / "late.json"
        if late.exists():
            docs.append(Doc(**{**json.loads(late.read_text()), "at": None}))
            docs[-1].at = start - timedelta(minutes=1)
        late.write_text(json.dumps(asdict(held) | {"at": held.at.isoformat()}))
        with self.documents.open("a") as file:
            file.writelines(json.dumps(asdict(doc) | {"at": doc.at.isoformat()}) + "\n" for doc in docs)
        with self.log.open("a") as file:
            file.writelines(f"{doc.body}\n" for doc in minutes_of_logs(40, start, stream="f", step=0.7))
        self.clock = start + timedelta(minutes=9)

    def task(self) -> dict:
        settings = self.world.settings
        return {
            "home": str(settings.home),
            "database": settings.database_url.get_secret_value(),
            "lake": self.world.lake.root,
            "docs": str(self.documents),
            "source": self.source,
            "service": self.slug,
            "clock": self.clock.isoformat(),
            "piece_rows": 40,
        }

    def outcome(self) -> dict:
        world, slug = self.world, self.slug
        own = pl.col("stream").str.replace(r"^[^/]+/", "").str.replace(slug, "x")
        frames = {}
        for kind, key in (("raw_logs", "doc_id"), ("entries", "entry_id"), ("exceptions", "entry_id")):
            frame = Lake(world.lake.root).scan(kind, slug).collect().with_columns(own, _identity(key)).drop("source_id")
            frames[kind] = rows_of(frame)
        world.clock = self.clock
        frames["counts"] = world.counts(slug).drop("service_id").sort("hour", "environment", "level").to_dicts()
        with store.begin(world.engine) as conn:
            prints = store.fingerprints.exemplars(conn, slug)
            frames["clusters"] = prints.select("fingerprint", "cluster_id", "first_seen", "last_seen").to_dicts()
            shapes = store.shapes.list_shapes(conn, slug).select("shape_id", "shape", "count").sort("shape_id")
            frames["shapes"] = shapes.to_dicts()
        return frames


def _identity(key: str) -> pl.Expr:
    """A row's id without the source's number and, of files, without what differs by the file's place."""
    bare = pl.col(key).str.replace(r"^[^/]+/", "")
    return pl.when(bare.str.contains(":")).then("f" + bare.str.replace(r"^.*:", "")).otherwise(bare).alias(key)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_twenty_random_moments_the_rows_are_those_of_an_undisturbed_run(engine, settings, tmp_path) -> None:
    world = World(engine, settings, Lake(tmp_path / "lake"))
    calm, harried = Story(world, "calm", tmp_path / "calm"), Story(world, "harried", tmp_path / "harried")
    dice = random.Random(int(os.environ.get("LUFFY_TEST_SEED", "20261124")))
    nursery = Nursery()
    longest, killed = 0.0, 0
    for number in range(ROUNDS):
        calm.grow(number)
        harried.grow(number)
        longest = max(longest, nursery.run(calm.task())[1])
        killed += nursery.run(harried.task(), kill_after=dice.uniform(0.0, longest))[0]
    nursery.run(harried.task())
    nursery.close()
    assert killed >= ROUNDS // 2
    one, other = harried.outcome(), calm.outcome()
    for kind, rows in other.items():
        assert len(one[kind]) == len(rows), kind
        for row, twin in zip(one[kind], rows, strict=True):
            assert row == twin, kind
    assert sum(row["lines"] for row in other["entries"]) == len(other["raw_logs"]) == _lines(calm)


def _lines(story: Story) -> int:
    return len(story.log.read_text().splitlines()) + len(story.documents.read_text().splitlines())
