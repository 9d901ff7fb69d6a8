"""Lines that become more, or fewer, for good: told once, then it is how things are."""

import numpy as np
import pytest

from luffy_dagster.core.anomalies.fit import fit
from luffy_dagster.core.anomalies.judge import judge
from luffy_dagster.evals._worlds import DAY, DAYS, MINUTE, TEST, _Draft, _ticks

HOUR = 60 * MINUTE
WARM = 5 * HOUR


def alerts(rate):
    """What is found in the last day of a service with so many lines per tick."""
    whole = _ticks(_Draft(np.random.default_rng(3), rate))
    return judge(whole.between(TEST - WARM, DAYS * DAY), fit(whole.between(0, TEST)), since=WARM).alerts


def changed(per_minute, hours, to, back_after=None):
    rate = np.full(DAYS * DAY, per_minute / MINUTE)
    at, over = TEST + 8 * HOUR, int(hours * HOUR)
    rate[at : at + over] *= np.linspace(1, to, over)
    rate[at + over :] *= to
    if back_after is not None:
        rate[at + over + back_after * HOUR :] /= to
    return rate


@pytest.mark.parametrize(("per_minute", "hours", "to", "family"), [(20, 0.5, 3, "rise"), (20, 0.2, 0.4, "drop")])
def test_more_or_fewer_lines_for_good_are_one_alert_that_ends(per_minute, hours, to, family):
    (one,) = alerts(changed(per_minute, hours, to))
    assert one.families[0] == family
    assert not one.open
    assert one.after == pytest.approx(to, rel=0.35)


def test_a_slow_rise_that_ends_is_one_alert_and_the_level_is_as_before_it():
    (one,) = alerts(changed(20, 4, 6, back_after=3))
    assert one.families[0] == "rise"
    assert one.after == pytest.approx(1, rel=0.2)
