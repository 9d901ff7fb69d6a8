"""`luffy eval localisation DATA --repos DIR`: culprit file, function and commit of real traces, over real history.

Belongs here: reading the cases, predictions, the score. The work is done by the functions that the assets call. Nothing newer than a
case's `buggy_commit` is read. Only cases with `primary` true are scored (one trace per bug). DATA may be a folder of clones: the cases
are then the fixes in their history whose message holds the trace (`history_cases`), so that anybody can measure on their own code.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from luffy_dagster.core.parsing.traces.extract import frames_of, parse_trace
from luffy_dagster.core.rca.model import Suspects, Trouble
from luffy_dagster.core.rca.suspects import SUSPECT_ALGORITHM, rank_suspects
from luffy_dagster.core.rca.weights import WEIGHTS, Weights
from luffy_dagster.core.wording import many
from luffy_dagster.evals.history_cases import collect
from luffy_dagster.evals.remembered import Remembered
from luffy_dagster.evals.suspect_weights import KINDS, learn, project_of

if TYPE_CHECKING:
    from luffy_dagster.adapters.git import GitRepository

LIMIT = 20
CACHE = ".luffy-history"  # beside the clones
EVERY = 400  # suspects of a kind that weights are learnt from
_TRUTHS = {"files": "truth_files", "functions": "truth_functions", "commits": "culprit_commits"}


def run(
    data: Path,
    repos: Path | None = None,
    out: Path | None = None,
    cache: Path | None = None,
    source: str = "",
    leave_out: bool = False,
    cases_out: Path | None = None,
) -> dict[str, Any]:
    """Predicts every case; figures as share of the cases that have a truth of that kind.

    Args:
        data: JSONL of cases; without truths only counts and time come back. Or a folder of clones.
        repos: folder of clones named `owner+name`; needed for a file of cases.
        out: where predictions go, one JSON object per case.
        cache: folder for the index of their history (default: `.luffy-history` beside `repos`).
        source: only cases whose source begins with this.
        leave_out: learn the weights of the signals anew, those of each project from the others' cases, and predict by these.
        cases_out: where the cases go that are found in a folder of clones, one JSON object per case.

    Raises:
        ValueError: a file of cases without `repos`, or a folder without any case.
    """
    if data.is_dir():
        repos = repos or data
        cases = _collected(data, cache or data.parent / CACHE)
        if not cases:
            raise ValueError(
                f"no clone in {data} has a fix whose message holds a trace: give a folder of clones with their history"
            )
        if cases_out is not None:
            cases_out.write_text("".join(json.dumps(case) + "\n" for case in cases))
    elif repos is None:
        raise ValueError("a file of cases needs --repos, the folder of their clones")
    else:
        cases = [json.loads(line) for line in data.read_text().splitlines() if line.strip()]
    cases = [case for case in cases if case.get("source", "").startswith(source)]
    started = time.process_time()
    result: dict[str, Any] = {"eval": "localisation", "algorithm": SUSPECT_ALGORITHM, "cases": len(cases)}
    weights_of: Callable[[str], Weights] = lambda _: WEIGHTS  # noqa: E731
    predictions = []
    shown: set[str] = set()
    with TemporaryDirectory() as answers:
        clones = Clones(repos, cache or repos.parent / CACHE, Path(answers) if leave_out else None)
        if leave_out:
            whole, without = _learnt(cases, clones)
            weights_of = lambda project: without.get(project, whole)  # noqa: E731
            result["weights_of_all"] = {kind: dict(getattr(whole, kind)) for kind in KINDS}
        for case, suspects in clones.rank(cases, weights_of):
            predictions.append({"case_id": case["case_id"], **_names(case, suspects)})
            framed = {one.candidates[0].path for one in suspects.frames if one.candidates} if suspects else set()
            if not framed.isdisjoint(case.get("truth_files", ())):
                shown.add(case["case_id"])
            print(f"{len(predictions)}/{len(cases)} {case['case_id']}", file=sys.stderr)
    if out is not None:
        out.write_text("".join(json.dumps(prediction) + "\n" for prediction in predictions))
    result |= {
        "missing_repositories": sorted(clones.missing),
        "unreadable_cases": clones.unreadable,
        "cpu_seconds": round(time.process_time() - started, 1),  # without Git's own
        "slowest_case_seconds": round(clones.slowest, 2),
    }
    if all("truth_files" in case for case in cases):
        result |= figures(cases, predictions, shown)
    return result


def _collected(folder: Path, cache: Path) -> list[dict[str, Any]]:
    """The cases in the history of all clones of a folder; a folder that is no clone is passed over."""
    from luffy_dagster.adapters.git import GitError, open_path

    cases: list[dict[str, Any]] = []
    for clone in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        before = len(cases)
        try:
            with open_path(clone, cache=cache) as repository:
                cases.extend(collect(repository, clone.name))
        except GitError as error:
            print(error, file=sys.stderr)
            continue
        print(f"{clone.name}: {many(len(cases) - before, 'fix', 'fixes')} with a trace", file=sys.stderr)
    return cases


class Clones:
    """The clones of a folder, one open at a time; what Git answers is kept per case in `answers`, where that is given."""

    def __init__(self, folder: Path, cache: Path, answers: Path | None = None) -> None:
        """Nothing is opened yet."""
        self._folder, self._cache, self._answers = folder, cache, answers
        self.missing: set[str] = set()
        self.unreadable = 0
        self.slowest = 0.0

    def rank(
        self, cases: Sequence[dict[str, Any]], weights_of: Callable[[str], Weights], limit: int = LIMIT
    ) -> Iterator[tuple[dict[str, Any], Suspects | None]]:
        """Every case with its suspects, repository by repository; None where its clone is missing."""
        from luffy_dagster.adapters.git import GitError, open_path

        ordered = sorted(cases, key=lambda case: str(case["repo"]))
        for name, group in groupby(ordered, key=lambda case: str(case["repo"])):
            try:
                repository = open_path(self._folder / name.replace("/", "+"), cache=self._cache)
            except GitError as error:
                if name not in self.missing:
                    print(error, file=sys.stderr)
                self.missing.add(name)
                yield from ((case, None) for case in group)
                continue
            with repository:
                for case in group:
                    clock = time.perf_counter()
                    try:
                        with self._remembered(case, repository) as asked:
                            found = rank_suspects(
                                trouble_of(case), asked, limit=limit, weights=weights_of(project_of(case))
                            )
                    except GitError as error:  # an object that a partial clone has not
                        print(f"{case['case_id']}: {error}", file=sys.stderr)
                        self.unreadable += 1
                        yield case, None
                        continue
                    self.slowest = max(self.slowest, time.perf_counter() - clock)
                    yield case, found

    @contextmanager
    def _remembered(self, case: dict[str, Any], repository: GitRepository) -> Iterator[Any]:
        if self._answers is None:
            yield repository
            return
        remembered = Remembered(
            self._answers / f"{hashlib.sha256(case['case_id'].encode()).hexdigest()}.pickle", repository
        )
        yield remembered
        remembered.keep()


def _learnt(cases: Sequence[dict[str, Any]], clones: Clones) -> tuple[Weights, dict[str, Weights]]:
    primary = [case for case in cases if case.get("primary", True)]
    passes = count(1)

    def rank(weights_of: Callable[[str], Weights]) -> Iterator[tuple[dict[str, Any], Suspects]]:
        print(f"pass {next(passes)} of {len(KINDS)} over {len(primary)} cases", file=sys.stderr)
        for case, suspects in clones.rank(primary, weights_of, limit=EVERY):
            if suspects is not None:
                yield case, suspects

    return learn(rank, lambda case, kind: set(case[_TRUTHS[kind]]), _name)


def trouble_of(case: dict[str, Any]) -> Trouble:
    """What a case asks, as an asset would ask it of the same trace."""
    trace = parse_trace(case["trace"])
    trouble = Trouble(commit=case["buggy_commit"], text=case["trace"][:4_000])
    if trace is not None:
        trouble = Trouble(
            commit=case["buggy_commit"],
            language=trace.language,
            type=trace.outer.type,
            message=trace.outer.message,
            frames=frames_of(trace),
            root_segment=trace.root_at,
            outer_segment=trace.outer_at,
            root_type=trace.root.type,
            root_message=trace.root.message,
        )
    return trouble


def _names(case: dict[str, Any], suspects: Suspects | None) -> dict[str, list[str]]:
    if suspects is None:
        return {kind: [] for kind in KINDS}
    return {
        kind: list(dict.fromkeys(_name(case, kind, suspect.name) for suspect in getattr(suspects, kind)))
        for kind in KINDS
    }


def _name(case: dict[str, Any], kind: str, name: str) -> str:
    """A suspect's name in the form of the truth: a Java method goes by its bare name."""
    if kind == "functions" and case.get("lang") == "java":
        path, _, function = name.partition("::")
        return f"{path}::{function.rpartition('.')[2]}"
    return name


