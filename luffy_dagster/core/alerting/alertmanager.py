"""Alertmanager's language, in and out: our incidents as its alerts, its webhook's alerts as our findings. Ids survive both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

from luffy_dagster.core.alerting.message import Message, clean, cut
from luffy_dagster.core.alerting.model import Finding, Source
from luffy_dagster.core.model import Severity

_ID = re.compile(r"[0-9A-Za-z_.-]{1,64}")
OUR_LABEL = "luffy_incident"  # an alert of ours that comes back is known by it, and makes no new one
_SEVERITIES = {
    "critical": Severity.CRITICAL, "page": Severity.CRITICAL, "emergency": Severity.CRITICAL,
    "high": Severity.HIGH, "error": Severity.HIGH, "major": Severity.HIGH,
    "warning": Severity.MEDIUM, "medium": Severity.MEDIUM, "minor": Severity.MEDIUM,
    "info": Severity.LOW, "low": Severity.LOW, "none": Severity.LOW,
}  # fmt: skip


def outgoing(
    message: Message, *, service: str, environment: str, starts_at: datetime, ends_at: datetime | None, url: str | None
) -> dict[str, Any]:
    """One alert for `POST /api/v2/alerts`. Its labels do not change while the incident lasts: they are its identity there."""
    labels = {"alertname": "LuffyIncident", "service": service, OUR_LABEL: message.incident_id}
    if environment:
        labels["environment"] = environment
    annotations = {
        "summary": cut(clean(message.headline), 300),
        "severity": str(message.severity),
        "description": cut("\n".join(f"{label}: {clean(text)}" for label, text in message.facts), 4000),
    }
    out: dict[str, Any] = {"labels": labels, "annotations": annotations, "startsAt": starts_at.isoformat()}
    if ends_at is not None:
        out["endsAt"] = ends_at.isoformat()
    if url:
        out["generatorURL"] = url
    return out


def incoming(payload: Mapping[str, Any], now: datetime) -> tuple[list[Finding], list[str], list[str]]:
    """Of a webhook's payload (version 4): findings that fire, keys of those that are over, ids of our own that came back.

    Raises ValueError, with what is wrong, for anything that is no such payload.
    """
    alerts = payload.get("alerts") if isinstance(payload, Mapping) else None
    if not isinstance(alerts, list):
        raise ValueError(  # noqa: TRY004 - the value of a payload
            "no list `alerts`: this is no payload of Alertmanager's webhook (version 4)"
        )
    firing, over, own = [], [], []
    for number, alert in enumerate(alerts):
        labels = alert.get("labels") if isinstance(alert, Mapping) else None
        if not isinstance(labels, Mapping) or not all(isinstance(v, str) for v in labels.values()):
            raise ValueError(f"alert {number} has no labels of texts")
        if labels.get(OUR_LABEL):
            own.append(str(labels[OUR_LABEL]))
            continue
        # The id is a text like "3bfd9a1c…"; another's text, which is anything, is no part of a key.
        given = str(alert.get("fingerprint") or "")
        key = "external:alertmanager:" + (given if _ID.fullmatch(given) else _fingerprint(labels))
        if alert.get("status") == "resolved":
            over.append(key)
        else:
            firing.append(_finding(key, alert, labels, now))
    return firing, over, own


def _fingerprint(labels: Mapping[str, str]) -> str:
    text = "\0".join(f"{name}\1{labels[name]}" for name in sorted(labels))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _finding(key: str, alert: Mapping[str, Any], labels: Mapping[str, str], now: datetime) -> Finding:
    annotations = alert.get("annotations")
    words = annotations if isinstance(annotations, Mapping) else {}
    title = str(words.get("summary") or words.get("title") or labels.get("alertname") or "alert of Alertmanager")
    started = _time(alert.get("startsAt"))
    known = {cut(clean(str(k)), 100): cut(clean(str(v)), 300) for k, v in list(labels.items())[:30]}
    return Finding(
        key=key,
        source=Source.EXTERNAL,
        kind=cut(clean(labels.get("alertname", "alert")), 100),
        service=cut(clean(labels.get("service") or labels.get("job") or ""), 63),
        severity=_SEVERITIES.get(labels.get("severity", "").lower(), Severity.MEDIUM),
        started_at=min(started, now) if started is not None else now,
        title=cut(clean(title), 300),
        environment=cut(clean(labels.get("environment") or labels.get("env") or ""), 63),
        detail={
            "why": cut(clean(str(words.get("description") or words.get("message") or "")), 1000),
            "labels": known,
            "url": cut(clean(str(alert.get("generatorURL") or "")), 1000),
            "fingerprint": key.rpartition(":")[2],
        },
    )


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    # Alertmanager writes year 1 for "none"
    return found if found.tzinfo is not None and found.year > 1970 else None
