"""`luffy bench tick`: what a tick costs with nothing due, and what Dagster adds per due service.

Runs `luffy_dagster.defs.measure` as a child with a store, a lake and a Dagster home of its own, and judges its figures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LIMITS = {"idle_tick_seconds": 0.5, "added_cpu_per_due_service": 0.05, "plain_run_added_cpu": 0.05}


class BenchError(RuntimeError):
    """The measured process failed; the message holds the end of what it said."""


def run(services: int = 1000, due: int = 200) -> dict[str, Any]:
    """Figures of a tick among `services` services of which `due` have news.

    Keys: idle_tick_seconds (wall clock of the schedule's question with nothing due), cpu_per_due_service_flows and _tick (CPU
    seconds of the client process and of what it starts, PostgreSQL's own not counted), added_cpu_per_due_service (their
    difference), plain_run_added_cpu (CPU seconds that a run of its own adds, made and executed in a process that is warm),
    plain_run_in_process_added_cpu (the same by `execute_in_process`, which makes the job anew for each run), limits, passed.
    Raises BenchError.
    """
    from luffy_dagster import store
    from luffy_dagster.settings import Settings

    if not 4 <= due <= services:
        raise ValueError(f"due is {due}, services {services}: it takes 4 <= due <= services")
    with tempfile.TemporaryDirectory(prefix="luffy-bench-") as folder:
        home = Path(folder) / "home"
        settings = Settings(home=home)
        own = {key: value for key, value in os.environ.items() if not key.startswith(("LUFFY_", "DAGSTER_"))}
        own["LUFFY_HOME"] = str(home)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "luffy_dagster.defs.measure", str(services), str(due)],
                env=own,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            store.embedded.stop(settings)
    if done.returncode != 0:
        raise BenchError("the measured process failed: " + " ".join(done.stderr.split())[-1500:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["limits"] = LIMITS
    found["passed"] = all(found[key] <= limit for key, limit in LIMITS.items())
    return found
