"""Runs of a service in processes that are there to be killed: `python -m luffy_dagster_tests.faults.worker`.

Imports everything once and says `ready`. Each line of JSON (the World to work in) is then done by a child of its own: its process
id is said, and how it ended. Nothing is computed before the fork, so that polars' and deltalake's pools begin in the children.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from datetime import datetime
from pathlib import Path

import deltalake  # noqa: F401
from pydantic import SecretStr

from luffy_dagster import store
from luffy_dagster.adapters import errors, sources  # noqa: F401
from luffy_dagster.adapters.files import source  # noqa: F401
from luffy_dagster.core.clustering import assign, severity  # noqa: F401
from luffy_dagster.core.parsing import templates  # noqa: F401
from luffy_dagster.adapters.notify import http, send  # noqa: F401
from luffy_dagster.flows import process_service
from luffy_dagster.flows.delivery import deliver
from luffy_dagster.lake import Lake
from luffy_dagster.settings import Settings
from luffy_dagster_tests.flows.support import Doc, Server, World


def world_of(task: dict) -> World:
    settings = Settings(_env_file=None, home=Path(task["home"]), database_url=SecretStr(task["database"]), **task.get("settings", {}))
    world = World(store.engine(settings), settings, Lake(task["lake"]), piece_rows=task["piece_rows"])
    world.clock = datetime.fromisoformat(task["clock"])
    if task.get("do") == "deliver":
        return world
    server = Server(page=50)
    for text in Path(task["docs"]).read_text().splitlines():
        doc = Doc(**json.loads(text))
        doc.at = datetime.fromisoformat(doc.at)
        server.add(doc)
    world.servers[task["source"]] = server
    return world


def main() -> None:
    print("ready", flush=True)
    for text in sys.stdin:
        child = os.fork()
        if not child:
            code = 1
            try:
                task = json.loads(text)
                os.environ["LUFFY_HOME"] = task["home"]  # where the key of the addresses lies
                if task.get("do") == "deliver":
                    deliver(world_of(task).ctx, budget_seconds=20)
                    code = 0
                else:
                    code = 0 if process_service(world_of(task).ctx, task["service"]).ok else 2
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
