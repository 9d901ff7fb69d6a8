"""Fetches that are late, empty, failed; counts with hysteresis; what hides alerts; adaptive intervals."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from luffy_dagster.core.adaptive import Adapted, adapt
from luffy_dagster.core.alerting.conditions import alarm_finding, count_finding
from luffy_dagster.core.alerting.model import Alert, AlertState, Rule, Source
from luffy_dagster.core.alerting.mute import Mutes, Silence, Window
from luffy_dagster.core.model import Severity as S

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def ago(**delta):
    return NOW - timedelta(**delta)


def test_an_alarm_of_fetching_is_a_finding_that_grows_grave():
    one = alarm_finding("web", "prod", "failed", "s1", "refused", ago(minutes=59), NOW)
    assert (one.severity, one.key, one.detail["why"], one.started_at) == (S.MEDIUM, "fetch:web:failed:s1", "refused", ago(minutes=59))
    assert alarm_finding("web", "prod", "late", "", "…", ago(hours=1), NOW).severity is S.HIGH
    assert "web" in alarm_finding("web", "", "of tomorrow", "", "…", NOW, NOW).title


def test_count_rules_have_hysteresis_and_say_what_no_data_means():
    rule = Rule("many", Source.COUNT, metric="errors", threshold=100)
    say = lambda rule, value, firing: count_finding(rule, "web", "", value, NOW, firing=firing) is not None  # noqa: E731
    assert [say(rule, v, False) for v in (99, 100, None)] == [False, True, False]
    assert [say(rule, v, True) for v in (99, 80, 79, None)] == [True, True, False, False]
    below = replace(rule, below=True, threshold=10, metric="lines")
    assert [say(below, v, False) for v in (9, 10, None)] == [True, False, True], "no line is none"
    assert [say(below, v, True) for v in (12, 13)] == [True, False]
    assert say(replace(rule, no_data="alert"), None, False)
    keep = replace(rule, no_data="keep")
    assert [say(keep, None, firing) for firing in (False, True)] == [False, True]


ALERT = Alert("cluster:web/c1:new", "cluster-new", Source.CLUSTER, "new", "web", "prod", S.HIGH, AlertState.FIRING, NOW, NOW, NOW, "KeyError")


def test_what_hides_an_alert_is_named():
    window = Window(7, ("web",), "ann", "upgrade", ago(hours=1), NOW + timedelta(hours=1))
    silence = Silence(3, {"service": "w*", "kind": "new"}, "bob", "known", ago(hours=1), NOW + timedelta(hours=1))
    assert Mutes(windows=(window,)).hiding(ALERT, NOW).ref == "maintenance:7"
    assert Mutes((silence,)).hiding(ALERT, NOW).ref == "silence:3"
    assert Mutes((silence,)).hiding(ALERT, silence.ends_at) is None
    assert Mutes((replace(silence, most=S.MEDIUM),)).hiding(ALERT, NOW) is None, "worse ones are told all the same"
    assert Mutes((replace(silence, matchers={}),)).hiding(ALERT, NOW) is None
    assert Mutes(states={"web": "in maintenance"}).hiding(ALERT, NOW).reason == "web is in maintenance"
    assert Mutes(windows=(replace(window, services=()),)).hiding(ALERT, NOW) is not None


def test_a_burst_shortens_the_interval_and_calm_restores_it():
    calm = [1] * 26
    assert adapt(1800, calm, None) == Adapted(1800)
    burst = [1] * 24 + [6, 14]
    short = adapt(1800, burst, None)
    assert short.interval_seconds == 300, "by eight at most, and never below the tick"
    assert "20 exceptions in two hours, 2 are usual" in short.reason
    assert adapt(3600, [1] * 24 + [4, 6], None).interval_seconds == 900
    assert adapt(1800, [1] * 24 + [4, 5], None) == Adapted(1800), "a few more are no rise"
    assert adapt(1800, [2] * 24 + [4, 8], short) == short, "stays while it is above the usual"
    assert adapt(1800, calm, short) == Adapted(1800)
    assert adapt(300, burst, None) == Adapted(300), "nothing is shorter than the tick"
    assert adapt(1800, [0, 50], None).interval_seconds == 300
