"""The lake on a real object store (MinIO): the same rows as in a folder, two writers, a whole pipeline. Opt-in: LUFFY_TEST_MINIO=1.

MinIO is built by Go once (some minutes); LUFFY_TEST_MINIO may also name the program itself.
"""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import polars as pl
import pytest

from luffy_dagster import flows, store
from luffy_dagster.evals import parts
from luffy_dagster.lake import Lake, LakeError, Span
from luffy_dagster.settings import Settings
from luffy_dagster_tests.flows.support import NOW, World, minutes_of_logs, rows_of
from luffy_dagster_tests.lake.test_tables import DAY, KIND, rows

pytestmark = [
    pytest.mark.skipif(not os.environ.get("LUFFY_TEST_MINIO"), reason="opt-in: LUFFY_TEST_MINIO=1 builds and starts MinIO"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def options():
    with parts.minio() as found:
        yield found


@pytest.fixture
def lake(options, request) -> Lake:
    return Lake(f"s3://lake/{request.node.name}", options)


def test_append_replace_delete_and_compact_are_those_of_a_folder(lake, options, tmp_path) -> None:
    folder = Lake(tmp_path / "lake")
    for each in (lake, folder):
        for batch in range(1, 5):
            each.append(KIND, "web", rows(100, batch, stream=f"s1/{batch % 2}"), batch=batch, metadata={"n": batch})
        each.replace(KIND, "web", rows(10, 9, stream="s1/1"), spans=[Span(DAY, "s1/1")], batch=9)
        assert each.compact(KIND, "web") > 0
        each.append(KIND, "web", rows(5, 10, start=NOW - timedelta(days=3)), batch=10)
        assert each.delete_days(KIND, "web", DAY) == 5
        each.vacuum(KIND, "web", older_than_hours=0)
    again = Lake(lake.root, options)
    assert again.last_batch(KIND, "web").batch == folder.last_batch(KIND, "web").batch
    assert again.metadata_of(KIND, "web", 3) == {"n": 3}
    assert rows_of(again.scan(KIND, "web").collect()) == rows_of(folder.scan(KIND, "web").collect())
    window = {"start": NOW.replace(hour=10), "end": NOW.replace(hour=10) + timedelta(milliseconds=50)}
    assert again.scan(KIND, "web", **window).collect().height == folder.scan(KIND, "web", **window).collect().height
    assert again.size(KIND, "web").rows == folder.size(KIND, "web").rows == 210


def test_two_writers_lose_nothing(lake, options) -> None:
    lake.append(KIND, "web", rows(1, 1), batch=1)
    refused = []

    def write(first: int) -> None:
        own = Lake(lake.root, options)
        for number in range(first, first + 10):
            for _ in range(20):
                try:
                    own.append(KIND, "web", rows(10, number))
                    break
                except LakeError as error:
                    refused.append(str(error))

    threads = [threading.Thread(target=write, args=(first,)) for first in (100, 200)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert lake.scan(KIND, "web").select(pl.col("doc_id").n_unique()).collect().item() == 201


def test_a_service_goes_from_its_source_to_its_clusters(lake, engine, settings) -> None:
    world = World(engine, settings, lake)
    _, server = world.service()
    docs = minutes_of_logs(400, NOW - timedelta(hours=2))
    server.add(*docs[:300])
    flows.process_service(world.ctx, "web")
    server.add(*docs[300:])
    world.later(minutes=5)
    flows.process_service(world.ctx, "web", close=True)
    assert world.raw().height == 400
    before = rows_of(world.entries())
    flows.rebuild_day(world.ctx, "web", NOW.date())
    assert rows_of(world.entries()) == before
    with store.begin(engine) as conn:
        assert store.clusters.count_clusters(conn, "web", now=world.clock) == 1
    flows.compact(world.ctx, "web")


def test_the_settings_carry_the_options_and_show_no_secret(options, monkeypatch) -> None:
    import json

    monkeypatch.setenv("LUFFY_LAKE_URL", "s3://lake/by-settings")
    monkeypatch.setenv("LUFFY_LAKE_OPTIONS", json.dumps(options))
    made = Settings(_env_file=None)
    assert options["AWS_SECRET_ACCESS_KEY"] not in repr(made)
    own = Lake(made.lake, {name: value.get_secret_value() for name, value in made.lake_options.items()})
    own.append(KIND, "web", rows(3, 1), batch=1)
    assert own.exists(KIND, "web")


def test_a_wrong_key_is_one_line_that_names_the_remedy(options) -> None:
    wrong = Lake("s3://lake/denied", {**options, "AWS_SECRET_ACCESS_KEY": "wrong", "max_retries": "1"})
    with pytest.raises(LakeError, match="LUFFY_LAKE_URL") as raised:
        wrong.append(KIND, "web", rows(3, 1), batch=1)
    assert "wrong" not in str(raised.value)
