"""Log sources of services: where the logs are, how to get in, and how far they have been read. Secrets encrypted.

A module per topic, all names here.
"""

from __future__ import annotations

from luffy_dagster.store.sources.config import (
    create,
    delete,
    rotate_secrets,
    set_monitoring,
    set_monitoring_all,
    update,
)
from luffy_dagster.store.sources.fetching import MOST_PAUSE, record_failure, record_fetch, record_test
from luffy_dagster.store.sources.fields import PLAIN, TYPES
from luffy_dagster.store.sources.records import (
    SECRETS,
    Credentials,
    LogSource,
    credentials,
    get,
    list_sources,
    readable,
)

__all__ = [
    "MOST_PAUSE",
    "PLAIN",
    "SECRETS",
    "TYPES",
    "Credentials",
    "LogSource",
    "create",
    "credentials",
    "delete",
    "get",
    "list_sources",
    "readable",
    "record_failure",
    "record_fetch",
    "record_test",
    "rotate_secrets",
    "set_monitoring",
    "set_monitoring_all",
    "update",
]
