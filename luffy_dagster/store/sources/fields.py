"""What may be said of a log source: its fields, checked one by one and together. Secrets are encrypted here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from luffy_dagster.store import crypto
from luffy_dagster.store.checks import storable
from luffy_dagster.store.errors import InvalidError
from luffy_dagster.store.sources.records import SECRETS

TYPES = ("opensearch", "elasticsearch", "file")
PLAIN = (
    *(
        "name",
        "type",
        "environment",
        "host",
        "port",
        "username",
        "use_tls",
        "verify_certs",
        "ca_cert",
        "client_cert",
        "index_pattern",
        "query_filter",
    ),
    *("field_mapping", "paths", "stream_field", "options", "identity", "assume_tz", "is_active", "fetch_enabled"),
)


_TEXTS = (
    "name", "type", "environment", "host", "username", "ca_cert", "client_cert", "index_pattern", "stream_field", "identity",
    "assume_tz",
)  # fmt: skip
_NEVER_NULL = (
    "name",
    "type",
    "port",
    "identity",
    "assume_tz",
    "use_tls",
    "verify_certs",
    "is_active",
    "fetch_enabled",
    "paths",
)


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Columns and values for fields; raises InvalidError."""
    out: dict[str, Any] = {}
    for field, value in fields.items():
        if field in SECRETS:
            if value is not None and not isinstance(value, str):
                raise InvalidError(field, "is no text")
            storable(field, value)
            if value != "********":  # what was shown in its place: unchanged
                out[f"{field}_encrypted"] = crypto.encrypt(value or None)
            continue
        if field not in PLAIN:
            raise InvalidError(field, f"no such field; known: {', '.join((*PLAIN, *SECRETS))}")
        if field in _TEXTS and value is not None and not isinstance(value, str):
            raise InvalidError(field, f"{value!r} is no text")
        if field in _NEVER_NULL and value is None:
            raise InvalidError(field, "must not be empty")
        storable(field, value)
        if field == "host" and value and "@" in value:
            raise InvalidError(field, "carries a user or password; say them as username and password")
        out[field] = value
    if "type" in out and out["type"] not in TYPES:
        raise InvalidError("type", f"{out['type']!r} is not supported; choose one of {', '.join(TYPES)}")
    if "port" in out and (
        isinstance(out["port"], bool) or not isinstance(out["port"], int) or not 1 <= out["port"] <= 65535
    ):
        raise InvalidError("port", f"{out['port']!r} is no port from 1 to 65535")
    if "assume_tz" in out:
        try:
            ZoneInfo(out["assume_tz"])
        except (ValueError, OSError, TypeError, KeyError):
            raise InvalidError(
                "assume_tz", f"{out['assume_tz']!r} is no time zone of the IANA list, such as Europe/Berlin"
            ) from None
    if "identity" in out and out["identity"] not in ("id", "content"):
        raise InvalidError("identity", f"{out['identity']!r} is neither id nor content")
    for field in ("query_filter", "field_mapping", "options"):
        if field not in out:
            continue
        if field == "query_filter" and isinstance(out[field], str):
            out[field] = {"query": out[field]}
        elif out[field] is None or isinstance(out[field], Mapping):
            out[field] = dict(out[field] or {})
        else:
            raise InvalidError(field, f"{out[field]!r} is no object")
    if "paths" in out:
        paths = out["paths"]
        if not isinstance(paths, (str, list, tuple)):
            raise InvalidError("paths", f"{paths!r} is no list of paths or globs")
        out["paths"] = [paths] if isinstance(paths, str) else [str(p) for p in paths]
    for field in ("use_tls", "verify_certs", "is_active", "fetch_enabled"):
        if field in out and not isinstance(out[field], bool):
            raise InvalidError(field, f"{out[field]!r} is neither true nor false")
    return out


def complete(values: Mapping[str, Any]) -> None:
    """Raises InvalidError when a source of these fields could not be read."""
    if values["type"] == "file":
        if not values.get("paths"):
            raise InvalidError("paths", "a file source needs at least one path or glob")
    else:
        if not values.get("host"):
            raise InvalidError("host", f"a source of type {values['type']} needs a host")
        if not values.get("index_pattern"):
            raise InvalidError(
                "index_pattern", f"a source of type {values['type']} needs an index pattern, such as logs-*"
            )
