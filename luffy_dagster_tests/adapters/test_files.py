"""File sources: each line once, whatever happens to its file."""

import bz2
import gzip
import json
import lzma
import os
import random
import shutil
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import zstandard

from luffy_dagster.adapters.errors import SourceMisconfigured
from luffy_dagster.adapters.files import lines
from luffy_dagster.adapters.files.tracking import stream_of
from luffy_dagster.adapters.source_model import RAW_COLUMNS, SourceConfig
from luffy_dagster.adapters.sources import open_source, rewound
from luffy_dagster.core.model import TimeRange
from luffy_dagster.core.schemas import RAW_LOGS, RowFlag


@pytest.fixture
def read(tmp_path):
    """read(state, limit) -> (bodies, state, frame); globs everything below tmp_path."""
    now = datetime.now(UTC)
    window = TimeRange(now - timedelta(hours=24), now)

    def go(state=None, limit=None, **options):
        source = open_source(SourceConfig("s1", "file", paths=(str(tmp_path / "**/*"),), options=options))
        with source.fetch(window, state=state, limit=limit) as fetch:
            frames = list(fetch)
        frame = pl.concat(frames) if frames else pl.DataFrame(schema={c: RAW_LOGS[c] for c in RAW_COLUMNS})
        assert frame.columns == list(RAW_COLUMNS)
        assert frame.schema == {c: RAW_LOGS[c] for c in RAW_COLUMNS}
        return frame["body"].to_list(), json.loads(json.dumps(fetch.summary.state)), frame

    return go


def test_a_growing_file_is_read_on(read, tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"one\ntwo\nthr")
    bodies, state, first = read()
    assert bodies == ["one", "two"]
    with log.open("ab") as file:
        file.write(b"ee\nfour\n")
    bodies, state, frame = read(state)
    assert bodies == ["three", "four"]
    assert first["doc_id"][0].split(":")[0] == frame["doc_id"][0].split(":")[0]
    assert read(state)[0] == []


def test_the_last_line_without_an_end_is_taken_after_silence(read, tmp_path):
    (tmp_path / "a.log").write_bytes(b"one\ntwo")
    _, state, _ = read()
    os.utime(tmp_path / "a.log", (1, 1))
    assert read(state)[0] == ["two"]


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_rotated_then_compressed_is_not_read_twice(read, tmp_path, ending, pack):
    log = tmp_path / "a.log"
    log.write_bytes(b"".join(b"line %d\n" % i for i in range(500)))
    _, state, first = read()
    with log.open("ab") as file:
        file.write(b"after\n")
    shutil.move(log, tmp_path / "a.log.1")
    log.write_bytes(b"fresh\n")
    bodies, state, frame = read(state)
    assert sorted(bodies) == ["after", "fresh"]
    assert frame["stream"].unique().to_list() == [str(log)]
    assert frame.filter(pl.col("body") == "fresh")["seq"][0] > first["seq"].max()
    (tmp_path / f"a.log.1{ending}").write_bytes(pack((tmp_path / "a.log.1").read_bytes()))
    (tmp_path / "a.log.1").unlink()
    bodies, state, _ = read(state)
    assert bodies == []
    again, _, frame = read(rewound(state))
    assert len(again) == 502
    assert set(first["doc_id"]) < set(frame["doc_id"])


def test_copytruncate(read, tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"banner\n" + b"old %d\n" % 7 * 300)
    bodies, state, _ = read()
    shutil.copy(log, tmp_path / "a.log.1")
    log.write_bytes(b"banner\nnew\n")
    more, state, _ = read(state)
    assert more == ["banner", "new"]
    assert read(state)[0] == []


def test_two_files_with_one_beginning_are_two(read, tmp_path):
    head = b"=== opened ===\n" * 100
    (tmp_path / "a.log").write_bytes(head + b"of a\n")
    (tmp_path / "b.log").write_bytes(head + b"of b\n")
    bodies, state, frame = read()
    assert {"of a", "of b"} <= set(bodies)
    assert frame["doc_id"].n_unique() == frame.height
    assert read(state)[0] == []


