"""Alerting at Dagster's door: a sensor that judges and delivers once a minute, apart from runs, and the end of every tick.

The work is `luffy_dagster.flows.alerting`'s. The sensor needs no run to succeed: a schedule that stands still is told too.
"""

from dagster import DefaultSensorStatus, OpExecutionContext, SensorEvaluationContext, SkipReason, sensor

from luffy_dagster.core.wording import many
from luffy_dagster.defs.resources import LuffyResource


@sensor(
    name="alerting",
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Every minute: judges alerts (also late, empty and missing fetches), makes incidents of them and delivers messages. "
    "It starts no run; what it did is its skip reason.",
)
def alerting(context: SensorEvaluationContext, luffy: LuffyResource) -> SkipReason:
    """One look. What could not be looked at is an error of the sensor, after everything else was done."""
    result = luffy.alerting()
    said = summary(result)
    context.log.info(said)
    if result.judged.errors:
        raise RuntimeError("; ".join(f"{what}: {why}" for what, why in result.judged.errors.items()))
    return SkipReason(said)


def summary(result: object) -> str:
    """One line of what alerting did."""
    judged, delivered = result.judged, result.delivered  # type: ignore[attr-defined]
    if judged.skipped:
        return "another process judges at the moment"
    parts = [
        f"{many(judged.firing, 'alert')} firing, {many(judged.incidents, 'open incident')}",
        f"{many(delivered.sent, 'message')} sent, {delivered.waiting} waiting",
    ]
    if judged.hidden:
        parts.append(f"{judged.hidden} hidden")
    if delivered.failed or delivered.given_up:
        parts.append(f"{delivered.failed} to be tried again, {delivered.given_up} given up")
    return "; ".join(parts)


def after_tick(context: OpExecutionContext, luffy: LuffyResource) -> str:
    """Judges at the end of a tick, so that what was just read is told at once; a failure of it fails no tick."""
    try:
        result = luffy.alerting()
    except Exception as error:
        context.log.exception("alerting failed")
        return f"failed: {type(error).__name__}"
    for what, why in result.judged.errors.items():
        context.log.error("alerting could not look at %s: %s", what, why)
    for where, why in result.delivered.errors.items():
        context.log.warning("message to %s: %s", where, why)
    return summary(result)
