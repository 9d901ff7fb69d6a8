"""GitLab's calls against a server of the tests on loopback: what is refused is told with call and reason, and leaves nothing."""

import os
import subprocess

import pytest

from luffy_dagster.adapters.git.address import parse_address
from luffy_dagster.adapters.gitlab import GitLabError, GitLabProject, project_of
from luffy_dagster_tests.gitlab_server import ENV, serving_gitlab

TOKEN = "glpat-" + "Zy9x8w7v6u5t4s3r2q1p"
BRANCH = "luffy/revert-x"


@pytest.fixture
def bare(tmp_path):
    work = tmp_path / "work"
    git = ["git", "-c", "init.defaultBranch=main", "-C", str(work)]
    work.mkdir()
    subprocess.run([*git, "init", "-q"], check=True, env=ENV)
    for text in ("one", "two"):
        (work / "a.txt").write_text(text + os.linesep)
        subprocess.run([*git, "add", "-A"], check=True, env=ENV)
        subprocess.run([*git, "commit", "-qm", text], check=True, env=ENV)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(tmp_path / "bare.git")], check=True, env=ENV)
    return tmp_path / "bare.git"


def _revert(lab, **more):
    sha = lab.git("rev-parse", "main").stdout.strip()
    return GitLabProject(lab.url, "team/pay", TOKEN, **more).open_revert(sha, BRANCH, "main", "Revert", "why")


@pytest.mark.parametrize(
    ("how", "kind"),
    [(401, "unauthorised"), (403, "forbidden"), (404, "missing"), (409, "conflict"), (422, "refused"), (429, "rate_limited"),
     (500, "unavailable"), (503, "unavailable"), ("hang", "timeout"), ("redirect", "redirect"), ("garbage", "no_gitlab")],
)  # fmt: skip
@pytest.mark.parametrize("call", [("GET", "/projects/"), ("POST", "/merge_requests")], ids=["reading", "writing"])
def test_a_refusal_names_call_and_reason_and_leaves_nothing(bare, how, kind, call):
    with serving_gitlab(bare, TOKEN) as lab:
        lab.fails = {call: how}
        with pytest.raises(GitLabError) as caught:
            _revert(lab, timeout_seconds=2 if how == "hang" else 30)
        assert caught.value.kind == kind
        assert ("open a merge request" if call[0] == "POST" else "read the project") in str(caught.value)
        assert TOKEN not in str(caught.value) + repr(caught.value.__cause__)
        assert lab.branch(BRANCH) is None
        assert lab.requests == []
        lab.fails = {}
        assert _revert(lab).new
        assert not _revert(lab).new


def test_an_answer_that_never_arrives_writes_no_second(bare):
    with serving_gitlab(bare, TOKEN) as lab:
        lab.fails = {("POST", "/merge_requests"): "lost"}
        done = _revert(lab, timeout_seconds=2)
        assert (done.new, len(lab.requests)) == (False, 1)
        assert lab.branch(BRANCH) is not None


def test_a_branch_that_a_cut_left_behind_is_gone_on_with(bare):
    with serving_gitlab(bare, TOKEN) as lab:
        lab.git("branch", BRANCH, "main")
        assert _revert(lab).new
        assert lab.git("show", f"{BRANCH}:a.txt").stdout.strip() == "one"


def test_a_branch_that_was_there_stays_when_the_request_is_refused(bare):
    with serving_gitlab(bare, TOKEN) as lab:
        lab.git("branch", BRANCH, "main")
        lab.fails = {("POST", "/merge_requests"): 403}
        with pytest.raises(GitLabError, match="lacks the right"):
            _revert(lab)
        assert lab.branch(BRANCH) is not None


def test_a_port_that_nobody_listens_on_and_a_wrong_token(bare):
    with pytest.raises(GitLabError, match="cannot be reached"):
        GitLabProject("http://127.0.0.1:9", "team/pay", TOKEN).default_branch()
    with serving_gitlab(bare, TOKEN) as lab:
        assert GitLabProject(lab.url, "team/pay", TOKEN).default_branch() == "main"
        with pytest.raises(GitLabError, match=r"could not read the project: the token is not accepted \(HTTP 401"):
            GitLabProject(lab.url, "team/pay", "wrong").default_branch()
        with pytest.raises(GitLabError, match="no such project"):
            GitLabProject(lab.url, "team/other", TOKEN).default_branch()
        with pytest.raises(GitLabError, match="main is the target itself"):
            GitLabProject(lab.url, "team/pay", TOKEN).open_revert("a" * 40, "main", "main", "t", "d")


@pytest.mark.parametrize(
    ("address", "setting", "found"),
    [
        ("https://git.example.org/a/b/c.git", "", ("https://git.example.org", "a/b/c")),
        ("https://oauth2:x@git.example.org:8929/a/b", "", ("https://git.example.org:8929", "a/b")),
        ("git@git.example.org:a/b.git", "", ("https://git.example.org", "a/b")),
        ("ssh://git@git.example.org:2222/a/b.git", "http://git.example.org:8929", ("http://git.example.org:8929", "a/b")),
        ("https://example.org/gitlab/a/b.git", "https://example.org/gitlab/", ("https://example.org/gitlab", "a/b")),
    ],
)  # fmt: skip
def test_the_project_is_read_off_the_address(address, setting, found):
    assert project_of(parse_address(address), setting) == found


@pytest.mark.parametrize("address", ["https://github.com/a/b.git", "/srv/repo", "https://git.example.org/alone"])
def test_what_is_no_project_of_a_gitlab_is_said(address):
    with pytest.raises(GitLabError, match=r"; (copy|give)"):
        project_of(parse_address(address))
