"""Reports handed on to GitLab: nothing is written without the code of what was shown, and nothing twice.

The GitLab is a server of the tests over a real bare repository (`gitlab_server`); no real one could run here.
"""

import subprocess
from dataclasses import replace

import pytest

from luffy_dagster import store
from luffy_dagster.adapters.gitlab import GitLabError, GitLabProject
from luffy_dagster.core.rca.handing import _tame
from luffy_dagster.flows.rca import handing, investigate
from luffy_dagster_tests.flows.support import NOW
from luffy_dagster_tests.flows.test_rca import git, pay, repo, world  # noqa: F401 - fixtures
from luffy_dagster_tests.gitlab_server import serving_gitlab

TOKEN = "glpat-" + "Zy9x8w7v6u5t4s3r2q1p"


@pytest.fixture
def lab(world, pay, repo, tmp_path):  # noqa: F811
    cluster, bad, _ = pay
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repo), str(bare)], check=True)
    assert investigate(world.ctx, "pay", cluster).report.culprit.sha == bad
    with serving_gitlab(bare, TOKEN) as server:
        with store.begin(world.engine) as conn:
            store.services.update(conn, "pay", {"repository_url": f"{server.url}/team/pay.git"}, actor="t", now=NOW)
            store.git_credentials.put(conn, "pay", "token", TOKEN, actor="t", now=NOW)
        yield server


def _written(lab):
    return [call for call in lab.calls if call[0] != "GET"]


def test_an_issue_is_shown_then_written_once(world, pay, lab):  # noqa: F811
    cluster, bad, _ = pay
    shown, earlier = handing.propose(world.ctx, "pay", cluster, "issue")
    assert earlier is None
    assert not _written(lab)
    assert bad[:12] in shown.description
    assert "KeyError" in shown.title
    with pytest.raises(handing.HandingError, match="is not the code of what would be written now"):
        handing.carry_out(world.ctx, "pay", cluster, "issue", "000000000000", actor="ann")
    assert not _written(lab)
    done = handing.carry_out(world.ctx, "pay", cluster, "issue", shown.code, actor="ann")
    again = handing.carry_out(world.ctx, "pay", cluster, "issue", shown.code, actor="bob")
    assert (done.new, again.new, len(lab.issues)) == (True, False, 1)
    assert done.url == again.url
    assert lab.issues[0]["description"] == shown.signed
    with store.begin(world.engine) as conn:
        (row,) = store.audit.list_audit(conn, "pay", kind="gitlab_issue")
    assert (row.actor, row.key) == ("ann", done.url)
    for secret in ("hunter2hunter2", "anna.schmidt@", "](https://evil"):
        assert secret not in lab.issues[0]["description"]


def test_what_was_written_before_a_crash_is_found(world, pay, lab):  # noqa: F811
    cluster, _, _ = pay
    shown, _ = handing.propose(world.ctx, "pay", cluster, "issue")
    GitLabProject(lab.url, "team/pay", TOKEN).open_issue(shown.title, shown.signed, shown.mark)
    done = handing.carry_out(world.ctx, "pay", cluster, "issue", shown.code, actor="ann")
    assert (done.new, len(lab.issues)) == (False, 1)


def test_another_report_of_the_same_cluster_needs_again(world, pay, lab):  # noqa: F811
    cluster, _, _ = pay
    shown, _ = handing.propose(world.ctx, "pay", cluster, "issue")
    handing.carry_out(world.ctx, "pay", cluster, "issue", shown.code, actor="ann")
    investigate(world.ctx, "pay", cluster, force=True)
    with store.begin(world.engine) as conn:  # as if new evidence had been found
        conn.exec_driver_sql("UPDATE rca_result SET analysis = analysis || E'\\n\\nmore' WHERE id = (SELECT max(id) FROM rca_result)")
    other, earlier = handing.propose(world.ctx, "pay", cluster, "issue")
    assert other.code != shown.code
    assert earlier.actor == "ann"
    with pytest.raises(handing.HandingError, match="--again"):
        handing.carry_out(world.ctx, "pay", cluster, "issue", other.code, actor="bob")
    handing.carry_out(world.ctx, "pay", cluster, "issue", other.code, actor="bob", again=True)
    assert len(lab.issues) == 2


def test_a_revert_is_a_merge_request_on_a_branch_of_its_own(world, pay, lab):  # noqa: F811
    cluster, bad, _ = pay
    shown, _ = handing.propose(world.ctx, "pay", cluster, "revert")
    assert "+    rule = RULES.get(currency, 2)" in shown.diff
    assert not _written(lab)
    before = lab.branch("main")["commit"]["id"]
    done = handing.carry_out(world.ctx, "pay", cluster, "revert", shown.code, actor="ann")
    assert done.new
    (request,) = lab.requests
    assert (request["source_branch"], request["target_branch"]) == (f"luffy/revert-{bad[:12]}", "main")
    assert lab.branch("main")["commit"]["id"] == before
    assert "RULES.get(currency, 2)" in lab.git("show", f"{request['source_branch']}:pay/fees.py").stdout
    assert not handing.carry_out(world.ctx, "pay", cluster, "revert", shown.code, actor="ann").new
    assert len(lab.requests) == 1


def test_what_cannot_be_undone_leaves_no_branch(world, pay, lab, tmp_path):  # noqa: F811
    cluster, _, _ = pay
    work = tmp_path / "work"
    subprocess.run(["git", "clone", "-q", lab.repository, str(work)], check=True)
    (work / "pay/fees.py").write_text("RULES = None\n")
    git(work, "commit", "-qam", "fees: another way")
    git(work, "push", "-q", "origin", "HEAD:main")
    shown, _ = handing.propose(world.ctx, "pay", cluster, "revert")
    with pytest.raises(GitLabError, match="could not undo the commit: GitLab refuses it .HTTP 400: Sorry"):
        handing.carry_out(world.ctx, "pay", cluster, "revert", shown.code, actor="ann")
    assert lab.branch(shown.branch) is None
    assert lab.requests == []


def test_no_line_commands_gitlab_and_no_word_calls_anybody():
    text = "/close\n  /assign @ann\nsee #12, !3 and @all\n```\n/close @ann\n```\nin `@here` and\n```text\nopen"
    assert _tame(text) == (
        "\\/close\n  \\/assign @&#8203;ann\nsee &#8203;#&#8203;12, &#8203;!&#8203;3 and @&#8203;all\n```\n/close @ann\n```\nin `@here` and\n```text\nopen\n```"
    )


def test_the_code_stands_for_everything_that_is_shown(world, pay, lab):  # noqa: F811
    shown, _ = handing.propose(world.ctx, "pay", pay[0], "revert")
    for name in ("place", "title", "description", "sha", "branch", "target", "diff"):
        assert replace(shown, **{name: getattr(shown, name) + "x"}).code != shown.code
