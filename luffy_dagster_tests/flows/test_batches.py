"""A file whose lines hold several records each: one entry per record, once, however often it is fetched and the day rebuilt."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from luffy_dagster.flows import process_service, rebuild_day

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def _line(number: int) -> str:
    at = int(START.timestamp() * 1000) + number * 3000
    events = [{"id": f"{number}-{i}", "timestamp": at + i, "message": f"sack {number} part {i} fed"} for i in range(3)]
    shared = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/mill", "logStream": "s1"}
    return json.dumps({**shared, "logEvents": events})


def _entries(world):
    found = world.ctx.lake.scan("entries", "web").select("entry_id", "message", "event_time").collect()
    return found.sort("event_time", "entry_id")


def test_records_of_batches_are_entries_exactly_once(world, tmp_path) -> None:
    path = tmp_path / "export.json"
    path.write_text("".join(_line(i) + "\n" for i in range(40)))
    world.clock = START.replace(hour=10)
    world.service("web")
    world.source("web", type="file", paths=[str(path)], host=None, index_pattern=None, options={"read_from": "start"})
    result = process_service(world.ctx, "web")
    assert result.ok, result.error
    found = _entries(world)
    assert found.height == 120
    assert found["message"][:3].to_list() == ["sack 0 part 0 fed", "sack 0 part 1 fed", "sack 0 part 2 fed"]
    assert found["entry_id"].str.contains(r"#00000[123]$").all()
    with path.open("a") as more:
        more.write(_line(40) + "\n")
    world.later(minutes=6)
    assert process_service(world.ctx, "web").ok
    assert _entries(world).height == 123
    before = _entries(world)
    rebuild_day(world.ctx, "web", START.date())
    assert _entries(world).equals(before)
