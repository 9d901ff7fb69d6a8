"""From a service's settings to what the parser is told: zones, redaction, in-app rules, environments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from luffy_dagster import store
from luffy_dagster.core.parsing import ParseOptions
from luffy_dagster.core.redaction import LOGS, Policy
from luffy_dagster.core.redaction.policy import Kind
from luffy_dagster.flows.context import FlowContext

# Every last entry counts as open while parsing; the flow itself decides by its clock which of them it keeps back.
_ALWAYS_OPEN = timedelta(days=36_500)


def redaction_policy(settings: dict[str, Any] | None) -> Policy:
    """The policy of a service: {"personal": ["EMAIL", …]}, or the default when it says nothing (secrets always go).

    Raises ValueError for a kind that does not exist: a policy that cannot be read must not pass as a weaker one.
    """
    wanted = (settings or {}).get("personal")
    return LOGS if wanted is None else Policy(frozenset(Kind(str(kind).upper()) for kind in wanted))


def retention_floor(ctx: FlowContext, service: Any, now: datetime) -> datetime:
    """Nothing older than this is fetched."""
    days = service.retention_entries_days or ctx.settings.retention_entries_days
    return now - timedelta(days=days)


def parse_options(ctx: FlowContext, service: Any, now: datetime) -> ParseOptions:
    """What `parse_rows` needs to know of a service."""
    from luffy_dagster.core.parsing.traces.in_app import InAppRules
    from luffy_dagster.store.crypto import pseudonym_key

    rules = InAppRules(paths=tuple(service.in_app_paths or ()))
    with store.begin(ctx.engine) as conn:
        sources = store.sources.list_sources(conn, service.id)
    return ParseOptions(
        now=now,
        assume_tz={source.id: source.assume_tz or "UTC" for source in sources},
        quiet=_ALWAYS_OPEN,
        redaction=redaction_policy(service.redaction_policy),
        redaction_key=pseudonym_key(ctx.settings),
        in_app=rules,
        error_lines=ctx.settings.error_lines,
        environment={source.id: source.environment for source in sources if source.environment},
    )
