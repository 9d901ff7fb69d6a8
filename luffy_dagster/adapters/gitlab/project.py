"""One project of a GitLab: issues and merge requests that undo a commit. Written once: what is there already is found again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from luffy_dagster.adapters.gitlab.errors import GitLabError, of_exception, of_status

if TYPE_CHECKING:
    from luffy_dagster.adapters.git.address import Address

T = TypeVar("T")
_OTHERS = ("github.", "bitbucket.", "dev.azure.")


@dataclass(frozen=True, slots=True)
class Written:
    """What now stands in GitLab. `new`: it was written by this call, not found."""

    url: str
    new: bool


def project_of(address: Address, gitlab_url: str = "") -> tuple[str, str]:
    """Address of the GitLab and path of the project that a repository's address means.

    `gitlab_url` says where GitLab answers when the repository is reached by SSH or GitLab lies below a path. Raises GitLabError.
    """
    shown = address.shown
    if address.protocol == "file":
        raise GitLabError(
            shown,
            "find it",
            "the repository is a folder of this machine",
            "give the service its address",
            kind="no_gitlab",
        )
    if any(address.host.startswith(other) or f".{other}" in address.host for other in _OTHERS):
        raise GitLabError(
            shown,
            "find it",
            f"{address.host} is no GitLab",
            "copy the text by hand (--json shows it)",
            kind="no_gitlab",
        )
    parts = urlsplit(address.url)
    path = parts.path
    if gitlab_url:
        base = gitlab_url.rstrip("/")
        below = urlsplit(base).path
        path = path.removeprefix(below) if below and address.protocol != "ssh" else path
    elif address.protocol == "ssh":
        base = f"https://{address.host}"
    else:
        base = f"{parts.scheme}://{parts.netloc}"
    path = path.strip("/").removesuffix(".git")
    if "/" not in path:
        raise GitLabError(
            shown,
            "find it",
            "its address names no group and project",
            "give https://host/group/project.git",
            kind="no_gitlab",
        )
    return base, path


class GitLabProject:
    """A project, reached with a token. Every method raises GitLabError."""

    def __init__(self, base: str, path: str, token: str, *, timeout_seconds: float = 30.0) -> None:
        import gitlab

        self.place = f"{base}/{path}"
        self._path = path
        self._gitlab = gitlab.Gitlab(
            base,
            private_token=token,
            timeout=timeout_seconds,
            retry_transient_errors=False,
            keep_base_url=True,
            user_agent="luffy",
        )
        # requests would take the token along to wherever a redirect leads.
        self._gitlab.session.max_redirects = 0
        self._project: Any = None

    def __repr__(self) -> str:
        return f"GitLabProject({self.place!r})"

    def default_branch(self) -> str:
        """Name of the branch that merge requests go to."""
        branch = self._call("read the project", lambda: self._found().default_branch)
        if not branch:
            raise GitLabError(self.place, "read the project", "it has no default branch", "push a first commit")
        return str(branch)

    def open_issue(self, title: str, description: str, mark: str) -> Written:
        """Opens an issue, unless one whose description holds `mark` is there. `description` must hold it."""
        project = self._call("read the project", self._found)
        same = self._call(
            "look for the same issue",
            lambda: project.issues.list(search=mark, **{"in": "description"}, per_page=20, get_all=False, **_PLAIN),
        )
        for issue in same:
            if mark in (issue.description or ""):
                return Written(str(issue.web_url), new=False)
        made = self._call(
            "open an issue", lambda: project.issues.create({"title": title, "description": description}, **_PLAIN)
        )
        return Written(str(made.web_url), new=True)

    def open_revert(self, sha: str, branch: str, target: str, title: str, description: str) -> Written:
        """Opens a merge request into `target` that undoes the commit `sha` on a new branch; or finds the one of that branch.

        Nothing is half done: where the commit cannot be undone or the request not be opened, the branch that was made goes again.
        """
        project = self._call("read the project", self._found)
        if branch == target:
            raise GitLabError(self.place, "make a branch", f"{target} is the target itself", "nothing was written")
        there = self._request_of(project, branch)
        if there is not None:
            return there
        ours = self._missing(lambda: project.branches.get(branch, **_PLAIN), "look for the branch")
        if ours:
            self._call("make a branch", lambda: project.branches.create({"branch": branch, "ref": target}, **_PLAIN))
        wanted = {
            "source_branch": branch,
            "target_branch": target,
            "title": title,
            "description": description,
            "remove_source_branch": True,
        }
        try:
            # A branch without the commit is what a cut left behind.
            ahead = self._call("compare the branches", lambda: project.repository_compare(target, branch, **_PLAIN))
            if not ahead["commits"]:
                commit = project.commits.get(sha, lazy=True)
                self._call("undo the commit", lambda: commit.revert(branch=branch, **_PLAIN))
            made = self._call("open a merge request", lambda: project.mergerequests.create(wanted, **_PLAIN))
        except GitLabError as error:
            there = self._request_of(project, branch) if error.status is None else None  # no answer is no refusal
            if there is not None:
                return there
            if ours:  # one that was there may hold somebody's work
                self._drop(project, branch)
            raise
        return Written(str(made.web_url), new=True)

    def _request_of(self, project: Any, branch: str) -> Written | None:
        """The merge request of a branch, open or merged."""
        for state in ("opened", "merged"):
            looks = partial(project.mergerequests.list, source_branch=branch, state=state, per_page=1, get_all=False)
            for one in self._call("look for the same merge request", partial(looks, **_PLAIN)):
                return Written(str(one.web_url), new=False)
        return None

    def _drop(self, project: Any, branch: str) -> None:
        """Takes a branch of ours away; what went wrong before is what is told."""
        try:
            self._call("take the branch away", lambda: project.branches.delete(branch, **_PLAIN))
        except GitLabError:
            return

    def _found(self) -> Any:
        if self._project is None:
            self._project = self._gitlab.projects.get(self._path, **_PLAIN)
        return self._project

    def _missing(self, asks: Callable[[], object], call: str) -> bool:
        try:
            self._call(call, asks)
        except GitLabError as error:
            if error.status == 404:
                return True
            raise
        return False

    def _call(self, call: str, asks: Callable[[], T]) -> T:
        import gitlab
        import requests

        try:
            return asks()
        except gitlab.GitlabError as error:
            raise self._of(call, error) from None
        except (requests.RequestException, OSError) as error:
            raise of_exception(self.place, call, error) from None

    def _of(self, call: str, error: Any) -> GitLabError:
        if error.response_code is None:
            return GitLabError(
                self.place, call, "the answer is not GitLab's", "check the address (LUFFY_GITLAB_URL)", kind="no_gitlab"
            )
        return of_status(self.place, call, int(error.response_code), str(error.error_message or ""))


#: python-gitlab would wait for as long as a server's Retry-After says.
_PLAIN: dict[str, Any] = {"obey_rate_limit": False}
