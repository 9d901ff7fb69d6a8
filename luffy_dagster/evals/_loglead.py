"""LogLead as a yardstick of `luffy bench mining`: run by an interpreter of its own, since it needs an older polars.

Knows nothing of Luffy and is given what it needs: `python _loglead.py FILE HEADER MASKS`, the header's expression and the
masks as JSON. Prints one JSON object, like every contestant.
"""

from __future__ import annotations

import json
import resource
import sys


def main(path: str, header: str, masks: str) -> None:
    """Read the file, cut the header off, mask, and give each line the event of LogLead's fastest parser."""
    import polars as pl
    from loglead.enhancers import EventLogEnhancer  # type: ignore[import-not-found]

    frame = pl.read_csv(path, has_header=False, separator="\x01", quote_char=None, schema={"line": pl.Utf8})
    masked = pl.col("line").str.replace(header, "")
    for pattern, name in json.loads(masks):
        masked = masked.str.replace_all(pattern, name)
    frame = frame.select(e_message_normalized=masked)
    enhancer = EventLogEnhancer(frame)
    enhancer.words(column="e_message_normalized")
    events = enhancer.parse_pliplom().get_column("e_event_pliplom_id")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "lines": len(events),
        "templates": events.n_unique(),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_mb": round(usage.ru_maxrss / 1024),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:4])
