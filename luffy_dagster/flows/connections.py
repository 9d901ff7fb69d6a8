"""From a source's row in the store to something that can be read, and the test of its connection."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from luffy_dagster import store
from luffy_dagster.flows.context import FlowContext

if TYPE_CHECKING:
    from luffy_dagster.adapters.source_model import ConnectionReport, SourceConfig


def _revealed(secret: Any) -> str | None:
    return secret.reveal() if secret is not None else None


def source_config(source: Any, credentials: Any) -> SourceConfig:
    """The configuration of an adapter from `store.sources`' LogSource and Credentials (secrets revealed, kept out of repr)."""
    from luffy_dagster.adapters.source_model import SourceConfig, TlsSettings

    tls = None
    if source.use_tls:
        tls = TlsSettings(
            verify=source.verify_certs,
            ca_pem=source.ca_cert or None,
            client_cert=source.client_cert or None,
            client_key=_revealed(getattr(credentials, "client_key", None)),
        )
    options = dict(source.options or {})
    options.setdefault("identity", source.identity or "id")
    mapping = dict(source.field_mapping or {})
    if source.stream_field:
        mapping.setdefault("stream", source.stream_field)
    query = source.query_filter
    return SourceConfig(
        id=source.id,
        type=source.type,
        host=source.host or "localhost",
        port=source.port or 9200,
        username=getattr(credentials, "username", None),
        password=_revealed(getattr(credentials, "password", None)),
        api_key=_revealed(getattr(credentials, "api_key", None)),
        tls=tls,
        index_pattern=source.index_pattern or "*",
        query_filter=json.dumps(query) if isinstance(query, dict) and query else (query or ""),
        field_mapping=mapping,
        paths=tuple(source.paths or ()),
        environment=source.environment or "",
        assume_tz=source.assume_tz or "UTC",
        options=options,
    )


def open_reader(ctx: FlowContext, source: Any) -> Any:
    """The opened adapter of a source; the caller closes it."""
    with store.begin(ctx.engine) as conn:
        credentials = store.sources.credentials(conn, source.id)
    return ctx.open_source(source_config(source, credentials))


def test_source(ctx: FlowContext, source_id: str, *, actor: str) -> ConnectionReport:
    """Tests a source's connection, keeps the outcome with the source, and returns the report with redacted sample lines."""
    import polars as pl

    from luffy_dagster.core.redaction import LOGS, redact
    from luffy_dagster.store.crypto import pseudonym_key

    with store.begin(ctx.engine) as conn:
        source = store.sources.get(conn, source_id)
    reader = open_reader(ctx, source)
    try:
        report = reader.test()
        # Whoever shows it names the source himself.
        report = replace(report, message=report.message.removeprefix(f"source {source_id}: "))
    finally:
        reader.close()
    with store.begin(ctx.engine) as conn:
        connected = report.status == "connected"
        store.sources.record_test(
            conn,
            source_id,
            connected,
            None if connected else report.message,
            report.milliseconds,
            actor=actor,
            now=ctx.now(),
        )
    sample = redact(pl.Series("body", list(report.sample), dtype=pl.Utf8), LOGS, key=pseudonym_key(ctx.settings)).texts
    return replace(report, sample=tuple(sample.to_list()))
