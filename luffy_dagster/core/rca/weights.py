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
    "code_tested_framed": 2.22,  # a function of it is about the words of the trace's tests, and a frame points to it
    "code_tested": 2.03,  # a function of it is about the words of the trace's tests
    "tagged": 1.91,  # the message begins with its name
    "past": 1.90,  # past changes of files that are called what the trace says changed it
    "code_names_framed": 1.49,  # a function of it is about the words of the frames' names, and a frame points to it
    "said_symbol": 1.47,  # the message names what the file defines
    "with_test": 1.42,  # share of the past changes of the trace's tests that changed this one too
    "placed": 1.34,  # how surely the frame means this file
    "exception_file": -1.31,  # the file only makes exceptions
    "past_framed": 1.22,  # past changes of files that are called what the trace says changed it, and a frame points to it
    "phrase": 1.18,  # it holds a run of the message's words
    "no_frame": -1.18,  # no frame points to it
    "said": 1.10,  # the message names the file
    "code_said_framed": 0.95,  # a function of it is about the words of the error, and a frame points to it
    "with_test_framed": 0.93,  # share of the past changes of the trace's tests that changed it, and a frame points to it
    "raises": -0.87,  # the frame's line raises on purpose: it found the fault, others made it
    "reach_by_accident": 0.86,  # one over the place among the frames that do more than make exceptions
    "parent_framed": -0.83,  # the file defines a class that a frame's class extends, and a frame points to it too
    "code_said": 0.78,  # a function of it is about the words of the error
    "said_symbol_framed": 0.72,  # the message names what the file defines, and a frame points to it too
    "passes_on": -0.70,  # its innermost frame's line only hands on what the function was given
    "tested": 0.63,  # a test in the trace is named after it
    "in_function": 0.63,  # a frame's function uses what the file defines
    "phrase_framed": -0.63,  # it holds a run of the message's words, and a frame points to it: it made the message
    "touched": -0.61,  # logarithm of how many commits touched it: a file that all pass through is seldom the cause
    "length": 0.60,  # logarithm of the longest function's lines
    "parent": 0.59,  # the file defines a class that a frame's class extends
    "code_near": 0.54,  # a function of it is about the words of the frames' lines
    "code_near_framed": 0.48,  # a function of it is about the words of the frames' lines, and a frame points to it
    "tested_framed": 0.47,  # a test in the trace is named after it, and a frame points to it too
    "first": 0.45,  # the innermost frame that does more than make exceptions, of an error that was not raised on purpose
    "said_framed": 0.45,  # the message names the file, and a frame points to it too
    "thrower": -0.42,  # its functions in the trace only make exceptions
    "tagged_framed": 0.39,  # the message begins with its name, and a frame points to it too
    "hands_nothing": -0.39,  # its innermost frame's line calls the next frame without any argument
    "co_change": 0.34,  # share of the frames' files' commits that changed this one too
    "depth": 0.33,  # one over the place among the own frames
    "file_depth": 0.31,  # one over the place among the own files
    "reach_on_purpose": 0.30,  # one over the place among those frames where the error was raised on purpose
    "words": 0.22,  # share of the words of its name that the trace says
    "search": 0.50,  # found by search over the indexed code; set by hand
    "search_framed": 0.50,  # the same, and a frame points to it too; set by hand
}
_FUNCTIONS = {
    "apart": 2.54,  # no frame is in its file either, which is suspected for itself
    "gave": 2.25,  # what it returns is used at a frame's line
    "words": 2.22,  # share of the words of its name that the message and the tests in the trace say
    "no_frame": -1.89,  # no frame is in it
    "code_tested": 1.72,  # it is about the words of the trace's tests
    "code_tested_framed": 1.38,  # it is about the words of the trace's tests, and a frame is in it
    "code_names_framed": 1.31,  # it is about the words of the frames' names, and a frame is in it
    "changed_lately": 1.31,  # share of its lines that were written in the two months before
    "code_said": 1.20,  # it is about the words of the error
    "code_near_framed": 1.04,  # it is about the words of the frames' lines, and a frame is in it
    "asks": 0.78,  # the frame's line is a condition
    "first_by_accident": 0.69,  # the innermost frame that does more than make exceptions
    "file": 0.67,  # how near its file is to the one suspected most
    "length": 0.66,  # logarithm of its lines
    "thrower": 0.56,  # it only makes exceptions
    "code_said_framed": 0.56,  # it is about the words of the error, and a frame is in it
    "said_symbol": 0.53,  # the message names it
    "depth": 0.50,  # one over the place among the own frames
    "code_near": 0.50,  # it is about the words of the frames' lines
    "passes_on": -0.47,  # the frame's line only hands on what it was given
    "first_on_purpose": 0.45,  # the innermost such frame where the error was raised on purpose
    "crowd": -0.43,  # logarithm of how many functions a file without a frame has: its suspicion is theirs together
    "reach_by_accident": 0.41,  # one over the place among the frames that do more than make exceptions
    "raises": -0.37,  # the frame's line raises on purpose: it found the fault, others made it
    "hands_nothing": -0.35,  # the frame's line calls the next frame without any argument
    "reach_on_purpose": -0.03,  # one over the place among those frames where the error was raised on purpose
    "in_function": -0.03,  # a frame's function uses it
}
_COMMITS = {
    "lines": 1.10,  # logarithm of its share of the suspected lines, each function by its own share of suspicion
    "age": -0.50,  # logarithm of the months before the first error, or before the commit that ran
    "frame_line": 0.44,  # the suspicion of the functions in which it wrote the frame's own line
    "file_lines": 0.19,  # logarithm of its share of the file suspected most
    "file_log": -0.16,  # among the newest commits of the files suspected most
    "tidying": -0.10,  # its subject says that it only tidies; set by hand
    "shortly_before": 1.60,  # shortly before the first error, where that is known; set by hand
    "released": 0.70,  # the release that ran brought it; set by hand
}
WEIGHTS = Weights(_FILES, _FUNCTIONS, _COMMITS)
