"""The weights of the signals: few and round, settled over leave-one-repository-out on real traces, the same for every service."""

from __future__ import annotations

# Files and functions: a sum of these times the signal's strength (0 to 1 unless said otherwise).
DEPTH = 1.2  # one over the place among the own frames
FILE_DEPTH = 1.2  # the same among the own files
FIRST = 0.6  # the innermost own frame
RAISES = -1.0  # the frame's line raises on purpose: it found the fault, others made it
EXCEPTION_FILE = -2.4  # the file only makes exceptions
DELIBERATE_FIRST = -1.2  # the innermost own frame, when it raised on purpose
DELIBERATE_SECOND = -0.6
LENGTH = 0.7  # logarithm of the longest function's lines
TOUCHED = -0.4  # logarithm of how many commits touched the file: a file that all pass through is seldom the cause
PLACED = 0.4  # how surely the frame means this file
SAID = 1.7  # the message names the file
TESTED = 1.0  # a test in the trace is named after the file
CO_CHANGED = 1.2  # share of the frames' files' commits that changed this one too
SAME_FOLDER = 0.1
SEARCHED = 0.5  # found by search over the indexed code
NO_FRAME = -0.4  # no frame points to it
FUNCTION_DEPTH = 3.0
FUNCTION_LENGTH = 0.4
FUNCTION_FILE = 0.5  # what its file's score adds
CALLED = -5.0  # a function that no frame is in, but that one of them calls
CALLED_LENGTH = 0.3

# Commits: the share of its lines in the suspected functions, times factors.
HEAT = 0.8  # how fast the weight of a function falls with its score
FAR = 0.05  # what a line of the function counts that is far from the frame's
NEAR_LINES = 3.0  # lines over which nearness falls to a third
FOCUS = 1.5  # power over the share of lines
YEAR = 1.0  # what a commit of the last year gains
WEEK = 4.0  # what one shortly before the first error gains, when that is known
RELEASED = 1.0  # what one gains that the release brought
HUGE, HUGE_FACTOR = 100, 0.9  # files of a commit that is too large to be meant, and what is left of it
TIDYING_FACTOR = 0.9  # what is left of a commit that only tidies
FILE_LOG = 0.02  # what the commits of a suspected file count for which no line is known
