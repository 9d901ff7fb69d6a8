"""What a message about an incident says: what, since when, how many, the likely cause, lines and links. All of it redacted.

The look is `core.alerting.message`'s. Every text that may come from a log passes the redaction of documents; where that cannot
be done its marker stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.alerting.message import Message, cut, span
from luffy_dagster.core.alerting.model import Alert, Source
from luffy_dagster.core.alerting.steps import first_step
from luffy_dagster.core.alerting.telling import Decision, leading_first
from luffy_dagster.core.redaction import DOCUMENTS, redact_text
from luffy_dagster.core.releases import Run
from luffy_dagster.core.showing import partition_path, short_frame
from luffy_dagster.core.wording import many
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.store.incidents import IncidentRow

_ASSETS = {
    Source.ANOMALY: "anomaly_windows",
    Source.CLUSTER: "exception_clusters",
    Source.TEMPLATE: "parsed_entries",
    Source.COUNT: "parsed_entries",
    Source.FETCH: "raw_logs",
}  # whose page shows the data that an alert rests on
PAGE = "Data"  # label of the link to that page
MOST_ALSO = 4
MOST_LINES = 3
SAME = timedelta(minutes=1)  # what begins with a release begins up to so long before the first line of it
WINDOW = timedelta(
    minutes=5
)  # an anomaly begins with the window that showed it: what went live inside that may be the cause
BEFORE = timedelta(hours=2)  # a release that went live so long before may be the cause


def redactor(ctx: FlowContext) -> Callable[[str], str]:
    """Takes secrets and personal data out of a text, with this installation's pseudonyms. Raises when there is no key."""
    key = store.crypto.pseudonym_key(ctx.settings)
    return lambda text: redact_text(text, DOCUMENTS, key)


def compose(
    ctx: FlowContext,
    conn: Any,
    incident: IncidentRow,
    alerts: Sequence[Alert],
    decision: Decision,
    now: datetime,
) -> Message:
    """The message that a decision asks for. `alerts` are those of the incident, without the hidden ones."""
    safe = redactor(ctx)
    ranked = leading_first(alerts, incident.root_service, now)
    head = ranked[0]
    what = str(head.detail.get("why") or head.title)
    facts = [] if head.title.endswith(what) else [("What", safe(what))]
    if decision.why:
        facts.append(("News", safe("; ".join(decision.why))))
    facts.append(("Since", f"{incident.started_at:%Y-%m-%d %H:%M} UTC ({span(incident.started_at, now)})"))
    if decision.kind == "resolved" and incident.ended_at is not None:
        facts.append(("Until", f"{incident.ended_at:%Y-%m-%d %H:%M} UTC"))
    facts.append(("How many", _how_many(head, len(alerts), len(incident.services))))
    where = [part for part in (", ".join(incident.services), incident.environment) if part]
    late = late_release(conn, incident, head)
    release = _release(conn, incident, head, late)
    facts.append(("Where", " · ".join([*where, *([f"release {safe(release)}"] if release else [])])))
    facts.append(("Likely cause", safe(likely_cause(conn, incident, head, late))))
    if decision.kind != "resolved":
        previous = None if late is None else late[1].version[:40]
        facts.append(("What to do", safe(first_step(head, root=incident.root_service, previous=previous))))
    also = [one for one in ranked[1:] if one.title != head.title]
    if also:
        more = len(also) - MOST_ALSO
        titles = "; ".join(f"{one.title} ({one.severity})" for one in also[:MOST_ALSO])
        facts.append(("Also", safe(titles + (f"; and {more} more" if more > 0 else ""))))
    lines = () if decision.kind in ("resolved", "repeat") else tuple(safe(line) for line in examples(ctx, conn, head))
    return Message(
        kind=decision.kind,
        severity=incident.severity,
        headline=safe(head.title),
        facts=tuple(facts),
        lines=lines,
        links=links(ctx, incident, head),
        incident_id=incident.id,
    )


def _how_many(head: Alert, alerts: int, services: int) -> str:
    parts = []
    if head.source is Source.CLUSTER:
        parts.append(f"{many(head.count, 'occurrence')} in 24 hours")
    elif head.source is Source.ANOMALY:
        actual, expected, unit = (head.detail.get(name) for name in ("actual", "expected", "unit"))
        if actual is not None and expected is not None:
            parts.append(f"{_amount(actual, unit)} seen, {_amount(expected, unit)} expected")
    elif head.count > 1:
        parts.append(f"{head.count:,} times")
    parts.append(f"{many(alerts, 'alert')} in {many(services, 'service')}")
    return "; ".join(parts)


def _amount(value: float, unit: str | None) -> str:
    if unit == "s":
        return f"{value:,.3g} s" if value >= 1 else f"{value * 1000:,.3g} ms"
    return f"{value:,.4g} {unit or ''}".strip()


def _release(conn: Any, incident: IncidentRow, head: Alert, late: tuple[Run, Run] | None) -> str | None:
    if late is not None and head.service == (incident.root_service or head.service):
        return late[0].version[:40]
    run = store.releases.known(conn, head.service).running(head.environment, head.started_at + SAME)
    return None if run is None else run.version[:40]


