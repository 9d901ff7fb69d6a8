"""The guilty commit is found where history is not a line: behind renamed files, in merged branches, in merges themselves."""

from datetime import timedelta

import pytest

from luffy_dagster import store
from luffy_dagster.flows import process_service
from luffy_dagster.flows.rca import investigate
from luffy_dagster_tests.flows.test_rca import BROKEN, FEES, NOW, commit, failing, git, repo, world  # noqa: F401 - fixtures

AGO = timedelta(hours=1)


def judged(world, repo, before):
    """The report of a failure of what the branch holds by now."""
    _, server = world.service("pay", git_repo_path=str(repo), preset="critical")
    failing(server, NOW - timedelta(minutes=40), (before, git(repo, "rev-parse", "HEAD")))
    world.clock = NOW
    process_service(world.ctx, "pay", close=True)
    with store.begin(world.engine) as conn:
        (row,) = [c for c in store.clusters.list_clusters(conn, "pay", now=NOW) if c.type == "KeyError"]
    return investigate(world.ctx, "pay", row.cluster_id).report


def renamed(repo):
    git(repo, "mv", "pay/fees.py", "pay/pricing.py")
    git(repo, "commit", "-q", "-m", "fees are pricing", at=NOW - timedelta(days=8))
    before = git(repo, "rev-parse", "HEAD")
    bad = commit(repo, {"pay/pricing.py": BROKEN}, "pricing: from the table", NOW - 3 * AGO)
    git(repo, "mv", "pay/pricing.py", "pay/fees.py")
    git(repo, "commit", "-q", "-m", "pricing are fees", at=NOW - 2 * AGO)
    return before, bad


def merged(repo):
    before = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "-b", "side")
    bad = commit(repo, {"pay/fees.py": BROKEN}, "fees: from the table", NOW - 3 * AGO)
    git(repo, "checkout", "-q", "main")
    commit(repo, {"pay/app.py": "import pay.fees\nSIZE = 30\n"}, "app: pages", NOW - 2 * AGO)
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge side", "side", at=NOW - AGO)
    return before, bad


def resolved(repo):
    before = git(repo, "rev-parse", "HEAD")
    git(repo, "checkout", "-q", "-b", "side")
    commit(repo, {"pay/fees.py": FEES.replace("2)", "3)")}, "fees: three", NOW - 3 * AGO)
    git(repo, "checkout", "-q", "main")
    commit(repo, {"pay/fees.py": FEES.replace("2)", "4)")}, "fees: four", NOW - 2 * AGO)
    with pytest.raises(Exception, match="merge"):
        git(repo, "merge", "-q", "side")
    (repo / "pay/fees.py").write_text(BROKEN)
    git(repo, "commit", "-q", "-a", "-m", "Merge side", at=NOW - AGO)
    return before, git(repo, "rev-parse", "HEAD")


@pytest.mark.parametrize("history", [renamed, merged, resolved])
def test_the_guilty_commit_is_named(world, repo, history):  # noqa: F811
    before, bad = history(repo)
    report = judged(world, repo, before)
    assert (report.verdict, report.culprit and report.culprit.sha) == ("culprit", bad)
    assert any(e.kind == "diff" and "rule = RULES[currency]" in e.text for e in report.evidence)
    assert any("changes the failing function `fee`" in claim.text for claim in report.summary)
