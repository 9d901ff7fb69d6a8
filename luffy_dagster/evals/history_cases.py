"""Cases of localisation from the history of any repository: the fixes whose commit message holds the trace that they mend.

Belongs here: finding such commits, and reading from a fix which files, functions and commits it says were at fault. What it says is
what SZZ says (Śliwerski, Zimmermann, Zeller 2005): the lines that the fix removed or changed, else those beside what it put in; who wrote
them last; blank lines, comments and imports do not count.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from luffy_dagster.core.codeindex import innermost, language_of, outline
from luffy_dagster.core.parsing.traces.extract import frames_of, parse_trace
from luffy_dagster.core.rca.commits import TRIVIAL
from luffy_dagster.core.rca.places import is_test_path, place_all, places

if TYPE_CHECKING:
    from luffy_dagster.adapters.git import GitRepository

MOST_FILES = 6  # a commit that changes more source files is no fix of one bug
MOST_LINES = 400  # lines of one file that a fix may remove and still say who wrote them
_LANGUAGES = frozenset({"python", "java", "kotlin", "scala"})  # whose frames stand out among the prose of a message
_SIGNS = (  # POSIX extended expressions
    r'File ".+", line [0-9]+',
    r"^[[:space:]|>]*at [A-Za-z_.$<>0-9]+\(([A-Za-z0-9_]+\.(java|scala|kt|groovy):[0-9]+|Native Method|Unknown Source)\)",
)
_FRAME = re.compile(r'^\s*(?:File ".+", line \d+|at [\w.$<>/@]+\([^)]*\))')
_QUOTED = re.compile(r"^\s*[|>]\s?")
_HEAD = 4  # lines before the first frame that may name the error
_GAP = 12  # lines between two frames of one trace
_AFTER = 4  # lines after Python's last frame that may name the error
_HUNK = re.compile(r"^@@ -(\d+)(?:,\d+)? \+")


def collect(repository: GitRepository, project: str) -> Iterator[dict[str, Any]]:
    """The cases of one repository, newest first, in the form that `luffy eval localisation` reads."""
    head = repository.resolve("HEAD") or repository.resolve((repository.branches() or [""])[0])
    if head is None:
        return
    signs = [f"--grep={sign}" for sign in _SIGNS]
    fixes = repository.git("log", "-E", *signs, "--format=%H", head).decode().split()
    seen: set[tuple[Any, ...]] = set()
    for fix in repository.commits(fixes).values():
        if not fix.parents or fix.subject.startswith("Revert "):
            continue
        before, text = fix.parents[0], trace_in(fix.body)
        trace = parse_trace(text)
        if trace is None or trace.language not in _LANGUAGES:
            continue
        frames = frames_of(trace)
        same = (trace.outer.type, tuple((frame.file, frame.function) for frame in frames[:5]))
        tree = places(file.path for file in repository.files(before))
        own = any(
            one.candidates and not is_test_path(one.candidates[0].path)
            for one in place_all(frames, tree, language=trace.language)
        )
        if same in seen or not own:  # picked again, or the trace of another project
            continue
        fault = _fault(repository, before, fix.sha, tree.paths, python=trace.language == "python")
        if not fault:
            continue
        seen.add(same)
        yield {
            "case_id": f"{project}-{fix.sha[:12]}",
            "primary": True,
            "source": "history",
            "lang": "python" if trace.language == "python" else "java",
            "repo": project,
            "buggy_commit": before,
            "fix_commit": fix.sha,
            "exc": trace.outer.type,
            "trace": text,
            **fault,
        }


def trace_in(message: str) -> str:
    """The first trace of a commit message with the lines that name its error; "" when there is none of two frames at least."""
    lines = [_QUOTED.sub("", line).rstrip() for line in message.split("\n")]
    at = [n for n, line in enumerate(lines) if _FRAME.match(line)]
    if len(at) < 2:
        return ""
    last = at[0]
    for n in at[1:]:
        if n - last > _GAP:
            break
        last = n
    first = at[0]
    for _ in range(_HEAD):
        if first == 0 or not lines[first - 1].strip() or "Traceback (most recent" in lines[first]:
            break
        first -= 1
    after = _AFTER if lines[at[0]].lstrip().startswith("File") else 1
    stop = last + 1
    while stop < len(lines) and stop <= last + after and lines[stop].strip():
        stop += 1
    return "\n".join(line for line in lines[first:stop] if line.strip() != "```")


def _fault(repository: GitRepository, before: str, fix: str, there: Collection[str], *, python: bool) -> dict[str, Any]:
    """What a fix says was at fault; {} when it changes no source file that was `there`, or too many."""
    args = ("diff", "-w", "-U0", "--no-ext-diff", "--no-textconv", "--no-renames", before, fix)
    changed = {
        path: lines
        for path, lines in _changed(repository.git(*args).decode("utf-8", "replace")).items()
        if path in there and language_of(path) and not is_test_path(path)
    }
    if not 0 < len(changed) <= MOST_FILES:
        return {}
    removes = any(removed for removed, _ in changed.values())
    functions: dict[str, None] = {}
    wrote: Counter[str] = Counter()
    for path, (removed, beside) in changed.items():
        source = repository.read(before, path) or ""
        symbols, text = outline(path, source), source.split("\n")
        for n in (*removed, *beside):
            symbol = innermost(symbols, n)
            if symbol is not None:  # of a Java method the bare name, as the frames have it
                functions[f"{path}::{symbol.name if python else symbol.short}"] = None
        told = {n for n in (removed if removes else beside) if 0 < n <= len(text) and not TRIVIAL.match(text[n - 1])}
        if 0 < len(told) <= MOST_LINES:
            blamed = repository.blame(before, path, min(told), max(told))
            wrote.update(line.sha for line in blamed if line.line in told)
    return {
        "truth_files": list(changed),
        "truth_functions": list(functions),
        "culprit_commits": [sha for sha, _ in wrote.most_common()],
        "culprit_kind": "deleted_lines" if removes else "context_of_insertion",
    }


def _changed(diff: str) -> dict[str, tuple[list[int], list[int]]]:
    """Per file as it was before: the lines that a diff without context removes, and those beside what it only puts in."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    old: str | None = None
    at, removing = 0, False
    for line in diff.split("\n"):
        if line.startswith("diff --git "):
            old = None
        elif line.startswith("--- ") and old is None:
            old = line[6:].rstrip("\t") if line.startswith("--- a/") else ""
        elif hunk := _HUNK.match(line):
            at, removing = int(hunk[1]), False
        elif old and line.startswith("-"):
            found.setdefault(old, ([], []))[0].append(at)
            at, removing = at + 1, True
        elif old and line.startswith("+") and not removing:
            found.setdefault(old, ([], []))[1].append(max(at, 1))
    return found
