"""The presets of a service (critical, standard, development) and the defaults of its configuration.

A preset fills what was not said; whatever was said wins. The values are CONTRACT's.
"""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_PRESET = "standard"

# Fields of `GET|PUT services/{id}/config`, with the defaults that no preset changes.
DEFAULTS: dict[str, object] = {
    "is_active": True,
    "repository_url": None,
    "git_branch": "main",
    "git_repo_path": None,
    "git_subpath": None,
    "log_fetch_interval_minutes": 30,
    "log_fetch_cron": None,
    "rca_generation_enabled": True,
    "rca_generation_interval_minutes": 15,
    "rca_on_critical": False,
    "code_indexing_enabled": True,
    "code_indexing_interval_hours": 24,
    "notification_enabled": True,
    "notification_channels": ["slack"],
    "notification_webhook_url": None,
    "notification_email": [],
    "timezone": "UTC",
    "environment": None,
    "team": None,
    "rca_min_count": 5,
    "rca_min_age_minutes": 5,
    "rca_min_severity": "medium",
    "retention_raw_days": 7,
    "retention_entries_days": 90,
    "retention_counts_days": 400,
    "redaction_policy": {},
    "in_app_paths": [],
    "parse_options": {},
    "depends_on": [],
}

PRESETS: dict[str, dict[str, object]] = {
    "critical": {
        "log_fetch_interval_minutes": 5,
        "rca_generation_enabled": True,
        "rca_generation_interval_minutes": 10,
        "rca_on_critical": True,
        "code_indexing_interval_hours": 12,
        "notification_channels": ["slack", "email"],
    },
    "standard": {
        "log_fetch_interval_minutes": 30,
        "rca_generation_enabled": True,
        "rca_generation_interval_minutes": 15,
        "rca_on_critical": False,
        "code_indexing_interval_hours": 24,
        "notification_channels": ["slack"],
    },
    "development": {
        "log_fetch_interval_minutes": 60,
        "rca_generation_enabled": False,
        "rca_generation_interval_minutes": 15,
        "rca_on_critical": False,
        "code_indexing_interval_hours": 48,
        "notification_channels": ["email"],
    },
}


def fill(preset: str, said: Mapping[str, object]) -> dict[str, object]:
    """A whole configuration: defaults, over them the preset's values, over them what was said.

    Raises KeyError for a preset that does not exist.
    """
    return {**DEFAULTS, **PRESETS[preset], **said}
