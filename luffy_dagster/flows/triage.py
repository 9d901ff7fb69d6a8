"""What people decide about a cluster: resolved (now, in a release, in a commit), ignored, open again. Checked before it is kept."""

from __future__ import annotations

from datetime import datetime

from luffy_dagster import store
from luffy_dagster.core.clustering import states
from luffy_dagster.flows.cluster_states import commit_check, looked_at_since, occurrences_since
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.store.errors import InvalidError


def resolve(
    ctx: FlowContext,
    service: str,
    cluster_id: str,
    *,
    actor: str,
    reason: str = "",
    release: str | None = None,
    commit: str | None = None,
) -> states.Standing:
    """Resolves a cluster now, in a release or in a commit. Raises InvalidError when what is known already disproves it."""
    now = ctx.now()
    if release and commit:
        raise InvalidError("release", "name a release or a commit, not both")
    kind = states.ResolvedIn.RELEASE if release else states.ResolvedIn.COMMIT if commit else states.ResolvedIn.NOW
    resolution = states.Resolution(kind, now, release or commit or "")
    with store.begin(ctx.engine) as conn:
        own = store.clusters.resolve(conn, service, cluster_id)
        before = store.cluster_states.standing(conn, service, own)
        if kind is not states.ResolvedIn.NOW:
            known = store.releases.known(conn, service)
            contains = commit_check(ctx, conn, service)
            since = looked_at_since(resolution, known, contains)
            members = [one.fingerprint for one in store.clusters.members(conn, service, own)]
            seen = occurrences_since(ctx, service, members, since) if since is not None else []
            why = states.regression(resolution, seen, known, lambda one: contains(resolution.value, one))
            if why is not None:
                raise InvalidError(str(kind), f"{resolution.value} did not resolve it: it {why}")
        after = states.resolve(before, resolution)
        said = f"in {kind} {resolution.value}" if resolution.value else ""
        store.cluster_states.put(
            conn, service, own, after, actor=actor, reason="; ".join(p for p in (said, reason) if p), now=now
        )
    return after


def ignore(
    ctx: FlowContext,
    service: str,
    cluster_id: str,
    *,
    actor: str,
    reason: str = "",
    until: datetime | None = None,
    occurrences: int | None = None,
) -> states.Standing:
    """Ignores a cluster until a time, so many more occurrences, or for ever."""
    with store.begin(ctx.engine) as conn:
        return store.cluster_states.ignore(
            conn, service, cluster_id, until=until, occurrences=occurrences, actor=actor, reason=reason, now=ctx.now()
        )


def reopen(ctx: FlowContext, service: str, cluster_id: str, *, actor: str, reason: str = "") -> states.Standing:
    """Opens a resolved, ignored or regressed cluster again. Raises InvalidError when it is open."""
    with store.begin(ctx.engine) as conn:
        before = store.cluster_states.standing(conn, service, cluster_id)
        if before.state.active and before.state is not before.state.REGRESSED:
            raise InvalidError("cluster", f"{cluster_id} is {before.state}: it is open")
        after = states.reopen(before, ctx.now())
        store.cluster_states.put(conn, service, cluster_id, after, actor=actor, reason=reason, now=ctx.now())
    return after
