"""Redaction of entries: the whole line, and its pieces, which say the same again.

What has to go is `core.redaction`'s business; here is which texts of an entry are looked at, so that each is looked at once.
"""

from __future__ import annotations

import polars as pl

from luffy_dagster.core.redaction import Policy, redact
from luffy_dagster.core.redaction.addresses import put_in_part

_LONG = 1 << 16  # bytes of a piece from which on it is not examined once more after the line whose end it is
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
        # a piece that is the whole line has been examined, and a long one that is the end of a line
        old, new = (pl.concat([column.gather(rows)] * len(names)) for column in (lines, found.texts))
        new, whole = _examined(pieces, old, new)
        redacted = redact(pieces.set(whole, None), policy, key=key).texts.zip_with(~whole, new)
        entries = entries.with_columns(
            entries[name].scatter(rows, redacted.slice(i * len(rows), len(rows))).alias(name)
            for i, name in enumerate(names)
        )
    return entries, int(changed.sum())


def _examined(pieces: pl.Series, old: pl.Series, new: pl.Series) -> tuple[pl.Series, pl.Series]:
    """What pieces of lines `old` that became `new` come out as, and for which of them that is known from the line."""
    whole = pieces.eq_missing(old)
    long = ((pieces.str.len_bytes() > _LONG).fill_null(value=False) & ~whole).arg_true()
    ends: dict[int, str] = {}
    for row, piece, line, out in zip(long, *(texts.gather(long) for texts in (pieces, old, new)), strict=True):
        bare = line.rstrip()  # a message is without the blanks at its end
        piece_at = len(line if line.endswith(piece) else bare) - len(piece)
        head, tail = line[:piece_at], line[piece_at + len(piece) :]
        # what was replaced stands in the piece alone
        if line.startswith(piece, piece_at) and out.startswith(head) and out.endswith(tail):
            ends[row] = out[len(head) : len(out) - len(tail)]
    return (
        (new.scatter([*ends], [*ends.values()]), whole.scatter([*ends], [True] * len(ends))) if ends else (new, whole)
    )
