"""Each wrapper that is named in the contract, end to end and with no setting: time, level, message, and whose line it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster_tests.core.parsing.raw import NOW, rows

START = datetime(2026, 11, 24, 7, 30, 0, 250_000, tzinfo=UTC)
COUNT = 24
SAID = (
    "Mill line {n} opened",
    "no grain in silo {n}",
    "feeder {n} answered in {n} ms",
    "ready",
    "cannot reach 10.0.0.{n}: refused",
    "[belt {n}] jammed",
    "rate={n} left={n}",
)
LEVELS = ("info", "info", "warn", "info", "error", "debug", "info")
TRACE = "a" * 15 + "7"


def said(i: int) -> str:
    """The message of line `i`."""
    return SAID[i % len(SAID)].replace("{n}", str(i))


def level(i: int) -> str:
    """Its level on our scale."""
    return LEVELS[i % len(LEVELS)]


@dataclass(frozen=True)
class Line:
    """What a wrapper's writer gets."""

    i: int

    @property
    def at(self) -> datetime:
        """When it was written."""
        return START + timedelta(seconds=self.i)

    @property
    def message(self) -> str:
        """What it says."""
        return said(self.i)

    @property
    def iso(self) -> str:
        """The time as 2026-11-24T07:30:00.250Z."""
        return self.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.at.microsecond // 1000:03d}Z"

    @property
    def epoch(self) -> float:
        """Seconds since 1970."""
        return self.at.timestamp()

    def word(self, **other: str) -> str:
        """The level's word, in capitals unless said otherwise."""
        return other.get(level(self.i), level(self.i).upper())


@dataclass(frozen=True)
class Wrapper:
    """One way of wrapping; `says` are columns and what they hold on every line; `levels` and `exact` say what the form can tell."""

    write: Callable[[Line], str]
    says: dict[str, str] = field(default_factory=dict)
    levels: bool = True
    exact: float = 0.001  # seconds by which the time may be off


def obj(**keys: object) -> str:
    """A JSON object on one line."""
    return json.dumps(keys)


def pri(line: Line, facility: int = 1) -> int:
    """PRI of syslog."""
    return facility * 8 + {"debug": 7, "info": 6, "warn": 4, "error": 3}[level(line.i)]


NUMBERS = {"debug": 20, "info": 30, "warn": 40, "error": 50}
OTLP = {"debug": 5, "info": 9, "warn": 13, "error": 17}


def attribute(key: str, value: str) -> dict[str, object]:
    """An attribute of OTLP."""
    return {"key": key, "value": {"stringValue": value}}


