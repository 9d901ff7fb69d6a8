"""From a report to an issue or a merge request: shown first, written only with the code of what was shown, and once.

Nothing is written to GitLab without a person: `propose` writes nothing, `carry_out` writes exactly what `propose` shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from luffy_dagster import store
from luffy_dagster.core.rca import handing
from luffy_dagster.core.rca.handing import Proposal
from luffy_dagster.core.rca.report import Report
from luffy_dagster.flows.context import FlowContext

if TYPE_CHECKING:
    from luffy_dagster.adapters.gitlab import GitLabProject, Written

KINDS = ("issue", "revert")


class HandingError(Exception):
    """Nothing can be proposed, or what is confirmed is not what would be written: one line with what, why and remedy."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was written before for the same cluster."""

    url: str
    code: str
    actor: str
    at: str


def propose(ctx: FlowContext, service_id: str, cluster_id: str, kind: str) -> tuple[Proposal, Earlier | None]:
    """What would be written for the newest report of a cluster, and what was already. Raises HandingError, GitError, GitLabError."""
    proposal, _ = _prepared(ctx, service_id, cluster_id, kind)
    return proposal, earlier(ctx, service_id, proposal.cluster_id, kind)


def carry_out(
    ctx: FlowContext, service_id: str, cluster_id: str, kind: str, code: str, *, actor: str, again: bool = False
) -> Written:
    """Writes the proposal with that `code`; what stands there already is found, not written twice.

    Raises HandingError when the proposal is another by now, or one was written for this cluster and not `again` asked for;
    GitError, GitLabError. A cut between GitLab's answer and ours is healed by asking again: the text bears its code.
    """
    with store.service_lock(ctx.engine, f"handing:{service_id}"):
        proposal, project = _prepared(ctx, service_id, cluster_id, kind)
        if proposal.code != code.strip():
            raise HandingError(
                f"{code} is not the code of what would be written now ({proposal.code}): "
                f"look at it again with luffy rca {kind} {proposal.cluster_id}"
            )
        before = earlier(ctx, service_id, proposal.cluster_id, kind)
        if before is not None and before.code != proposal.code and not again:
            raise HandingError(
                f"for cluster {proposal.cluster_id} one was written before ({before.url}, by {before.actor}); --again writes another"
            )
        if kind == "issue":
            done = project.open_issue(proposal.title, proposal.signed, proposal.mark)
        else:
            done = project.open_revert(proposal.sha, proposal.branch, proposal.target, proposal.title, proposal.signed)
        now = ctx.now()
        with store.begin(ctx.engine) as conn:
            value = {"url": done.url, "code": proposal.code, "actor": actor, "at": now.isoformat()}
            store.kv.put(conn, _key(service_id, proposal.cluster_id, kind), value, now)
            if done.new:
                after = {"url": done.url, "title": proposal.title, "report": proposal.report_id}
                store.audit.write(
                    conn, actor, "write", f"gitlab_{kind}", done.url, now=now, service=service_id, after=after
                )
    return done


def earlier(ctx: FlowContext, service_id: str, cluster_id: str, kind: str) -> Earlier | None:
    """What was written for a cluster, None when nothing was."""
    with store.begin(ctx.engine) as conn:
        kept = store.kv.get(conn, _key(service_id, cluster_id, kind))
    return Earlier(kept["url"], kept["code"], kept["actor"], kept["at"]) if kept else None


def _key(service_id: str, cluster_id: str, kind: str) -> str:
    return f"handed:{kind}:{service_id}:{cluster_id}"


def _prepared(ctx: FlowContext, service_id: str, cluster_id: str, kind: str) -> tuple[Proposal, GitLabProject]:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
    with store.begin(ctx.engine) as conn:
        service = store.services.get(conn, service_id)
        own = store.clusters.get(conn, service_id, cluster_id, now=ctx.now()).cluster_id
        result = store.rca.latest(conn, service_id, own)
    if result is None or result.report is None:
        raise HandingError(
            f"cluster {own} has no report to hand on; luffy rca run {service_id} --cluster {own} makes one"
        )
    report = Report.model_validate(result.report)
    if kind == "revert" and report.culprit is None:
        raise HandingError(
            f"the report of cluster {own} names no commit (verdict {report.verdict}), so there is nothing to undo; "
            f"luffy rca issue {own} hands it on as an issue"
        )
    project = _project(ctx, service)
    if kind == "issue":
        return handing.issue(report, result.analysis, result.id, project.place), project
    assert report.culprit is not None
    target = service.git_branch or project.default_branch()
    return handing.revert(report, result.id, project.place, target, _undone(ctx, service, report.culprit.sha)), project


def _project(ctx: FlowContext, service: Any) -> GitLabProject:
    from luffy_dagster.adapters.git import AddressPolicy
    from luffy_dagster.adapters.git.address import check_host, parse_address
    from luffy_dagster.adapters.gitlab import GitLabProject, project_of

    if not service.repository_url:
        raise HandingError(
            f"service {service.id} names no repository to write to; luffy service set {service.id} --repository URL"
        )
    policy = AddressPolicy(private=ctx.settings.git_private_addresses)
    base, path = project_of(parse_address(service.repository_url), ctx.settings.gitlab_url)
    check_host(parse_address(f"{base}/{path}"), policy)
    with store.begin(ctx.engine) as conn:
        found = store.git_credentials.get(conn, service.id)
    if found is None or found.kind != "token":
        raise HandingError(
            f"service {service.id} has no token for GitLab; luffy code credential {service.id} < token.txt sets one (scope api)"
        )
    return GitLabProject(base, path, found.secret.reveal())


def _undone(ctx: FlowContext, service: Any, sha: str) -> str:
    """What undoing a commit changes, as a diff with its secrets taken out. Raises HandingError for a merge."""
    from luffy_dagster.core.redaction import SECRETS, redact_text
    from luffy_dagster.flows.code import open_repository
    from luffy_dagster.store.crypto import pseudonym_key

    with open_repository(ctx, service, max_age=3600) as repository:
        commit = repository.commit(sha)
        if commit is None:
            raise HandingError(f"commit {sha[:12]} is no longer in the repository; run the root cause again")
        if len(commit.parents) != 1:
            what = "a merge of several branches" if commit.parents else "the first of its repository"
            raise HandingError(f"commit {sha[:12]} is {what}: undo it by hand")
        raw = repository.git("diff", "--no-color", "--no-ext-diff", "--no-textconv", sha, f"{sha}^")
    return redact_text(raw[:200_000].decode("utf-8", "replace"), SECRETS, pseudonym_key(ctx.settings))
