"""Abnormal sessions: the lines of one request, order or block, judged against all the others; no labels, no setting per log.

Belongs here: which identifiers make sessions, and which sessions differ. Does not belong here: windows of time (`anomalies`).

A session is the lines that share an identifier: a trace id, or the identifier in the messages by which most lines can be told
apart. What a service does for each of them is mostly the same, so three things are evidence: a template that hardly any
session has, a template that nearly every session has and this one lacks, and a template whose count is the same in nearly every
session that has it, and another here. Counts that vary from session to session by nature say nothing. Order is not
judged: what several hosts write about one identifier arrives interleaved.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import polars as pl

LEAST = 50  # sessions below which nothing can be called usual
RARE = 0.02  # share of sessions below which a template is rare
STEADY = 0.95  # share of sessions from which on a template, or its count, is usual
MOST_PER_LINE = 16  # identifiers of one line that are looked at
TRACE = "trace id"
_HEX = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16,64}"
_NAMED = r"[A-Za-z]+[_-]+[0-9]{4,}|[A-Za-z]{1,12}[0-9]{4,}"
_COUNTED = r"[A-Za-z][A-Za-z_]+(?:\s?[=:#]\s?|\s)#?[0-9]{4,}"
_IDENTIFIER = rf"(?-u:\b)(?:{_HEX}|{_NAMED}|{_COUNTED})(?-u:\b)"
RESULT: dict[str, pl.DataType | type[pl.DataType]] = {
    "session": pl.Utf8,
    "lines": pl.UInt32,
    "first": pl.Datetime("us", "UTC"),
    "last": pl.Datetime("us", "UTC"),
    "score": pl.Float64,  # sum of -log10 of the shares of its evidence; 0 without any
    "anomalous": pl.Boolean,
    "open": pl.Boolean,  # may go on beyond the end of the range: what it lacks is no evidence
    "evidence": pl.Utf8,  # JSON list of {kind: rare | missing | count, template_id, seen, usual, share}, strongest first
}


@dataclass(frozen=True, slots=True)
class Sessions:
    """`key`: by what the lines were told apart (None: nothing fits); `rows`: RESULT, highest score first."""

    key: str | None
    covered: float  # share of all lines that belong to a session
    rows: pl.DataFrame

    @property
    def learning(self) -> bool:
        """Whether there are too few sessions to call anything usual."""
        return len(self.rows) < LEAST


def find_sessions(entries: pl.DataFrame) -> Sessions:
    """The sessions of `entries` (event_time, template_id, message, trace_id or not), each judged against all others."""
    entries = entries.with_row_index("line")
    key, members = _members(entries)
    if key is None:
        return Sessions(None, 0.0, pl.DataFrame(schema=RESULT))
    covered = members["line"].n_unique() / max(len(entries), 1)
    return Sessions(key, covered, judge(members.join(entries.drop("message"), on="line")))


def _members(entries: pl.DataFrame) -> tuple[str | None, pl.DataFrame]:
    """The family of identifiers that tells most lines apart, and which line (number) belongs to which session."""
    found = [_identifiers(entries)]
    if "trace_id" in entries.columns:
        traced = entries.filter(pl.col("trace_id").fill_null("").str.contains(r"[0-9A-Za-z]{2}"))
        found.append(traced.select("line", family=pl.lit(TRACE), session=pl.col("trace_id")))
    table = pl.concat(found).unique()
    if table.is_empty():
        return None, table
    templates = entries.select("line", "template_id")
    each = (
        table.join(templates, on="line")
        .group_by("family", "session")
        .agg(pl.len().alias("lines"), pl.col("template_id").n_unique().alias("kinds"))
    )
    # A session is told in several sentences; what is only one line long, or one sentence over and over, is no session.
    real = each.filter((pl.col("lines") >= 2) & (pl.col("kinds") >= 2))
    best = (
        each.group_by("family")
        .agg(pl.len().alias("all"))
        .join(real.group_by("family").agg(pl.len().alias("real"), pl.col("lines").sum()), on="family")
        .filter((pl.col("real") >= 2) & (pl.col("real") >= pl.col("all") / 2))
        .sort("lines", "family", descending=[True, False])
    )
    if best.is_empty():
        return None, table
    family = best["family"][0]
    return family, table.filter(pl.col("family") == family).select("line", "session")


def _identifiers(entries: pl.DataFrame) -> pl.DataFrame:
    """line, family, session for every identifier in the messages."""
    text = pl.col("message").fill_null("").str.slice(0, 4000)
    token = pl.col("session")
    family = (
        pl.when(token.str.contains(rf"^(?:{_HEX})$"))
        .then(pl.when(token.str.contains("-", literal=True)).then(pl.lit("uuid")).otherwise(pl.lit("hex id")))
        .otherwise(token.str.extract(r"^([A-Za-z][A-Za-z_]*)").str.strip_chars_end("_").str.to_lowercase())
    )
    return (
        entries.select("line", session=text.str.extract_all(_IDENTIFIER).list.head(MOST_PER_LINE))
        .explode("session")
        .drop_nulls("session")
        .with_columns(family=family)
        .with_columns(session=pl.col("session").str.replace(r"(?:\s?[=:#]\s?|\s)#?([0-9]+)$", " $1"))
        .select("line", "family", "session")
    )


def judge(members: pl.DataFrame) -> pl.DataFrame:
    """RESULT of the lines in `members` (session, event_time, template_id)."""
    base = members.group_by("session").agg(
        pl.len().alias("lines"), pl.col("event_time").min().alias("first"), pl.col("event_time").max().alias("last")
    )
    base = base.with_columns(open=pl.col("last") > _closed(members))
    total = len(base)
    counts = members.group_by("session", "template_id").len("seen")
    evidence = _evidence(counts, base, total) if total >= LEAST else []
    found = pl.DataFrame(
        evidence,
        schema={"session": pl.Utf8, "kind": pl.Utf8, "template_id": pl.Utf8, "seen": pl.Int64, "usual": pl.Int64, "share": pl.Float64},
        orient="row",
    ).sort("share", "template_id")  # fmt: skip
    if found.is_empty():
        judged = pl.DataFrame(schema={"session": pl.Utf8, "score": pl.Float64, "evidence": pl.Utf8})
    else:
        judged = pl.DataFrame(
            [
                (name, sum(-math.log10(row["share"]) for row in rows), json.dumps([dict(row) for row in rows]))
                for (name,), part in found.group_by("session", maintain_order=True)
                for rows in [part.drop("session").to_dicts()]
            ],
            schema={"session": pl.Utf8, "score": pl.Float64, "evidence": pl.Utf8},
            orient="row",
        )
    return (
        base.join(judged, on="session", how="left")
        .with_columns(
            pl.col("score").fill_null(0.0),
            pl.col("evidence").fill_null("[]"),
            anomalous=pl.col("score").is_not_null(),
            first=pl.col("first").cast(RESULT["first"]),
            last=pl.col("last").cast(RESULT["last"]),
        )
        .select(*RESULT)
        .sort("score", "session", descending=[True, False])
    )


def _closed(members: pl.DataFrame) -> pl.Expr:
    """Until when a session's last line must lie for the session to be over: longer ago than nearly all pauses inside sessions."""
    pause = pl.col("event_time").sort().diff().dt.total_microseconds().alias("pause")
    longest = members.group_by("session").agg(pause).explode("pause").select(pl.col("pause").quantile(0.95)).item()
    return pl.lit(members["event_time"].max()) - pl.duration(microseconds=int(longest or 0))


def _evidence(counts: pl.DataFrame, base: pl.DataFrame, total: int) -> list[tuple[str, str, str, int, int, float]]:
    everyone, is_open = set(base["session"]), set(base.filter("open")["session"])
    out: list[tuple[str, str, str, int, int, float]] = []
    for (template,), having in counts.group_by("template_id", maintain_order=True):
        share = len(having) / total
        usual, most = having["seen"].value_counts(sort=True).sort("count", "seen", descending=[True, False]).row(0)
        name = str(template)
        if share < RARE:
            out += [(one, "rare", name, seen, 0, share) for one, seen in having.select("session", "seen").iter_rows()]
            continue
        if most / len(having) >= STEADY:
            other = having.filter(pl.col("seen") != usual)
            odd = len(other) / len(having)
            out += [
                (one, "count", name, seen, usual, odd)
                for one, seen in other.select("session", "seen").iter_rows()
                if seen > usual or one not in is_open
            ]
        if STEADY <= share < 1:
            absent = everyone - set(having["session"]) - is_open
            out += [(one, "missing", name, 0, usual, 1 - share) for one in sorted(absent)]
    return out
