"""Times of log lines: forms, order of day and month, missing years, zones, fractions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.parsing import date_lines, settle_profile, times
from luffy_dagster.core.parsing.times import forms
from luffy_dagster_tests.core.parsing.raw import NOW


def read(texts: list[str], *, zone: str = "UTC", received: datetime = NOW) -> list[datetime | None]:
    found = [times.match_at(text, 0) for text in texts]
    spec = times.settle([f for f in found if f is not None])
    expression, groups = spec.expression()
    columns = pl.Series(texts).str.extract_groups("^" + expression).struct.unnest()
    fractions = columns.to_series(1) if spec.fraction else None
    tails = columns.to_series(groups - 1) if spec.tails else None
    return times.parse(
        columns.to_series(0),
        fractions,
        tails,
        times.TimeSpec.from_json(spec.to_json()),
        assume_tz=zone,
        received_at=received,
    ).to_list()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2015-10-18 18:01:47,978", "2015-10-18T18:01:47.978"),
        ("2005-06-03-15.42.50.675872", "2005-06-03T15:42:50.675872"),
        ("081109 203615", "2008-11-09T20:36:15"),
        ("Sun Dec 04 04:47:44 2005", "2005-12-04T04:47:44"),
        ("20171224-0:7:20:44", "2017-12-24T00:07:20.044"),
        ("2026-W47-5T09:02:13", "2026-11-20T09:02:13"),
        ("2021W017T00:00:01", "2021-01-10T00:00:01"),
        ("2020-W53-5T10:00:00Z", "2021-01-01T10:00:00"),
        ("2024-366T23:59:59Z", "2024-12-31T23:59:59"),
        ("20Nov2026 09:01:39.310", "2026-11-20T09:01:39.310"),
        ("20.11.2026 09.02.12,345", "2026-11-20T09:02:12.345"),
        ("2026-11-20 | 09:02:47", "2026-11-20T09:02:47"),
        ("2026-11-20] [09:02:47", "2026-11-20T09:02:47"),
        ("11/20/2026|09:02:26 PM", "2026-11-20T21:02:26"),
        ("1117838570", "2005-06-03T22:42:50"),
        ("1700000000123", "2023-11-14T22:13:20.123"),
        ("1700000000123456", "2023-11-14T22:13:20.123456"),
        ("1700000000123456789", "2023-11-14T22:13:20.123456"),
        ("1700000000.5", "2023-11-14T22:13:20.5"),
        ("04/Dec/2005:04:47:44 +0200", "2005-12-04T02:47:44"),
        ("Jul 09, 2015 3:23:29 PM", "2015-07-09T15:23:29"),
        ("12/24/2025 12:04:05 AM", "2025-12-24T00:04:05"),
        ("24.12.2025 12:04:05", "2025-12-24T12:04:05"),
        ("2026-11-24T08:43:15.123456789+02:00", "2026-11-24T06:43:15.123456"),
        ("Jun 14 15:16:01", "2026-06-14T15:16:01"),
        ("Dec 31 23:59:59", "2025-12-31T23:59:59"),
        ("Feb 29 10:00:00", "2024-02-29T10:00:00"),
        ("03-17 16:13:38.811", "2026-03-17T16:13:38.811"),
        ("08:43:15", "2026-11-24T08:43:15"),
        ("@4000000037c219bf2ef02e94", "1999-08-24T04:04:05.787492"),
        ("2026-02-31 10:00:00", None),
    ],
)
def test_forms(text: str, wanted: str | None) -> None:
    expected = datetime.fromisoformat(wanted).replace(tzinfo=UTC) if wanted else None
    assert read([text]) == [expected]


def test_day_and_month_are_told_apart_over_the_stream() -> None:
    days = [f"{d:02}/11/2026 10:00:00" for d in range(1, 13)]  # day first: runs through one November
    assert read(days)[4] == datetime(2026, 11, 5, 10, tzinfo=UTC)
    assert read([f"11/{d:02}/2026 10:00:00" for d in range(1, 13)])[4] == datetime(2026, 11, 5, 10, tzinfo=UTC)
    assert read(["05/11/2026 10:00:00", "25/11/2026 10:00:00"])[0] == datetime(2026, 11, 5, 10, tzinfo=UTC)
    found = times.match_at("05/11/2026 10:00:00", 0)
    assert found is not None
    assert times.settle([found]).ambiguous


def test_a_missing_year_is_the_latest_not_in_the_future() -> None:
    new_year = datetime(2027, 1, 1, 0, 5, tzinfo=UTC)
    assert read(["Dec 31 23:59:58", "Jan  1 00:00:02"], received=new_year) == [
        datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC),
        datetime(2027, 1, 1, 0, 0, 2, tzinfo=UTC),
    ]


def test_zones_and_their_changes() -> None:
    assert read(["2026-07-01 12:00:00"], zone="Europe/Berlin") == [datetime(2026, 7, 1, 10, tzinfo=UTC)]
    assert read(["2026-03-29 02:30:00"], zone="Europe/Berlin") == [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    ]  # skipped hour
    assert read(["2026-10-25 02:30:00"], zone="Europe/Berlin") == [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    ]  # the first of two
    assert read(["2026-07-01 12:00:00"], zone="+05:30") == [datetime(2026, 7, 1, 6, 30, tzinfo=UTC)]
    with pytest.raises(ValueError, match="time zone 'Mars/Base' is not known"):
        read(["2026-07-01 12:00:00"], zone="Mars/Base")


@given(
    st.datetimes(min_value=datetime(2001, 9, 10), max_value=datetime(2032, 1, 1)),
    st.sampled_from(
        [
            "%Y-%m-%d %H:%M:%S.%f",
            "%Y-%m-%dT%H:%M:%S,%f",
            "%d/%b/%Y:%H:%M:%S.%f",
            "%Y/%m/%d %H:%M:%S.%f",
            "%b %d %H:%M:%S.%f %Y",
            "%Y%m%d %H:%M:%S.%f",
        ]
    ),
)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read(at: datetime, pattern: str) -> None:
    assert read([at.strftime(pattern)]) == [at.replace(tzinfo=UTC)]


def test_lines_of_files_are_dated() -> None:
    lines = [
        "2026-11-24 08:00:00,5 ERROR a.B: broken",
        "java.lang.X: y",
        "\tat a.B.c(B.java:1)",
        "2026-11-24 08:00:01,5 INFO a.B: fine",
        "2400-01-01 00:00:00,0 INFO a.B: odd",
    ]
    profile = settle_profile(lines, received_at=NOW)
    dated = date_lines(pl.Series(lines), profile, received_at=NOW)
    base = datetime(2026, 11, 24, 8, 0, 0, 500_000, tzinfo=UTC)
    assert dated.to_list() == [base, None, None, base + timedelta(seconds=1), datetime(2400, 1, 1, tzinfo=UTC)]


# As these were written before: alternatives that begin alike, in their order of preference.
REWRITTEN = [
    (forms._GAP, "(?:[T_]| +|, ?|[-:]|;| - )"),
    (forms._YEAR, "[0-9]{4}|[0-9]{2}"),
    (forms.ZONE_SHAPE.replace("?P<z>", "?:"), "(?:Z|[+-][0-9]{2}:?(?:[0-9]{2})?|[A-Z]{3,4})"),
    ("[0-2][0-9]?|[3-9]", "[0-2]?[0-9]"),
]


@pytest.mark.parametrize("number", range(len(REWRITTEN)))
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_expressions_without_common_beginnings_read_the_same(number: int, data: st.DataObject) -> None:
    alphabet = (" ,-T_:;0", "0", "ZAB+0:", "0359")[number]
    text = data.draw(st.text(alphabet=alphabet, max_size=8))
    now, before = (
        pl.Series([text]).str.extract_groups(f"^({one})({rest})").struct.unnest().row(0)
        for one in REWRITTEN[number]
        for rest in ("[0-9A-Z]*[ ,-]?$",)
    )
    assert now == before
    bare, bare_before = (pl.Series([text]).str.extract(f"^({one})", 1)[0] for one in REWRITTEN[number])
    assert bare == bare_before
