"""Several records in one line: a line that an exporter packed is as many raw rows as it holds records.

Known are OTLP/JSON (resourceLogs → scopeLogs → logRecords), CloudWatch's subscription exports (logEvents) and objects put one
behind the other without a line feed (Firehose), which may be either. A record keeps what it shares with the others (resource,
scope, log group). Its id is the line's with its number behind, so that the same line gives the same rows again; a line of one
record keeps its id. What is not one of these, or broken, stays as it came.

Belongs here: telling such lines, and taking them apart. Does not belong here: reading a record (`unwrap`).
"""

from __future__ import annotations

import json
import re
from typing import Any

import polars as pl

_SIGNS = ("resourceLogs", "logEvents", "}{")
_DECODER = json.JSONDecoder()
_BLANK = re.compile(r"[ \t\r]*")


def expanded(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows (doc_id, body and others) with each that holds several records as one row per record, in their order."""
    bodies = rows.get_column("body")
    objects = bodies.str.starts_with("{").fill_null(value=False)
    if not objects.any():
        return rows
    places = objects.arg_true()
    places = places.filter(bodies.gather(places).str.contains_any([*_SIGNS]))
    found = [(place, records_of(bodies[place])) for place in places.to_list()]
    packed = {place: records for place, records in found if records != [bodies[place]]}
    if not packed:
        return rows
    lists = pl.Series([packed.get(place) for place in range(rows.height)], dtype=pl.List(pl.Utf8))
    number = pl.int_ranges(1, pl.col("_records").list.len() + 1)
    several = pl.col("_number").is_not_null() & (pl.col("_of") > 1)
    return (
        rows.with_columns(lists.alias("_records"))
        .with_columns(number.alias("_number"), pl.col("_records").list.len().alias("_of"))
        .explode("_records", "_number")
        .with_columns(
            pl.col("_records").fill_null(pl.col("body")).alias("body"),
            pl.when(several)
            .then(pl.col("doc_id") + "#" + pl.col("_number").cast(pl.Utf8).str.zfill(6))
            .otherwise("doc_id")
            .alias("doc_id"),
        )
        .select(rows.columns)
    )


def records_of(line: str) -> list[str]:
    """The records of a line, each as a line of its own; the line itself where it is no such batch."""
    objects = _objects(line)
    if objects is None:
        return [line]
    out: list[str] = []
    for text, item in objects:
        try:
            out += _otlp(item) or _cloudwatch(item) or [text]
        except (AttributeError, KeyError, TypeError):
            out.append(text)  # not of the form that its keys promise
    return out


def _objects(line: str) -> list[tuple[str, dict[str, Any]]] | None:
    """The JSON objects of which a line consists, with the text of each; None when there is anything else in it."""
    out: list[tuple[str, dict[str, Any]]] = []
    at = 0
    while at < len(line):
        try:
            item, end = _DECODER.raw_decode(line, at)
        except (ValueError, RecursionError):
            return None
        if not isinstance(item, dict):
            return None
        out.append((line[at:end], item))
        at = end + len(_BLANK.match(line, end)[0])  # type: ignore[index]
    return out or None


def _otlp(item: dict[str, Any]) -> list[str]:
    """Export lines of one record each; none for a single record (the line is that already) and for what is no export."""
    if "resourceLogs" not in item:
        return []
    out = []
    for resource in item["resourceLogs"]:
        shared = {
            key: value for key, value in resource.items() if key not in ("scopeLogs", "instrumentationLibraryLogs")
        }
        for scope in resource.get("scopeLogs") or resource.get("instrumentationLibraryLogs") or []:
            own = {key: value for key, value in scope.items() if key not in ("logRecords", "logs")}
            for record in scope.get("logRecords") or scope.get("logs") or []:
                one = {**shared, "scopeLogs": [{**own, "logRecords": [record]}]}
                out.append(json.dumps({"resourceLogs": [one]}, ensure_ascii=False, separators=(",", ":")))
    return out if len(out) > 1 else []


def _cloudwatch(item: dict[str, Any]) -> list[str]:
    """One object per event, with the log group and stream that they share."""
    if "logEvents" not in item:
        return []
    shared = {key: item[key] for key in ("owner", "logGroup", "logStream") if key in item}
    return [
        json.dumps({**shared, **event}, ensure_ascii=False, separators=(",", ":")) for event in list(item["logEvents"])
    ]
