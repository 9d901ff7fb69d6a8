"""Which keys of a stream's JSON objects say what: settled from a sample, a value that is kept in the stream's profile.

Docker, ECS, logstash, GELF, journald, bunyan, pino, winston, zap, zerolog, structlog, python-json-logger, monolog, Serilog,
Log4j, MongoDB, CloudWatch, Cloud Logging, OpenTelemetry. Belongs here: the plan, and objects one by one. Does not belong here: reading
columns of objects by it (`json_lines`), the names themselves (`json_names`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from luffy_dagster.core.parsing import levels, times
from luffy_dagster.core.parsing.unwrap.json_names import NAMES, ROLES

DEPTH = 3


@dataclass(frozen=True, slots=True)
class JsonPlan:
    """Which keys of a stream's JSON objects say what. JSON by `to_json`/`from_json`."""

    keys: dict[str, list[list[str]]]  # role → paths, the first that a row has is taken
    times: dict[str, object] = field(default_factory=dict)  # TimeSpec of the time's text; empty: a number
    level_scale: str = "words"  # words, syslog, otlp; compact: words, and none means Information (Serilog)
    line: bool = False  # the message is a raw line of the program (Docker, CloudWatch): its header is read
    newline: bool = False  # a line ends with "\n"; one without goes on in the next object (Docker)

    def to_json(self) -> dict[str, object]:
        """The plan as JSON values."""
        return {
            "keys": self.keys,
            "times": self.times,
            "level_scale": self.level_scale,
            "line": self.line,
            "newline": self.newline,
        }

    @staticmethod
    def from_json(value: dict[str, object]) -> JsonPlan:
        """The plan again."""
        keys, spec = value.get("keys"), value.get("times")
        return JsonPlan(
            {str(role): [[str(part) for part in path] for path in paths] for role, paths in keys.items()}
            if isinstance(keys, dict)
            else {},
            dict(spec) if isinstance(spec, dict) else {},
            str(value.get("level_scale", "words")),
            bool(value.get("line")),
            bool(value.get("newline")),
        )


