"""The PostgreSQL of the tests: one embedded server per session, a fresh database (cloned from a migrated one) per test."""

import itertools
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

_numbers = itertools.count(1)
_LONG = ("test_demo.py", "test_kill.py", "test_compose.py", "test_install.py")  # minutes each


def pytest_collection_modifyitems(items):
    """What takes minutes goes first: begun last, it would leave the other worker with nothing to do."""
    items.sort(key=lambda item: item.path.name not in _LONG)


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch):
    """Settings of the person who runs the tests must not reach them."""
    for name in list(os.environ):
        if name.startswith("LUFFY_") and not name.startswith("LUFFY_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def now():
    return datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def pg_settings(tmp_path_factory):
    from luffy_dagster.settings import Settings
    from luffy_dagster.store import embedded

    home = Path(tmp_path_factory.mktemp("pg"))
    settings = Settings(_env_file=None, home=home)
    embedded.start(settings)
    yield settings
    from luffy_dagster import store

    store.dispose()
    embedded.stop(settings)


@pytest.fixture(scope="session")
def _admin(pg_settings):
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    from luffy_dagster.store import embedded, migrate
    from luffy_dagster.store.connection import database_url

    admin = create_engine(embedded.url(pg_settings, "postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        # A server that lives for one session needs no promise to survive a power cut: databases are cloned in a tenth of the time.
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            conn.execute(text(f"ALTER SYSTEM SET {setting}"))
        conn.execute(text("SELECT pg_reload_conf()"))
    template = create_engine(database_url(pg_settings, "luffy"), poolclass=NullPool)
    migrate(template)
    template.dispose()

    def clone(name):
        with admin.connect() as conn:
            conn.execute(text(f'CREATE DATABASE "{name}" TEMPLATE luffy'))
        return embedded.url(pg_settings, name)

    def drop(name):
        with admin.connect() as conn:
            conn.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    yield clone, drop
    admin.dispose()


@pytest.fixture
def settings(_admin, tmp_path, monkeypatch):
    """Settings with a home of their own and a fresh migrated database; also what `get_settings()` gives."""
    from luffy_dagster import settings as module
    from luffy_dagster import store

    clone, drop = _admin
    name = f"t{next(_numbers)}"
    url = clone(name)
    monkeypatch.setenv("LUFFY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LUFFY_DATABASE_URL", url)
    module.get_settings.cache_clear()
    made = module.Settings(_env_file=None)
    yield made
    store.dispose()
    module.get_settings.cache_clear()
    drop(name)


@pytest.fixture
def engine(settings):
    from luffy_dagster import store

    return store.engine(settings)


@pytest.fixture
def conn(engine):
    from luffy_dagster import store

    with store.begin(engine) as connection:
        yield connection
