"""Redaction of entries: the whole line, and its pieces, which say the same again.

What has to go is `core.redaction`'s business; here is which texts of an entry are looked at, so that each is looked at once.
"""

from __future__ import annotations

import polars as pl

from luffy_dagster.core.redaction import Policy, redact
from luffy_dagster.core.redaction.addresses import put_in_part

_PIECES = ("message", "text", "logger", "thread", "process", "host", "trace_id", "version")


def redact_entries(entries: pl.DataFrame, policy: Policy | None, key: bytes) -> tuple[pl.DataFrame, int]:
    """Entries without what has to go, and the number of lines that changed (no policy: as they are).

    The whole line first; its pieces only where something was found or was escaped. A piece that stands in the line as it is
    needs no second look where only an address was found.
    """
    if policy is None:
        return entries, 0
    lines = entries["raw_line"]
    found = redact(lines, policy, key=key)
    changed = found.texts != lines
    unlike = lines.str.contains("\\", literal=True) | (entries["lines"] > 1)  # pieces that are not as the line has them
    look = changed | unlike
    entries = entries.with_columns(found.texts.alias("raw_line"))
    if not look.any():
        return entries, 0
    names = [name for name in _PIECES if name in ("message", "text") or entries[name].null_count() < entries.height]
    swaps = found.swaps.filter(~unlike.gather(found.swaps["row"]))
    if swaps.height:
        rows = swaps["row"]
        old, known = lines.gather(rows), pl.Series([True]).new_from_index(0, len(rows))
        done: list[tuple[pl.Series, pl.Series]] = []  # as most messages are the text itself, which is done once
        cleaned = {}
        for name in names:
            piece = entries[name].gather(rows)
            same = next((out for before, out in done if before.equals(piece)), None)
            if same is None:
                same, sure = put_in_part(piece, old, swaps["run"], swaps["into"])
                known &= sure
                done.append((piece, same))
            cleaned[name] = same
        rows = rows.filter(known)
        entries = entries.with_columns(
            entries[name].scatter(rows, column.filter(known)).alias(name) for name, column in cleaned.items()
        )
        look = look.set(pl.select(pl.int_range(len(look)).is_in(rows.implode())).to_series(), value=False)
    if look.any():
        rows = look.arg_true()
        pieces = pl.concat([entries[name].gather(rows).alias("piece") for name in names])
        # a piece that is the whole line has been examined
        old, new = (pl.concat([column.gather(rows)] * len(names)) for column in (lines, found.texts))
        whole = pieces.eq_missing(old)
        redacted = redact(pieces.set(whole, None), policy, key=key).texts.zip_with(~whole, new)
        entries = entries.with_columns(
            entries[name].scatter(rows, redacted.slice(i * len(rows), len(rows))).alias(name)
            for i, name in enumerate(names)
        )
    return entries, int(changed.sum())
