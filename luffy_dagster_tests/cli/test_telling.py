"""Rules, targets, silences, windows, releases and messages, as a person types them."""

import subprocess

from luffy_dagster_tests.cli.test_reading import watched  # noqa: F401 - a fixture
from luffy_dagster_tests.receivers import http_receiver


def test_silences_say_what_and_why_and_end(luffy, watched):
    made = luffy("alerts", "silence", "service=my-shop", "--hours", "2", "--reason", "known", "--json")
    assert made.code == 0, made.err
    number = made.json["silence"]
    (row,) = luffy("alerts", "silences", "--json").json
    assert (row["id"], row["reason"], row["hid"]) == (number, "known", [])
    assert "known" in luffy("alerts", "silences").out
    assert luffy("alerts", "unsilence", number).code == 0
    assert luffy("alerts", "silences", "--json").json == []
    assert luffy("alerts", "silence", "service=my-shop", "--reason", " ").code == 1


def test_rules_are_listed_changed_made_and_taken_away(luffy, watched):
    assert "cluster-new" in luffy("alerts", "rules", "list").out
    assert luffy("alerts", "rules", "set", "cluster-new", "--off").code == 0
    by_id = {rule["id"]: rule for rule in luffy("alerts", "rules", "list", "--json").json}
    assert by_id["cluster-new"]["enabled"] is False
    assert luffy("alerts", "rules", "set", "cluster-new", "--remove").code == 0
    made = luffy("alerts", "rules", "set", "many", "--source", "count", "--metric", "errors", "--threshold", "200", "--after", "5m")
    assert made.code == 0, made.err
    by_id = {rule["id"]: rule for rule in luffy("alerts", "rules", "list", "--json").json}
    assert by_id["cluster-new"]["enabled"] is True
    assert (by_id["many"]["threshold"], by_id["many"]["pending"]) == (200, 300)
    assert luffy("alerts", "rules", "set", "new-one").code == 1
    assert luffy("alerts", "rules", "set", "new-one", "--source", "moon").code == 2


def test_a_target_never_shows_its_address(luffy, watched):
    made = luffy("alerts", "targets", "add", "slack", "ops", "--address", "https://hooks.example.com/services/T0/B0/verysecret", "--json")
    assert made.code == 0, made.err
    shown = [luffy("alerts", "targets", "list"), luffy("alerts", "targets", "list", "--json")]
    assert all("verysecret" not in each.out + each.err for each in (made, *shown))
    assert luffy("alerts", "targets", "remove", made.json["target"]).code == 0
    assert luffy("alerts", "targets", "list", "--json").json == []
    assert luffy("alerts", "targets", "add", "pigeon", "x", "--address", "y").code == 1
    assert luffy("alerts", "targets", "add", "slack", "x", "--address", "ops").code == 1
    assert luffy("alerts", "targets", "add", "email", "x", "--address", "ops").code == 1
    assert luffy("alerts", "messages", "--failed", "--json").json == []


def test_what_a_silence_hid_is_listed_as_its_message_says(luffy, watched):
    number = luffy("alerts", "silence", "service=my-shop", "--reason", "known", "--json").json["silence"]
    assert luffy("alerts", "list", "--hidden-by", f"silence:{number}", "--json").json == []
    assert luffy("alerts", "list", "--hidden-by", "moon:1").code == 2
    assert luffy("alerts", "list", "--hidden-by", "silence").code == 2
    assert luffy("alerts", "unsilence", number).code == 0


