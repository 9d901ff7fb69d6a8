"""What the usual libraries, collectors and exports call the fields of their JSON lines: words only.

How they are used is `json_lines`' business.
"""

from __future__ import annotations

# Names per role, the likeliest first; compared without case, "_", "-"; a dot is a nested key or a dot in the key.
NAMES: dict[str, tuple[str, ...]] = {
    "message": ("message", "msg", "log", "@message", "@m", "short_message", "renderedmessage", "textpayload", "text", "body", "event", "log.message", "@mt", "messagetemplate", "body.stringvalue", "jsonpayload.message", "jsonpayload.msg", "logmessage", "log_message", "data", "full_message", "error.message", "exception.message", "requesturi"),
    "time": ("@timestamp", "timestamp", "timeunixnano", "time", "ts", "@t", "t.$date", "datetime", "asctime", "eventtime", "event_time", "date", "_source_realtime_timestamp", "__realtime_timestamp", "timemillis", "instant.epochsecond", "logged_at", "created", "time_local", "iso_timestamp", "timestamp_ms", "ingestiontime", "t", "syslog_timestamp", "requestreceivedtimestamp"),
    "level": ("level_name", "level", "levelname", "severity", "log.level", "lvl", "loglevel", "log_level", "@l", "level_name", "severity_text", "severitytext", "severitynumber", "priority", "syslog.severity", "_level", "s", "loglevel.name", "type_level"),
    "logger": ("logger", "logger_name", "loggername", "log.logger", "name", "sourcecontext", "properties.sourcecontext", "channel", "category", "component", "module", "caller", "syslog_identifier", "facility", "source", "c", "ctx.logger"),
    "thread": ("thread", "thread_name", "threadname", "process.thread.name", "thread_id", "thread.name", "ctx", "taskname"),
    "process": ("pid", "process.pid", "process_id", "_pid", "syslog_pid", "process", "processname", "process.name"),
    "host": ("host", "hostname", "host.name", "host.hostname", "_hostname", "source_host", "agent.hostname", "kubernetes.pod_name", "kubernetes.pod.name", "pod"),
    "trace_id": ("trace_id", "traceid", "trace.id", "dd.trace_id", "x-b3-traceid", "logging.googleapis.com/trace", "trace", "correlation_id", "correlationid", "request_id", "requestid", "req_id", "reqid", "req.id"),
    "span_id": ("span_id", "spanid", "span.id", "dd.span_id", "logging.googleapis.com/spanid"),
    "environment": ("environment", "env", "service.environment", "deployment.environment", "deployment.environment.name", "dd.env"),
    "version": ("service.version", "app_version", "appversion", "release", "dd.version", "build"),
    "lane": ("container_name", "container_id", "logstream", "logstreamname", "kubernetes.container_name", "kubernetes.container.name"),
}  # fmt: skip
STACK = frozenset(
    [
        "stack_trace",
        "stacktrace",
        "exc_info",
        "exception",
        "error.stack_trace",
        "exception.stacktrace",
        "exception.stack_trace",
        "err.stack",
        "error.stack",
        "stack",
        "@x",
        "traceback",
        "exc_text",
        "thrown.extendedstacktrace",
        "thrown.stacktrace",
        "full_message",
        "error",
        "err",
        "errorstack",
        "errorverbose",
        "backtrace",
        "exception_stacktrace",
        "attributes.exception.stacktrace",
        "callstack",
        "trace_back",
        "exceptiondetail",
        "stackdump",
        "jsonpayload.stack_trace",
        "exceptions",
        "context.exception",
        "throwable",
        "error.stacktrace",
        "thrown.message",
    ]
)
ROLES = tuple(NAMES)
SIGNS = (
    "\\\\n",
    "tack",
    "xception",
    "exc_",
    "raceback",
    '"err',
    '"@x',
    "full_message",
    "thrown",
    "throwable",
)  # a stack trace may be there
