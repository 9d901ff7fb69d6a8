"""`luffy doctor`: each thing is really broken, is found by name, and what the remedy says really mends it."""

import os
import shlex
import shutil
import socket
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from luffy_dagster import store
from luffy_dagster.settings import get_settings


@pytest.fixture
def checks(luffy, monkeypatch):
    """What doctor says now, by what it is about; settings are read anew, as a new process would."""

    def look():
        get_settings.cache_clear()
        answer = luffy("doctor", "--json")
        found = {}
        for check in answer.json:
            found.setdefault(check["what"], check)
        assert answer.code == (1 if any(check["state"] == "fail" for check in answer.json) else 0)
        return found

    return look


def follow(luffy, remedy):
    """Does what a remedy says: one of our commands, or one of the shell's."""
    words = shlex.split(remedy)
    if words[0] == "luffy":
        answer = luffy(*words[1:])
        assert answer.code == 0, answer.err
    else:
        subprocess.run(remedy, shell=True, check=True)


def test_no_dagster_yaml(luffy, checks, settings):
    (settings.home / "dagster" / "dagster.yaml").unlink()
    found = checks()["Dagster's folder"]
    assert found["state"] == "fail"
    follow(luffy, found["remedy"])
    assert checks()["Dagster's folder"]["state"] == "ok"


@pytest.mark.parametrize("home", ["somewhere", "/tmp/another/dagster"])
def test_another_dagster_home(luffy, checks, monkeypatch, home):
    monkeypatch.setenv("DAGSTER_HOME", home)
    found = checks()["Dagster's folder"]
    assert found["state"] in ("fail", "warn")
    assert home in found["detail"]
    follow(luffy, found["remedy"].split(",")[0].removesuffix(" in this folder"))
    monkeypatch.delenv("DAGSTER_HOME")  # ", and unset DAGSTER_HOME"
    assert checks()["Dagster's folder"]["state"] == "ok"


def test_a_key_that_others_can_read(luffy, checks, settings):
    key = settings.home / "secret.key"
    key.write_text("x" * 44)
    key.chmod(0o644)
    found = checks()["Key of secrets"]
    assert found["state"] == "fail"
    follow(luffy, found["remedy"])
    assert checks()["Key of secrets"]["state"] == "ok"


def test_a_database_that_does_not_answer(checks, monkeypatch):
    good = os.environ["LUFFY_DATABASE_URL"]
    monkeypatch.setenv("LUFFY_DATABASE_URL", "postgresql://nobody:hunter22@127.0.0.1:1/nothing")
    found = checks()["PostgreSQL"]
    assert found["state"] == "fail"
    assert found["remedy"] == "check LUFFY_DATABASE_URL"
    assert "hunter22" not in str(found)
    monkeypatch.setenv("LUFFY_DATABASE_URL", good)
    assert checks()["PostgreSQL"]["state"] == "ok"


def test_another_kind_of_database(checks, monkeypatch):
    monkeypatch.setenv("LUFFY_DATABASE_URL", "mysql://me@127.0.0.1/shop")
    found = checks()["PostgreSQL"]
    assert found["state"] == "fail"
    assert "needs PostgreSQL" in found["detail"]


def test_an_older_schema_and_none(luffy, checks, engine):
    with engine.begin() as conn:
        conn.execute(text("DROP TABLE cluster_decision"))  # what the newest revisions need is not there either
        conn.execute(text("DELETE FROM alembic_version"))
    found = checks()["PostgreSQL"]
    assert found["state"] == "fail"
    assert "without Luffy's tables" in found["detail"]
    with engine.begin() as conn:
        conn.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    follow(luffy, found["remedy"])
    assert checks()["PostgreSQL"]["state"] == "ok"
    with engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    found = checks()["PostgreSQL"]
    assert (found["state"], found["remedy"]) == ("fail", "luffy init")
    assert "schema 0001" in found["detail"]


def test_a_key_that_was_lost(luffy, checks, settings, monkeypatch):
    import io

    luffy("service", "add", "Web")
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n"))
    luffy("source", "add", "web", "-t", "opensearch", "--host", "127.0.0.1", "--index", "x", "-u", "me", "--password-stdin", "--no-test")
    assert "Secrets" not in checks()
    monkeypatch.setenv("LUFFY_SECRET_KEY", "quite another one")
    found = checks()["Secrets"]
    assert found["state"] == "fail"
    assert "source s1" in found["detail"]
    monkeypatch.setattr("sys.stdin", io.StringIO("two\n"))
    follow(luffy, found["remedy"].partition(", or ")[2] + " --no-test")
    assert "Secrets" not in checks()


