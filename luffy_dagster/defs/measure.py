"""Measures what Dagster adds to the flows: the child process of `luffy bench tick`, which prints one JSON object.

`python -m luffy_dagster.defs.measure SERVICES DUE` works in the folder LUFFY_HOME names, which must be empty. It belongs to
this package because it runs Dagster's jobs; what is made of the figures is `evals/bench_tick.py`'s business.

What counts is the CPU of this process and of those that it started and that ended; PostgreSQL's own does not.

A plain run is measured as the processes of a schedule, a backfill or the page do it: a run is made for the job and then executed
(`execute_run`, in the executor of the job). The figure beside it is `execute_in_process`, a help for tests that makes the job, its schema
and its snapshot anew for each call. Either is by turns with the same flow on the same service, and the least of several of
each is taken: on a busy machine the rest is other people's.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import AssetKey, DagsterInstance, DagsterRun, MultiPartitionKey
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.instance.ref import InstanceRef

from luffy_dagster import store
from luffy_dagster.adapters.dagster_api import prepare_dagster_home
from luffy_dagster.core.scheduling import Due, Kind
from luffy_dagster.defs.automation import ask_for_tick
from luffy_dagster.defs.build import build_definitions
from luffy_dagster.defs.partitions import keep_horizon
from luffy_dagster.defs.resources import LuffyResource, resources
from luffy_dagster.settings import get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

LINES = 200
PLAIN_RUNS = 12
_REFETCH: dict[str, Any] = {"ops": {"logs_of_a_day": {"config": {"refetch": "ALWAYS"}}}}


def main(services: int, due: int) -> dict[str, Any]:
    """All figures; seconds of wall clock or of CPU of this process, as the keys say."""
    logging.getLogger("dagster").setLevel(logging.ERROR)
    settings = get_settings()
    now = datetime.now(UTC)
    keep_horizon(settings, now)
    luffy: LuffyResource = resources()["luffy"]
    names = _make(luffy.engine(), settings.home / "logs", services, now)
    home = prepare_dagster_home(settings.home / "dagster")
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        instance.add_dynamic_partitions("service", names)
        defs = build_definitions(settings)
        tick, logs = defs.resolve_job_def("tick"), defs.resolve_job_def("logs")
        found: dict[str, Any] = {"services": services, "due": due, "lines_per_service": LINES}

        # First what is loaded once: imports, connections, plans.
        _work(luffy, names[:2])
        tick.execute_in_process(instance=instance, run_config=_config(names[2:4]))

        # The same flows over the same kind of news, in a plain loop and in a tick; by turns, since the machine drifts.
        loop: list[float] = []
        ticked: list[float] = []
        half = due // 2
        for turn in range(2):
            _grow(settings.home / "logs", names[:due], now + timedelta(seconds=turn), turn)
            mine, other = names[turn * half : (turn + 1) * half], names[(1 - turn) * half : (2 - turn) * half]
            loop.append(_cpu(partial(_work, luffy, mine)) / max(1, len(mine)))
            ticked.append(
                _cpu(partial(tick.execute_in_process, instance=instance, run_config=_config(other)))
                / max(1, len(other))
            )
        found["cpu_per_due_service_flows"] = sum(loop) / 2
        found["cpu_per_due_service_tick"] = sum(ticked) / 2
        found["added_cpu_per_due_service"] = found["cpu_per_due_service_tick"] - found["cpu_per_due_service_flows"]
        found["materialised_partitions"] = len(instance.get_materialized_partitions(AssetKey("parsed_entries")))

        found |= _plain(luffy, logs, instance, now.date(), names)

        _succeed(luffy.engine(), names, datetime.now(UTC))
        found["idle_tick_seconds"] = min(_wall(lambda: ask_for_tick(instance, luffy, now)) for _ in range(3))
        found["idle_tick_due"] = len(luffy.due(datetime.now(UTC)))
        found["idle_run_seconds"] = _wall(lambda: tick.execute_in_process(instance=instance))
    return found


def _plain(
    luffy: LuffyResource, logs: Any, instance: DagsterInstance, day: date, names: Sequence[str]
) -> dict[str, float]:
    job = InMemoryJob(logs)
    ways: dict[str, Callable[[str], object]] = {
        "alone": lambda name: luffy.rebuild(name, day, True),
        "made": lambda name: execute_run(job, _made_run(logs, instance, day, name), instance),
        "in process": lambda name: _in_process(logs, instance, day, name),
    }
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(PLAIN_RUNS):
        name = names[number % len(names)]
        if number < len(names):
            luffy.rebuild(name, day, True)  # the first has more to write
        if number == 0:
            for work in ways.values():
                work(name)
        turn = number % len(ways)
        for way in [*ways][turn:] + [*ways][:turn]:
            spent[way].append(_cpu(partial(ways[way], name)))
    least = {way: min(each) for way, each in spent.items()}
    return {
        "plain_run_cpu": least["made"],
        "plain_run_added_cpu": least["made"] - least["alone"],
        "plain_run_in_process_added_cpu": least["in process"] - least["alone"],
    }


def _made_run(logs: Any, instance: DagsterInstance, day: date, service: str) -> DagsterRun:
    tags = logs.get_tags_for_partition_key(_key(day, service), selected_asset_keys=None)
    return instance.create_run_for_job(logs, run_config=_REFETCH, tags=tags)


def _make(engine: "Engine", logs: Path, services: int, now: datetime) -> list[str]:
    names = [f"service-{number:04d}" for number in range(services)]
    with store.begin(engine) as conn:
        for name in names:
            store.services.create(conn, {"id": name, "name": name}, actor="bench", now=now)
            store.sources.create(
                conn,
                name,
                {
                    "type": "file",
                    "name": "app",
                    "paths": [str(logs / name / "*.log")],
                    "options": {"read_from": "start"},
                },
                actor="bench",
                now=now,
            )
    _grow(logs, names, now - timedelta(minutes=10), -1)
    return names


def _grow(logs: Path, names: Sequence[str], start: datetime, turn: int) -> None:
    for name in names:
        (logs / name).mkdir(parents=True, exist_ok=True)
        with (logs / name / "app.log").open("a", encoding="utf-8") as out:
            for number in range(LINES):
                at = start + timedelta(milliseconds=number)
                level = "ERROR" if number % 50 == 49 else "INFO"
                out.write(
                    f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {level} app: order {number} of turn {turn} done\n"
                )


def _due(names: Sequence[str]) -> list[Due]:
    now = datetime.now(UTC)
    return [Due(service=name, kind=Kind.LOG_FETCH, slot=now, attempt=1) for name in names]


def _config(names: Sequence[str]) -> dict[str, Any]:
    return {"ops": {"work_through": {"config": {"services": list(names)}}}}


def _work(luffy: LuffyResource, names: Sequence[str]) -> None:
    failed = [result for result in luffy.tick(_due(names), lambda _: None) if not result.ok]
    if failed:
        raise RuntimeError(
            f"{len(failed)} of {len(names)} services failed, e.g. {failed[0].service}: {failed[0].error}"
        )
    # A tick ends with these flows too; what is judged and told is no cost of Dagster's.
    luffy.judge_silence(luffy.now())
    luffy.alerting()


def _in_process(logs: Any, instance: DagsterInstance, day: date, service: str) -> None:
    logs.execute_in_process(instance=instance, partition_key=_key(day, service), run_config=_REFETCH)


def _key(day: date, service: str) -> MultiPartitionKey:
    return MultiPartitionKey({"day": day.isoformat(), "service": service})


def _succeed(engine: "Engine", names: Sequence[str], at: datetime) -> None:
    with store.begin(engine) as conn:
        for name in names:
            for kind in Kind:
                store.schedule.record_success(conn, name, kind, at)


def _cpu(work: Callable[[], object]) -> float:
    start = _spent()
    work()
    return _spent() - start


def _spent() -> float:
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def _wall(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    measured = main(int(sys.argv[1]), int(sys.argv[2]))
    os.write(1, (json.dumps(measured) + "\n").encode())
