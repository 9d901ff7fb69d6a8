"""The weights of the signals: one number each, the same for every service, learnt from real traces with known fixes.

A suspect's score is the sum of its signals' strengths times these; its share is the softmax of the scores. They were learnt by
`luffy eval localisation --leave-out` (a conditional logit, see `evals.suspect_weights`), which also says what they are worth on projects
that they were not learnt from. Change a signal and they must be learnt again. What the data does not show is set by hand and says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """What a signal's strength counts, per kind of suspect."""

    files: Mapping[str, float]
    functions: Mapping[str, float]
    commits: Mapping[str, float]


UNIT = Weights(*(defaultdict(lambda: 1.0) for _ in range(3)))  # what weights are learnt from: strengths as they are

_FILES = {
    "tagged": 2.06,  # the message begins with its name
    "said_symbol": 1.96,  # the message names what the file defines
    "tested": 1.77,  # a test in the trace is named after it
    "exception_file": -1.43,  # the file only makes exceptions
    "tested_framed": 1.34,  # a test in the trace is named after it, and a frame points to it too
    "placed": 1.25,  # how surely the frame means this file
    "said": 1.18,  # the message names the file
    "words": 1.14,  # share of the words of its name that the trace says
    "no_frame": -1.06,  # no frame points to it
    "parent_framed": -1.01,  # the file defines a class that a frame's class extends, and a frame points to it too
    "in_function": 0.96,  # a frame's function uses what the file defines
    "raises": -0.85,  # the frame's line raises on purpose: it found the fault, others made it
    "reach_by_accident": 0.82,  # one over the place among the frames that do more than make exceptions
    "length": 0.66,  # logarithm of the longest function's lines
    "file_depth": 0.66,  # one over the place among the own files
    "said_symbol_framed": 0.63,  # the message names what the file defines, and a frame points to it too
    "depth": 0.59,  # one over the place among the own frames
    "first": 0.57,  # the innermost frame that does more than make exceptions, of an error that was not raised on purpose
    "parent": 0.53,  # the file defines a class that a frame's class extends
    "co_change": 0.48,  # share of the frames' files' commits that changed this one too
    "touched": -0.45,  # logarithm of how many commits touched it: a file that all pass through is seldom the cause
    "tagged_framed": 0.43,  # the message begins with its name, and a frame points to it too
    "reach_on_purpose": 0.41,  # the same where the error was raised on purpose
    "said_framed": 0.39,  # the message names the file, and a frame points to it too
    "thrower": -0.36,  # its functions in the trace only make exceptions
    "search": 0.50,  # found by search over the indexed code; set by hand
    "search_framed": 0.50,  # the same, and a frame points to it too; set by hand
}
_FUNCTIONS = {
    "words": 2.29,  # share of the words of its name that the message and the tests in the trace say
    "no_frame": -1.94,  # no frame is in it
    "depth": 0.90,  # one over the place among the own frames
    "reach_by_accident": 0.82,  # one over the place among the frames that do more than make exceptions
    "said_symbol": 0.76,  # the message names it
    "first_by_accident": 0.69,  # the innermost frame that does more than make exceptions
    "thrower": 0.65,  # it only makes exceptions
    "length": 0.55,  # logarithm of its lines
    "file": 0.50,  # how near its file is to the one suspected most
    "first_on_purpose": 0.50,  # the same where the error was raised on purpose
    "raises": -0.34,  # the frame's line raises on purpose: it found the fault, others made it
    "reach_on_purpose": 0.10,  # the same where the error was raised on purpose
}
_COMMITS = {
    "lines": 1.20,  # logarithm of its share of the suspected lines, each function by its own share of suspicion
    "age": -0.41,  # logarithm of the months before the first error, or before the commit that ran
    "file_log": 0.33,  # among the newest commits of the files suspected most
    "frame_line": 0.28,  # the suspicion of the functions in which it wrote the frame's own line
    "tidying": -0.10,  # its subject says that it only tidies; set by hand
    "shortly_before": 1.60,  # shortly before the first error, where that is known; set by hand
    "released": 0.70,  # the release that ran brought it; set by hand
}
WEIGHTS = Weights(_FILES, _FUNCTIONS, _COMMITS)
