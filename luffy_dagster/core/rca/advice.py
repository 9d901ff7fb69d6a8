"""What to do, with risk and way back, and tests to add: derived from the verdict by code. Proposals only."""

from __future__ import annotations

from luffy_dagster.core.rca.report import Action
from luffy_dagster.core.rca.verdict.values import CauseKind, Place, Verdict, VerdictKind

_EXTERNAL: dict[CauseKind, tuple[tuple[str, str, str], ...]] = {
    CauseKind.MEMORY: (("Find what took the memory and stop it, or give the service more", "more memory for one takes it from others on the machine", "set the limit back"),),
    CauseKind.DISK: (("Free space or enlarge the volume, then see what filled it", "deleting the wrong files loses data: move them first", "move them back"),),
    CauseKind.DNS: (("Check the resolver and the zone; restart the resolver if it is stuck", "a restart interrupts resolving for seconds", "none needed"),),
    CauseKind.CERTIFICATES: (("Renew the certificate and load it everywhere; watch its end from now on", "clients that pin the old one will refuse", "load the old certificate again while it is valid"),),
    CauseKind.UPSTREAM: (("Ask the other side, and switch to a fallback or a longer back-off until it is well", "a fallback may answer with old data", "switch back"),),
    CauseKind.QUOTA: (("Slow the calls down, or have the quota raised (or the account paid)", "slower calls make a backlog", "set the rate back"),),
    CauseKind.BAD_INPUT: (("Tell who sent it; keep the input; answer it with a clear 4xx", "stricter checks may refuse what passed before", "loosen the check"),),
    CauseKind.NETWORK: (("Hand over to those who run the network, with the times and hosts below", "none", "none needed"),),
    CauseKind.CONFIG: (("Set the changed setting back and bring it under version control", "whoever changed it had a reason: ask first", "set it again"),),
    CauseKind.CREDENTIALS: (("Issue a new credential and roll it out; find out who or what ended the old one", "services that still hold the old one fail until they restart", "none: the old one stays dead"),),
    CauseKind.DATABASE: (("Check the leader, its replicas and that clients reconnect; retry what failed meanwhile", "retries may do work twice where it is not idempotent", "stop the retries"),),
    CauseKind.NODE: (("Move the work to other machines and take the broken one out", "less room until it is replaced", "put it back once it is mended"),),
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
    "pattern": "Mend the pattern",
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
    "null check": "one that calls `{where}` with the value missing",
    "bounds": "one that calls `{where}` with none, one and the last element",
    "lock": "one that calls `{where}` from several threads at once",
    "time-out": "one where the other side answers as slowly as it does on a bad day",
    "memory": "one that fills the cache past its bound and looks at its size",
    "resources not given back": "one that calls `{where}` more often than the pool is large",
    "recursion": "one with a cycle and one with a deep chain for `{where}`",
    "encoding": "one with letters outside ASCII for `{where}`",
    "pattern": "one that compiles every pattern and matches the new form",
    "query": "one that runs the query against a migrated database",
    "setting": "one that starts the service with the settings of production",
    "dependency": "one that calls what the dependency offers, in the version that is deployed",
    "permission": "one per role and path, those that must pass and those that must not",
    "rounding": "one with amounts that have no exact binary form",
    "retry without end": "one where the other side always refuses: it must end",
    "division": "one with a zero for `{where}`",
    "switch": "one with the switch on",
    "parsing": "one with the input that failed for `{where}`",
}


def advise(
    verdict: Verdict, places: tuple[Place, ...], *, previous_release: str | None = None, later_commits: int = 0
) -> tuple[list[Action], list[str]]:
    """(proposals, tests to add)."""
    where = _where(places)
    if verdict.kind is VerdictKind.CULPRIT and verdict.culprit is not None:
        sha = verdict.culprit.sha[:12]
        later = f"; {later_commits} later commit(s) touch the same files" if later_commits else ""
        actions = [
            Action(
                action=f"Revert commit `{sha}`",
                risk=f"undoes all that the commit does{later}",
                roll_back="revert the revert",
            )
        ]
        if previous_release:
            actions.append(
                Action(
                    action=f"Go back to release `{previous_release}` until it is mended",
                    risk="undoes every change since",
                    roll_back="deploy the present release again",
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
            verdict.mechanism or "", "one that does what failed in `{where}`" if where else "one that does what failed"
        )
        return actions, [
            f"Add a test: {test.format(where=where or 'the failing function')}. It must fail with `{sha}` and pass without it."
        ]
    if verdict.kind is VerdictKind.NO_CODE_CAUSE and verdict.cause is not None:
        actions = [Action(action=a, risk=r, roll_back=b) for a, r, b in _EXTERNAL[verdict.cause]]
        return actions, [
            f"Add a test: how the service behaves when this happens again ({verdict.cause.value}); it should degrade and say so."
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
