"""Services and sources by command, kept in a real PostgreSQL."""

import os
import subprocess

import pytest


def test_init_makes_the_home_and_changes_nothing_the_second_time(call, settings, bare):
    (bare / ".env").write_text("MINE=1\nDAGSTER_HOME=old\n")
    first = call("init", "--json")
    assert first.code == 0, first.err
    home = settings.home
    assert (home / "dagster" / "dagster.yaml").exists()
    lines = (bare / ".env").read_text().splitlines()
    assert lines == ["MINE=1", f"LUFFY_HOME={home}", f"DAGSTER_HOME={home / 'dagster'}"]
    assert call("init", "--quiet").out == ""
    assert (bare / ".env").read_text().splitlines() == lines


def test_the_env_file_stays_out_of_git(call, settings, bare):
    subprocess.run(["git", "init", "-q", bare], check=True)
    assert call("init", "-q").code == 0
    assert subprocess.run(["git", "-C", bare, "check-ignore", "-q", ".env"]).returncode == 0


def test_where_the_environment_says_all_no_file_is_written(call, settings, bare, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(settings.home / "dagster"))
    assert call("init", "-q").code == 0
    assert not (bare / ".env").exists()


def test_horizon_is_ninety_days_back_and_can_be_moved(luffy):
    assert luffy("horizon", "--json").json["days"] == 91
    assert luffy("horizon", "2026-01-01").code == 0
    assert luffy("horizon", "--json").json["first_day"] == "2026-01-01"


def test_a_service_from_birth_to_archive(luffy):
    made = luffy("service", "add", "Web app", "--preset", "critical", "--set", "timezone=Europe/Berlin", "--json")
    assert made.code == 0, made.err
    assert made.json["id"] == "web-app"
    assert made.json["log_fetch_interval_minutes"] == 5
    assert made.json["rca_generation_interval_minutes"] == 10
    assert made.json["timezone"] == "Europe/Berlin"

    again = luffy("service", "add", "Web app")
    assert again.code == 1
    assert "web-app" in again.err

    assert luffy("service", "set", "web-app", "log_fetch_interval_minutes=7").code == 0
    refused = luffy("service", "set", "web-app", "log_fetch_interval_minutes=0")
    assert refused.code == 1
    assert "log_fetch_interval_minutes" in refused.err
    shown = luffy("service", "show", "web-app", "--json").json
    assert shown["service"]["log_fetch_interval_minutes"] == 7
    assert shown["history"][0]["to_state"] == "Created"

    assert luffy("service", "pause", "web-app", "--json").json["is_active"] is False
    assert luffy("service", "resume", "web-app", "--json").json["is_active"] is True
    assert "web-app" in luffy("service", "list").out

    assert luffy("service", "show", "nobody").code == 1


def test_a_source_is_tested_and_switched_on(luffy, bare):
    luffy("service", "add", "Web")
    log = bare / "web.log"
    log.write_text("2026-11-24 09:00:00,000 INFO hello\n")
    added = luffy("source", "add", "web", "--path", "web.log", "--json")
    assert added.code == 0, added.err
    assert added.json["status"] == "connected"
    (source,) = luffy("source", "list", "web", "--json").json
    assert source["paths"] == [str(log)]
    assert source["fetch_enabled"] is True
    assert source["connection_status"] == "connected"

    assert luffy("source", "monitoring", "web", "off", "--service", "--json").json["sources"] == 1
    assert luffy("source", "list", "web", "--json").json[0]["fetch_enabled"] is False
    assert luffy("source", "remove", source["id"], "--yes").code == 0
    assert luffy("source", "list", "web", "--json").json == []


def test_a_source_that_cannot_be_reached_says_why(luffy):
    luffy("service", "add", "Web")
    added = luffy("source", "add", "web", "-t", "opensearch", "--host", "127.0.0.1", "--port", "1", "--index", "x")
    assert added.code == 1
    assert "127.0.0.1" in added.err.splitlines()[-1]
    assert luffy("source", "list", "web", "--json").json[0]["connection_status"] == "failed"
    doctor = luffy("doctor", "--json")
    assert doctor.code == 1
    broken = next(check for check in doctor.json if check["state"] == "fail")
    assert broken["what"] == "Service web"
    assert broken["remedy"].startswith("luffy source test")


def test_a_password_is_read_from_stdin_and_shown_nowhere(luffy, monkeypatch):
    import io

    luffy("service", "add", "Web")
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter22secret\n"))
    given = ("source", "add", "web", "-t", "opensearch", "--host", "127.0.0.1", "--port", "1", "--index", "x", "-u", "me", "--password-stdin")
    answers = [luffy(*given), luffy("source", "list", "--json"), luffy("service", "show", "web", "--json"), luffy("service", "show", "web")]
    assert answers[1].json, answers[0].err
    assert answers[1].json[0]["has_password"] is True
    assert all("hunter22secret" not in answer.out + answer.err for answer in answers)


def test_doctor_with_nothing_set_up(call):
    answer = call("doctor", "--json")
    assert answer.code == 1
    states = {check["what"]: check for check in answer.json}
    assert states["Home"]["state"] == "fail"
    assert "luffy init" in states["Home"]["remedy"]
    assert call("doctor").code == 1


def test_doctor_starts_nothing(luffy, settings):
    before = sorted(os.listdir(settings.home))
    luffy("doctor")
    assert sorted(os.listdir(settings.home)) == before
