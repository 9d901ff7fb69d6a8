"""Definitions over the fake, an instance in memory, and one on the embedded PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from luffy_dagster.adapters.dagster_api import prepare_dagster_home
from luffy_dagster.settings import Settings
from luffy_dagster.store import embedded
from luffy_dagster_tests.defs import fakes


@pytest.fixture
def world() -> Iterator[fakes.World]:
    fakes.WORLD.__init__()  # type: ignore[misc]
    yield fakes.WORLD


@pytest.fixture
def defs(world: fakes.World, tmp_path: Path) -> dg.Definitions:
    from luffy_dagster.defs.build import build_definitions

    (tmp_path / "horizon").write_text("2026-10-01\n")
    return build_definitions(Settings(home=tmp_path), {"luffy": fakes.fake_luffy()})


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("home")
    yield made
    embedded.stop(Settings(home=made))


@pytest.fixture
def persistent(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("LUFFY_HOME", str(home))
    monkeypatch.delenv("LUFFY_DAGSTER_DATABASE_URL", raising=False)
    monkeypatch.delenv("LUFFY_DATABASE_URL", raising=False)
    folder = prepare_dagster_home(home / "dagster")
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder))) as instance:
        yield instance
