"""What to do, with risk and way back, and tests to add: derived from the verdict by code. Proposals only."""

from __future__ import annotations

from luffy_dagster.core.rca.report import Action
from luffy_dagster.core.rca.verdict.telling import OUTSIDE, failed_first
from luffy_dagster.core.rca.verdict.values import CauseKind, Place, Verdict, VerdictKind
from luffy_dagster.core.wording import many

_EXTERNAL: dict[CauseKind, tuple[tuple[str, str, str], ...]] = {
    CauseKind.MEMORY: (("Find what took the memory and stop it, or give the service more", "more memory for one takes it from others on the machine", "set the limit back"),),
    CauseKind.DISK: (("Free space or enlarge the volume, then see what filled it", "deleting the wrong files loses data: move them first", "move them back"),),
    CauseKind.DNS: (("Check the resolver and the zone; restart the resolver if it is stuck", "a restart interrupts resolving for seconds", "none needed"),),
    CauseKind.CERTIFICATES: (("Renew the certificate and load it everywhere; watch its end from now on", "clients that pin the old one will refuse", "load the old certificate again while it is valid"),),
    CauseKind.UPSTREAM: (("Ask the owners of the other service; until it is healthy, use a fallback or back off longer", "a fallback may answer with old data", "switch back"),),
    CauseKind.QUOTA: (("Slow the calls down, or have the quota raised (or the account paid)", "slower calls make a backlog", "set the rate back"),),
    CauseKind.BAD_INPUT: (("Tell who sent it; keep the input; answer it with a clear 4xx", "stricter checks may refuse what passed before", "loosen the check"),),
    CauseKind.NETWORK: (("Hand over to those who run the network, with the times and hosts below", "none", "none needed"),),
    CauseKind.CONFIG: (("Set the changed setting back and bring it under version control", "whoever changed it had a reason: ask first", "set it again"),),
    CauseKind.CREDENTIALS: (("Issue a new credential and roll it out; find out who or what ended the old one", "services that still hold the old one fail until they restart", "none: the old one stays dead"),),
    CauseKind.DATABASE: (("Check the leader, its replicas and that clients reconnect; retry what failed meanwhile", "retries may do work twice where it is not idempotent", "stop the retries"),),
    CauseKind.NODE: (("Move the work to other machines and take the broken one out", "less room until it is replaced", "put it back once it is repaired"),),
    CauseKind.CLOCK: (("Set the clock right on the named host and mend its time service", "a jump of the clock may end sessions", "none needed"),),
    CauseKind.LOAD: (("Limit the source of the load, or add capacity", "a limit may hit wanted customers", "lift the limit"),),
    CauseKind.MAINTENANCE: (("Wait for the end of the planned work; silence alerts until then", "another fault would be silenced too", "end the silence"),),
}  # fmt: skip

_FIX = {
    "null check": "Check for the missing value again before it is used",
    "bounds": "Bring the limit of the index back to the last valid one",
    "lock": "Take the lock again around what is shared",
    "time-out": "Set the time-out back above the slowest healthy answer",
    "memory": "Bring the bound of the cache or the limit back",
    "limit of memory": "Set the limit of memory back",
    "resources not given back": "Give the connection or handle back on every path",
    "recursion": "Bring the end of the recursion back",
    "encoding": "Read and write with the encoding of the data",
    "pattern": "Correct the pattern",
    "query": "Make query and schema agree; migrate before the code that needs it",
    "index": "Create the index again",
    "setting": "Set the setting under the name that the code reads",
    "dependency": "Go back to the version before, or change the calls to the new one",
    "base image": "Go back to the base image before, or install what is missing",
    "permission": "Grant again what was taken away, and no more",
    "rounding": "Count money in whole units or decimals",
    "retry without end": "Limit the retries and pause between them",
    "division": "Handle the zero before dividing",
    "switch": "Switch it off again",
}
_TESTS = {
    "null check": "that calls `{where}` with the value missing",
    "bounds": "that calls `{where}` with none, one and the last element",
    "lock": "that calls `{where}` from several threads at once",
    "time-out": "where the other side answers as slowly as it does on a bad day",
    "memory": "that fills the cache past its bound and looks at its size",
    "resources not given back": "that calls `{where}` more often than the pool is large",
    "recursion": "with a cycle and one with a deep chain for `{where}`",
    "encoding": "with letters outside ASCII for `{where}`",
    "pattern": "that compiles every pattern and matches the new form",
    "query": "that runs the query against a migrated database",
    "setting": "that starts the service with the settings of production",
    "dependency": "that calls what the dependency offers, in the version that is deployed",
    "permission": "per role and path, those that must pass and those that must not",
    "rounding": "with amounts that have no exact binary form",
    "retry without end": "where the other side always refuses: it must end",
    "division": "with a zero for `{where}`",
    "switch": "with the switch on",
    "parsing": "with the input that failed for `{where}`",
}


def advise(
    verdict: Verdict, places: tuple[Place, ...], *, previous_release: str | None = None, later_commits: int = 0
) -> tuple[list[Action], list[str]]:
    """(proposals, tests to add)."""
    where = _where(places)
    if verdict.kind is VerdictKind.CULPRIT and verdict.culprit is not None:
        sha = verdict.culprit.sha[:12]
        changed = "changes" if later_commits == 1 else "change"
        later = f"; {many(later_commits, 'later commit')} {changed} the same files" if later_commits else ""
        actions = [
            Action(
                action=f"Revert commit `{sha}`",
                risk=f"undoes the rest of the commit as well{later}",
                roll_back="revert the revert",
            )
        ]
        if previous_release:
            actions.append(
                Action(
                    action=f"Roll back to release `{previous_release}` until it is fixed",
                    risk="undoes every change since",
                    roll_back="deploy the current release again",
                )
            )
        if verdict.mechanism in _FIX:
            actions.append(
                Action(
                    action=f"{_FIX[verdict.mechanism]}{f' in `{where}`' if where else ''}",
                    risk="as any change: review and test it",
                    roll_back="revert it",
                )
            )
        test = _TESTS.get(
            verdict.mechanism or "", "that does what failed in `{where}`" if where else "that does what failed"
        )
        return actions, [
            f"Add a test {test.format(where=where or 'the failing function')}. It must fail on `{sha}` and pass once that is reverted."
        ]
    if verdict.kind is VerdictKind.NO_CODE_CAUSE and verdict.cause is not None:
        actions = [Action(action=a, risk=r, roll_back=b) for a, r, b in _EXTERNAL[verdict.cause]]
        first = failed_first(verdict)
        if first:
            look = f"Look at `{first}` first: `luffy rca list -s {first}`"
            actions.insert(0, Action(action=look, risk="none", roll_back="none needed"))
        return actions, [
            f"Add a test of what the service does when this happens again ({OUTSIDE[verdict.cause]}): it should degrade and say so."
        ]
    actions = [
        Action(
            action="Collect what is missing: whole traces, the lines before the failure, the release that ran",
            risk="none",
            roll_back="none needed",
        ),
        Action(action="Look at the commits below that could not be ruled out", risk="none", roll_back="none needed"),
    ]
    return actions, [f"Add a test that does what failed in `{where}`."] if where else []


def _where(places: tuple[Place, ...]) -> str:
    if not places:
        return ""
    first = places[0]
    return first.function or f"{first.file}{f':{first.line}' if first.line else ''}"
