"""Dagster's real page over a small instance that the tick has written to, and a real Chromium that looks at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from luffy_dagster.adapters.dagster_api import DagsterApi, prepare_dagster_home
from luffy_dagster.settings import Settings
from luffy_dagster.store import embedded
from luffy_dagster_tests.defs import fakes

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICES = ["catalog", "checkout", "payments"]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Page:
    """A running webserver."""

    url: str
    instance: dg.DagsterInstance


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The webserver, over three services and three days, one of them failing; each file has its own, as some start runs."""
    from luffy_dagster.defs.build import build_definitions

    home = tmp_path_factory.mktemp("luffy")
    (home / "horizon").write_text(f"{fakes.TODAY - timedelta(days=9)}\n")
    own = {"LUFFY_HOME": str(home), "DAGSTER_HOME": str(prepare_dagster_home(home / "dagster"))}
    before = {key: os.environ.get(key) for key in own}
    os.environ.update(own)
    try:
        with dg.DagsterInstance.from_ref(InstanceRef.from_dir(own["DAGSTER_HOME"])) as instance:
            fill(instance, build_definitions(Settings(home=home), {"luffy": fakes.fake_luffy()}))
            process, url = started(home, own)
            try:
                yield Page(url, instance)
            finally:
                process.terminate()
                process.wait(20)
    finally:
        embedded.stop(Settings(home=home))
        for key, value in before.items():
            os.environ.pop(key) if value is None else os.environ.update({key: value})


def started(home: Path, own: dict[str, str], tries: int = 3) -> tuple[subprocess.Popen, str]:
    """The webserver and its URL; on another port when somebody else took the first one meanwhile."""
    url, log = f"http://127.0.0.1:{(port := free_port())}", home / "webserver.log"
    command = [sys.executable, "-m", "dagster_webserver", "-w", str(CHECKOUT / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=home, env=os.environ | own, stdout=said, stderr=said)
    try:
        wait_for(url, process, log)
    except BaseException:
        process.kill()
        process.wait(20)
        if tries > 1 and "address already in use" in log.read_text():
            return started(home, own, tries - 1)
        raise
    return process, url


def fill(instance: dg.DagsterInstance, defs: dg.Definitions) -> None:
    fakes.WORLD.__init__()
    instance.add_dynamic_partitions("service", SERVICES)
    fakes.WORLD.due = SERVICES
    fakes.WORLD.days = tuple(fakes.TODAY - timedelta(days=back) for back in (2, 1, 0))
    tick = defs.resolve_job_def("tick")
    tick.execute_in_process(instance=instance)
    fakes.WORLD.due = ["payments"]
    fakes.WORLD.broken = {"payments": "shop-logs: password refused (401); correct it with `luffy source set s3 --password`"}
    tick.execute_in_process(instance=instance)
    key = dg.MultiPartitionKey({"day": str(fakes.TODAY), "service": "payments"})
    defs.resolve_job_def("logs").execute_in_process(instance=instance, partition_key=key, raise_on_error=False)


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    with DagsterApi(url) as api:
        for _ in range(720):
            if process.poll() is not None:
                break
            if api.is_up():
                return
            time.sleep(0.25)
    pytest.fail(f"Dagster's page did not come up: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Chromium, as the system has it."""
    found = os.environ.get("LUFFY_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "no Chromium: install it (Debian: apt-get install chromium) or set LUFFY_TEST_CHROMIUM"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield made
        made.close()
