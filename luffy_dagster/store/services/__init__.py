"""Services: created, configured, moved through their lifecycle, archived; their status. A module per topic, all names here."""

from __future__ import annotations

from luffy_dagster.store.services.config import create, get_config, pause, put_config, resume, update
from luffy_dagster.store.services.fields import slug
from luffy_dagster.store.services.lifecycle import LifecycleEvent, advance, archive, history, maintenance, move
from luffy_dagster.store.services.records import (
    Service,
    find,
    get,
    list_services,
    partition_keys,
    rotate_secrets,
    stamp,
)
from luffy_dagster.store.services.status import ServiceStatus, status, status_all

__all__ = [
    "LifecycleEvent",
    "Service",
    "ServiceStatus",
    "advance",
    "archive",
    "create",
    "find",
    "get",
    "get_config",
    "history",
    "list_services",
    "maintenance",
    "move",
    "partition_keys",
    "pause",
    "put_config",
    "resume",
    "rotate_secrets",
    "slug",
    "stamp",
    "status",
    "status_all",
    "update",
]
