"""What a single line says about being part of a stack trace: the expressions of all languages in one place.

Belongs here: the kinds of lines and the expressions that tell them apart, written once for polars' engine (no
look-around, no back references) and usable by `re`. Does not belong here: what follows from neighbours
(`continuation`), the values inside a line (the modules per language).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import polars as pl


class Kind(IntEnum):
    """Kind of one line; the order is the order of precedence from the second on."""

    PLAIN = 0  # says nothing by itself
    INDENTED = 1  # begins with a blank, says nothing else
    BLANK = 2  # empty or only blanks
    FRAME = 3  # a frame, or what can only stand after one
    GLUE = 4  # joins parts of a trace: "Caused by:", "... 3 more", "goroutine 1 [running]:"
    PYTHON_FRAME = 5  # File "x.py", line 3
    STRONG = 6  # opens a trace for certain; lines up to the first frame are its message
    WEAK = 7  # names an exception; opens a trace when frames follow
    PYTHON = 8  # Traceback (most recent call last):
    GROUP = 9  # + Exception Group Traceback (most recent call last):
    NOTEBOOK = 10  # TypeError      Traceback (most recent call last)   (IPython)
    CAUSE = 11  # "Caused by: …": glue with a message of its own that may take several lines
    GO_FILE = 12  # tab, file of Go, line, offset
    NODE_SITE = 13  # /app/x.js:12 alone on a line: what node prints above an uncaught error


def _any(expressions: tuple[str, ...]) -> str:
    """One expression that matches where one of `expressions` does."""
    return "|".join(expressions)


# `at f (x.js:1:2)`, `at a.b.C.m(F.java:1)`, `at A.B.C.M(T x) in f.cs:line 3`, `at async f (…)`, `at <anonymous>:6:4`
_AT_UNINDENTED = r"^at [\w$./@-]+\.[\w$<>]+\((?:[\w$-]+\.(?:java|kt|scala|groovy|clj)(?::\d+)?|Native Method|Unknown Source|<generated>)"

FRAME = _any(
    (
        r"^\s+at (?:async )?(?:new )?[\w$.<>/@\[\]`+~-]+(?:\[[^\]]*\])?(?: \[as [^\]]+\])? ?\(",
        r"^\s+at (?:async )?(?:file:|https?:|node:|webpack|[A-Za-z]:\\|/|<anonymous>)[^\s]*",
        r"^\s+at [\w$.<>]+$",
        r"^\s+at .{1,600}\) (?:\[0x[0-9a-f]+\] )?in .{1,300}:(?:line )?\d+",
        r"^\s+at [^\s(]+`\d+\[.{1,600}\]\.?[\w$.]* ?\(",
        _AT_UNINDENTED,
        r"^at .{1,300} in .{1,200}:line \d+",
        r"^\s*\.\.\. \d+ (?:more|common frames omitted|filtered|frames? (?:omitted|elided|truncated))",
        r"^[\w$.<>/*\[\] ]*@(?:https?|file|webpack[\w-]*|moz-extension|resource|chrome|app|capacitor):.{1,400}:\d+(?::\d+)?\s*$",
        r"^\s+(?:from )?(?:\S+ \([\d.a-z]+\) )?[^\s:(]{1,300}\.(?:rb|erb|haml|slim|rake|ru):\d+(?::in ['`].{1,200}'?|:in .{1,100})?\s*$",
        r"^\s+from .{1,300}:\d+:in ['`]",
        r"^[^\s:]{1,300}\.rb:\d+:in ['`][^'`]{1,200}'\s*$",
        r"^\s*#\d+ +(?:\[internal function\]|\{main\}|[^\s].{0,300}\.(?:php|inc|phtml)\(\d+\)(?: : [^:]+)?:|.{1,300} \((?:file|package|dart|org-dartlang)[\w-]*:.{1,300}\))",
        r"^\s*#\d+\s+0x[0-9a-f]+ in ",
        r"^\s*#\d+ +[\w.<>$+ =\[\]-]+ \(.{1,300}\)\s*$",
        r"^\s+thrown in .{1,300}(?: on line |:)\d+",
        r"^\s+\d+: +(?:0x[0-9a-f]+ - )?[<\w{][\w:<>$&, {}#'\[\]*()=;./-]*\s*$",
        r"^\s+at (?:\./|/|src/|[A-Za-z]:\\).{1,300}\.rs:\d+(?::\d+)?",
        r"^\s+(?:\([\w.]+(?: [\d.a-z+-]+)?\) )?(?:[\w./-]+\.(?:ex|exs|erl|eex|heex|leex):\d+: |anonymous fn/|[\w.]+\.[\w!?]+/\d+$)",
        r"^\s+\([\w.]+ [\d.a-z+-]+\) [\w./-]+",
        r"^\d{1,3} {1,4}\S.{0,60}\s+0x[0-9a-f]{8,16} .+ \+ \d+",
        r"^\d{1,3} (?:\[[a-z]{1,12}\] ){0,3}(?:0x[0-9a-f]{8,16} )?\S.{0,300} in \S{1,80} at \S.{0,300}(?:\.swift:\d+|compiler-generated)",
        r"^\s*(?:package|dart):[^\s]+ \d+:\d+\s+\S",
    )
)

GLUE = _any(
    (
        r"^During handling of the above exception, another exception occurred:",
        r"^The above exception was the direct cause of the following exception:",
        r"^goroutine \d+(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[[^\]]{1,100}\]:",
        r"^created by [\w./*()-]+(?: in goroutine \d+)?\s*$",
        r"^\[signal (?:SIG|0x)",
        r"^\s*\[signal SIG",
        r"^exit status \d+\s*$",
        r"^\s*\tpanic: ",
        r"^\.\.\.additional frames elided\.\.\.",
        r"^\s*--- End of (?:inner exception )?stack trace",
        r"^\s*--- End of managed ",
        r"^Rethrow as \w+",
        r"^\s*Stack ?trace:\s*$",
        r"^\[?stacktrace\]?:?\s*$",
        r"^stack backtrace:",
        r"^note: (?:run with|Some details are omitted)",
        r"^Next [\w\\]+: ",
        r"^\s*nested exception is:?",
        r"^\s+\^+~*\s*$",
        r"^\s+[~^]{2,}\s*$",
        r"^<asynchronous suspension>",
        r"^Node\.js v\d",
        r"^Last message(?: \(from [^)]*\))?: ",
        r"^(?:Thread \d+ (?:\"[^\"]{0,60}\" )?(?:[Cc]rashed|name)|Current stack trace):?",
        r"^\s+\[cause\]: ",
        r"^\s*==+ .*(?:backtrace|stack).* ==+",
        r"^    \*\d+ (?:error|crit)",
        r"^\[previous exception\]",
        r"^\s+\.\.\. \(?\d+ ",
    )
)

CAUSE = r"^\s*(?:Caused by|Suppressed|Wrapped by|Causing): ?\S|^\s*---> \S"

STRONG = _any(
    (
        r"^Unhandled exception:?\s*$",
        r"^Unhandled [Ee]xception(?::|\.) \S",
        r"^(?:E/flutter.{0,20}: )?\[ERROR:flutter",
        r"^panic: ",
        r"^fatal error: [a-z]",
        r"^(?:unexpected fault address|SIG(?:SEGV|ABRT|QUIT|BUS|ILL|FPE): )",
        r"^(?:PHP )?(?:Fatal error|Recoverable fatal error|Warning|Parse error): +Uncaught ",
        r"^(?:PHP )?(?:Fatal error|Parse error): .{1,600} on line \d+",
        r"^thread '[^']*'(?: \(\d+\))? panicked at ",
        r"^\*\* \([A-Z][\w.]*\)",
        r"^(?:GenServer|Task|Process) .{1,200} (?:terminating|terminated|raised an exception|started from)",
        r"^Exception in thread ",
        r"^\s*\S*Fatal error: .{0,400}: file .{1,200}, line \d+",
        r"^\S{1,200}\.swift:\d+: Fatal error",
        r"^\S{1,4} Program crashed: ",
        r"^\S{1,300}\.rb:\d+:in ['`].{1,300}\([\w:]+\)\s*$",
        r"^Unhandled rejection ",
        r"^Uncaught (?:\(in promise\) )?[\w$.]*(?:Error|Exception)",
        r"^\[?[Uu]ncaught[Ee]xception\]?:? ",
    )
)

_WORD = r"(?:Exception|Error|Throwable|Failure|Fault|Interrupt|Panic|Timeout|Violation|Exit)"
WEAK = _any(
    (
        r"^\s?(?:[\w$-]+(?:\.|::|\\))*[A-Za-z_$][\w$]*" + _WORD + r"\d*(?:\s*$|: ?|\s\[|\s\()",
        r"^(?:[a-z_][\w$-]*\.)+(?:[\w$]+\.)?[A-Z][\w$]*(?:\s*$|: )",
        r"^\s?(?:[A-Z]\w*::)+[A-Z]\w*(?:\s*$|: | \()",
        r"(?:^|[\s\]:>|(])(?:[a-z_][\w$-]*\.)+(?:[A-Z_][\w$]*\.)*[A-Z][\w$]*" + _WORD + r"\b",
        r"(?:^|[\s\]:>|(])[A-Z][\w$]*(?:Exception|Error)(?:\s*$|: )",
    )
)

PYTHON = r"Traceback \(most recent call last\):\s*$|^Traceback \(most recent call last\):"
GROUP = r"^\s*\+ Exception Group Traceback \(most recent call last\):"
NOTEBOOK = r"^[\w.]+ +Traceback \(most recent call last\)\s*$"
PYTHON_FRAME = r'^\s*(?:\| *)*File ".{1,500}"(?:, line \d+| \.\.\.)'
GO_FILE = r"^\t\S.{0,400}\.(?:go|s|cgo1\.go|c):\d+(?: \+0x[0-9a-f]+)?\s*$"
NODE_SITE = r"^(?:file://)?(?:/|[A-Za-z]:\\)[^\s:]{1,300}\.(?:[cm]?[jt]sx?):\d+\s*$|^node:[\w/]+:\d+\s*$"

_ORDER = (
    (Kind.GROUP, GROUP),
    (Kind.NOTEBOOK, NOTEBOOK),
    (Kind.PYTHON, PYTHON),
    (Kind.PYTHON_FRAME, PYTHON_FRAME),
    (Kind.CAUSE, CAUSE),
    (Kind.GO_FILE, GO_FILE),
    (Kind.FRAME, FRAME),
    (Kind.GLUE, GLUE),
    (Kind.STRONG, STRONG),
    (Kind.NODE_SITE, NODE_SITE),
    (Kind.WEAK, WEAK),
    (Kind.INDENTED, r"^\s"),
)
LOOK = 1_200  # characters of a line that are looked at

# Every line that one of the expressions can match begins with a blank, holds one of these literals or begins as _BEGIN
# says: so ordinary lines cost one pass for all literals together, and are never looked at again.
NEEDLES = (
    "Exception", "Error", "Throwable", "Failure", "Fault", "Interrupt", "Panic", "Timeout", "Violation", "Exit",
    "Traceback (most", 'File "', "panic", "goroutine ", "created by ", "[signal ", "exit status ", "Stack trace",
    "Stacktrace", "stacktrace", "backtrace", "** (", "@http", "@file", "@webpack", "@moz-", "@resource", "@chrome",
    "@app", "@capacitor", "Caused by", "Suppressed", "Wrapped by", "Causing", "--->", "--- End", "Rethrow as",
    "<asynchronous", "fatal error: ", "Uncaught ", "ncaught", "Unhandled ", "Fatal error", "Program crashed", "Parse error",
)  # fmt: skip
_BEGIN = (
    r"^(?:#\d|\.\.\.|at |note: |Next |Last message|During handling|The above exc|Node\.js v|Thread \d|Current stack|SIG|unexpected fault"
    r"|GenServer |Task |Process |==|package:|dart:|E/flutter|\[ERROR:fl|\[?previous ex|thread '|\S+\.rb:\d|\S+\.swift:\d|\d{1,3} +\S"
    r"|node:|file:|/\S+js|/\S+tsx?:|[A-Za-z]:\\|(?:[a-z_][\w$-]*\.)+(?:[\w$]+\.)?[A-Z]|(?:[A-Z]\w*::)+[A-Z])"
)


def kinds(lines: pl.Series) -> pl.Series:
    """`Kind` of each line (UInt8; a null line is BLANK), each judged alone."""
    text = pl.col("t")
    frame = pl.DataFrame({"t": lines.fill_null("")}, schema={"t": pl.Utf8})
    codes = pl.Series("kind", [Kind.PLAIN.value], dtype=pl.UInt8).new_from_index(0, len(lines))
    likely = frame.select(
        text.str.contains_any(list(NEEDLES)) | text.str.contains(r"^\s") | (text == "") | text.str.contains(_BEGIN)
    ).to_series()
    if not likely.any():
        return codes
    some = frame.filter(likely).select(text.str.slice(0, LOOK))
    judged: Any = pl.when(text.str.contains(r"^\s*$")).then(pl.lit(Kind.BLANK.value, pl.UInt8))
    for kind, expression in _ORDER:
        judged = judged.when(text.str.contains(expression)).then(pl.lit(kind.value, pl.UInt8))
    return codes.scatter(likely.arg_true(), some.select(judged.otherwise(pl.lit(0, pl.UInt8))).to_series())
