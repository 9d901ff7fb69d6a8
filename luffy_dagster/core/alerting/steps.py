"""What somebody who has just been woken does first: one sentence from what leads a message, never more than its facts carry."""

from __future__ import annotations

from luffy_dagster.core.alerting.model import Alert, Source
from luffy_dagster.core.anomalies.model import Kind

_OF_KIND = {
    Kind.SILENCE: "see whether {service} runs and its logs arrive: luffy health {service}",
    Kind.VOLUME_DROP: "see whether requests still reach {service}, and what calls it",
    Kind.MISSING_HEARTBEAT: "see whether the job that writes this line runs; its last lines are below",
    Kind.RESTARTS: "read why {service} ends: the lines before each start, its memory limit and its start-up probe",
    Kind.VOLUME_RISE: "see who calls {service} so often, and whether it keeps up",
    Kind.TEMPLATE_RISE: "see what writes this line so often; a full disk follows",
    Kind.LATENCY: "see whether {service} or what it calls is slow: luffy compare 3h..1h 30m..now -s {service}",
}
_OF_ALARM = {
    "failed": "try the source: luffy source test; until then errors of {service} are not seen",
    "empty": "see whether {service} still writes and ships its logs; until then its errors are not seen",
    "capped": "raise LUFFY_DOCS_PER_FETCH or fetch more often; until then lines are missing",
    "late": "see whether Dagster's daemon runs: luffy doctor",
    "never_started": "see whether Dagster's daemon runs: luffy doctor",
    "shapes_capped": "see what is new: luffy patterns -s {service}; a mask of your own folds it: luffy mask",
}


def first_step(head: Alert, *, root: str | None, previous: str | None) -> str:
    """What to do first.

    Args:
        head: the alert that leads the message.
        root: the service that the incident comes from, if that is known.
        previous: the release that ran before the one that went live as it began or shortly before, if there is one.
    """
    service = root or head.service
    if head.source is Source.NOTIFY:
        return "mend or replace the target: luffy alerts targets; what waits is sent then"
    if head.source is Source.EXTERNAL:
        return "see the system that says so; here it is only passed on"
    if head.source is Source.FETCH:
        return _OF_ALARM.get(head.kind, "luffy alarms").format(service=head.service)
    if previous is not None:
        return f"if users feel it, go back to release {previous} of {service}; else read what the release changed"
    if root is not None and root != head.service:
        return f"begin with {root}: what is seen in {head.service} follows from it"
    if head.source is Source.ANOMALY and head.kind in _OF_KIND:
        return _OF_KIND[Kind(head.kind)].format(service=head.service)
    return "read the lines below; the cause that the code shows is told in this thread when it is found"
