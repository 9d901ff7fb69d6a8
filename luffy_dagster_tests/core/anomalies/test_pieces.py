"""A day judged piece by piece gives what it gives at once: the same scores, the same alerts, over midnight as well."""

import json
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from luffy_dagster.core.anomalies.carry import LOOKBACK, Carry
from luffy_dagster.core.anomalies.fit import fit
from luffy_dagster.core.anomalies.judge import WARM, judge
from luffy_dagster.core.anomalies.ticks import ticks_of
from luffy_dagster.core.anomalies.windows import TICK, TICKS, window_rows
from luffy_dagster_tests.core.anomalies.world import DAYS, START, World

NO_EXCEPTIONS = pl.DataFrame(schema={"entry_id": pl.Utf8, "fingerprint": pl.Utf8})
DAY = 86_400 // TICK
TEST = START + timedelta(days=DAYS - 2)  # two days are judged


def _eventful(seed: int) -> World:
    """Two days on which all sorts of things go wrong, at times drawn by the seed, one of them over midnight."""
    dice = np.random.default_rng(seed)
    world = World(per_minute=6, seed=seed)
    at = [int((DAYS - 2) * 1440 + m) for m in np.sort(dice.integers(20, 2800, 9))]
    world.heartbeat(10, "queue is empty", missing=(at[0], at[0] + 150))
    world.heartbeat(60, "books are closed", missing=(at[1], at[1] + 400))
    world.put(at[2], 40, 4, "parcel {n} has no address")
    world.put(at[3], 15, 3, "stock did not answer for parcel {n}")
    world.put(at[3] + 300, 20, 2, "stock did not answer for parcel {n}")  # told before
    world.rate[at[4] : at[4] + 40] = 0
    world.slow[at[5] : at[5] + 30] = 5
    world.rate[at[6] : at[6] + 60] *= 3
    for i, text in enumerate(["stop asked for", "bye", "hub 2.0 begins", "config read", "ready on port 80"]):
        world.extra.append((at[7] + i * 0.1, "info", text))
    world.reworded = at[7]
    midnight = (DAYS - 1) * 1440
    world.put(midnight - int(dice.integers(1, 30)), 50, 6, "parcel {n} was lost")
    return world


@pytest.fixture(scope="module", params=[1, 2, 3])
def eventful(request):
    entries = _eventful(request.param).entries()
    rows = window_rows(entries, NO_EXCEPTIONS, entries.select("shape_id", "shape").unique())
    return request.param, rows, fit(ticks_of(rows, {}, START, TEST))


def _stored(carry: Carry) -> Carry:
    return Carry.of_json(json.loads(json.dumps(carry.as_json())))


def _ticks(rows, first, last, back):
    return ticks_of(rows, {}, TEST + timedelta(seconds=TICK * (first - back)), TEST + timedelta(seconds=TICK * last))


def _in_pieces(rows, model, borders):
    """Scores and alerts (by the tick they fired at) of the pieces between the borders; each sees only what it must."""
    carry, scores, alerts = None, [], {}
    for first, last in zip(borders, borders[1:], strict=False):
        back = WARM if carry is None else LOOKBACK
        judged = judge(_ticks(rows, first, last, back), model, since=back, carry=carry)
        scores.append(judged.score[back:])
        alerts.update({a.fired + first - back: a.moved(first - back) for a in judged.alerts})
        carry = _stored(judged.carry)
    return np.concatenate(scores), alerts, carry


def _as_told(alert):
    return (
        *(alert.first, alert.fired, alert.last, alert.open, alert.families),
        *(pytest.approx(v) for v in (alert.score, alert.lines, alert.errors)),
        [(f.name, f.subject, f.span_seconds, pytest.approx(f.actual), pytest.approx(f.expected, abs=0.02)) for f in alert.features],
    )  # fmt: skip


def test_pieces_give_what_the_whole_gives(eventful):
    seed, rows, model = eventful
    score, alerts, left = _in_pieces(rows, model, [0, 2 * DAY])
    assert len(alerts) >= 5, "enough goes wrong for the test to say something"
    assert any(a.fired < DAY < a.last for a in alerts.values()), "one goes on over midnight"
    dice = np.random.default_rng(seed)
    cuts = [[DAY], range(120, 2 * DAY, 120), np.unique(dice.integers(1, 2 * DAY // TICKS, 60)) * TICKS]
    for cut in cuts:
        borders = [0, *(int(c) for c in cut), 2 * DAY]
        other, found, end = _in_pieces(rows, model, borders)
        np.testing.assert_allclose(other, score, atol=1e-6)
        assert sorted(found) == sorted(alerts)
        for fired, alert in alerts.items():
            assert _as_told(found[fired]) == _as_told(alert), (fired, len(borders))
        assert end.waits.missing == pytest.approx(left.waits.missing, abs=1e-6)
        assert end.seen == left.seen
