"""Definitions over the fake, and an instance in memory."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from luffy_dagster.settings import Settings
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
