"""What the fields of a service may hold: each checked, and refused by name with the reason and what would do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from luffy_dagster.core import presets
from luffy_dagster.core.alerting.model import MAIL_ADDRESS
from luffy_dagster.core.cron import last_firing
from luffy_dagster.core.model import Severity
from luffy_dagster.store.checks import storable
from luffy_dagster.store.errors import InvalidError

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")

_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@|https?://[^/@\s]+@", re.IGNORECASE)

_POSITIVE = {
    "log_fetch_interval_minutes": 7 * 24 * 60,
    "rca_generation_interval_minutes": 7 * 24 * 60,
    "code_indexing_interval_hours": 24 * 366,
    "rca_min_count": 10**9,
    "retention_raw_days": 36_500,
    "retention_entries_days": 36_500,
    "retention_counts_days": 36_500,
}

_FLAGS = ("is_active", "rca_generation_enabled", "rca_on_critical", "code_indexing_enabled", "notification_enabled")

_LISTS = ("notification_channels", "notification_email", "in_app_paths", "depends_on")

_OBJECTS = ("redaction_policy", "parse_options")


def slug(name: str) -> str:
    """A slug made from a name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63]


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration's fields, each checked; raises InvalidError naming the field, the reason and what would do."""
    out: dict[str, Any] = {}
    for field, value in fields.items():
        if field not in presets.DEFAULTS:
            raise InvalidError(field, f"no such field; known: {', '.join(sorted(presets.DEFAULTS))}")
        if field in _POSITIVE:
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _POSITIVE[field]:
                raise InvalidError(field, f"{value!r} is no whole number from 1 to {_POSITIVE[field]}")
        elif field == "rca_min_age_minutes":
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise InvalidError(field, f"{value!r} is no whole number from 0")
        elif field in _FLAGS:
            if not isinstance(value, bool):
                raise InvalidError(field, f"{value!r} is neither true nor false")
        elif field in _LISTS:
            value = [value] if isinstance(value, str) else value
            if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
                raise InvalidError(field, f"{value!r} is no list of texts")
            value = list(value)
        elif field in _OBJECTS:
            if not isinstance(value, Mapping):
                raise InvalidError(field, f"{value!r} is no object")
            value = dict(value)
        elif value is not None and not isinstance(value, str):
            raise InvalidError(field, f"{value!r} is no text")
        storable(field, value)
        _check_meaning(field, value)
        out[field] = value
    return out


def _check_meaning(field: str, value: Any) -> None:
    if field == "rca_min_severity" and value not in list(Severity):
        raise InvalidError(field, f"{value!r} is none of {', '.join(Severity)}")
    if field == "timezone":
        try:
            ZoneInfo(value)
        except (ValueError, OSError, TypeError, KeyError):
            raise InvalidError(field, f"{value!r} is no time zone of the IANA list, such as Europe/Berlin") from None
    if field == "log_fetch_cron" and value:
        from datetime import UTC

        try:
            last_firing(value, "UTC", datetime(2026, 1, 1, tzinfo=UTC))
        except ValueError as error:
            raise InvalidError(field, str(error)) from None
    if field == "repository_url" and value and _PASSWORD_IN_URL.match(value):
        raise InvalidError(field, "carries a password or token; leave it out and set it with `luffy code credential`")
    if field == "git_branch" and not value:
        raise InvalidError(field, "must not be empty")
    if field == "notification_webhook_url" and value and not value.startswith(("http://", "https://")):
        raise InvalidError(field, "must begin with http:// or https://")
    if field == "notification_email":
        for address in value:
            if not MAIL_ADDRESS.fullmatch(address):
                raise InvalidError(field, f"{address!r} is no e-mail address")


def checked_name(name: Any) -> str:
    """The name, when it is a text that is not empty; raises InvalidError."""
    if not isinstance(name, str) or not name.strip():
        raise InvalidError("name", "must be a text that is not empty")
    storable("name", name)
    return name


def check_preset(preset: Any) -> None:
    """Raises InvalidError for a preset that does not exist."""
    if preset not in list(presets.PRESETS):
        raise InvalidError("preset", f"{preset!r} is none of {', '.join(presets.PRESETS)}")
