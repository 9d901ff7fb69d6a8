"""Learning the weights of suspects, and figures on projects that the weights were not learnt from.

A conditional logit: a suspect's share is the softmax of its score, the score a sum of weights times strengths, and the weights are those
under which the true suspects of the cases get the largest shares, held small by a Gaussian prior (McFadden 1974; ListNet's top-1 loss).
Functions use what files were found to be, commits what functions were found to be; each level is fed by weights that were learnt
without the case's own project. What comes out is printed as it stands in `core.rca.weights`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from luffy_dagster.core.rca.model import Suspect, Suspects
from luffy_dagster.core.rca.weights import UNIT, Weights

PRIOR = 1.0  # how strongly weights are held at nought
KINDS = ("files", "functions", "commits")

Rank = Callable[[Callable[[str], Weights]], Iterable[tuple[dict[str, Any], Suspects]]]


@dataclass(frozen=True, slots=True)
class Level:
    """One kind of suspects of all cases: their strengths, and which of them are the truth."""

    signals: tuple[str, ...]
    projects: tuple[str, ...]
    strengths: tuple[np.ndarray, ...]
    truths: tuple[np.ndarray, ...]

    def fit(self, leave_out: str | None = None) -> dict[str, float]:
        """The weights without one project's cases."""
        from scipy.optimize import minimize

        use = [
            i for i, truth in enumerate(self.truths) if self.projects[i] != leave_out and truth.any() and len(truth) > 1
        ]
        if not use:  # nothing to tell apart
            return dict.fromkeys(self.signals, 1.0)
        strengths = np.vstack([self.strengths[i] for i in use])
        truth = np.concatenate([self.truths[i] for i in use]).astype(float)
        counts = np.array([len(self.truths[i]) for i in use])
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])

        def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
            scores = strengths @ weights
            powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), counts))
            shares = powers / np.repeat(np.add.reduceat(powers, starts), counts)
            right = np.add.reduceat(shares * truth, starts)
            among = shares * truth / np.repeat(right, counts)
            return float(PRIOR / 2 * weights @ weights - np.log(right).sum()), PRIOR * weights + strengths.T @ (
                shares - among
            )

        found = minimize(loss, np.zeros(len(self.signals)), jac=True, method="L-BFGS-B", options={"maxiter": 500})
        weights = {name: round(float(value), 2) for name, value in zip(self.signals, found.x, strict=True)}
        return defaultdict(float, weights)  # a signal that no case showed counts nothing


def project_of(case: Mapping[str, Any]) -> str:
    """What is left out together: the cases of one project, which forks may name."""
    return str(case.get("project") or case["repo"])


def learn(
    rank: Rank, truth_of: Callable[[dict[str, Any], str], set[str]], name_of: Callable[[dict[str, Any], str, str], str]
) -> tuple[Weights, dict[str, Weights]]:
    """Weights of all cases, and of each project those that are learnt without it.

    Args:
        rank: ranks all cases, each by the weights that are given for its project, and gives every suspect.
        truth_of: the true names of a case's kind.
        name_of: a suspect's name in the form of the truth.
    """
    whole = UNIT
    without: dict[str, Weights] = {}
    for kind in KINDS:
        ranked = list(rank(lambda project: without.get(project, UNIT)))
        level = _level(ranked, kind, truth_of, name_of)
        whole = replace(whole, **{kind: level.fit()})
        for project in sorted(set(level.projects)):
            without[project] = replace(without.get(project, UNIT), **{kind: level.fit(project)})
    return whole, without


def _level(
    ranked: Sequence[tuple[dict[str, Any], Suspects]],
    kind: str,
    truth_of: Callable[[dict[str, Any], str], set[str]],
    name_of: Callable[[dict[str, Any], str, str], str],
) -> Level:
    rows: list[tuple[str, Sequence[Suspect], np.ndarray]] = []
    for case, suspects in ranked:
        each: Sequence[Suspect] = getattr(suspects, kind)
        truth = truth_of(case, kind)
        rows.append((project_of(case), each, np.array([name_of(case, kind, s.name) in truth for s in each], bool)))
    signals = sorted({part.signal for _, each, _ in rows for suspect in each for part in suspect.parts})
    place = {signal: at for at, signal in enumerate(signals)}
    strengths = []
    for _, each, _ in rows:
        found = np.zeros((len(each), len(signals)))
        for row, suspect in enumerate(each):
            for part in suspect.parts:
                found[row, place[part.signal]] += part.value
        strengths.append(found)
    return Level(tuple(signals), tuple(row[0] for row in rows), tuple(strengths), tuple(row[2] for row in rows))
