"""Luffy: logs of many services, from source to cause, as Dagster assets."""

import os

# Read by the column engine's allocator when it is loaded. By itself it gives memory back after a fraction of a second, large
# pieces at once, and keeps four heaps per core: each step of a parse asks the kernel for its pages anew, a fifth of its time. So
# they are kept for half a minute, for the next step and not for the next tick, in as many heaps as there are cores.
os.environ.setdefault(
    "_RJEM_MALLOC_CONF", f"dirty_decay_ms:30000,oversize_threshold:0,narenas:{max(os.cpu_count() or 1, 2)}"
)
