"""How the cost of a function grows with its input, measured against itself.

A limit in seconds fails on a busy machine and passes on a quick one. Four times the input at well under sixteen times the
cost shows on any machine that nothing here is quadratic.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Input = TypeVar("Input")

FACTOR = 4
#: Twice linear: room for caches and for a neighbour on the same cores, far from the 16 of quadratic growth.
ALLOWED = 2 * FACTOR
#: Below this a difference is the clock's own.
FLOOR_SECONDS = 0.02


def assert_near_linear(run: Callable[[Input], object], make: Callable[[int], Input], size: int) -> None:
    """`run` on an input of `make(size)` must cost at most twice its share of what four times the input costs."""
    small, large = make(size // FACTOR), make(size)
    run(small)  # caches and imports are nobody's growth
    little = max(min(_seconds(run, small) for _ in range(3)), FLOOR_SECONDS)
    much = _seconds(run, large)
    if much > ALLOWED * little:
        little = max(min(little, *(_seconds(run, small) for _ in range(3))), FLOOR_SECONDS)
        much = min(much, *(_seconds(run, large) for _ in range(2)))
    assert much <= ALLOWED * little, f"{FACTOR} times the input costs {much / little:.1f} times as much ({little:.3f} s, {much:.3f} s)"


def _seconds(run: Callable[[Input], object], given: Input) -> float:
    began = time.process_time()
    run(given)
    return time.process_time() - began
