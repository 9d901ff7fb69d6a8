"""Where batches begin and end, and in which order they come, changes no row."""

from __future__ import annotations

import itertools
from datetime import timedelta

import polars as pl
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from luffy_dagster import store
from luffy_dagster.flows import process_service, rebuild_day
from luffy_dagster_tests.flows.support import NOW, Doc, line, minutes_of_logs, rows_of

_numbers = itertools.count()
_SETTINGS = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # an example costs a second: the first that fails is told as it is
)


def bare(frame: pl.DataFrame) -> list[dict]:
    own = pl.col("entry_id", "stream").str.replace(r"^[^/]+/", "")
    return rows_of(frame.with_columns(own).drop("source_id"))


def outcome(world, slug: str) -> tuple:
    counts = world.counts(slug).drop("service_id").sort("hour", "environment", "level").to_dicts()
    return bare(world.entries(slug)), bare(world.exceptions(slug)), counts


def difference(one: tuple, other: tuple) -> str:
    """The first rows that differ, short enough to read."""
    for name, left, right in zip(("entries", "exceptions", "counts"), one, other, strict=True):
        for row, twin in itertools.zip_longest(left, right):
            if row != twin:
                keys = [key for key in (row or twin) if row is None or twin is None or row[key] != twin[key]]
                shown = [{key: str(each[key])[:80] for key in keys} if each else None for each in (row, twin)]
                return f"{name}: {len(left)} and {len(right)} rows; {(row or twin).get('entry_id')}: {shown[0]} against {shown[1]}"
    return ""


def story() -> list[Doc]:
    """Two streams, traces, a quiet quarter of an hour, and midnight in the middle."""
    start = NOW.replace(hour=23, minute=40) - timedelta(days=1)
    docs = minutes_of_logs(120, start, stream="a", step=9.0)
    docs += minutes_of_logs(60, start + timedelta(minutes=5), stream="b", step=13.0)
    docs += minutes_of_logs(40, start + timedelta(minutes=45), stream="a", step=7.0, tag="later")
    return sorted(docs, key=lambda doc: (doc.at, doc.id))


def test_the_story_crosses_midnight() -> None:
    assert len({doc.at.date() for doc in story()}) == 2


def test_borders_and_late_rows_change_nothing(world) -> None:
    @_SETTINGS
    @given(
        cuts=st.lists(st.integers(1, 219), max_size=8),
        late=st.lists(st.integers(0, 219), max_size=4),
        piece_rows=st.sampled_from([7, 50, 200_000]),
    )
    def check(cuts, late, piece_rows) -> None:
        docs = story()
        whole, parts = f"whole{next(_numbers)}", f"parts{next(_numbers)}"
        world.piece_rows = 200_000
        world.clock = docs[0].at
        _, server = world.service(whole)
        server.add(*docs)
        world.clock = docs[-1].at + timedelta(minutes=5)
        process_service(world.ctx, whole)

        world.piece_rows = piece_rows
        world.clock = docs[0].at
        _, server = world.service(parts)
        borders = [0, *sorted(set(cuts)), len(docs)]
        held = [docs[number] for number in sorted(set(late))]
        for first, last in itertools.pairwise(borders):
            server.add(*(doc for doc in docs[first:last] if doc not in held))
            world.clock = docs[last - 1].at + timedelta(seconds=1)
            assert process_service(world.ctx, parts).ok
        with store.begin(world.engine) as conn:  # documents this late are what the reconciliation fetches
            conn.exec_driver_sql("update log_source set watermark = watermark - interval '5 hours'")
        server.add(*held)
        world.clock = docs[-1].at + timedelta(minutes=5)
        process_service(world.ctx, parts)
        made = outcome(world, parts)
        assert difference(made, outcome(world, whole)) == ""
        for day in sorted({doc.at.date() for doc in docs}):
            rebuild_day(world.ctx, parts, day)
        assert difference(outcome(world, parts), made) == ""

    check()



def test_a_growing_file_reads_as_the_whole_file(world, tmp_path) -> None:
    @_SETTINGS
    @given(cuts=st.lists(st.integers(1, 159), max_size=6), banner=st.booleans())
    def check(cuts, banner) -> None:
        docs = minutes_of_logs(160, NOW - timedelta(hours=3), step=11.0)
        lines = [*(["  ____ ", " |    | my app"] if banner else []), *(doc.body for doc in docs)]
        world.piece_rows = 200_000
        made = []
        for kind, borders in (("whole", [0, len(lines)]), ("parts", [0, *sorted(set(cuts)), len(lines)])):
            slug = f"{kind}{next(_numbers)}"
            path = tmp_path / f"{slug}.log"
            path.write_text("")
            world.clock = NOW - timedelta(hours=3)
            world.service(slug)
            with store.begin(world.engine) as conn:
                conn.exec_driver_sql(f"delete from log_source where service_id = '{slug}'")
            world.source(slug, type="file", paths=[str(path)], host=None, index_pattern=None, options={"read_from": "start"})
            for first, last in itertools.pairwise(borders):
                with path.open("a") as file:
                    file.write("".join(f"{text}\n" for text in lines[first:last]))
                world.later(minutes=1)
                assert process_service(world.ctx, slug).ok
            world.clock = NOW
            process_service(world.ctx, slug)
            raw = world.raw(slug).sort("seq")
            assert raw.get_column("body").to_list() == lines
            frame = world.entries(slug).with_columns(
                pl.col("stream").str.replace_all(slug, "file"), pl.col("entry_id").str.replace(r"^.*:", "")
            )
            skip = pl.col("seq") >= (len("  ____ \n |    | my app\n") if banner else 0)
            made.append(bare(frame.filter(skip)))
        assert made[0] == made[1]

    check()

