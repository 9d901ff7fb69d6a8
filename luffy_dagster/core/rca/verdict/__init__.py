"""The verdict by code: a commit, another cause, or that it cannot be told; with a confidence that rules cap.

`judge(case)` is the door. It reads lines (`reading`), commits (`changes`), causes that are no commit (`causes`) and known
ways of breaking (`mechanisms`). No model has a say in it, and what log lines or commit messages *claim* counts for nothing.
"""

from luffy_dagster.core.rca.verdict.judge import judge
from luffy_dagster.core.rca.verdict.values import (
    ALGORITHM,
    Case,
    CauseKind,
    CommitFacts,
    Place,
    Ranked,
    Reason,
    RuledOut,
    Verdict,
    VerdictKind,
)

__all__ = [
    "ALGORITHM",
    "Case",
    "CauseKind",
    "CommitFacts",
    "Place",
    "Ranked",
    "Reason",
    "RuledOut",
    "Verdict",
    "VerdictKind",
    "judge",
]
