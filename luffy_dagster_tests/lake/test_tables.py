"""The lake's tables: appending, replacing, reading with files left out, and upkeep."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from luffy_dagster.core.schemas import RAW_LOGS, TABLES, UTC_US, RowFlag
from luffy_dagster.lake import Lake, LakeError, Span

DAY = date(2026, 11, 24)
START = datetime(2026, 11, 24, 10, tzinfo=UTC)
KIND = "raw_logs"


def rows(count: int, batch: int, start: datetime = START, stream: str = "s1/a", step_ms: int = 1, flags: int = 0) -> pl.DataFrame:
    index = pl.int_range(count, dtype=pl.Int64, eager=True)
    return pl.DataFrame({"seq": index}).select(
        pl.format("s1/{}-{}", pl.lit(batch), "seq").alias("doc_id"),
        pl.lit("s1").alias("source_id"),
        pl.lit(stream).alias("stream"),
        "seq",
        (pl.lit(start).cast(UTC_US) + pl.duration(milliseconds=pl.col("seq") * step_ms)).alias("event_time"),
        pl.lit(start).cast(UTC_US).alias("received_at"),
        pl.format("secret-text {}", "seq").alias("body"),
        pl.lit(flags).alias("flags"),
        pl.lit(batch).alias("batch"),
    ).with_columns(pl.col("event_time").dt.date().alias("day"))


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def test_a_table_that_does_not_exist_reads_as_empty_with_its_schema(lake: Lake) -> None:
    assert lake.scan(KIND, "web").collect().schema == pl.Schema(RAW_LOGS)
    assert lake.last_batch(KIND, "web") is None
    assert lake.days(KIND, "web").is_empty()
    assert lake.delete_days(KIND, "web", DAY) == 0
    assert lake.compact(KIND, "web") == 0


def test_append_keeps_rows_batch_and_metadata(lake: Lake) -> None:
    frame = rows(10, 7)
    assert lake.append(KIND, "web", frame, batch=7, metadata={"watermark": "x"}) == 10
    again = Lake(lake.root)
    commit = again.last_batch(KIND, "web")
    assert commit is not None
    assert commit.batch == 7
    assert again.metadata_of(KIND, "web", 7) == {"watermark": "x"}
    assert again.metadata_of(KIND, "web", 8) is None
    read = again.scan(KIND, "web").collect()
    assert read.schema == pl.Schema(RAW_LOGS)
    assert read.sort("seq").select(frame.columns).equals(frame.cast({name: RAW_LOGS[name] for name in frame.columns}))


def test_an_empty_append_writes_no_commit(lake: Lake) -> None:
    lake.append(KIND, "web", rows(1, 1), batch=1)
    before = lake.last_batch(KIND, "web")
    assert lake.append(KIND, "web", rows(0, 2), batch=2) == 0
    assert lake.last_batch(KIND, "web") == before


def test_log_text_never_stands_in_the_delta_log(lake: Lake, tmp_path) -> None:
    lake.append(KIND, "web", rows(10, 1), batch=1)
    logs = list((tmp_path / "lake").rglob("_delta_log/*.json"))
    assert logs
    assert all("secret-text" not in path.read_text() for path in logs)


def test_scan_leaves_out_files_by_time_batch_day_and_stream(lake: Lake) -> None:
    for batch in range(1, 6):
        lake.append(KIND, "web", rows(10, batch, START + timedelta(hours=batch), f"s1/{batch}"), batch=batch)
    lake.append(KIND, "web", rows(10, 6, START + timedelta(days=1), "s1/6"), batch=6)
    assert lake.scan(KIND, "web", batch_after=4).collect().height == 20
    assert lake.scan(KIND, "web", days=[DAY]).collect().height == 50
    assert lake.scan(KIND, "web", streams=["s1/3"]).collect()["batch"].unique().to_list() == [3]
    window = lake.scan(KIND, "web", start=START + timedelta(hours=2), end=START + timedelta(hours=2, milliseconds=5)).collect()
    assert window["seq"].sort().to_list() == [0, 1, 2, 3, 4]
    both = [(START + timedelta(hours=1), START + timedelta(hours=2)), (START + timedelta(hours=5), None)]
    assert sorted(lake.scan(KIND, "web", windows=both).collect()["batch"].unique()) == [1, 5, 6]


def test_times_are_found_to_the_microsecond_although_statistics_are_in_milliseconds(lake: Lake) -> None:
    at = START + timedelta(microseconds=999)
    lake.append(KIND, "web", rows(1, 1, at), batch=1)
    assert lake.scan(KIND, "web", start=at).collect().height == 1
    assert lake.scan(KIND, "web", start=at, end=at + timedelta(microseconds=1)).collect().height == 1
    assert lake.scan(KIND, "web", end=at).collect().height == 0


def test_replace_touches_only_its_spans_in_one_commit(lake: Lake) -> None:
    lake.append(KIND, "web", pl.concat([rows(100, 1), rows(100, 2, stream="it's")]), batch=1)
    since = START + timedelta(milliseconds=60)
    new = rows(5, 3, since, stream="it's")
    assert lake.replace(KIND, "web", new, spans=[Span(DAY, "it's", since)], batch=3) == 5
    read = lake.scan(KIND, "web").collect()
    assert read.filter(pl.col("batch") == 1).height == 100
    assert read.filter(pl.col("batch") == 2)["seq"].sort().to_list() == list(range(60))
    assert read.filter(pl.col("batch") == 3).height == 5
    commit = lake.last_batch(KIND, "web")
    assert commit is not None
    assert commit.batch == 3


def test_replace_with_nothing_removes(lake: Lake) -> None:
    lake.append(KIND, "web", pl.concat([rows(10, 1), rows(10, 1, START + timedelta(days=1))]), batch=1)
    lake.replace(KIND, "web", rows(0, 2), spans=[Span(DAY)], batch=2)
    assert lake.days(KIND, "web")["day"].to_list() == [DAY + timedelta(days=1)]


def test_a_row_outside_of_the_spans_is_refused_without_showing_it(lake: Lake) -> None:
    lake.append(KIND, "web", rows(10, 1), batch=1)
    with pytest.raises(LakeError) as caught:
        lake.replace(KIND, "web", rows(1, 2, stream="s1/other"), spans=[Span(DAY, "s1/a")], batch=2)
    assert "secret-text" not in str(caught.value)
    assert lake.size(KIND, "web").rows == 10


def test_replace_needs_a_span(lake: Lake) -> None:
    lake.append(KIND, "web", rows(1, 1), batch=1)
    with pytest.raises(ValueError, match="span"):
        lake.replace(KIND, "web", rows(1, 1), spans=[])


def test_delete_batches_takes_back_an_unfinished_batch(lake: Lake) -> None:
    for batch in (1, 2, 3):
        lake.append(KIND, "web", rows(10, batch), batch=batch)
    lake.compact(KIND, "web")
    assert lake.delete_batches(KIND, "web", 2) == 10
    assert sorted(lake.scan(KIND, "web").collect()["batch"].unique()) == [1, 2]
    assert lake.delete_batches(KIND, "web", 2) == 0


def test_doc_ids_of_a_window_and_of_flagged_rows(lake: Lake) -> None:
    lake.append(KIND, "web", rows(10, 1), batch=1)
    lake.append(KIND, "web", rows(2, 2, START - timedelta(days=3), flags=int(RowFlag.TIME_OUT_OF_RANGE)), batch=2)
    assert lake.doc_ids("web", "s1", [(START, None)]).height == 10
    assert lake.doc_ids("web", "s2", [(START, None)]).height == 0
    assert lake.doc_ids("web", "s1", [(START, None)], flags=int(RowFlag.TIME_OUT_OF_RANGE)).height == 12


def test_compact_and_vacuum_keep_rows_and_batch(lake: Lake, tmp_path) -> None:
    for batch in range(1, 11):
        lake.append(KIND, "web", rows(10, batch), batch=batch)
    before = lake.scan(KIND, "web").collect().sort("batch", "seq")
    assert lake.compact(KIND, "web", [DAY]) == 10
    assert lake.vacuum(KIND, "web", 0) == 10
    assert len(list((tmp_path / "lake").rglob("*.parquet"))) <= 2
    assert lake.size(KIND, "web").files == 1
    assert lake.scan(KIND, "web").collect().sort("batch", "seq").equals(before)
    commit = Lake(lake.root).last_batch(KIND, "web")
    assert commit is not None
    assert commit.batch == 10


def test_retention_removes_whole_days(lake: Lake) -> None:
    lake.append(KIND, "web", pl.concat([rows(10, 1, START - timedelta(days=days)) for days in range(4)]), batch=1)
    assert lake.delete_days(KIND, "web", DAY - timedelta(days=1)) == 20
    assert lake.days(KIND, "web")["day"].to_list() == [DAY - timedelta(days=1), DAY]


def test_a_column_added_later_is_null_in_older_rows(lake: Lake, monkeypatch) -> None:
    lake.append(KIND, "web", rows(3, 1), batch=1)
    monkeypatch.setitem(TABLES, KIND, {**RAW_LOGS, "host": pl.Utf8})
    lake.append(KIND, "web", rows(2, 2).with_columns(host=pl.lit("h")), batch=2)
    read = lake.scan(KIND, "web").collect()
    assert read.columns[-1] == "host"
    assert read.sort("batch")["host"].to_list() == [None, None, None, "h", "h"]
    lake.replace(KIND, "web", rows(1, 3).with_columns(host=pl.lit("i")), spans=[Span(DAY)], batch=3)
    assert lake.scan(KIND, "web").collect()["host"].to_list() == ["i"]


def test_a_day_that_goes_on_or_is_to_come_is_written_quickly_and_joined_small(lake: Lake) -> None:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)  # over midnight too
    lake.append(KIND, "web", pl.concat([rows(10, 1), rows(10, 1, today)]), batch=1)
    lake.append(KIND, "web", rows(10, 2, today + timedelta(seconds=20)), batch=2)
    before = lake.scan(KIND, "web").collect().sort("event_time", "doc_id")
    folder = Path(lake.root) / KIND / "web"
    codecs = {path.parent.name: path.name.split(".")[1] for path in folder.rglob("*.parquet")}
    assert codecs == {f"day={DAY}": "zstd", f"day={today.date()}": "snappy"}
    assert lake.compact(KIND, "web") == 2
    assert lake.scan(KIND, "web").collect().sort("event_time", "doc_id").equals(before)


def test_an_append_by_another_process_is_seen(lake: Lake) -> None:
    other = Lake(lake.root)
    lake.append(KIND, "web", rows(1, 1), batch=1)
    assert other.size(KIND, "web").rows == 1
    lake.append(KIND, "web", rows(1, 2), batch=2)
    assert other.size(KIND, "web").rows == 2
    assert other.services(KIND) == ["web"]


@pytest.mark.parametrize("service", ["", "../up", "A", "a/b", "x" * 64])
def test_a_service_that_is_no_slug_is_refused(lake: Lake, service: str) -> None:
    with pytest.raises(ValueError, match="slug"):
        lake.scan(KIND, service)


def test_hours_are_counted(lake: Lake) -> None:
    lake.append(KIND, "web", rows(10, 1, START + timedelta(minutes=59, seconds=59, milliseconds=995)), batch=1)
    counted = lake.hourly(KIND, "web", START, START + timedelta(hours=2), ["stream"])
    assert counted.rows() == [(START, "s1/a", 5), (START + timedelta(hours=1), "s1/a", 5)]
