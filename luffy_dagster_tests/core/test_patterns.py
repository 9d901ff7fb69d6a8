"""Patterns over time: new, vanished, changed, ranked by a stated statistic."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from luffy_dagster.core.patterns import (
    COMPARISON,
    benjamini_hochberg,
    changed_share,
    compare,
    first_ever,
    signed_root,
    vanished,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def counts(**values: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"template_id": list(values), "count": list(values.values())},
        schema={"template_id": pl.Utf8, "count": pl.Int64},
    )


def poisson(rng: random.Random, mean: float) -> int:
    elapsed, events = rng.expovariate(mean), 0
    while elapsed < 1:
        events, elapsed = events + 1, elapsed + rng.expovariate(mean)
    return events


def test_a_planted_change_ranks_first() -> None:
    rng = random.Random(5)
    means = {f"t{i}": 10 ** rng.uniform(0, 3.5) for i in range(60)}
    before = {name: poisson(rng, mean) for name, mean in means.items()}
    after = {name: poisson(rng, mean) for name, mean in means.items()}
    after["planted"] = 25
    table = compare(counts(**before), counts(**after), baseline_exposure=3600, incident_exposure=3600)
    assert table["template_id"][0] == "planted"
    assert table["kind"][0] == "new"
    assert table.filter(pl.col("kind").is_in(["more", "less"])).height <= 1
    assert dict(table.schema) == COMPARISON


def test_kinds_and_shares() -> None:
    table = compare(counts(a=1000, b=500, c=500, d=300), counts(a=1010, b=1100, c=187, e=3))
    assert dict(table.select("template_id", "kind").iter_rows()) == {
        "a": "same",
        "b": "more",
        "c": "less",
        "d": "vanished",
        "e": "new",
    }
    assert "a" not in changed_share(counts(a=1000, b=500, c=450), counts(a=1000, b=900, c=50))["template_id"].to_list()


def test_ranges_of_different_length_are_compared_by_rate() -> None:
    table = compare(counts(a=2400), counts(a=100), baseline_exposure=86400, incident_exposure=3600)
    assert table["kind"].to_list() == ["same"]
    assert table["ratio"][0] == pytest.approx(1, abs=0.02)


def test_empty_ranges_and_wrong_lengths() -> None:
    assert compare(counts(), counts()).height == 0
    assert compare(counts(a=5), counts())["kind"].to_list() == ["same"]
    with pytest.raises(ValueError, match="both ranges"):
        compare(counts(a=1), counts(a=1), baseline_exposure=5)
    with pytest.raises(ValueError, match="positive"):
        compare(counts(a=1), counts(a=1), baseline_exposure=0, incident_exposure=5)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(1, 1e6), st.floats(1, 1e6))
def test_the_statistic_is_antisymmetric(a: int, b: int, x: float, y: float) -> None:
    there, back = signed_root(a, x, b, y), signed_root(b, y, a, x)
    assert abs(there) == pytest.approx(abs(back), rel=1e-6, abs=1e-4)
    assert there == 0 or there * back <= 0 or abs(there) < 1e-3


@given(st.lists(st.floats(0, 1), max_size=30))
def test_corrected_p_values_only_grow(p_values: list[float]) -> None:
    corrected = benjamini_hochberg(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, corrected, strict=True))


def test_first_ever() -> None:
    table = counts(a=3, b=2, c=0).with_columns(first_seen=pl.Series([NOW, NOW - timedelta(hours=1), NOW]))
    assert first_ever(table, pl.Series(["x"], dtype=pl.Utf8))["template_id"].to_list() == ["b", "a"]
    assert first_ever(table, pl.Series(["a", "b"]))["template_id"].to_list() == []


def hourly(name: str, hours: list[int], count: int = 60) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "template_id": [name] * len(hours),
            "hour": [NOW - timedelta(hours=h) for h in hours],
            "count": [count] * len(hours),
        }
    )


def test_a_missing_heartbeat_is_found_and_a_rare_message_is_not() -> None:
    table = pl.concat(
        [
            hourly("heartbeat", list(range(4, 60))),
            hourly("alive", list(range(1, 60))),
            hourly("daily", [2 + 24 * d for d in range(3)]),
            hourly("nightly burst", [h for h in range(5, 60) if h % 24 < 6]),
            hourly("young", [4, 5, 6]),
        ]
    )
    missing = vanished(table, NOW)
    assert missing["template_id"].to_list() == ["heartbeat"]
    assert missing["silent_hours"][0] == 3
    assert missing["chance"][0] < 1e-50
