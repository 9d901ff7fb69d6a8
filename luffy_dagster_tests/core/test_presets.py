"""Presets and defaults are CONTRACT's, and what is said wins over them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luffy_dagster.core.presets import DEFAULTS, PRESETS, fill


@pytest.mark.parametrize(
    ("preset", "fetch", "rca_on", "rca", "at_once", "index", "channels"),
    [
        ("critical", 5, True, 10, True, 12, ["slack", "email"]),
        ("standard", 30, True, 15, False, 24, ["slack"]),
        ("development", 60, False, 15, False, 48, ["email"]),
    ],
)
def test_the_table_of_the_contract(preset, fetch, rca_on, rca, at_once, index, channels):
    filled = fill(preset, {})
    assert filled["log_fetch_interval_minutes"] == fetch
    assert (filled["rca_generation_enabled"], filled["rca_generation_interval_minutes"], filled["rca_on_critical"]) == (rca_on, rca, at_once)
    assert filled["code_indexing_interval_hours"] == index
    assert filled["notification_channels"] == channels


def test_defaults_of_the_contract():
    standard = fill("standard", {})
    wanted = {"git_branch": "main", "rca_min_count": 5, "rca_min_age_minutes": 5, "rca_min_severity": "medium", "timezone": "UTC", "is_active": True,
              "rca_generation_enabled": True, "code_indexing_enabled": True, "notification_enabled": True, "retention_raw_days": 7}  # fmt: skip
    assert {field: standard[field] for field in wanted} == wanted


@given(st.sampled_from(list(PRESETS)), st.dictionaries(st.sampled_from(list(DEFAULTS)), st.integers()))
def test_what_is_said_wins_and_nothing_is_left_open(preset, said):
    filled = fill(preset, said)
    assert set(filled) == set(DEFAULTS)
    assert {k: filled[k] for k in said} == said


def test_filling_changes_no_default():
    fill("critical", {"notification_channels": ["x"]})
    assert PRESETS["critical"]["notification_channels"] == ["slack", "email"]
    with pytest.raises(KeyError):
        fill("gold", {})
