"""A report as what is handed to others: the text of an issue, and of a merge request that undoes the culprit.

Text for GitLab is more than Markdown: a line that begins with a slash is carried out, and `@name` calls people. Neither may
come out of a log or a commit message.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from luffy_dagster.core.rca.report import Report, plain

_MENTION = re.compile(r"(?<![\w`])@(?=[\w.-])")
_REFERENCE = re.compile(r"(?<![\w&`])([#!$~%])(?=\d|\w+/)")
_QUICK = re.compile(r"^(\s*)/(?=\w)")
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
MAX_DESCRIPTION = 100_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """Exactly what would be written, and where. `code` stands for all of it: what is confirmed is what was shown."""

    kind: str  # issue | revert
    service: str
    cluster_id: str
    report_id: int
    place: str
    title: str
    description: str
    sha: str = ""
    branch: str = ""
    target: str = ""
    diff: str = ""

    @property
    def code(self) -> str:
        """Digest of everything that a person sees."""
        told = [self.kind, self.place, self.title, self.description, self.sha, self.branch, self.target, self.diff]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]

    @property
    def mark(self) -> str:
        """What stands in the text so that the same is found again."""
        return f"luffy-{self.code}"

    @property
    def signed(self) -> str:
        """The description with its mark."""
        return f"{self.description}\n\n---\n`{self.mark}`: report {self.report_id} of service `{self.service}`, cluster `{self.cluster_id}`\n"


def issue(report: Report, markdown: str, report_id: int, place: str) -> Proposal:
    """An issue with the whole report."""
    title = f"{report.title}: {plain(report.headline)}"
    return Proposal("issue", report.service, report.cluster_id, report_id, place, _line(title), _tame(markdown))


def revert(report: Report, report_id: int, place: str, target: str, diff: str) -> Proposal:
    """A merge request that undoes the culprit. Raises ValueError for a report that names no commit."""
    if report.culprit is None:
        raise ValueError(f"the report names no commit: its verdict is {report.verdict}")
    sha = report.culprit.sha
    text = [
        f"Undoes {sha}.",
        "",
        f"{plain(report.headline)} Verdict by rules, confidence {report.confidence:.2f}.",
        "",
        *(f"- {plain(claim.text)} [{', '.join(claim.cites)}]" for claim in report.summary),
        "",
        "Before it is merged:",
        "",
        *(f"- {plain(one.action)} ({plain(one.risk)})" for one in report.recommendations),
        *(f"- {plain(test)}" for test in report.tests),
        "",
        f"The whole report: `luffy rca show {report.cluster_id} --service {report.service}`",
    ]
    title = f'Revert "{plain(report.culprit.subject)}"'
    branch = f"luffy/revert-{sha[:12]}"
    return Proposal(
        "revert", report.service, report.cluster_id, report_id, place, _line(title), _tame("\n".join(text)), sha, branch, target, diff
    )  # fmt: skip


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 200 else flat[:199] + "…"


def _tame(markdown: str) -> str:
    """Markdown in which no line commands GitLab and no word calls a person or another issue; code stays as it is."""
    out: list[str] = []
    fence = ""
    for line in markdown.splitlines():
        found = _FENCE.match(line)
        if fence:
            if found and found[1][0] == fence[0] and len(found[1]) >= len(fence) and line.strip() == found[1]:
                fence = ""
            out.append(line)
            continue
        if found:
            fence = found[1]
            out.append(line)
            continue
        # Between back ticks nothing is carried out and nobody is called.
        parts = _QUICK.sub(r"\1\\/", line).split("`")
        parts[::2] = [_REFERENCE.sub(r"&#8203;\1&#8203;", _MENTION.sub("@&#8203;", part)) for part in parts[::2]]
        out.append("`".join(parts))
    if fence:
        out.append(fence)
    text = "\n".join(out)
    return text if len(text) <= MAX_DESCRIPTION else text[:MAX_DESCRIPTION] + "\n\n(cut)"