def test_a_target_is_tried_by_hand(luffy, watched, monkeypatch):
    assert "luffy service set my-shop" in luffy("alerts", "targets", "test", "my-shop").err
    assert luffy("alerts", "targets", "test", "99").code == 1
    with http_receiver() as receiver:
        made = luffy("alerts", "targets", "add", "slack", "ops", "--address", receiver.url, "--json").json["target"]
        refused = luffy("alerts", "targets", "test", made)
        assert refused.code == 1
        assert "LUFFY_NOTIFY_ALLOW_PRIVATE" in refused.out
        assert receiver.requests == []
        monkeypatch.setenv("LUFFY_NOTIFY_ALLOW_PRIVATE", "127.0.0.1")
        from luffy_dagster.settings import get_settings

        get_settings.cache_clear()
        told = luffy("alerts", "targets", "test", made)
        assert told.code == 0, told.out + told.err
        assert "nothing is wrong" in str(receiver.accepted)
        receiver.behaviour = [500]
        assert luffy("alerts", "targets", "test", made, "--json").json[0]["error"].endswith("answers 500 (no)")
        assert luffy("alerts", "targets", "remove", made).code == 0
    get_settings.cache_clear()


def test_windows_are_planned_and_releases_taken_from_tags(luffy, watched, bare):
    planned = luffy("maintenance", "add", "my-shop", "--from", "+3h", "--hours", "2", "--reason", "new disks", "--json")
    assert planned.code == 0, planned.err
    assert planned.json["starts_at"] < planned.json["ends_at"]
    (row,) = [one for one in luffy("maintenance", "list", "--json").json if one["id"] == planned.json["window"]]
    assert row["starts_at"][:16] == planned.json["starts_at"][:16]
    assert luffy("maintenance", "add", "my-shop", "--from", "+3h", "--to", "+2h", "--reason", "x").code == 1
    assert luffy("maintenance", "end", planned.json["window"]).code == 0

    assert luffy("release", "sync", "my-shop").code == 1, "no repository"
    repo = bare / "code"
    repo.mkdir()
    run = {"cwd": repo, "check": True, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **run)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "one"], **run)
    subprocess.run(["git", *who, "tag", "-a", "v1.2", "-m", "x"], **run)
    assert luffy("service", "set", "my-shop", f"git_repo_path={repo}").code == 0
    assert [one["version"] for one in luffy("release", "sync", "my-shop", "--json").json] == ["v1.2"]
    assert "v1.2" in luffy("release", "list", "my-shop").out


def test_the_budget_of_false_alarms_is_a_setting(luffy, watched):
    row = luffy("anomalies", "budget", "my-shop", "0.02", "--reason", "nobody is on call", "--json")
    assert row.code == 0, row.err
    assert row.json["setting"]["budget"] == 0.02
    assert luffy("anomalies", "activate", "my-shop", row.json["version"]).code == 0
    assert "0.02" in luffy("anomalies", "settings", "my-shop").out


def test_a_count_rule_shows_what_it_counts_and_where_it_is_over(luffy, watched):
    made = luffy("alerts", "rules", "set", "busy", "--source", "count", "--metric", "errors", "--threshold", "200", "--clear", "90", "--severity", "high", "-e", "production")
    assert made.code == 0, made.err
    (rule,) = [one for one in luffy("alerts", "rules", "list", "--json").json if one["id"] == "busy"]
    assert (rule["clear"], rule["severity"], rule["environment"]) == (90.0, "high", "production")
    assert "count: errors over 200 an hour" in " ".join(luffy("alerts", "rules", "list").out.split()).replace(" high at once 10 min", "")
    assert luffy("alerts", "rules", "set", "busy", "--clear", "300").code == 1
    unknown = luffy("alerts", "rules", "set", "busy", "--severity", "grave")
    assert unknown.code == 2
    assert "critical" in unknown.err


def test_what_is_not_there_says_where_to_look(luffy, watched):
    for command, hint in ((("anomalies", "show", "nope"), "luffy anomalies"), (("incidents", "show", "nope"), "luffy incidents list"), (("alerts", "unsilence", "99"), "luffy alerts silences")):
        missing = luffy(*command)
        assert missing.code == 1
        assert hint in missing.err
    assert "no maintenance windows" in luffy("maintenance", "list").err + luffy("maintenance", "list").out
