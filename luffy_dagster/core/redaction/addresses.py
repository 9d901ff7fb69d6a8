"""Texts in which one e-mail address is all there is to find, as in most log lines that hold anything: done in the column engine.

The rules of addresses look at a run of characters and at nothing outside of it, so each distinct run is examined once and put
back where it stood. Texts with several addresses, or with anything else that may have to go, are `engine`'s business.
"""

from __future__ import annotations

import polars as pl

from luffy_dagster.core.redaction import personal
from luffy_dagster.core.redaction.policy import Kind, pseudonym, pseudonyms

# The characters that the rules of addresses look at: what is matched inside a run of them depends on the run alone.
_RUN = r"[A-Za-z0-9._%+'@/:-]*(?:@|%40)[A-Za-z0-9._%+'@/:-]*"
_SIGN = "@|%40"
# A run that is an address from end to end, as `personal` reads it, and not one of the names that only look like one.
_WHOLE = (
    r"^[A-Za-z0-9_](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9_+])?@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z]{2,24}$"
)
_NONE = rf"(?i-u:^git@|\.(?:{'|'.join(sorted(personal.NOT_TLD))})$)"
FOUND: dict[str, pl.DataType | type[pl.DataType]] = {"run": pl.Utf8, "into": pl.Utf8, "count": pl.Int64}


def with_lone(frame: pl.DataFrame, longest: int) -> pl.DataFrame:
    """Adds `run` to texts (`t`): the run of one that has one sign of an address and no more, where nothing else may be found.

    Null for other texts and alphabets, for texts of more than `longest` characters, and for what could be a bare number of a
    JSON document, which becomes a string.
    """
    text, run = pl.col("t"), pl.col("run")
    one = (text.str.count_matches(_SIGN) == 1) & (text.str.len_bytes() == text.str.len_chars())
    one &= text.str.len_bytes() <= longest
    number = run.str.contains("^[0-9]") & text.str.slice(0, 64).str.contains("{", literal=True)
    found = frame.with_columns(run=text.str.extract(_RUN, 0))
    return found.with_columns(run=pl.when(one & ~number).then(run))


def examined(runs: pl.Series, key: bytes) -> pl.DataFrame:
    """FOUND for the distinct `runs` that hold an address: what each becomes and how many addresses it had."""
    frame = pl.DataFrame({"run": runs}).with_columns(whole=pl.col("run").str.contains(_WHOLE))
    plain = frame.filter(pl.col("whole") & ~pl.col("run").str.contains(_NONE))["run"]
    into = pl.Series("into", pseudonyms(Kind.EMAIL, plain.str.to_lowercase().to_list(), key), dtype=pl.Utf8)
    parts = [pl.DataFrame({"run": plain, "into": into}).with_columns(count=pl.lit(1, dtype=pl.Int64))]
    rest = [(run, *_addresses_out(run, key)) for run in frame.filter(~pl.col("whole"))["run"]]
    parts.append(pl.DataFrame([row for row in rest if row[2]], schema=FOUND, orient="row"))
    return pl.concat(parts)


def put(text: pl.Expr, into: pl.Expr) -> pl.Expr:
    """`text` with `into` in the place of its first run."""
    return text.str.replace(_RUN, into)


def put_in_part(part: pl.Series, lines: pl.Series, runs: pl.Series, into: pl.Series) -> tuple[pl.Series, pl.Series]:
    """A part of each line (or null) without its address; and whether that is known from what was found in the line.

    It is where the part stands in the line as it is and has the line's run whole, or no sign of an address at all.
    """
    frame = pl.DataFrame({"part": part, "line": lines, "run": runs, "into": into})
    part_ = pl.col("part")
    whole = part_.str.contains(pl.col("run"), literal=True) | ~part_.str.contains(_SIGN)
    known = (pl.col("line").str.contains(part_, literal=True) & whole).fill_null(value=True)
    out = frame.select(known.alias("known"), put(part_, pl.col("into")).alias(part.name))
    return out[part.name], out["known"]


def _addresses_out(run: str, key: bytes) -> tuple[str, int]:
    """A run with pseudonyms for its addresses, and how many these are."""
    if run.count("@") == 1 and "%40" not in run:  # as nearly always: at most one
        only = personal.only_email(run)
        if only is None:
            return run, 0
        return f"{run[: only[0]]}{pseudonym(Kind.EMAIL, run[only[0] : only[1]], key)}{run[only[1] :]}", 1
    parts: list[str] = []
    end = 0
    for span in personal.find_emails(run):
        parts += (run[end : span.start], pseudonym(Kind.EMAIL, run[span.start : span.end], key))
        end = span.end
    return "".join((*parts, run[end:])), len(parts) // 2
