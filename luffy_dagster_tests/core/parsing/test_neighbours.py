"""Traces right behind each other stay two; chains that lost their link stay one."""

from __future__ import annotations

from luffy_dagster.core.parsing.traces.continuation import trace_rows

TRACE = ["Traceback (most recent call last):", '  File "/srv/a.py", line 3, in run', "    go()", "ValueError: no"]


def entries(lines: list[str]) -> int:
    return sum(not joined for joined in trace_rows(lines))


def test_two_tracebacks_are_two() -> None:
    assert entries(TRACE + TRACE) == 2
    go = ["panic: lane 3", "", "goroutine 1 [running]:", "main.run()", "\t/srv/main.go:8 +0x1d", "exit status 2"]
    assert entries(go + TRACE) == 2
    rust = [
        "thread 'main' panicked at src/lane.rs:8:14:",
        "index out of bounds",
        "stack backtrace:",
        "   0: lane::run",
        "             at ./src/lane.rs:8:14",
    ]
    note = ["note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace."]
    java = ["net.kelp.LaneException: jammed", "\tat net.kelp.Lane.open(Lane.java:4)"]
    assert entries(rust + note + java) == 2


def test_a_chain_is_one_whatever_stands_in_its_messages() -> None:
    link = ["", "During handling of the above exception, another exception occurred:", ""]
    assert entries(TRACE + link + TRACE) == 1
    several = [*TRACE[:-1], 'db.Error: no table "lane"', "LINE 1: SELECT * FROM lane", "                      ^"]
    assert entries(several + link + TRACE) == 1
    pasted = [line.replace("  File", " File").replace("    go", "\tgo") for line in TRACE]
    assert entries(pasted + pasted) == 1  # blanks were lost, and the link with them
