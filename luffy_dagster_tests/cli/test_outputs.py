"""What every command says: `--json` is JSON and nothing else, and no secret stands in any answer, log or dump."""

import io
import json

import pytest
from sqlalchemy import text

SECRETS = ("hunter22-password", "hook-token-4711")
# What takes no argument, changes nothing and needs no server.
READING = [
    ["service", "list"],
    ["service", "show", "web"],
    ["service", "history", "web"],
    ["source", "list"],
    ["source", "list", "web"],
    ["logs"],
    ["logs", "-s", "web", "--limit", "1"],
    ["clusters"],
    ["templates", "--service", "web"],
    ["alarms"],
    ["horizon"],
    ["doctor"],
]


@pytest.fixture
def filled(luffy, tmp_path, monkeypatch):
    """A service with secrets, a source of each kind, and some lines that were read."""
    log = tmp_path / "app.log"
    log.write_text('2026-11-24 10:00:00 ERROR it broke\nTraceback (most recent call last):\n  File "a.py", line 1, in f\nKeyError: 1\n')
    assert luffy("service", "add", "Web", "--set", f"notification_webhook_url=https://hooks.example.com/{SECRETS[1]}").code == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRETS[0]}\n"))
    given = ("-t", "opensearch", "--host", "127.0.0.1", "--port", "1", "--index", "x", "-u", "me", "--password-stdin", "--no-test")
    assert luffy("source", "add", "web", *given).code == 0
    assert luffy("source", "add", "web", "--path", log).code == 0
    luffy("fetch", "web")
    return luffy


def test_json_is_json_and_no_secret_is_shown(filled, engine, settings):
    for command in READING:
        answer = filled(*command, "--json")
        assert answer.code in (0, 1), (command, answer.err)
        json.loads(answer.out)
        plain = filled(*command)
        for secret in SECRETS:
            assert secret not in answer.out + answer.err + plain.out + plain.err, command
    changing = [
        ("service", "set", "web", "team=shop"),
        ("service", "maintenance", "web", "on", "--reason", "moving"),
        ("service", "maintenance", "web", "off"),
        ("service", "pause", "web"),
        ("service", "resume", "web"),
        ("source", "set", "s1", "environment=production", "--no-test"),
        ("source", "monitoring", "web", "off", "--service"),
        ("source", "rotate-secrets"),
        ("source", "remove", "s2", "--yes"),
        ("service", "archive", "web", "--yes"),
    ]
    for command in changing:
        answer = filled(*command, "--json")
        assert answer.code == 0 or command[1] == "maintenance", (command, answer.err)  # it has never been fetched well
        if answer.code == 0:
            json.loads(answer.out)
        assert not any(secret in answer.out + answer.err for secret in SECRETS), command
    with engine.connect() as conn:
        tables = [row[0] for row in conn.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))]
        dump = "\n".join(str(row[0]) for table in tables for row in conn.execute(text(f'SELECT t::text FROM "{table}" t')))
        actions = {(row.kind, row.action) for row in conn.execute(text("SELECT kind, action FROM audit"))}
    assert "web" in dump
    assert not any(secret in dump or secret.encode().hex() in dump for secret in SECRETS)
    for path in settings.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS), path
    expected = {("service", "create"), ("service", "update"), ("service", "move"), ("log_source", "create"), ("log_source", "update"), ("log_source", "delete")}
    assert expected <= actions
    assert any(kind == "secrets" for kind, _ in actions)


def test_an_illegal_move_names_the_legal_ones(luffy):
    luffy("service", "add", "Web")
    answer = luffy("service", "maintenance", "web", "on")
    assert answer.code == 1
    assert "cannot move from Created to Maintenance; allowed: Configuring" in answer.err
    assert luffy("service", "maintenance", "web", "off").code == 1


def test_no_password_is_taken_from_the_line(luffy):
    luffy("service", "add", "Web")
    answer = luffy("source", "set", "s1", "password=secret")
    assert answer.code == 2
    assert "--password-stdin" in answer.err