def decode(text: str) -> dict[str, object] | None:
    """The object of a line, or None when it is none (broken, cut off, another kind of value)."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def plan(objects: Sequence[dict[str, object]]) -> JsonPlan:
    """The plan for a sample of objects (at least one)."""
    seen: Counter[tuple[str, ...]] = Counter()
    for item in objects:
        for path, _ in _leaves(item):
            seen[path] += 1
    named: dict[str, list[tuple[str, ...]]] = {}
    for path in seen:
        named.setdefault(_name(path), []).append(path)
    keys: dict[str, list[list[str]]] = {}
    used: set[tuple[str, ...]] = set()
    for role in ROLES:
        found: list[tuple[str, ...]] = []
        for name in NAMES[role]:
            for path in named.get(
                name.replace("_", "").replace("-", "") if not name.startswith("_") else name, []
            ) + named.get(name, []):
                if path not in used and path not in found and _suits(role, path, objects):
                    found.append(path)
        if role in ("time", "level", "host"):
            found = found[:2]
        used.update(found[:1] if role == "message" else found)
        if found:
            keys[role] = [list(path) for path in found]
    names = set(named)
    docker = {"log", "stream"} <= names
    syslog = (
        "priority" in names
        or ("shortmessage" in names and "version" in names)
        or _small_numbers(keys.get("level"), objects)
    )
    scale = (
        "syslog" if syslog else "otlp" if (keys.get("level") or [[""]])[0][-1].lower() == "severitynumber" else "words"
    )
    if "@t" in names and names & {"@m", "@mt"}:
        scale = "compact"
    line = docker or ("level" not in keys and scale != "compact")
    sampled = [str(value) for item in objects if (value := get(item, keys.get("message", [])))]
    newline = docker and sum(text.endswith("\n") for text in sampled) * 2 > len(sampled)
    return JsonPlan(keys, _time_spec(keys.get("time", []), objects), scale, line, newline)


def _suits(role: str, path: tuple[str, ...], objects: Sequence[dict[str, object]]) -> bool:
    values = [value for item in objects if (value := get(item, [list(path)])) is not None]
    if not values:
        return False
    if role == "message":
        return sum(isinstance(value, str) for value in values) * 2 > len(values)
    if role == "time":
        return sum(_is_time(value) for value in values) * 2 > len(values)
    if role == "level":
        return sum(str(value).isdigit() or levels.normal(str(value)) is not None for value in values) * 2 > len(values)
    return all(isinstance(value, str | int) for value in values)


def _is_time(value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 9e8 < float(value) < 3e18
    return isinstance(value, str) and (
        times.match_at(value.strip(), 0) is not None or value.replace(".", "", 1).isdigit()
    )


def _small_numbers(paths: list[list[str]] | None, objects: Sequence[dict[str, object]]) -> bool:
    values = [value for item in objects if (value := get(item, paths or [])) is not None]
    return bool(values) and all(isinstance(value, int) and 0 <= value <= 7 for value in values)


def _time_spec(paths: list[list[str]], objects: Sequence[dict[str, object]]) -> dict[str, object]:
    values = [value.strip() for item in objects if isinstance(value := get(item, paths), str)]
    found = [
        match
        for value in values
        if not value.replace(".", "", 1).isdigit() and (match := times.match_at(value, 0)) is not None
    ]
    if not found:
        return {}
    form = Counter(match.form for match in found).most_common(1)[0][0]
    return times.settle([match for match in found if match.form == form]).to_json()


def _name(path: Sequence[str]) -> str:
    text = ".".join(path).lower()
    return text if text.startswith(("_", "@")) else text.replace("_", "").replace("-", "")


def _leaves(value: dict[str, object], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, inner in value.items():
        if isinstance(inner, dict) and len(prefix) + 1 < DEPTH:
            yield from _leaves(inner, (*prefix, key))
        else:
            yield (*prefix, key), inner


def get(item: dict[str, object], paths: Iterable[Sequence[str]]) -> object | None:
    """The first value that one of the paths leads to (null and empty values are passed over)."""
    for path in paths:
        value: object = item
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
            if value is None:
                break
        if value is not None and value != "":
            return value
    return None


def flattened(item: dict[str, Any]) -> dict[str, object] | None:
    """One flat object of an OTLP/JSON export line: the first record's fields, the bodies of all its records as lines."""
    try:
        resource = item["resourceLogs"][0]
        flat: dict[str, object] = {
            a["key"]: next(iter(a["value"].values())) for a in resource.get("resource", {}).get("attributes", [])
        }
        records = [
            (scope, record)
            for r in item["resourceLogs"]
            for scope in r.get("scopeLogs", [])
            for record in scope.get("logRecords", [])
        ]
        scope, first = records[0]
        for attribute in first.get("attributes", []):
            flat[attribute["key"]] = next(iter(attribute["value"].values()))
        bodies = [str(next(iter(record.get("body", {}).values()), "")) for _, record in records]
        flat["message"] = "\n".join(bodies)
        flat["logger"] = (scope.get("scope") or {}).get("name")
        flat["time"] = first.get("timeUnixNano") or first.get("observedTimeUnixNano")
        flat["level"] = first.get("severityText") or levels.from_otlp(int(first.get("severityNumber", 0) or 0))
        flat["trace_id"], flat["span_id"] = first.get("traceId"), first.get("spanId")
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration, ValueError):
        return None
    return flat


def sample_objects(lines: Sequence[str], most: int = 400) -> list[dict[str, object]]:
    """The objects among the lines, OTLP ones flattened."""
    out: list[dict[str, object]] = []
    for line in lines:
        if line[:1] != "{" and line.lstrip()[:1] != "{":
            continue
        item = decode(line)
        if item is None:
            continue
        flat = flattened(item) if "resourceLogs" in item else None
        out.append(flat if flat is not None else item)
        if len(out) >= most:
            break
    return out
