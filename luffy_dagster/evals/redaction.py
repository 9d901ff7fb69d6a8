"""`luffy eval redaction DATA`: a JSONL file of {"id", "text"} → the same with texts redacted as documents are.

Also counts and CPU time; recall and false redactions are computed by whoever has the labels.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any


def run(data: Path, out: Path | None = None) -> dict[str, Any]:
    """Redact each text under the policy of documents (names included, IP addresses kept). Returns counts and speed."""
    from collections import Counter

    from luffy_dagster.core.redaction import ALGORITHM, DOCUMENTS, redact_text
    from luffy_dagster.core.redaction.names import given_names

    rows = [json.loads(line) for line in data.read_text("utf-8").splitlines() if line.strip()]
    given_names()
    counts: Counter[str] = Counter()
    started = time.process_time()
    answers = [{"id": row["id"], "text": redact_text(row["text"], DOCUMENTS, b"luffy eval", counts)} for row in rows]
    seconds = time.process_time() - started
    lines = sum(row["text"].count("\n") + 1 for row in rows)
    if out is not None:
        out.write_text("".join(json.dumps(a, ensure_ascii=False) + "\n" for a in answers), "utf-8")
    return {
        "eval": "redaction",
        "algorithm": ALGORITHM,
        "cases": len(rows),
        "lines": lines,
        "spans": dict(counts),
        "cpu_seconds": round(seconds, 3),
        "lines_per_cpu_second": round(lines / seconds) if seconds else None,
    }
