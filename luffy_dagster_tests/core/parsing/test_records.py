"""Records of fixed forms, end to end and with no setting: csvlog, W3C, CMTrace, systemd's export, MySQL's slow log, Kubernetes' audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.parsing.unwrap import Step
from luffy_dagster_tests.core.parsing.raw import NOW, rows

START = datetime(2026, 11, 20, 7, 41, 0, tzinfo=UTC)
Made = tuple[list[str], str, str | None]  # lines of one record, its message, its level


def _at(i: int) -> datetime:
    return START + timedelta(seconds=i)


def csvlog(i: int) -> Made:
    """PostgreSQL's, with a quote in the message."""
    message = ('relation "picks" does not exist', "checkpoint starting: time", "duration: 2.12 ms")[i % 3]
    quoted = message.replace('"', '""')
    level = ("ERROR", "LOG", "FATAL")[i % 3]
    line = f'{_at(i):%Y-%m-%d %H:%M:%S}.000 UTC,"app","shop",{100 + i},"10.0.0.1:5{i}",673d.4d,1,"SELECT",2026-11-20 07:00:00 UTC,3/12,0,{level},42P01,"{quoted}",,,,,,"select ""x""",15,,"psql"'
    return [line], message, {"LOG": "info"}.get(level, level.lower())


def iis(i: int) -> Made:
    """W3C's extended format."""
    status = (200, 404, 500)[i % 3]
    message = f"10.0.0.5 GET /shelves/{i} - 443 - 10.1.0.{i} Mozilla/5.0+(X11) - {status} 0 0 {i * 7}"
    head = ["#Software: Some Server", "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken"]
    return [*(head if i == 0 else []), f"{_at(i):%Y-%m-%d %H:%M:%S} {message}"], message, ("info", "warn", "error")[i % 3]


def cloudfront(i: int) -> Made:
    """The same between tabs."""
    message = f"FRA{i % 7}\t{i * 31}\t10.1.0.{i}\tGET\t/a/{i}.png\t200\t-"
    head = ["#Version: 1.0", "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs-uri-stem sc-status cs(Referer)"]
    return [*(head if i == 0 else []), f"{_at(i):%Y-%m-%d}\t{_at(i):%H:%M:%S}\t{message}"], message, "info"


def cmtrace(i: int) -> Made:
    """Configuration Manager's."""
    message = f"Policy {i} was applied: 'a' [b]"
    line = f'<![LOG[{message}]LOG]!><time="{_at(i):%H:%M:%S}.000+000" date="{_at(i):%m-%d-%Y}" component="Agent" context="" type="{1 + i % 3}" thread="{i}" file="x.cpp:9">'
    return [line], message, ("info", "warn", "error")[i % 3]


def export(i: int) -> Made:
    """systemd's, a record of several lines."""
    message = f"Mill line {i} opened"
    lines = [f"__CURSOR=s={i:032x};i={i}", f"__REALTIME_TIMESTAMP={int(_at(i).timestamp() * 1e6)}", "_BOOT_ID=a", f"PRIORITY={(6, 4, 3)[i % 3]}", "_HOSTNAME=rye", f"MESSAGE={message}", "_PID=4", ""]
    return lines, message, ("info", "warn", "error")[i % 3]


def slow(i: int) -> Made:
    """MySQL's slow log: the message is the statement."""
    message = f"select * from picks where id = {i};"
    lines = [f"# Time: {_at(i):%Y-%m-%dT%H:%M:%S}.000000Z", f"# User@Host: app[app] @ web1 [10.0.0.{i}]  Id:  {i}", f"# Query_time: 3.{i}  Lock_time: 0.01 Rows_sent: 1", "SET timestamp=1732100;", message]
    return lines, message, None


def audit(i: int) -> Made:
    """Kubernetes' audit, whose `level` is none."""
    uri = f"/api/v1/namespaces/stock/pods/p-{i}"
    item = {"kind": "Event", "level": "Metadata", "auditID": f"{i:032x}", "stage": "ResponseComplete", "requestURI": uri, "verb": "get", "responseStatus": {"code": 200}, "requestReceivedTimestamp": f"{_at(i):%Y-%m-%dT%H:%M:%S}.000000Z"}
    return [json.dumps(item)], uri, None


def fortigate(i: int) -> Made:
    """Day and clock in pairs of their own."""
    message = f"Admin {i} logged in"
    return [f'date={_at(i):%Y-%m-%d} time={_at(i):%H:%M:%S} devname="fg" level="notice" srcip=10.0.0.{i} msg="{message}"'], message, "info"


@pytest.mark.parametrize("make", [csvlog, iis, cloudfront, cmtrace, export, slow, audit, fortigate])
def test_a_record_says_time_level_and_message(make: Callable[[int], Made]) -> None:
    made = [make(i) for i in range(24)]
    lines = [line for one, _, _ in made for line in one]
    profile = settle_profile(lines, received_at=NOW)
    options = ParseOptions(now=NOW, header_times=frozenset({"src"}), shapes=False, exceptions=False, close=True)
    parsed = parse_rows(rows(lines), {"s": profile}, options)
    read = [row for row in parsed.entries.select("message", "level", "event_time").iter_rows() if row[0][:1] != "#"]
    assert [(message, level, at) for message, level, at in read] == [
        (message, level, _at(i)) for i, (_, message, level) in enumerate(made)
    ]
    assert parsed.stats.rows == parsed.stats.entries + parsed.stats.folded


def test_columns_of_a_step_are_kept_in_its_values() -> None:
    step = Step("w3c", columns=("date", "time"))
    assert Step.from_json(step.to_json()) == step
