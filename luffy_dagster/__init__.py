"""Luffy: logs of many services, from source to cause, as Dagster assets."""

import os

# Read by the column engine's allocator when it is loaded. It gives memory back after a fraction of a second, so that each step of
# a parse asks the kernel for its pages anew: a sixth of its time. Six seconds keep them for the next step, not for the next tick.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:6000")
