"""The embedded PostgreSQL on its own homes: started by need, by several at once, after every kind of death."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from luffy_dagster.settings import Settings
from luffy_dagster.store import embedded
from luffy_dagster.store.connection import database_url
from luffy_dagster.store.errors import UnavailableError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LANG", "xx_NOWHERE.UTF-8")  # a language this machine does not have
    settings = Settings(_env_file=None, home=tmp_path / "h")
    yield settings
    embedded.stop(settings)


def _gone(pid, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
        except OSError:
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still there")


def _value(settings, statement):
    made = create_engine(database_url(settings), poolclass=NullPool)
    with made.begin() as conn:
        result = conn.execute(text(statement))
        return result.scalar() if result.returns_rows else None


def test_start_stop_and_every_death_between(home):
    assert not embedded.status(home).running
    assert not embedded.stop(home)

    # Three processes want it first; the one that starts it dies at once. There is one server, and it stays.
    code = (
        "from luffy_dagster.settings import Settings; from luffy_dagster.store.connection import database_url; import os, sys, pathlib;"
        "print(database_url(Settings(_env_file=None, home=pathlib.Path(sys.argv[1]))), flush=True); os.kill(os.getpid(), 9)"
    )
    wanting = [subprocess.Popen([sys.executable, "-c", code, str(home.home)], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    urls = {p.communicate(timeout=120)[0].strip() for p in wanting}
    assert urls == {database_url(home)}
    first = embedded.status(home)
    assert first.running
    _value(home, "CREATE TABLE kept AS SELECT 7 AS n")

    # The server itself is killed: started again, with what was committed.
    os.kill(first.pid, signal.SIGKILL)
    _gone(first.pid)
    assert _value(home, "SELECT n FROM kept") == 7
    second = embedded.status(home)
    assert second.pid != first.pid

    # Killed, and its number goes to another process (a restarted container): still started again.
    os.kill(second.pid, signal.SIGKILL)
    _gone(second.pid)
    file = second.data / "postmaster.pid"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not embedded.status(home).running
    assert _value(home, "SELECT n FROM kept") == 7

    assert embedded.stop(home)
    assert not embedded.status(home).running
    assert _value(home, "SELECT n FROM kept") == 7  # comes back by itself


def test_both_databases_and_their_drivers(pg_settings):
    assert database_url(pg_settings).startswith("postgresql+psycopg://")
    dagster = database_url(pg_settings, "dagster", "psycopg2")
    assert dagster.startswith("postgresql+psycopg2://")
    made = create_engine(dagster, poolclass=NullPool)
    with made.connect() as conn:
        assert conn.execute(text("SELECT current_database()")).scalar() == "dagster"


def test_only_its_owner_reaches_its_data(pg_settings):
    assert embedded.data_folder(pg_settings).stat().st_mode & 0o077 == 0


def test_refused_urls_and_folders_name_the_remedy(tmp_path):
    with pytest.raises(UnavailableError, match="needs PostgreSQL"):
        database_url(Settings(_env_file=None, home=tmp_path, database_url="mysql://u:hidden@h/d"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="set LUFFY_HOME"):
        embedded.start(Settings(_env_file=None, home=tmp_path / "file" / "x"))


def test_an_unreachable_server_is_named_without_its_password(tmp_path):
    from luffy_dagster import store

    settings = Settings(_env_file=None, home=tmp_path, database_url="postgresql://u:hidden@127.0.0.1:1/luffy")
    with pytest.raises(UnavailableError) as error, store.begin(store.engine(settings)):
        pass
    assert "127.0.0.1" in str(error.value)
    assert "hidden" not in str(error.value)
    store.dispose()


def test_a_folder_with_a_space_and_a_quote_in_its_name(tmp_path):
    own = Settings(_env_file=None, home=tmp_path / "my work's")
    try:
        embedded.start(own)
        with create_engine(embedded.url(own, "postgres"), poolclass=NullPool).connect() as conn:
            assert conn.execute(text("SELECT 1")).scalar() == 1
    finally:
        embedded.stop(own)
