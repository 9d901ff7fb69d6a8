"""Rules of alerts: a person's rows before the defaults of `core.alerting`; a row of a default's id takes its place."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.core.alerting.model import DEFAULT_RULES, Rule, Source
from luffy_dagster.core.model import Severity
from luffy_dagster.store import audit, services
from luffy_dagster.store.errors import InvalidError, NotFoundError
from luffy_dagster.store.schema import alert_rule

METRICS = ("lines", "errors")


def rules(conn: Connection) -> list[Rule]:
    """All rules in the order in which they are asked."""
    own = [_rule(row) for row in conn.execute(select(alert_rule).order_by(alert_rule.c.id)).mappings()]
    taken = {rule.id for rule in own}
    return own + [rule for rule in DEFAULT_RULES if rule.id not in taken]


def _rule(row: Any) -> Rule:
    return Rule(
        id=row["id"],
        source=Source(row["source"]),
        kinds=tuple(row["kinds"]),
        service=row["service_id"],
        environment=row["environment"],
        least=Severity(row["least"]),
        severity=Severity(row["severity"]) if row["severity"] else None,
        pending=timedelta(seconds=row["pending_seconds"]),
        resolve_after=timedelta(seconds=row["resolve_after_seconds"]),
        metric=row["metric"],
        threshold=row["threshold"],
        clear=row["clear"],
        below=row["below"],
        no_data=row["no_data"],
        enabled=row["enabled"],
        reason=row["reason"],
    )


def put(conn: Connection, rule: Rule, *, actor: str, now: datetime) -> Rule:
    """Adds or replaces a rule; raises InvalidError, NotFoundError (of a service)."""
    _check(conn, rule)
    values = {
        "id": rule.id,
        "source": str(rule.source),
        "kinds": list(rule.kinds),
        "service_id": rule.service,
        "environment": rule.environment,
        "least": str(rule.least),
        "severity": str(rule.severity) if rule.severity else None,
        "pending_seconds": int(rule.pending.total_seconds()),
        "resolve_after_seconds": int(rule.resolve_after.total_seconds()),
        "metric": rule.metric,
        "threshold": rule.threshold,
        "clear": rule.clear,
        "below": rule.below,
        "no_data": rule.no_data,
        "enabled": rule.enabled,
        "reason": rule.reason,
    }
    before = conn.execute(select(alert_rule).where(alert_rule.c.id == rule.id)).mappings().first()
    statement = insert(alert_rule).values(**values, actor=actor, at=now)
    conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_={**values, "actor": actor, "at": now}))
    was = None if before is None else {name: before[name] for name in values}
    audit.write(conn, actor, "put", "alert_rule", rule.id, service=rule.service, now=now, before=was, after=values)
    return rule


def _check(conn: Connection, rule: Rule) -> None:
    if not rule.id or not all(c.isalnum() or c == "-" for c in rule.id):
        raise InvalidError("id", f"{rule.id!r}: letters, digits and hyphens only")
    if rule.service is not None:
        services.get(conn, rule.service)
    if rule.source is Source.COUNT:
        known = rule.metric in METRICS or (rule.metric or "").startswith(("level:", "template:", "cluster:"))
        if not known or rule.threshold is None:
            raise InvalidError(
                "metric", f"{rule.metric!r} with threshold {rule.threshold!r}: a count rule needs a threshold per hour and"
                f" one of {', '.join(METRICS)}, level:<level>, template:<id>, cluster:<id>"
            )  # fmt: skip
        clear = rule.clear
        if clear is not None and (clear < rule.threshold if rule.below else clear > rule.threshold):
            raise InvalidError("clear", f"{clear:g} lies on the wrong side of the threshold {rule.threshold:g}")
    elif rule.metric is not None or rule.threshold is not None:
        raise InvalidError("metric", "only count rules (--source count) have a metric and a threshold")


def remove(conn: Connection, rule_id: str, *, actor: str, now: datetime) -> None:
    """Removes a person's rule (a default that it replaced is in force again); raises NotFoundError."""
    if not conn.execute(delete(alert_rule).where(alert_rule.c.id == rule_id)).rowcount:
        default = any(rule.id == rule_id for rule in DEFAULT_RULES)
        if default:
            raise InvalidError(
                "id", f"{rule_id} is a default: switch it off with luffy alerts rules set {rule_id} --off"
            )
        raise NotFoundError("rule", rule_id)
    audit.write(conn, actor, "remove", "alert_rule", rule_id, now=now)


def get(conn: Connection, rule_id: str) -> Rule:
    """The rule in force; raises NotFoundError."""
    found = next((rule for rule in rules(conn) if rule.id == rule_id), None)
    if found is None:
        raise NotFoundError("rule", rule_id)
    return found


def as_dict(rule: Rule) -> dict[str, Any]:
    """A rule as plain values (durations in seconds)."""
    out: dict[str, Any] = {}
    for each in fields(rule):
        value = getattr(rule, each.name)
        out[each.name] = value.total_seconds() if isinstance(value, timedelta) else value
    return out