def test_a_lake_that_cannot_be_reached(checks, monkeypatch):
    monkeypatch.setenv("LUFFY_LAKE_URL", "s3://nowhere/lake")
    monkeypatch.setenv(
        "LUFFY_LAKE_OPTIONS",
        '{"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hunter22", "AWS_REGION": "x"}',
    )
    found = checks()["Lake"]
    assert found["state"] == "fail"
    assert "LUFFY_LAKE_URL" in found["remedy"]
    assert "hunter22" not in str(found)
    monkeypatch.delenv("LUFFY_LAKE_URL")
    assert checks()["Lake"]["state"] == "ok"


def test_a_setting_with_a_slip_of_the_pen(luffy, checks, monkeypatch):
    monkeypatch.setenv("LUFFY_PARALEL_SERVICES", "8")
    found = checks()["Settings"]
    assert "LUFFY_PARALEL_SERVICES in the environment" in found["detail"]
    assert "LUFFY_PARALLEL_SERVICES" in found["remedy"]
    monkeypatch.delenv("LUFFY_PARALEL_SERVICES")
    assert "Settings" not in checks()


def test_git_is_missing(checks, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checks()["Git"]["state"] == "fail"


def test_little_disk(checks, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10**8))
    assert checks()["Home"]["state"] == "warn"


def test_too_many_partitions(luffy, checks):
    luffy("service", "add", "Web")
    luffy("horizon", "1900-01-01")
    assert checks()["Partitions"]["state"] == "ok"
    for number in range(2):
        luffy("service", "add", f"S{number}")
    found = checks()["Partitions"]
    assert found["state"] == "warn"
    follow(luffy, "luffy horizon 2026-08-01")
    assert checks()["Partitions"]["state"] == "ok"


def test_every_state_of_a_service_has_its_remedy(luffy, checks, engine, tmp_path):
    def web():
        return checks()["Service web"]

    assert checks()["Services"]["state"] == "warn"
    luffy("service", "add", "Web")
    assert "no log source" in web()["detail"]
    log = tmp_path / "app.log"
    log.write_text("2026-11-24 10:00:00 INFO it works\n")
    luffy("source", "add", "web", "--path", log)
    assert "never fetched" in web()["detail"]
    follow(luffy, web()["remedy"].partition(",")[0])
    assert web()["state"] == "ok"

    luffy("service", "pause", "web")
    assert (web()["state"], web()["detail"]) == ("off", "paused")
    follow(luffy, web()["remedy"])
    luffy("service", "maintenance", "web", "on")
    assert web()["detail"] == "in maintenance"
    follow(luffy, web()["remedy"])
    luffy("source", "monitoring", "s1", "off")
    assert "all its sources are off" in web()["detail"]
    follow(luffy, web()["remedy"])
    assert web()["state"] == "ok"

    log.unlink()
    luffy("fetch", "web")
    luffy("source", "set", "s1", f"paths=[\"{tmp_path}/nothing/*.log\"]")
    found = web()
    assert found["state"] == "fail"
    assert found["remedy"] == "luffy source test s1"
    luffy("source", "set", "s1", f"paths=[\"{tmp_path}/*.log\"]", "--no-test")
    log.write_text("2026-11-24 10:00:00 INFO it works again\n")
    follow(luffy, found["remedy"])
    luffy("fetch", "web")
    assert web()["state"] == "ok", web()

    with store.begin(engine) as conn:
        store.alarms.raise_alarm(conn, "web", "capped", "more is there", datetime.now(UTC), source_id="s1")
    assert "capped: more is there" in web()["detail"]
    assert "capped" in luffy(*shlex.split(web()["remedy"])[1:]).out
    with engine.begin() as conn:
        conn.execute(text("UPDATE service SET last_log_fetch = :at"), {"at": datetime.now(UTC) - timedelta(hours=5)})
    assert "last fetch 5 h ago" in web()["detail"]


def test_dagsters_page_down_is_told_with_its_remedy(checks, monkeypatch):
    with socket.socket() as nobody:  # bound, and never listening
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("LUFFY_DAGSTER_URL", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        found = checks()["Dagster's page"]
    assert (found["state"], found["remedy"]) == ("warn", "luffy up")
