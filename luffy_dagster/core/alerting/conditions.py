"""What is so now: open alarms of fetching, and counts against a threshold."""

from __future__ import annotations

from datetime import datetime, timedelta

from luffy_dagster.core.alerting.model import Finding, Rule, Source
from luffy_dagster.core.model import Severity

GRAVE_AFTER = timedelta(hours=1)  # a fetch that is wrong for so long is high
_WORDS = {
    "failed": "source {source} of {service} cannot be read",
    "capped": "source {source} of {service} has more than a fetch takes",
    "late": "logs of {service} are not fetched",
    "never_started": "logs of {service} were never fetched",
    "empty": "source {source} of {service} is silent",
    "shapes_capped": "{service} has more new messages in a day than are kept",
}


def alarm_finding(
    service: str, environment: str, kind: str, source: str, detail: str, raised_at: datetime, now: datetime
) -> Finding:
    """An open alarm of fetching (`core.freshness`, or what the fetch itself noticed) as a finding."""
    grave = kind != "shapes_capped" and now - raised_at >= GRAVE_AFTER
    return Finding(
        key=f"fetch:{service}:{kind}:{source}",
        source=Source.FETCH,
        kind=kind,
        service=service,
        severity=Severity.HIGH if grave else Severity.MEDIUM,
        started_at=raised_at,
        title=_WORDS.get(kind, "{service}: {kind}").format(service=service, source=source, kind=kind),
        environment=environment,
        detail={"why": detail},
    )


def count_finding(
    rule: Rule, service: str, environment: str, value: float | None, now: datetime, *, firing: bool
) -> Finding | None:
    """What a count rule says of a value per hour (None: there was no data), given whether it fires already.

    Hysteresis: what fires goes on until the value is past `rule.clear` (by default a fifth inside the threshold).
    """
    if rule.threshold is None:
        return None
    key = f"count:{rule.id}:{service}"
    severity = rule.severity or Severity.MEDIUM
    if value is None and rule.no_data != "ok":
        if rule.no_data == "keep" and not firing:
            return None
        why = "no data to count" if rule.no_data == "alert" else "no data: what was so is kept"
        title = f"{rule.metric} of {service}: no data"
        return Finding(
            key, Source.COUNT, "no_data", service, severity, now, title, environment, value=None, detail={"why": why}
        )
    seen = value or 0.0
    clear = rule.clear if rule.clear is not None else rule.threshold * (1.25 if rule.below else 0.8)
    limit = clear if firing else rule.threshold
    if (seen >= limit) if rule.below else (seen < limit):
        return None
    word = "under" if rule.below else "over"
    title = f"{rule.metric} of {service}: {seen:,.0f} in an hour, {word} {rule.threshold:,.0f}"
    return Finding(
        key,
        Source.COUNT,
        "below" if rule.below else "above",
        service,
        severity,
        now,
        title,
        environment,
        count=max(1, int(seen)),
        value=seen,
        detail={"why": rule.reason or f"rule {rule.id}"},
    )