def test_a_limit_cuts_and_goes_on(read, tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.log").write_bytes(b"".join(b"%s %d\n" % (name.encode(), i) for i in range(1000)))
    state, got = None, []
    for _ in range(20):
        bodies, state, _ = read(state, limit=130)
        assert len(bodies) <= 130
        got += bodies
        if not bodies:
            break
    assert len(got) == len(set(got)) == 2000


def test_bad_bytes_are_kept_and_flagged(read, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "CHUNK", 1 << 16)
    (tmp_path / "a.log").write_bytes(b"\xef\xbb\xbfx\xff\r\n\x00y\n\n" + b"L" * 3_000_000 + b"\nend\n")
    bodies, _, frame = read(max_line_bytes=1000)
    assert bodies[0] == "x\ufffd"
    assert bodies[1] == "\x00y"
    assert bodies[2] == "L" * 1000 + " … [cut: 3000000 bytes]"
    assert bodies[3] == "end"
    assert frame["flags"].to_list() == [RowFlag.INVALID_UTF8, 0, RowFlag.TRUNCATED, 0]
    assert frame["seq"].to_list()[-1] == 3_000_000 + 12


def test_utf16(read, tmp_path):
    (tmp_path / "a.log").write_bytes("\ufeffgrüße\r\nzwei\r\n".encode("utf-16-le"))
    bodies, state, _ = read()
    assert bodies == ["grüße", "zwei"]


@pytest.mark.parametrize("seed", range(8))
def test_chunks_do_not_matter(tmp_path, monkeypatch, seed):
    rng = random.Random(seed)
    data = b"".join(bytes(rng.choice(b"ab\xc3\xa9 \r") for _ in range(rng.choice([0, 1, 5, 40, 300]))) + b"\n" for _ in range(80))
    path = tmp_path / "x.log"
    path.write_bytes(data)

    def whole(chunk):
        monkeypatch.setattr(lines, "CHUNK", chunk)
        with path.open("rb") as file:
            parts = list(lines.read(file, 0, max_line=64, whole=True))
        assert parts[-1][1] == len(data)
        return pl.concat([frame for frame, _ in parts])

    expected = whole(1 << 20)
    assert expected.height == 80
    for chunk in (1, 7, 64, 100):
        got = whole(chunk)
        assert got["offset"].to_list() == expected["offset"].to_list()
        assert got.filter(pl.col("flags") & int(RowFlag.TRUNCATED) == 0)["body"].to_list() == expected.filter(pl.col("flags") & int(RowFlag.TRUNCATED) == 0)["body"].to_list()


def test_old_files_are_left_out_at_first(read, tmp_path):
    old = tmp_path / "old.log"
    old.write_bytes(b"long ago\n")
    os.utime(old, (1, 1))
    bodies, state, _ = read()
    assert bodies == []
    with old.open("ab") as file:
        file.write(b"today\n")
    assert read(state)[0] == ["today"]
    assert read(read_from="start")[0] == ["long ago", "today"]


def test_a_cut_off_archive_is_noted_and_the_rest_goes_on(tmp_path):
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"x\n" * 90_000)[:-20])
    (tmp_path / "b.log").write_bytes(b"fine\n")
    now = datetime.now(UTC)
    source = open_source(SourceConfig("s1", "file", paths=(str(tmp_path / "*.log*"),)))
    with source.fetch(TimeRange(now - timedelta(hours=1), now)) as fetch:
        bodies = pl.concat(list(fetch))["body"].to_list()
    assert "fine" in bodies
    assert "a.log.gz" in fetch.summary.notes[0]


def test_tests_say_what_is_wrong(tmp_path):
    def report(*paths, **options):
        return open_source(SourceConfig("s1", "file", paths=paths, options=options)).test()

    assert report(str(tmp_path / "none*")).kind == "paths_missing"
    assert "check the path" in report(str(tmp_path / "none*")).message
    (tmp_path / "a.log").write_bytes(b"")
    assert report(str(tmp_path / "*.log")).kind == "empty"
    (tmp_path / "a.log").write_bytes(b"hello\n")
    good = report(str(tmp_path / "*.log"))
    assert (good.status, good.sample) == ("connected", ("hello",))
    assert report("/etc/hostname", allowed_roots=[str(tmp_path)]).status == "failed"
    with pytest.raises(SourceMisconfigured):
        open_source(SourceConfig("s1", "pigeon"))


@pytest.mark.parametrize(
    ("path", "stream"),
    [("/v/a.log", "/v/a.log"), ("/v/a.log.1", "/v/a.log"), ("/v/a.log.2.gz", "/v/a.log"), ("/v/a.log-20261124", "/v/a.log"), ("/v/a-2026-11-24.log", "/v/a.log"), ("/v/a.log.2026-11-24_03.gz", "/v/a.log"), ("/v/1.log", "/v/1.log")],
)
def test_streams(path, stream):
    assert stream_of(path) == stream


def test_pieces_of_one_archive_are_read_in_one_go(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "CHUNK", 1 << 12)
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(b"".join(b"line %d\n" % i for i in range(20_000))))
    opened = []
    real = lines.opened
    monkeypatch.setattr(lines, "opened", lambda path: (opened.append(path), real(path))[1])
    now = datetime.now(UTC)
    source = open_source(SourceConfig("s1", "file", paths=(str(tmp_path / "*"),)))
    state, frames, rounds = None, [], 0
    while True:
        with source.fetch(TimeRange(now - timedelta(hours=1), now), state=state, limit=3000) as fetch:
            frames += list(fetch)
        state, rounds = fetch.summary.state, rounds + 1
        if not fetch.summary.capped:
            break
    rows = pl.concat(frames)
    assert rows["body"].to_list() == [f"line {i}" for i in range(20_000)]
    assert rows["seq"].is_sorted()
    assert rounds == 7
    assert source._paused is None
    assert len(opened) <= 2 * rounds + 1  # beginnings are looked at; the content is unpacked once


def test_utf16_waits_for_the_end_of_its_last_line(read, tmp_path):
    path = tmp_path / "a.log"
    path.write_bytes("\ufeffeins\r\nzw".encode("utf-16-le"))
    bodies, state, frame = read()
    assert (bodies, frame["seq"].to_list()) == (["eins"], [2])
    with path.open("ab") as file:
        file.write("ei\U0001f600\ndrei\n".encode("utf-16-le"))
    bodies, _, frame = read(state)
    assert bodies == ["zwei\U0001f600", "drei"]
    assert frame["seq"].to_list() == [14, 28]


def test_files_that_are_gone_are_forgotten_in_the_end(read, tmp_path, monkeypatch):
    from luffy_dagster.adapters.files import source

    monkeypatch.setattr(source, "_REMEMBERED", 3)
    state = None
    for i in range(8):
        path = tmp_path / f"x{i}.log"
        path.write_bytes(b"line of %d\n" % i)
        _, state, _ = read(state)
        path.unlink()
    assert len(state["files"]) <= 4
