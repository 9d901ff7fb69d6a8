"""Alerting at Dagster's door: the sensor, and the end of a tick, which it never fails."""

import dagster as dg
import pytest

from luffy_dagster.defs.alerting import alerting
from luffy_dagster_tests.defs import fakes


def look(instance):
    with dg.build_sensor_context(instance=instance, resources={"luffy": fakes.fake_luffy()}) as context:
        return alerting(context)


def test_the_sensor_judges_and_says_what_it_did(instance, world) -> None:
    assert look(instance).skip_message == "2 alerts firing, 1 open incident; 1 message sent, 0 waiting"
    assert world.calls == [("alerting",)]


def test_what_fails_is_an_error_of_the_sensor(instance, world) -> None:
    world.alerting_breaks = True
    with pytest.raises(ValueError, match="the store is gone"):
        look(instance)


@pytest.mark.parametrize("broken", [False, True])
def test_a_tick_judges_at_its_end_and_outlives_a_failure_of_it(defs, instance, world, broken) -> None:
    world.due, world.alerting_breaks = ["web"], broken
    result = defs.get_job_def("tick").execute_in_process(instance=instance)
    assert result.success
    assert ("alerting",) in world.calls
