"""The commands over anomalies, on a service that broke today."""

import random
from datetime import UTC, datetime, timedelta

import pytest


@pytest.fixture(scope="module")
def log_lines():
    dice, end = random.Random(4), datetime.now(UTC)
    broke = end - timedelta(minutes=70)
    at, lines = end - timedelta(days=3), []
    while at < end - timedelta(minutes=1):
        at += timedelta(seconds=dice.uniform(8, 22))  # steady: what is odd is what was planted
        bad = broke <= at < broke + timedelta(minutes=20) and dice.random() < 0.6
        text = f"tea {dice.randrange(99)} is out" if bad else f"cup {dice.randrange(999)} filled in {dice.randrange(20, 60)} ms"
        lines.append(f"{at:%Y-%m-%d %H:%M:%S},{dice.randrange(1000):03d} {'ERROR' if bad else 'INFO '} [main] kettle - {text}")
    return lines


def test_from_the_list_to_its_lines_feedback_setting_models_and_a_drawing(luffy, bare, log_lines):
    (bare / "kettle.log").write_text("\n".join(log_lines) + "\n")
    answer = luffy("watch", "kettle.log", "--service", "kettle")
    assert answer.code == 0, answer.err
    (found,) = luffy("anomalies", "--json").json
    assert found["kind"] in ("errors", "new_error")
    assert found["id"][:8] in luffy("anomalies", "--service", "kettle").out
    assert luffy("anomalies", "--kind", "latency", "--json").json == []
    assert luffy("anomalies", "--kind", "nonsense").code == 2

    counted = luffy("anomalies", "--summary", "--json").json
    assert (counted["total"], counted["kinds"]) == (1, {found["kind"]: 1}), "totals equal the list"
    assert [one["service_id"] for one in counted["services"]] == ["kettle"]
    assert found["kind"] in luffy("anomalies", "--summary").out
    assert luffy("anomalies", "--summary", "--kind", "latency", "--json").json["total"] == 0
    assert "nothing abnormal" in luffy("anomalies", "--summary", "--kind", "latency").err

    shown = luffy("anomalies", "show", found["id"][:8], "--json").json
    assert all("is out" in line["raw_line"] for line in shown["lines"])
    assert shown["lines"]
    told = luffy("anomalies", "show", found["id"])
    assert "expected" in told.out or "never seen before" in told.out  # by kind: what is new has no expectation
    assert "is out" in told.out
    assert luffy("anomalies", "show", "ffffffff").code == 1

    assert luffy("anomalies", "feedback", found["id"], "maybe").code == 2
    assert luffy("anomalies", "feedback", found["id"], "noise", "-r", "descaling").code == 0
    proposal = luffy("anomalies", "propose", "kettle", "--days", "1", "--json").json
    assert proposal["state"] == "proposed"
    assert proposal["backtest"]["noise_silenced"] == 1
    assert luffy("anomalies", "activate", "kettle", proposal["version"]).code == 0
    assert luffy("anomalies", "settings", "kettle", "--json").json[0]["state"] == "active"
    ruled = luffy("anomalies", "rule", "kettle", "--feature", "errors", "--absolute", "5", "--days", "1", "--json").json
    assert luffy("anomalies", "reject", "kettle", ruled["version"], "--json").json["state"] == "rejected"

    models = luffy("anomalies", "models", "kettle", "--json").json
    assert models
    rolled = luffy("anomalies", "rollback", "kettle", models[0]["version"], "--json").json
    assert rolled["rolled_back"] == models[0]["version"]

    for name in ("day.png", "day.svg"):
        answer = luffy("anomalies", "plot", "kettle", "--out", name, "--day", found["day"])
        if models[0]["data_until"][:10] != found["day"]:
            assert answer.code == 0, answer.err
        if answer.code == 0:
            assert (bare / name).stat().st_size > 2_000
    assert luffy("anomalies", "plot", "kettle", "--out", "day.gif").code == 2