def likely_cause(conn: Any, incident: IncidentRow, head: Alert, late: tuple[Run, Run] | None) -> str:
    """Root and reasons, what went live shortly before, or that nothing is known: never more than the facts say."""
    parts = []
    if incident.root_service is not None and len(incident.services) > 1:
        parts.append(
            f"{incident.root_service} ({'; '.join(incident.reasons[:3])})"
            if incident.reasons
            else incident.root_service
        )
    service = incident.root_service or head.service
    if late is not None:
        run = late[0]
        minutes = round((incident.started_at - run.at).total_seconds() / 60)
        before = "as it began" if minutes < 1 else f"{many(minutes, 'minute')} before"
        parts.append(f"release {run.version[:40]} of {service} went live {before}{_commit(conn, service, run)}")
    culprit = head.detail.get("culprit")
    if culprit:
        subpath = store.services.get(conn, head.service).git_subpath
        parts.append(f"it fails in {short_frame(str(culprit), subpath)}")
    return "; ".join(parts) or "not known yet"


def late_release(conn: Any, incident: IncidentRow, head: Alert) -> tuple[Run, Run] | None:
    """The release of the root that went live shortly before it began, and the one that ran before; None when there is none."""
    until = incident.started_at + SAME
    if head.source is Source.ANOMALY and head.fired_at is not None:
        until = max(until, min(head.fired_at, incident.started_at + WINDOW))
    releases = store.releases.known(conn, incident.root_service or head.service)
    for environment, runs in releases.by_environment.items():
        if incident.environment and environment and environment != incident.environment:
            continue
        # the first release that is known is no news: something ran before it
        late = [n for n in range(1, len(runs)) if incident.started_at - BEFORE <= runs[n].at <= until]
        if late:
            return runs[late[-1]], runs[late[-1] - 1]
    return None


def _commit(conn: Any, service: str, run: Run) -> str:
    """The release's commit with its subject, as far as they are known."""
    if not run.commit:
        return ""
    named = "" if run.version.startswith(run.commit[:12]) else f", commit {run.commit[:12]}"
    repository = store.services.get(conn, service).git_repo_path
    if not repository:
        return named
    from luffy_dagster.adapters.git.errors import GitError
    from luffy_dagster.adapters.git.mirror import open_path

    try:
        with open_path(Path(repository)) as repo:
            found = repo.commit(run.commit)
    except (GitError, OSError):
        return named  # the release is told all the same
    return named if found is None else f"{named}: “{found.subject}”"


def examples(ctx: FlowContext, conn: Any, head: Alert) -> list[str]:
    """A few log lines that show it: the end of the earliest trace, or the lines an anomaly rests on."""
    given = [str(line) for line in head.detail.get("examples", ()) if line]
    cluster_id = head.detail.get("cluster_id")
    if cluster_id:
        row = store.clusters.get(conn, head.service, cluster_id)
        given = [line for line in (row.example or "").splitlines() if line.strip()][-MOST_LINES:]
    entries = head.detail.get("entry_ids") or ()
    if entries and not given:
        given = lines_of(ctx, head.service, entries, head.started_at)
    return [cut(line, 300) for line in given[:MOST_LINES]]


def lines_of(ctx: FlowContext, service: str, entry_ids: Sequence[str], around: datetime) -> list[str]:
    """The first line of each of these entries, oldest first."""
    import polars as pl

    days = [around.date() + timedelta(days=n) for n in (-1, 0, 1)]
    frame = (
        ctx.lake.scan("entries", service, days=days, columns=["entry_id", "event_time", "raw_line"])
        .filter(pl.col("entry_id").is_in(list(entry_ids)))
        .sort("event_time")
        .head(MOST_LINES)
        .collect()
    )
    return [text.splitlines()[0] for text in frame.get_column("raw_line").to_list() if text]


def links(ctx: FlowContext, incident: IncidentRow, head: Alert) -> tuple[tuple[str, str], ...]:
    """Where to go on: the commands, and Dagster's page of the day where people reach it (`public_url`)."""
    short = incident.id[:8]
    found = [("Incident", f"luffy incidents show {short}")]
    cluster_id, anomaly_id = head.detail.get("cluster_id"), head.detail.get("anomaly_id")
    if cluster_id:
        found.append(("Exception", f"luffy cluster show {cluster_id} -s {head.service}"))
    if anomaly_id:
        found.append(("Anomaly", f"luffy anomalies show {anomaly_id}"))
    if head.detail.get("url"):
        found.append(("Source", redactor(ctx)(str(head.detail["url"]))))
    asset = _ASSETS.get(head.source)
    if ctx.settings.public_url and asset is not None:
        day = head.started_at.astimezone(UTC).date()
        found.append((PAGE, ctx.settings.public_url.rstrip("/") + partition_path(asset, head.service, day)))
    found.append(("I have it", f"luffy alerts ack {short} --reason …"))
    return tuple(found)


def expiry_message(ctx: FlowContext, kind: str, row: dict[str, Any], hidden: Sequence[Any], firing: int) -> Message:
    """That a silence or window is over, and what it hid."""
    from luffy_dagster.core.model import Severity

    safe = redactor(ctx)
    word = "silence" if kind == "silence" else "maintenance window"
    titles = list(dict.fromkeys(f"{one.title} ({one.severity})" for one in hidden))
    facts = [
        ("Of", f"{row['owner']}: {safe(row['reason'])}"),
        ("From", f"{row['starts_at']:%Y-%m-%d %H:%M} to {row['ends_at']:%Y-%m-%d %H:%M} UTC"),
        ("Hidden", f"{many(len(titles), 'alert')}; {firing} of them still firing"),
    ]
    severity = Severity.MEDIUM if firing else Severity.LOW
    command = f"luffy alerts list --hidden-by {kind}:{row['id']}"
    return Message(
        "first",
        severity,
        f"{word} {row['id']} is over",
        tuple(facts),
        tuple(safe(t) for t in titles[:10]),
        (("List", command),),
    )