def figures(
    cases: list[dict[str, Any]], predictions: list[dict[str, Any]], shown: Collection[str] = ()
) -> dict[str, Any]:
    """Top-1, 3, 5 and mean reciprocal rank of each kind, over all primary cases, per source, and by whether a frame shows a file of the fix.

    `shown` are the ids of the cases where one does.
    """
    by_id = {prediction["case_id"]: prediction for prediction in predictions}
    primary = [case for case in cases if case.get("primary", True)]
    sources = defaultdict(list)
    for case in primary:
        sources[case["source"]].append(case)
    return {
        "scored": len(primary),
        **{kind: _score(primary, by_id, kind) for kind in _TRUTHS},
        "in_a_frame": _score([case for case in primary if case["case_id"] in shown], by_id, "files"),
        "in_no_frame": _score([case for case in primary if case["case_id"] not in shown], by_id, "files"),
        "by_source": {
            source: {kind: _score(some, by_id, kind) for kind in _TRUTHS} for source, some in sorted(sources.items())
        },
    }


def _score(cases: list[dict[str, Any]], by_id: dict[str, dict[str, Any]], kind: str) -> dict[str, float]:
    ranks = []
    for case in cases:
        truth = set(case[_TRUTHS[kind]])
        if truth:
            ranks.append(next((i + 1 for i, name in enumerate(by_id[case["case_id"]][kind]) if name in truth), 0))
    total = len(ranks) or 1
    return {
        "cases": len(ranks),
        **{f"top{k}": round(sum(0 < rank <= k for rank in ranks) / total, 3) for k in (1, 3, 5, 20)},
        "mrr": round(sum(1 / rank for rank in ranks if rank) / total, 3),
    }
