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
    "code_tested_framed": 2.20,  # a function of it is about the words of the trace's tests, and a frame points to it
    "code_tested": 2.05,  # a function of it is about the words of the trace's tests
    "tagged": 1.87,  # the message begins with its name
    "past": 1.86,  # past changes of files that are called what the trace says changed it
    "said_symbol": 1.51,  # the message names what the file defines
    "code_names_framed": 1.48,  # a function of it is about the words of the frames' names, and a frame points to it
    "with_test": 1.46,  # share of the past changes of the trace's tests that changed this one too
    "exception_file": -1.24,  # the file only makes exceptions
    "past_framed": 1.20,  # past changes of files that are called what the trace says changed it, and a frame points to it
    "placed": 1.20,  # how surely the frame means this file
    "phrase": 1.17,  # it holds a run of the message's words
    "said": 1.08,  # the message names the file
    "no_frame": -1.03,  # no frame points to it
    "code_said_framed": 1.03,  # a function of it is about the words of the error, and a frame points to it
    "with_test_framed": 0.93,  # share of the past changes of the trace's tests that changed it, and a frame points to it
    "parent_framed": -0.86,  # the file defines a class that a frame's class extends, and a frame points to it too
    "raises": -0.84,  # the frame's line raises on purpose: it found the fault, others made it
    "reach_by_accident": 0.82,  # one over the place among the frames that do more than make exceptions
    "said_symbol_framed": 0.81,  # the message names what the file defines, and a frame points to it too
    "code_said": 0.79,  # a function of it is about the words of the error
    "tested": 0.64,  # a test in the trace is named after it
    "in_function": 0.63,  # a frame's function uses what the file defines
    "length": 0.62,  # logarithm of the longest function's lines
    "phrase_framed": -0.61,  # it holds a run of the message's words, and a frame points to it: it made the message
    "parent": 0.59,  # the file defines a class that a frame's class extends
    "touched": -0.54,  # logarithm of how many commits touched it: a file that all pass through is seldom the cause
    "code_near": 0.54,  # a function of it is about the words of the frames' lines
    "first": 0.50,  # the innermost frame that does more than make exceptions, of an error that was not raised on purpose
    "code_near_framed": 0.48,  # a function of it is about the words of the frames' lines, and a frame points to it
    "said_framed": 0.48,  # the message names the file, and a frame points to it too
    "thrower": -0.43,  # its functions in the trace only make exceptions
    "tested_framed": 0.42,  # a test in the trace is named after it, and a frame points to it too
    "tagged_framed": 0.41,  # the message begins with its name, and a frame points to it too
    "co_change": 0.38,  # share of the frames' files' commits that changed this one too
    "passes_on": -0.79,  # its innermost frame's line only hands on what the function was given
    "hands_nothing": -0.53,  # its innermost frame's line calls the next frame without any argument
    "calls_library": -0.43,  # it called the library in which the error came up
    "depth": 0.36,  # one over the place among the own frames
    "file_depth": 0.30,  # one over the place among the own files
    "reach_on_purpose": 0.28,  # one over the place among those frames where the error was raised on purpose
    "words": 0.23,  # share of the words of its name that the trace says
    "search": 0.50,  # found by search over the indexed code; set by hand
    "search_framed": 0.50,  # the same, and a frame points to it too; set by hand
}
_FUNCTIONS = {
    "apart": 2.91,  # no frame is in its file either, which is suspected for itself
    "words": 2.26,  # share of the words of its name that the message and the tests in the trace say
    "no_frame": -1.79,  # no frame is in it
    "code_tested": 1.56,  # it is about the words of the trace's tests
    "code_tested_framed": 1.42,  # it is about the words of the trace's tests, and a frame is in it
    "code_names_framed": 1.21,  # it is about the words of the frames' names, and a frame is in it
    "code_said": 1.15,  # it is about the words of the error
    "code_near_framed": 1.14,  # it is about the words of the frames' lines, and a frame is in it
    "file": 0.98,  # how near its file is to the one suspected most
    "first_by_accident": 0.69,  # the innermost frame that does more than make exceptions
    "length": 0.68,  # logarithm of its lines
    "gave": 2.5,  # what it returns is used at a frame's line
    "changed_lately": 1.3,  # share of its lines that were written in the two months before
    "asks": 0.98,  # the frame's line is a condition
    "passes_on": -0.48,  # the frame's line only hands on what it was given
    "hands_nothing": -0.66,  # the frame's line calls the next frame without any argument
    "depth": 0.64,  # one over the place among the own frames
    "code_near": 0.58,  # it is about the words of the frames' lines
    "thrower": 0.56,  # it only makes exceptions
    "code_said_framed": 0.55,  # it is about the words of the error, and a frame is in it
    "first_on_purpose": 0.45,  # the innermost such frame where the error was raised on purpose
    "crowd": -0.33,  # logarithm of how many functions a file without a frame has: its suspicion is theirs together
    "raises": -0.31,  # the frame's line raises on purpose: it found the fault, others made it
    "said_symbol": 0.26,  # the message names it
    "reach_by_accident": 0.17,  # one over the place among the frames that do more than make exceptions
    "reach_on_purpose": -0.14,  # one over the place among those frames where the error was raised on purpose
    "in_function": 0.10,  # a frame's function uses it
}
_COMMITS = {
    "lines": 1.19,  # logarithm of its share of the suspected lines, each function by its own share of suspicion
    "age": -0.45,  # logarithm of the months before the first error, or before the commit that ran
    "frame_line": 0.31,  # the suspicion of the functions in which it wrote the frame's own line
    "file_lines": 0.25,  # logarithm of its share of the file suspected most
    "file_log": 0.16,  # among the newest commits of the files suspected most
    "tidying": -0.10,  # its subject says that it only tidies; set by hand
    "shortly_before": 1.60,  # shortly before the first error, where that is known; set by hand
    "released": 0.70,  # the release that ran brought it; set by hand
}
WEIGHTS = Weights(_FILES, _FUNCTIONS, _COMMITS)