WRAPPERS: dict[str, Wrapper] = {
    "cri": Wrapper(lambda e: f"{e.iso} stdout F {e.word()} {e.message}"),
    "cri_json": Wrapper(lambda e: f"{e.iso} stderr F " + obj(level=level(e.i), msg=e.message)),
    "docker_json": Wrapper(lambda e: obj(log=f"{e.word()}: {e.message}\n", stream="stdout", time=e.iso)),
    "docker_json_of_json": Wrapper(lambda e: obj(log=obj(level=level(e.i), msg=e.message) + "\n", stream="stdout", time=e.iso)),
    "compose": Wrapper(lambda e: f"mill-1  | {e.iso} {e.word()} {e.message}", {"process": "mill-1"}),
    "kubectl": Wrapper(lambda e: f"[pod/mill-7d9f4-x2x/app] {e.iso} {e.word()} {e.message}", {"process": "pod/mill-7d9f4-x2x/app"}),
    "stern": Wrapper(lambda e: f"mill-7d9f4c6b8-x2x9z app {e.iso} {e.word()} {e.message}", {"process": "mill-7d9f4c6b8-x2x9z app"}),
    "syslog_3164": Wrapper(lambda e: f"<{pri(e)}>{e.at:%b %d %H:%M:%S} rye milld[412]: {e.message}", {"host": "rye", "logger": "milld", "process": "412"}, exact=1),
    "syslog_5424": Wrapper(lambda e: f'<{pri(e)}>1 {e.iso} rye milld 412 ID1 [q@1 a="b"] {e.message}', {"host": "rye", "logger": "milld", "process": "412"}),
    "syslog_5424_bare": Wrapper(lambda e: f"<{pri(e)}>1 {e.iso} rye milld - - - {e.message}", {"host": "rye", "logger": "milld"}),
    "journald_export": Wrapper(
        lambda e: obj(__REALTIME_TIMESTAMP=str(int(e.epoch * 1e6)), MESSAGE=e.message, PRIORITY=str(pri(e) % 8), _HOSTNAME="rye", SYSLOG_IDENTIFIER="milld", _PID="412", _SYSTEMD_UNIT="mill.service"),
        {"host": "rye", "logger": "milld", "process": "412"},
    ),
    "gelf": Wrapper(lambda e: obj(version="1.1", host="rye", short_message=e.message, timestamp=e.epoch, level=pri(e) % 8, _container_name="mill"), {"host": "rye"}),
    "ecs": Wrapper(
        lambda e: json.dumps({"@timestamp": e.iso, "log.level": e.word(), "message": e.message, "ecs.version": "1.6.0", "service.name": "mill", "log.logger": "org.quarz.Mill", "process.thread.name": "main", "trace.id": TRACE}),
        {"logger": "org.quarz.Mill", "thread": "main", "trace_id": TRACE},
    ),
    "ecs_nested": Wrapper(
        lambda e: json.dumps({"@timestamp": e.iso, "log": {"level": level(e.i), "logger": "org.quarz.Mill"}, "message": e.message, "ecs": {"version": "8.11"}, "service": {"name": "mill"}, "trace": {"id": TRACE}}),
        {"logger": "org.quarz.Mill", "trace_id": TRACE},
    ),
    "logstash": Wrapper(
        lambda e: json.dumps({"@timestamp": e.iso, "@version": "1", "message": e.message, "logger_name": "org.quarz.Mill", "thread_name": "main", "level": e.word(), "level_value": 20000}),
        {"logger": "org.quarz.Mill", "thread": "main"},
    ),
    "otlp": Wrapper(
        lambda e: json.dumps({"resourceLogs": [{"resource": {"attributes": [attribute("service.name", "mill"), attribute("host.name", "rye")]}, "scopeLogs": [{"scope": {"name": "org.quarz.Mill"}, "logRecords": [{"timeUnixNano": str(int(e.epoch * 1e6) * 1000), "severityNumber": OTLP[level(e.i)], "severityText": e.word(), "body": {"stringValue": e.message}, "traceId": TRACE * 2, "spanId": TRACE}]}]}]}),
        {"trace_id": TRACE * 2, "span_id": TRACE},
    ),
    "otlp_record": Wrapper(
        lambda e: json.dumps({"timeUnixNano": str(int(e.epoch * 1e6) * 1000), "severityNumber": OTLP[level(e.i)], "body": {"stringValue": e.message}, "traceId": TRACE * 2}),
        {"trace_id": TRACE * 2},
    ),
    "cloudwatch_events": Wrapper(lambda e: obj(timestamp=int(e.epoch * 1000), ingestionTime=int(e.epoch * 1000) + 900, logStreamName="mill/app/1", message=f"{e.word()} {e.message}")),
    "cloudwatch_text": Wrapper(lambda e: f"{e.iso} {e.word()} {e.message}"),
    "cloudwatch_lambda": Wrapper(lambda e: f"{e.iso}\t0f1e2d3c-4b5a-4678-8c9d-{e.i:012x}\t{e.word()}\t{e.message}"),
    "pino": Wrapper(lambda e: obj(level=NUMBERS[level(e.i)], time=int(e.epoch * 1000), pid=412, hostname="rye", name="mill", msg=e.message), {"host": "rye", "process": "412", "logger": "mill"}),
    "winston": Wrapper(lambda e: obj(level=level(e.i), message=e.message, service="mill", timestamp=e.iso)),
    "bunyan": Wrapper(lambda e: obj(name="mill", hostname="rye", pid=412, level=NUMBERS[level(e.i)], msg=e.message, time=e.iso, v=0), {"host": "rye", "process": "412", "logger": "mill"}),
    "zap": Wrapper(lambda e: obj(level=level(e.i), ts=e.epoch, logger="mill", caller="mill/main.go:7", msg=e.message), {"logger": "mill"}),
    "zerolog": Wrapper(lambda e: obj(level=level(e.i), time=int(e.epoch), message=e.message, component="mill"), {"logger": "mill"}, exact=1),
    "zerolog_ms": Wrapper(lambda e: obj(level=level(e.i), time=int(e.epoch * 1000), message=e.message)),
    "logrus": Wrapper(lambda e: obj(level=e.word(warn="warning", info="info", error="error", debug="debug"), msg=e.message, time=e.at.strftime("%Y-%m-%dT%H:%M:%SZ")), exact=1),
    "logrus_text": Wrapper(lambda e: f'time="{e.at:%Y-%m-%dT%H:%M:%SZ}" level={e.word(warn="warning", info="info", error="error", debug="debug")} msg="{e.message}" app=mill', exact=1),
    "slog": Wrapper(lambda e: obj(time=e.iso, level=e.word(), msg=e.message, line=e.i)),
    "structlog": Wrapper(lambda e: obj(event=e.message, level=e.word(warn="warning", info="info", error="error", debug="debug"), timestamp=e.iso, logger="mill.feed"), {"logger": "mill.feed"}),
    "loguru": Wrapper(
        lambda e: obj(text=f"{e.at:%Y-%m-%d %H:%M:%S.%f} | {e.word()} | mill:feed:7 - {e.message}\n", record={"elapsed": {"repr": "0:00:01", "seconds": 1.0}, "exception": None, "extra": {}, "file": {"name": "mill.py", "path": "/srv/mill.py"}, "function": "feed", "level": {"icon": "i", "name": e.word(warn="WARNING"), "no": 20}, "line": 7, "message": e.message, "module": "mill", "name": "mill.feed", "process": {"id": 412, "name": "MainProcess"}, "thread": {"id": 1, "name": "MainThread"}, "time": {"repr": f"{e.at:%Y-%m-%d %H:%M:%S.%f}+00:00", "timestamp": e.epoch}}),
        {"logger": "mill:feed:7"},
    ),
    "python_json_logger": Wrapper(lambda e: obj(asctime=f"{e.at:%Y-%m-%d %H:%M:%S},{e.at.microsecond // 1000:03d}", name="mill.feed", levelname=e.word(warn="WARNING"), message=e.message), {"logger": "mill.feed"}),
    "serilog_compact": Wrapper(lambda e: json.dumps({"@t": e.iso, "@m": e.message, "@i": "a1b2c3d4", "SourceContext": "Quarz.Mill"} | ({} if level(e.i) == "info" else {"@l": e.word(warn="Warning", error="Error", debug="Debug")})), {"logger": "Quarz.Mill"}),
    "serilog_json": Wrapper(lambda e: obj(Timestamp=e.iso, Level=e.word(info="Information", warn="Warning", error="Error", debug="Debug"), MessageTemplate="{Said}", RenderedMessage=e.message, Properties={"SourceContext": "Quarz.Mill"}), {"logger": "Quarz.Mill"}),
    "log4j2_template": Wrapper(lambda e: json.dumps({"@version": 1, "@timestamp": e.iso, "level": e.word(), "thread_name": "main", "logger_name": "org.quarz.Mill", "message": e.message}), {"logger": "org.quarz.Mill", "thread": "main"}),
    "log4j2_layout": Wrapper(lambda e: obj(instant={"epochSecond": int(e.epoch), "nanoOfSecond": e.at.microsecond * 1000}, thread="main", level=e.word(), loggerName="org.quarz.Mill", message=e.message, endOfBatch=False), {"logger": "org.quarz.Mill", "thread": "main"}, exact=1),
    "logback_logstash": Wrapper(lambda e: json.dumps({"@timestamp": e.at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z", "@version": "1", "message": e.message, "logger_name": "org.quarz.Mill", "thread_name": "main", "level": e.word(), "level_value": 1, "traceId": TRACE}), {"logger": "org.quarz.Mill", "trace_id": TRACE}),
    "logback_json": Wrapper(lambda e: obj(timestamp=int(e.epoch * 1000), level=e.word(), threadName="main", loggerName="org.quarz.Mill", formattedMessage=e.message, message=e.message), {"logger": "org.quarz.Mill", "thread": "main"}),
    "monolog": Wrapper(lambda e: obj(message=e.message, context={}, level=200, level_name=e.word(warn="WARNING"), channel="mill", datetime=e.iso, extra={}), {"logger": "mill"}),
    "google": Wrapper(lambda e: obj(severity=e.word(warn="WARNING"), textPayload=e.message, timestamp=e.iso, resource={"type": "k8s_container"}, logName="projects/q/logs/mill")),
    "ansi": Wrapper(lambda e: f"\x1b[2m{e.iso}\x1b[0m \x1b[32m{e.word():>5}\x1b[0m \x1b[2mquarz::mill\x1b[0m\x1b[2m:\x1b[0m {e.message}", {"logger": "quarz::mill"}),
    "logfmt": Wrapper(lambda e: f'ts={e.iso} level={level(e.i)} component=mill msg="{e.message}" n={e.i}', {"logger": "mill"}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WRAPPERS))
def test_a_wrapper_is_recognised_and_taken_off(name: str) -> None:
    wrapper = WRAPPERS[name]
    lines = [Line(i) for i in range(COUNT)]
    bodies = [wrapper.write(line) for line in lines]
    profile = settle_profile(bodies, received_at=NOW)
    parsed = parse_rows(rows(bodies), {"s": profile}, ParseOptions(now=NOW, close=True, header_times=frozenset(["src"])))
    assert parsed.entries.height == COUNT
    assert parsed.entries["message"].to_list() == [line.message for line in lines]
    assert parsed.entries["level"].to_list() == [level(line.i) for line in lines]
    off = [abs((got - line.at).total_seconds()) for got, line in zip(parsed.entries["event_time"].to_list(), lines, strict=True)]
    assert max(off) <= wrapper.exact
    for column, wanted in wrapper.says.items():
        assert parsed.entries[column].unique().to_list() == [wanted], column
    assert profile.confidence == 1.0
