"""A world per test: a fresh database, a lake in a folder, sources in memory."""

import pytest

from luffy_dagster.lake import Lake
from luffy_dagster_tests.flows.support import World


@pytest.fixture
def world(engine, settings, tmp_path) -> World:
    return World(engine, settings, Lake(tmp_path / "lake"))
