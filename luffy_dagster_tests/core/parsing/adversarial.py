"""Lines of one megabyte that are made to cost: what each stage of the parser takes for them, in seconds of CPU.

    python -m luffy_dagster_tests.core.parsing.adversarial

prints the table. No stage may take a second for one such line.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable

import polars as pl

from luffy_dagster.core.clustering.fingerprints import template_of
from luffy_dagster.core.clustering.kinds import kinds_of
from luffy_dagster.core.model import StreamProfile
from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.parsing.fold import fold
from luffy_dagster.core.parsing.profiles import reading
from luffy_dagster.core.parsing.rows import read_lines
from luffy_dagster.core.parsing.shapes import shape_messages, summarise_shapes
from luffy_dagster.core.parsing.templates import mine_templates
from luffy_dagster.core.parsing.traces.continuation import is_continuation
from luffy_dagster.core.parsing.traces.extract import parse_trace
from luffy_dagster.core.redaction import LOGS, redact
from luffy_dagster_tests.core.parsing.header_formats import stream
from luffy_dagster_tests.core.parsing.raw import NOW, rows

SIZE = 1_000_000
_HEAD = "2026-11-20 08:59:30,123 INFO "


def _random() -> str:
    rng = random.Random(4)
    return "".join(rng.choice("abcdefghij0123456789 ./:-_=[]{}()\"'<>,;|@#") for _ in range(SIZE))


def lines() -> dict[str, str]:
    """The lines, each of SIZE characters or a little more."""
    runs = {
        "blanks": " ", "tabs": "\t", "dots": ".", "hyphens": "-", "underscores": "_", "colons": ":", "equals": "=", "bars": "|", "slashes": "/", "backslashes": "\\",
        "open brackets": "[", "open parens": "(", "open braces": "{", "angles": "<", "quotes": '"', "apostrophes": "'", "digits": "7", "zeros": "0", "letters": "a", "capitals": "A",
        "a=": "a=", "a=1 ": "a=1 ", 'a="': 'a="', "a:": "a:", "a.b": "a.b.", "1.": "1.", "1-": "1-", "12:": "12:", "- ": "- ", ", ": ", ", "[]": "[]", "({[": "({[", "word ": "word ",
        "at a.b(": "at a.b(", "a@b.": "a@b.", "%20": "%20", "\\n": "\\n", "#012": "#012", "é": "é", "0x": "0x", "4111 ": "4111 ", "eyJ.": "eyJhbGci.", "Caused by: ": "Caused by: ",
        "private keys": "-----BEGIN PRIVATE " + "KEY----- ", "addresses": "a@b.co ", "passwords": "password=", "accounts": "DE89370400440532013000 ",
    }  # fmt: skip
    out = {name: _HEAD + text * (SIZE // len(text)) for name, text in runs.items()}
    out |= {f"bare {name}": text * (SIZE // len(text)) for name, text in runs.items() if name in ("blanks", "digits", "quotes", "open braces", "[]", "a=1 ")}
    out["nested JSON"] = '{"a":' * (SIZE // 6) + "1" + "}" * (SIZE // 6)
    out["cut nested JSON"] = '{"a":[' * (SIZE // 6)
    out["JSON of one long text"] = json.dumps({"level": "info", "time": "2026-11-20T08:59:30Z", "msg": "x" * SIZE})
    out["JSON of many keys"] = json.dumps({f"k{i}": i for i in range(SIZE // 16)})
    out["JSON of escapes"] = json.dumps({"level": "info", "time": "2026-11-20T08:59:30Z", "msg": '"\\' * (SIZE // 4)})
    out["logfmt of many pairs"] = "level=info msg=x " + "k=v " * (SIZE // 4)
    out["open quote of logfmt"] = 'level=info time=2026-11-20T08:59:30Z msg="' + "\\" * SIZE
    out["syslog with open data"] = '<165>1 2026-11-24T08:00:00Z h a 7 I [x a="' + 'b" c="' * (SIZE // 6)
    out["escaped trace"] = _HEAD + "java.lang.X: y" + "\\n\\tat a.b(C.java:1)" * (SIZE // 20)
    out["trace of real lines"] = _HEAD + "java.lang.X: y" + "\n\tat a.b(C.java:1)" * (SIZE // 19)
    out["random"] = _random()
    return out


def stages() -> dict[str, Callable[[str], object]]:
    """Each stage of the parser as a function of one line."""
    sample = stream("log4j_short", 100).lines
    objects = [json.dumps({"level": "info", "time": "2026-11-20T08:59:30Z", "msg": f"m {i}"}) for i in range(50)]
    pairs = [f'level=info time=2026-11-20T08:59:30Z msg="m {i}"' for i in range(50)]
    syslog = [f'<165>1 2026-11-24T08:00:00Z h a 7 I [x a="b"] m {i}' for i in range(50)]
    profiles: dict[str, StreamProfile] = {
        name: settle_profile(some, received_at=NOW) for name, some in (("header", sample), ("json", objects), ("logfmt", pairs), ("syslog", syslog))
    }
    read = {name: reading(profile) for name, profile in profiles.items()}

    def of(name: str) -> Callable[[str], object]:
        return lambda line: read_lines(pl.Series([line]), read[name], assume_tz="UTC", received_at=NOW)

    def folded(line: str) -> object:
        frame = pl.DataFrame({"row": [0, 1], "text": [line, line]}, schema_overrides={"row": pl.UInt32})
        return fold(
            frame.with_columns(
                pl.lit(0, dtype=pl.UInt32).alias("lane"), pl.lit(None, dtype=pl.Utf8).alias("key"), pl.Series("headed", [True, False]),
                pl.lit(value=False).alias("fold_all"), pl.lit(NOW).alias("time"),
            )
        )  # fmt: skip

    return {
        "settle": lambda line: settle_profile([*sample[:20], line], received_at=NOW),
        "settle alone": lambda line: settle_profile([line], received_at=NOW),
        **{f"read {name}": of(name) for name in read},
        "fold": folded,
        "shape": lambda line: shape_messages(pl.Series([line])),
        "template": lambda line: mine_templates(summarise_shapes(pl.DataFrame({"message": [line]}).hstack(shape_messages(pl.Series([line]))))),
        "trace": parse_trace,
        "continuation": lambda line: is_continuation(pl.Series([line, line])),
        "kinds": lambda line: (kinds_of(line), template_of(line)),
        "redaction": lambda line: redact(pl.Series([line]), LOGS, key=b"k"),
        "whole": lambda line: parse_rows(rows([line]), {"s": profiles["header"]}, ParseOptions(now=NOW, close=True, redaction=LOGS, redaction_key=b"k")),
    }  # fmt: skip


def seconds(work: Callable[[str], object], line: str) -> float:
    """CPU-seconds of one call."""
    started = time.process_time()
    work(line)
    return time.process_time() - started


def main() -> None:
    """Prints a row per line and a column per stage, and the worst."""
    work = stages()
    for each in work.values():  # imports and compiled expressions are not the line's
        each(_HEAD + "java.lang.X: y\n\tat a.b(C.java:1)")
    print(f"{'':24}" + "".join(f"{name:>14}" for name in work))
    worst = (0.0, "", "")
    for name, line in lines().items():
        spent = {stage: seconds(each, line) for stage, each in work.items()}
        print(f"{name:24}" + "".join(f"{value:14.3f}" for value in spent.values()), flush=True)
        worst = max(worst, *((value, stage, name) for stage, value in spent.items()))
    print(f"the most: {worst[0]:.3f} s of CPU, {worst[1]} of {worst[2]}")


if __name__ == "__main__":
    main()
