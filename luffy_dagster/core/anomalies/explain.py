"""An alert as an anomaly that a person can read: its kind, severity, one sentence, example lines, who else is named in them.

Pure: the entries of its time are passed in. What is looked at ends at `until`, so that nothing later than that is known.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import polars as pl

from luffy_dagster.core.anomalies.carry import Alert
from luffy_dagster.core.anomalies.model import Anomaly, Feature, Kind
from luffy_dagster.core.anomalies.ticks import Ticks
from luffy_dagster.core.anomalies.windows import TICK
from luffy_dagster.core.model import Severity

_KINDS = {
    "errors": Kind.ERRORS,
    "burst": Kind.ERRORS,
    "error_keys": Kind.ERRORS,
    "novelty": Kind.NEW_ERROR,
    "drop": Kind.VOLUME_DROP,
    "silence": Kind.SILENCE,
    "rise": Kind.VOLUME_RISE,
    "mix": Kind.MIX,
    "latency": Kind.LATENCY,
    "heartbeat": Kind.MISSING_HEARTBEAT,
    "restarts": Kind.RESTARTS,
}
_EXAMPLES = 5
_SOME, _MANY = 20, 40  # lines (missing, or errors) from which an alert may be high, critical
_TRACES = 200
_LONG = 180  # seconds: a service that starts anew is back by then
_BEFORE = timedelta(minutes=10)
# Ids of requests wherever they stand in a line: 16 to 36 hex digits, with or without dashes.
_ID = r"\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32})\b"
ENTRY_COLUMNS = ("entry_id", "event_time", "level", "shape_id", "message", "raw_line", "trace_id", "span_id")


def span(alert: Alert, ticks: Ticks, until: datetime) -> tuple[datetime, datetime]:
    """The time of the entries that `anomaly_of` wants."""
    return ticks.at(alert.first) - _BEFORE, min(until, ticks.at(alert.last))


def anomaly_of(
    alert: Alert,
    ticks: Ticks,
    entries: pl.DataFrame,
    *,
    service: str,
    environment: str = "",
    names: Collection[str] = (),
    templates: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    until: datetime,
) -> Anomaly:
    """The anomaly of an alert.

    Args:
        alert: of `judge` over `ticks`.
        ticks: what was judged.
        entries: `ENTRY_COLUMNS` of the service in `span`.
        service: its slug.
        environment: as in the entries.
        names: other services, to be looked for in the lines.
        templates: shape id → template id.
        texts: template id → text, fingerprint → title.
        until: nothing later is looked at.
    """
    fired = ticks.at(alert.fired + 1)
    entries = entries.filter(pl.col("event_time") < until)
    features = tuple(_worded(f, texts or {}) for f in alert.features)
    lead = features[0] if features else None
    kind = _kind(alert)
    lines = _evidence(entries, kind, lead, templates or {}, ticks.at(alert.first))
    troubled = entries.filter(
        (pl.col("event_time") >= ticks.at(alert.first)) & pl.col("level").is_in(["warn", "error", "fatal"])
    )
    subject = (lead.subject or "") if lead else ""
    return Anomaly(
        service=service,
        environment=environment,
        started_at=ticks.at(alert.first),
        fired_at=fired,
        ended_at=None if alert.open else ticks.at(alert.last),
        kind=kind,
        score=round(alert.score, 3),
        severity=_severity(kind, lead, alert),
        features=features,
        template_id=subject.partition("/")[0] if subject and lead and lead.name != "exception" else None,
        fingerprint=subject if lead and lead.name == "exception" else None,
        description=_sentence(kind, lead, features),
        entry_ids=tuple(lines["entry_id"].to_list()[:_EXAMPLES]),
        detectors=tuple(dict.fromkeys(f.detector for f in features)),
        model_version=alert.model,
        mentions=mentions(troubled, names, service),
        trace_ids=trace_ids(troubled if troubled.height else lines),
    )


def severity_of(alert: Alert) -> Severity:
    """How grave an alert is, by its kind and by how strong its evidence is."""
    return _severity(_kind(alert), alert.features[0] if alert.features else None, alert)


def _kind(alert: Alert) -> Kind:
    first = alert.families[0]
    if first == "mix" and "rise" in alert.families:
        return Kind.TEMPLATE_RISE
    if first == "drop" and "silence" in alert.families:
        return Kind.SILENCE
    return _KINDS[first]


def _worded(feature: Feature, texts: Mapping[str, str]) -> Feature:
    """The feature with its subject as template id, route or fingerprint, and its text."""
    from dataclasses import replace

    if feature.subject is None:
        return feature
    subject = feature.subject[2:] if feature.subject[1:2] == ":" else feature.subject
    owner = subject.rsplit("/", 1)[0] if feature.name == "duration" else subject
    return replace(feature, subject=subject, text=texts.get(owner, owner if " " in owner else None))


def _evidence(
    entries: pl.DataFrame, kind: Kind, lead: Feature | None, templates: Mapping[str, str], first: datetime
) -> pl.DataFrame:
    """The lines that show it, the latest first; of what is missing, the last ones before."""
    inside = entries.filter(pl.col("event_time") >= first)
    bad = pl.col("level").is_in(["error", "fatal"])
    subject = (lead.subject or "").partition("/")[0] if lead else ""
    of_template = pl.lit(value=False)
    if subject:
        mine = [shape for shape, template in templates.items() if template == subject] or [subject]
        of_template = pl.col("shape_id").is_in(mine)
    if kind in (Kind.ERRORS, Kind.NEW_ERROR, Kind.RESTARTS):
        chosen = inside.filter(of_template | bad)
    elif kind in (Kind.SILENCE, Kind.VOLUME_DROP):
        chosen = entries
    elif kind is Kind.MISSING_HEARTBEAT:
        chosen = entries.filter(of_template)
    else:
        chosen = inside.filter(of_template)
        chosen = chosen if chosen.height else inside
    return chosen.sort("event_time", "entry_id", descending=True)


def mentions(lines: pl.DataFrame, names: Collection[str], own: str) -> tuple[tuple[str, int], ...]:
    """Other services whose name stands in the lines, with in how many, the most often named first."""
    found = []
    for name in sorted(set(names) - {own}):
        pattern = rf"(?i)(?:^|[^A-Za-z0-9_-]){re.escape(name)}(?:$|[^A-Za-z0-9_-])"
        count = int(lines["raw_line"].str.contains(pattern).sum()) if lines.height else 0
        if count:
            found.append((name, count))
    return tuple(sorted(found, key=lambda item: (-item[1], item[0])))


def trace_ids(lines: pl.DataFrame) -> tuple[str, ...]:
    """Ids of traces and requests in the lines: what the parser took out, else what looks like one."""
    if lines.is_empty():
        return ()
    ids = pl.concat([lines["trace_id"].drop_nulls(), lines["span_id"].drop_nulls()])
    seen = lines["raw_line"].str.extract_all(_ID).explode().drop_nulls()
    return tuple(pl.concat([ids.cast(pl.Utf8), seen.cast(pl.Utf8)]).unique(maintain_order=True).head(_TRACES).to_list())


def _severity(kind: Kind, lead: Feature | None, alert: Alert) -> Severity:
    """By evidence: what a handful of lines says is never critical, however unlikely it is."""
    expected = (lead.expected if lead else None) or 0.0
    actual = (lead.actual if lead else None) or 0.0
    if kind is Kind.RESTARTS:
        return Severity.CRITICAL
    if kind in (Kind.SILENCE, Kind.VOLUME_DROP):
        told = [f for f in alert.features if f.name in ("lines", "silence")]
        missing = {f.span_seconds: (f.expected or 0.0) - (f.actual or 0.0) for f in told}
        if actual > 0.35 * expected:
            return Severity.MEDIUM
        if any(lines >= _MANY and span >= _LONG for span, lines in missing.items()):
            return Severity.CRITICAL
        return Severity.HIGH if any(lines >= _SOME for lines in missing.values()) else Severity.MEDIUM
    if kind is Kind.ERRORS:
        if alert.errors >= _SOME and alert.errors >= 0.25 * max(alert.lines, 1.0):
            return Severity.CRITICAL
        return Severity.HIGH if alert.errors >= 5 else Severity.MEDIUM
    if kind is Kind.MIX:
        return Severity.LOW
    if kind is Kind.LATENCY and actual >= 5 * expected > 0 and alert.score >= 1.5:
        return Severity.HIGH
    return Severity.MEDIUM


def _sentence(kind: Kind, lead: Feature | None, features: Collection[Feature]) -> str:
    """What happened, in one line with numbers."""
    if lead is None:
        return str(kind).replace("_", " ")
    over = f"in {_minutes(lead.span_seconds)}"
    what = f" of “{lead.text}”" if lead.text else ""
    expected, actual = lead.expected or 0.0, lead.actual or 0.0
    if lead.name == "duration":
        field = (lead.subject or "").rpartition("/")[2]
        name = "" if field.isdigit() or field in ("s", "") else f"{field} "
        said = f"{name}{_seconds(actual)} instead of {_seconds(expected)} usually, {over}{what}"
    elif lead.name == "heartbeat":
        said = f"nothing for {_minutes(actual)}, comes every {_minutes(expected)}{what}"
    elif lead.name == "silence":
        said = f"no line for {_minutes(lead.span_seconds)}, about {expected:.0f} expected"
    elif lead.name == "new":
        said = f"never seen before: {actual:.0f} {over}{what}"
    elif lead.name == "restarts":
        said = f"was starting during {_minutes(actual)} of the last {_minutes(lead.span_seconds)}"
    elif lead.name in ("errors", "lines"):
        said = f"{actual:.0f} {lead.name} {over}, about {_plain(expected)} expected"
    else:
        said = f"{actual:.0f} times {over}, about {_plain(expected)} expected{what}"
    others = sorted({f.name for f in features} - {lead.name, "window"})
    return said + (f" (also: {', '.join(others)})" if others else "")


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 0.1 else "none"


def _minutes(seconds: float) -> str:
    return (
        f"{seconds / 3600:.1f} h"
        if seconds >= 7200
        else f"{seconds / 60:.0f} min"
        if seconds >= 90
        else f"{seconds:.0f} s"
    )


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value >= 1 else f"{value * 1000:.3g} ms"


def window_link(anomaly: Anomaly) -> str:
    """The command that shows the log of its time."""
    start = anomaly.started_at - timedelta(seconds=2 * TICK)
    end = anomaly.ended_at or anomaly.fired_at + timedelta(minutes=10)
    return f"luffy logs --service {anomaly.service} --from {start:%Y-%m-%dT%H:%M:%SZ} --to {end:%Y-%m-%dT%H:%M:%SZ}"
