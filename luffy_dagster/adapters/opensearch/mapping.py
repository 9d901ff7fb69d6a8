"""Which field of a document means what: the source's mapping over sensible defaults. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from luffy_dagster.core.schemas import FIELD_NAMES

DEFAULTS: dict[str, tuple[str, ...]] = {
    "time": ("@timestamp", "timestamp", "time", "ts", "date", "eventTime", "event_time", "datetime"),
    "body": ("message", "log", "msg", "event.original", "body", "Body", "text", "raw", "log.original"),
    "stream": (
        "container.id",
        "kubernetes.container_id",
        "kubernetes.pod_name",
        "kubernetes.pod.name",
        "host.name",
        "hostname",
        "host",
        "source",
        "log.file.path",
    ),
    "seq": ("log.offset", "offset", "event.sequence", "sequence"),
    "level": ("level", "log.level", "severity", "severityText", "SeverityText", "loglevel", "levelname", "lvl"),
    "logger": ("logger", "logger_name", "log.logger", "loggerName", "LoggerName"),
    "thread": ("thread", "thread_name", "process.thread.name", "threadName"),
    "process": ("process", "process.name", "program", "app"),
    "service": ("service", "service.name", "service_name", "resource.service.name", "kubernetes.labels.app"),
    "environment": ("environment", "env", "service.environment", "deployment.environment"),
    "host": ("host", "host.name", "hostname", "kubernetes.node_name"),
    "trace_id": ("trace_id", "trace.id", "traceId", "TraceId", "traceid"),
    "span_id": ("span_id", "span.id", "spanId", "SpanId"),
    "version": ("version", "service.version", "release", "app_version"),
    "error_type": ("error.type", "exception.type", "error_type", "exception_class"),
    "error_message": ("error.message", "exception.message", "error_message", "exception_message"),
    "stack_trace": ("error.stack_trace", "exception.stacktrace", "stack_trace", "stacktrace", "exc_info", "exception"),
}
CANONICAL = ("time", "body", "stream", "seq", *FIELD_NAMES)


@dataclass(frozen=True, slots=True)
class Mapped:
    """Candidates (dotted paths) per canonical name, the first that is there wins."""

    fields: dict[str, tuple[str, ...]]

    @property
    def time(self) -> tuple[str, ...]:
        """Candidates of the time field."""
        return self.fields["time"]

    @property
    def opened(self) -> frozenset[str]:
        """Paths of objects in which a mapped field may lie."""
        return frozenset(
            path[:i] for paths in self.fields.values() for path in paths for i, c in enumerate(path) if c == "."
        )


def mapped(field_mapping: Mapping[str, str | Sequence[str]]) -> Mapped:
    """The mapping of a source: what it says, else the defaults. Raises ValueError for a canonical name that does not exist."""
    unknown = sorted(set(field_mapping) - set(CANONICAL))
    if unknown:
        raise ValueError(f"field mapping names {', '.join(unknown)}; known: {', '.join(CANONICAL)}")
    own = {name: ((value,) if isinstance(value, str) else tuple(value)) for name, value in field_mapping.items()}
    return Mapped({**DEFAULTS, **own})


def lookup(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, whether the document nests it or has the dotted name as a key."""
    if path in document:
        return document[path]
    head, dot, rest = path.partition(".")
    while dot:
        inner = document.get(head)
        if isinstance(inner, Mapping):
            found = lookup(inner, rest)
            if found is not None:
                return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None
