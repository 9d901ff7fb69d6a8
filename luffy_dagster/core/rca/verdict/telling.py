"""How a verdict is said: a mechanism and a cause in the words that an engineer would use.

Belongs here: words alone. Does not belong here: what is decided.
"""

from __future__ import annotations

import re

from luffy_dagster.core.rca.verdict.values import CauseKind, Verdict
from luffy_dagster.core.wording import many

# What a commit of a mechanism did, as the rest of a sentence about it.
DID: dict[str, str] = {
    "null check": "changes how a missing value is handled, and a missing value is what failed",
    "bounds": "changes an index or a length, and an index or a length is what failed",
    "lock": "changes locking, and the failure is one of concurrent access",
    "time-out": "changes a time-out, and a time-out is what failed",
    "memory": "changes how much is kept in memory, and memory ran short",
    "resources not given back": "changes how connections, files or threads are given back, and they ran out",
    "recursion": "changes where a recursion ends, and a recursion did not end",
    "encoding": "changes how text is encoded, and the failure is one of encoding",
    "pattern": "changes a regular expression, and the failure is about one",
    "query": "changes a query or a schema, and the database refused a query",
    "setting": "changes a setting, and the failure is about one",
    "dependency": "changes a dependency, and what is missing may come from one",
    "name": "removes or renames a definition, and a name was not found",
    "permission": "changes permissions, and something was not permitted",
    "rounding": "changes how an amount is calculated, which the failure may be about",
    "retry without end": "changes a loop or a retry, and something did not come to an end",
    "parsing": "changes how input is parsed, and parsing failed",
    "division": "changes a division, and a division failed",
    "time zone or date": "changes how dates or time zones are handled, and the failure is about one",
    "type": "changes a type or a conversion, and a value had the wrong type",
    "name of a place": "changes a path, host or key, and something was not found there",
    "switch": "turns a switch",
    "waiting": "changes asynchronous code, and the failure is about order or waiting",
    "slow work": "changes how much work is done, and the work took too long",
    "wiring": "changes how parts are put together at the start, and a part was missing",
    "base image": "changes the base image, and what is missing belongs to one",
    "probe": "changes a health probe, and a health probe failed",
    "transport security": "changes TLS settings, and no connection could be agreed on",
    "content policy": "changes the content security policy, and the browser refused by one",
    "size of bodies": "changes the limit of request bodies, and a body was too large",
    "limit of memory": "lowers the memory limit, and the limit was reached",
    "limit of processor": "lowers the CPU limit, and the process was throttled",
    "index": "drops an index, and a query was slow",
}

# What it was, where it was no commit.
OUTSIDE: dict[CauseKind, str] = {
    CauseKind.MEMORY: "memory",
    CauseKind.DISK: "a disk",
    CauseKind.DNS: "name resolution (DNS)",
    CauseKind.CERTIFICATES: "a certificate",
    CauseKind.UPSTREAM: "another service",
    CauseKind.QUOTA: "a quota or rate limit",
    CauseKind.BAD_INPUT: "invalid input",
    CauseKind.NETWORK: "the network",
    CauseKind.CONFIG: "a setting changed by hand",
    CauseKind.CREDENTIALS: "a credential",
    CauseKind.DATABASE: "the database or message broker",
    CauseKind.NODE: "a machine",
    CauseKind.CLOCK: "a clock",
    CauseKind.LOAD: "more requests than usual",
    CauseKind.MAINTENANCE: "planned maintenance",
}


def did(mechanism: str) -> str:
    """What a commit of a mechanism did."""
    return DID.get(mechanism, f"changes what has to do with {mechanism}")


_FIRST = re.compile(r"upstream service ([a-z0-9-]+) failed first for the same request")


def failed_first(verdict: Verdict) -> str | None:
    """Which other service failed first, where that is the cause (the line is one of ours: the evidence is gathered with it)."""
    if verdict.cause is not CauseKind.UPSTREAM:
        return None
    return next((m[1] for r in verdict.reasons if r.log and (m := _FIRST.search(r.log))), None)


def set_aside(lines: int) -> str:
    """That lines of log were not used, as a sentence."""
    what = "which address the reader" if lines > 1 else "which addresses the reader"
    return f"{many(lines, 'line')} of log, {what} instead of telling what happened, {'were' if lines > 1 else 'was'} not used."
