"""Rules, targets, silences and messages, as a person types them."""

from luffy_dagster_tests.cli.test_reading import watched  # noqa: F401 - a fixture


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
