"""Incidents put into a made-up service are found, and what is none stays silent. Its words are not those of any evaluation."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from luffy_dagster.core.anomalies.explain import anomaly_of, severity_of
from luffy_dagster.core.anomalies.fit import dump, fit, load
from luffy_dagster.core.anomalies.judge import judge
from luffy_dagster.core.anomalies.model import DetectorSettings, Kind, Suppression
from luffy_dagster.core.anomalies.tails import excess, shortfall
from luffy_dagster.core.anomalies.ticks import ticks_of
from luffy_dagster.core.anomalies.windows import TICK, plain_path, window_rows
from luffy_dagster.core.model import Severity
from luffy_dagster_tests.core.anomalies.world import DAYS, START, TEST, World

WARM = timedelta(hours=5)
NO_EXCEPTIONS = pl.DataFrame(schema={"entry_id": pl.Utf8, "fingerprint": pl.Utf8})


def _rows(world):
    entries = world.entries()
    return entries, window_rows(entries, NO_EXCEPTIONS, entries.select("shape_id", "shape").unique())


def _judge(world, settings=DetectorSettings()):
    entries, rows = _rows(world)
    model = fit(ticks_of(rows, {}, START, TEST))
    ticks = ticks_of(rows, {}, TEST - WARM, START + timedelta(days=DAYS))
    judged = judge(ticks, model, settings, since=int(WARM.total_seconds()) // TICK)
    return judged, ticks, model, entries


def _found(world, first, *, within=12.0):
    """The alert that fired within so many minutes after minute `first` of the world, and no other one before it."""
    judged, ticks, _, entries = _judge(world)
    fired = [((ticks.at(a.fired + 1) - START).total_seconds() / 60 - first, a) for a in judged.alerts]
    assert fired, "nothing was found"
    assert 0 <= fired[0][0] <= within, [(round(m, 1), a.families) for m, a in fired]
    return anomaly_of(
        fired[0][1], ticks, entries, service="hub", names=["hub", "stock"], until=ticks.at(fired[0][1].fired + 11)
    )


def test_a_calm_day_is_silent():
    for seed in (1, 2):
        world = World(seed=seed)
        world.heartbeat(10, "queue is empty")
        assert _judge(world)[0].alerts == ()


def test_errors_are_found_and_explained_with_their_lines():
    world = World()
    at = world.minute(10)
    world.put(at, 15, 5, "stock did not answer for parcel {n}")
    found = _found(world, at, within=4)
    assert found.kind in (Kind.ERRORS, Kind.NEW_ERROR)
    assert found.severity.rank >= Severity.MEDIUM.rank
    assert dict(found.mentions)["stock"] >= 2
    assert found.entry_ids
    assert found.features[0].actual > found.features[0].expected
    assert found.score >= 1


def test_more_of_an_error_that_is_known():
    world = World()
    at = world.minute(10)
    world.put(at, 15, 5, "parcel {n} has no address")
    assert _found(world, at, within=5).kind is Kind.ERRORS


def test_a_blip_is_no_incident():
    world = World()
    for hour in (4, 9, 15):
        world.put(world.minute(hour), 1.5, 3, "parcel {n} has no address")
    assert _judge(world)[0].alerts == ()


def test_silence_and_drop():
    world = World()
    at = world.minute(12)
    world.rate[at : at + 30] = 0
    assert _found(world, at, within=6).kind in (Kind.SILENCE, Kind.VOLUME_DROP)
    world = World()
    world.rate[at : at + 45] *= 0.2
    assert _found(world, at, within=13).kind is Kind.VOLUME_DROP


def test_a_slowdown_that_only_durations_show():
    world = World()
    at = world.minute(12)
    world.slow[at : at + 25] = 6
    found = _found(world, at, within=5)
    assert found.kind is Kind.LATENCY
    assert found.features[0].actual >= 3 * found.features[0].expected
    assert " instead of " in found.description


def test_one_line_in_a_hundred_that_hangs_is_no_slowdown():
    world = World(per_minute=4)
    entries = world.entries()
    hung = entries["message"].str.contains(" in ") & (pl.Series(np.arange(entries.height)) % 40 == 0)
    slow = pl.when(hung).then(
        pl.col("variables").list.eval(
            pl.when(pl.element().str.contains(r"^\d{1,3}$")).then(pl.lit("2400")).otherwise(pl.element())
        )
    )
    entries = entries.with_columns(slow.otherwise(pl.col("variables")).alias("variables"))
    rows = window_rows(entries, NO_EXCEPTIONS, entries.select("shape_id", "shape").unique())
    model = fit(ticks_of(rows, {}, START, TEST))
    ticks = ticks_of(rows, {}, TEST - WARM, START + timedelta(days=DAYS))
    assert judge(ticks, model, since=int(WARM.total_seconds()) // TICK).alerts == ()


def test_durations_in_the_fields_of_a_structured_line():
    at = START + timedelta(minutes=1)
    entries = pl.DataFrame(
        {
            "entry_id": ["a", "b", "c", "d"],
            "event_time": pl.Series([at] * 4, dtype=pl.Datetime("us", "UTC")),
            "environment": [""] * 4,
            "level": ["info"] * 4,
            "shape_id": ["s1", "s1", "s2", "s3"],
            "variables": pl.Series([[], [], [], []], dtype=pl.List(pl.Utf8)),
            "message": ["shown", "shown", "asked", "kept"],
            "raw_line": [
                "ts=1 msg=shown took=27ms trace=1",
                "ts=1 msg=shown took=1.5s trace=1",
                '{"msg": "asked", "http": {"response_time_ms": 12}}',
                "ts=1 msg=kept status=200 bytes=300 taken=7",
            ],
        }
    )
    shapes = pl.DataFrame({"shape_id": ["s1", "s2", "s3"], "shape": ["shown", "asked", "kept"]})
    rows = window_rows(entries, NO_EXCEPTIONS, shapes).filter(pl.col("feature") == "number").sort("key")
    assert rows["key"].to_list() == ["s1/took", "s2/response_time_ms"]
    assert sorted(rows["values"][0].to_list()) == pytest.approx([0.027, 1.5])
    assert rows["values"][1].to_list() == pytest.approx([0.012])


def test_a_smaller_budget_of_false_alarms_asks_for_more():
    usual, strict = (_judge(World(), DetectorSettings(budget=b))[0] for b in (0.1, 0.001))
    assert usual.families["errors"].max() > 1.1 * strict.families["errors"].max() > 0


def test_few_lines_are_never_critical():
    at = World().minute(12)
    world = World(per_minute=2)
    world.rate[at : at + 60] *= 0.05
    judged, ticks, _, _ = _judge(world)
    assert all(severity_of(a) is not Severity.CRITICAL for a in judged.alerts)
    loud = World(per_minute=40)
    loud.rate[at : at + 60] *= 0.05
    judged, ticks, _, _ = _judge(loud)
    assert severity_of(judged.alerts[0]) is Severity.CRITICAL


def test_a_heartbeat_that_stops():
    world = World()
    at = world.minute(12)
    world.heartbeat(10, "queue is empty", missing=(at, at + 60))
    found = _found(world, at, within=16)
    assert found.kind is Kind.MISSING_HEARTBEAT
    assert found.features[0].expected == pytest.approx(600, abs=31)
    assert found.entry_ids  # the last ones that came


def test_a_template_that_takes_over():
    world = World()
    at = world.minute(12)
    world.put(at, 25, 9, "depot 7 sorted", "info")
    assert _found(world, at, within=9).kind in (Kind.MIX, Kind.TEMPLATE_RISE)


def test_a_release_that_rewords_its_lines_is_no_incident():
    world = World()
    at = world.minute(11)
    for i, text in enumerate(["stop asked for", "bye", "hub 2.0 begins", "config read", "ready on port 80"]):
        world.extra.append((at + i * 0.1, "info", text))
    world.rate[at] = 0
    world.reworded = at
    assert _judge(world)[0].alerts == ()


def test_nothing_that_comes_later_changes_what_was_judged_before():
    quiet, loud = World(seed=5), World(seed=5)
    at = loud.minute(14)
    for world in (quiet, loud):
        world.put(world.minute(10), 12, 6, "parcel {n} has no address")
    entries = quiet.entries()
    loud.rate, loud.extra = quiet.rate, quiet.extra
    rows = window_rows(entries, NO_EXCEPTIONS, entries.select("shape_id", "shape").unique())
    model = fit(ticks_of(rows, {}, START, TEST))
    since = int(WARM.total_seconds()) // TICK
    whole = judge(ticks_of(rows, {}, TEST - WARM, START + timedelta(days=DAYS)), model, since=since)
    cut = judge(ticks_of(rows, {}, TEST - WARM, START + timedelta(minutes=at)), model, since=since)
    np.testing.assert_allclose(whole.score[: len(cut.score)], cut.score)
    assert [a.fired for a in cut.alerts] == [a.fired for a in whole.alerts if a.fired < len(cut.score)]


def test_a_model_may_not_know_the_day_it_judges():
    _, rows = _rows(World())
    model = fit(ticks_of(rows, {}, START, TEST))
    with pytest.raises(ValueError, match="ends before"):
        judge(ticks_of(rows, {}, START, TEST), model)


def test_little_history_learns_and_alerts_nothing():
    world = World()
    at = world.minute(3)
    world.put(at, 15, 8, "parcel {n} has no address")
    _, rows = _rows(world)
    model = fit(ticks_of(rows, {}, TEST - timedelta(hours=6), TEST))
    assert model.coverage.learning
    assert model.coverage.missing
    ticks = ticks_of(rows, {}, TEST, START + timedelta(days=DAYS))
    assert judge(ticks, model).alerts == ()


def test_a_stored_model_judges_as_the_one_that_was_fitted():
    world = World()
    world.put(world.minute(10), 15, 5, "parcel {n} has no address")
    judged, ticks, model, _ = _judge(world)
    again = load(dump(model))
    other = judge(ticks, again, since=int(WARM.total_seconds()) // TICK)
    np.testing.assert_allclose(other.score, judged.score)
    assert other.alerts == judged.alerts
    with pytest.raises(ValueError, match="fit it again"):
        load(b"no model")


def test_a_rule_keeps_small_deviations_silent_and_only_in_its_direction():
    world = World()
    at = world.minute(12)
    world.rate[at : at + 45] *= 0.2
    rule = Suppression("lines", direction="above")
    silent, *_ = _judge(world, DetectorSettings(suppressions=(rule, replace(rule, feature="silence"))))
    assert silent.alerts == ()
    loud, *_ = _judge(world, DetectorSettings(suppressions=(replace(rule, direction="below"),)))
    assert loud.alerts


def test_windows_add_up_and_come_out_the_same_again():
    world = World(days=1)
    entries = world.entries()
    shapes = entries.select("shape_id", "shape").unique()
    rows = window_rows(entries, NO_EXCEPTIONS, shapes)
    assert rows.equals(window_rows(entries.sample(fraction=1.0, shuffle=True, seed=3), NO_EXCEPTIONS, shapes))
    for feature in ("level", "shape"):
        part = rows.filter(pl.col("feature") == feature)
        assert part["count"].sum() == entries.height
        assert part["ticks"].list.sum().sum() == entries.height
    took = rows.filter(pl.col("feature") == "number")
    assert took["unit"].unique().to_list() == ["s"]
    assert 0.02 < took["middle"].median() < 0.08


def test_paths_without_their_values():
    assert plain_path("/api/parcels/4711/lines?x=1") == "/api/parcels/*/lines"
    assert plain_path("/static/app.dfaeeadb.js") == "/static/*"
    assert plain_path("/health") == "/health"


def test_forest_and_lof_score_as_scikit_learn_does_without_it():
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import LocalOutlierFactor

    from luffy_dagster.core.anomalies import forest

    rng = np.random.default_rng(1)
    history = np.abs(rng.normal(size=(1500, 7))) * [3, 1, 0.1, 5, 0.2, 1, 1]
    state = forest.fit_outliers(history)
    points = np.abs(rng.normal(size=(40, 7))) * 4
    scaled = ((points - state["middle"]) / state["spread"]).astype(np.float32)
    one = IsolationForest(n_estimators=64, random_state=0).fit(state["points"])
    other = LocalOutlierFactor(n_neighbors=35, novelty=True).fit(state["points"])
    assert forest._forest(state, scaled) == pytest.approx(-one.score_samples(scaled), abs=1e-5)
    assert forest._lof(state, scaled) == pytest.approx(-other.score_samples(scaled), rel=1e-4)
    assert forest.fit_outliers(history[:100]) == {}
    assert forest.outlier_scores({}, points) == {}


def test_lines_that_come_in_bundles_are_not_missed_too_soon():
    # Five lines a request, six requests expected: none of them comes by chance once in four hundred windows.
    none, awaited = np.zeros(1), np.array([30.0])
    bundled = shortfall(none, awaited, 4 / 30)
    assert 2.0 < bundled[0] < 3.0
    assert excess(none, awaited, 4 / 30, above=False)[0] > 4.8, "what the negative binomial says"
    assert shortfall(none, awaited, 0.0)[0] == pytest.approx(excess(none, awaited, above=False)[0])
    assert shortfall(np.array([300.0]), np.array([3000.0]), 0.01)[0] > 4.8, "a large drop stays one"


def test_an_alert_does_not_stay_open_for_what_a_release_has_reworded():
    world = World(seed=3)
    deploy, storm = world.minute(2), world.minute(6)
    for i, text in enumerate(["stop asked for", "bye", "hub 2.0 begins", "config read", "ready on port 80"]):
        world.extra.append((deploy + i * 0.1, "info", text))
    world.reworded = deploy
    world.rate[storm : storm + 25] *= 4
    world.put(storm, 25, 6, "stock did not answer for parcel {n}")
    judged, ticks, *_ = _judge(world)
    ends = [(ticks.at(a.last) - START).total_seconds() / 60 for a in judged.alerts]
    assert ends, "the storm is found"
    assert max(ends) <= storm + 60, [round(end - storm) for end in ends]


def test_a_rise_that_every_monday_has_is_no_anomaly_and_one_of_a_tuesday_is():
    def world(mondays):
        made = World(per_minute=8, days=DAYS, seed=4)
        for day in (0, 7) if mondays else (7,):
            at = day * 1440 + 8 * 60
            ramp = np.concatenate([np.linspace(1, 2.4, 45), np.full(90, 2.4), np.linspace(2.4, 1, 45)])
            made.rate[at : at + 180] *= ramp
        return made

    assert START.weekday() == TEST.weekday() == 0
    assert _judge(world(mondays=True))[0].alerts == ()
    fired = _judge(world(mondays=False))[0].alerts
    assert {a.families[0] for a in fired} == {"rise"}, "the same rise that no Monday before had"


def test_a_release_inside_an_anomalys_time_neither_ends_it_nor_makes_another():
    world = World(per_minute=20)
    at = world.minute(12)
    world.put(at, 60, 6, "stock did not answer for parcel {n}")
    live = at + 12
    for i, text in enumerate(["stop asked for", "bye", "hub 2.0 begins", "config read", "ready on port 80"]):
        world.extra.append((live + i * 0.1, "info", text))
    world.reworded = live
    judged, ticks, _, _ = _judge(world)
    times = [tuple((ticks.at(tick) - START).total_seconds() / 60 - at for tick in (a.fired + 1, a.last)) for a in judged.alerts]
    ((begin, end),) = times
    assert 0 <= begin <= 4
    assert 55 <= end <= 95, "it lasts as long as its errors do, over the release"


def test_durations_that_did_not_move_are_no_reason():
    world = World(per_minute=20)
    at = world.minute(12)
    entries = world.entries()
    late = pl.col("event_time").is_between(START + timedelta(minutes=at), START + timedelta(minutes=at + 25))
    slower = late & pl.col("message").str.contains("scanned at gate")
    longer = pl.col("variables").list.eval(
        pl.when(pl.element().str.contains(r"^\d{1,3}$") & (pl.element().cum_count() == pl.len()))
        .then((pl.element().cast(pl.Int64, strict=False) * 6).cast(pl.Utf8))
        .otherwise(pl.element())
    )
    entries = entries.with_columns(pl.when(slower).then(longer).otherwise(pl.col("variables")).alias("variables"))
    rows = window_rows(entries, NO_EXCEPTIONS, entries.select("shape_id", "shape").unique())
    model = fit(ticks_of(rows, {}, START, TEST))
    ticks = ticks_of(rows, {}, TEST - WARM, START + timedelta(days=DAYS))
    (alert,) = judge(ticks, model, since=int(WARM.total_seconds()) // TICK).alerts
    moved = [f for f in alert.features if f.name == "duration"]
    assert alert.families[0] == "latency"
    assert len(moved) == 1, [(f.subject, f.expected, f.actual) for f in moved]
    assert moved[0].actual >= 3 * moved[0].expected
