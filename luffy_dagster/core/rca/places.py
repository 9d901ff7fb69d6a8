"""From frames to files of the repository: what a path in a container, a wheel, a jar or a bundle means here.

Belongs here: reading paths and packages of frames, and weighing the files they may mean. Does not belong here: what is suspected.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.model import FileCandidate, PlacedFrame

MAX_CANDIDATES = 5
_JVM = (".java", ".kt", ".scala", ".groovy", ".kts")
# What a build makes of a source file, and what it was made of.
_MADE_OF = {
    ".js": (".ts", ".tsx", ".jsx", ".mjs", ".vue", ".svelte", ".coffee"),
    ".mjs": (".ts", ".mts"),
    ".cjs": (".ts", ".cts"),
    ".jsx": (".tsx",),
    ".pyc": (".py",),
    ".pyx": (".py",),
    ".so": (".pyx", ".py"),
    ".class": _JVM,
    ".c": (".pyx", ".y", ".l"),
}
_SCHEME = re.compile(
    r"^(?:webpack-internal|webpack|turbopack|ng|vite|file|https?|jar:file|jar|app|capacitor|rsrc):/{0,3}"
)
_DRIVE = re.compile(r"^[A-Za-z]:/")
_QUERY = re.compile(r"[?#].*$")
_LIBRARIES = re.compile(r"^.*/(?:site-packages|dist-packages|node_modules)/")
_PLATFORM = re.compile(
    r"/lib(?:64)?/python\d[\d.]*/(?!site-packages|dist-packages)|/usr/local/go/src/|/node:internal|^node:|/rustc/|<frozen "
)
_CLASSES = re.compile(r"^.*(?:BOOT-INF/classes|WEB-INF/classes|target/classes|build/classes(?:/\w+/main)?)!?/")
_LOADER = re.compile(r"^(?:\./)?(?:\(\w+\)/)?(?:\./)?")
_VAGUE = frozenset(  # names that say nothing of where they lie
    "__init__.py __main__.py index.js index.ts index.tsx index.jsx main.py main.go main.rs mod.rs lib.rs utils.py util.py "
    "base.py core.py app.py app.js views.py models.py config.py settings.py helpers.py types.py setup.py server.js package-info.java".split()
)
TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|testing|__tests__|specs?|testdata|fixtures|it|e2e|androidTest)(?:/|$)|(?:^|/)src/test/|"
    r"(?:^|/)(?:test_[^/]*|conftest|[^/]*_test|[^/]*_spec)\.\w+$|[^/]*\.(?:test|spec)\.[jt]sx?$|[^/]*Tests?\.(?:java|kt|cs|scala)$|"
    r"(?:^|/)Test[A-Z][^/]*\.(?:java|kt|scala)$|[^/]*TestCase\.\w+$"
)


def is_test_path(path: str) -> bool:
    """Whether a file of the repository is of its tests."""
    return bool(TEST_PATH.search(path))


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one commit, ready to be looked up; `subpath` is the service's own folder in a shared repository."""

    paths: frozenset[str]
    by_name: Mapping[str, tuple[str, ...]]
    subpath: str = ""
    tops: frozenset[str] = field(default_factory=frozenset)  # names of folders that hold code


def places(paths: Iterable[str], subpath: str = "") -> Places:
    """The lookup of `paths`."""
    by_name: dict[str, list[str]] = defaultdict(list)
    everything = frozenset(paths)
    tops = set()
    for path in sorted(everything):
        parts = path.split("/")
        by_name[parts[-1]].append(path)
        tops.update(parts[:-1])
    subpath = subpath.strip("/")
    return Places(everything, {k: tuple(v) for k, v in by_name.items()}, subpath, frozenset(tops))


def clean_path(path: str) -> str:
    """The path of a frame in forward slashes, without scheme, host, drive, query, loader marks and folders of builds."""
    path = path.strip().replace("\\", "/")
    path = path.rpartition("!/")[2] if "!/" in path and "classes!/" not in path else path
    scheme = _SCHEME.match(path)
    if scheme:
        web = scheme[0].startswith(("http", "webpack:", "webpack-internal:", "turbopack", "ng", "vite", "app"))
        path = _QUERY.sub("", path[scheme.end() :]) if web else path[scheme.end() :]
        if scheme[0].startswith("http"):
            path = path.partition("/")[2]
    path = _LOADER.sub("", _DRIVE.sub("/", path))
    while path.startswith(("./", "~/", "../", "_N_E/")):
        path = path.partition("/")[2]
    return _CLASSES.sub("", path)


def place(
    frame: Frame, where: Places, *, language: str = "", renamed: Callable[[str], Sequence[str]] | None = None
) -> tuple[FileCandidate, ...]:
    """The files that a frame may mean, best first; () when it is none of the repository's.

    `renamed` gives the present paths of files that once had a name like the one asked for.
    """
    found = _jvm(frame, where) if language in ("java", "kotlin", "scala") or _is_jvm(frame) else _by_path(frame, where)
    if not found and renamed is not None and frame.file and frame.in_app is not False:
        now = [path for path in renamed(clean_path(frame.file)) if path in where.paths]
        found = tuple(FileCandidate(path, 0.7 / len(now), "renamed") for path in now[:MAX_CANDIDATES])
    return found


def place_all(
    frames: Sequence[Frame], where: Places, *, language: str = "", renamed: Callable[[str], Sequence[str]] | None = None
) -> tuple[PlacedFrame, ...]:
    """All frames with the files they may mean."""
    known: dict[tuple[str | None, str | None, bool | None], tuple[FileCandidate, ...]] = {}
    placed = []
    for at, frame in enumerate(frames):
        key = (frame.file, frame.module, frame.in_app)
        if key not in known:
            known[key] = place(frame, where, language=language, renamed=renamed)
        placed.append(PlacedFrame(frame, at, known[key]))
    return tuple(placed)


def _is_jvm(frame: Frame) -> bool:
    return bool(frame.module and frame.file and frame.file.endswith(_JVM) and "/" not in frame.file)


def _jvm(frame: Frame, where: Places) -> tuple[FileCandidate, ...]:
    """By package and class: `com.acme.Shop$Cart` in Shop.java lies at …/com/acme/Shop.java."""
    module = (frame.module or "").rpartition("/")[2]
    package, _, name = module.rpartition(".")
    outer = name.split("$")[0]
    file = frame.file if frame.file and frame.file.endswith(_JVM) else None
    names = [file] if file else [outer + end for end in _JVM] if outer else []
    if not file and outer.endswith("Kt"):
        names.append(outer[:-2] + ".kt")
    folder = package.replace(".", "/")
    same = [path for n in names for path in where.by_name.get(n, ())]
    exact = [path for path in same if folder and f"/{path}".rpartition("/")[0].endswith(f"/{folder}")]
    if exact:
        return _share(exact, where, 1.0, "package")
    # Kotlin and Scala may leave the common prefix of packages away.
    tail = [
        path
        for path in same
        if path.endswith((".kt", ".scala")) and _common(f"{folder}/x", path.rpartition("/")[0] + "/x") > 1
    ]
    if tail:
        return _share(tail, where, 0.7, "suffix")
    if same and file and frame.in_app is not False and not folder:
        return _share(same, where, 0.5, "name")
    return ()


def _common(a: str, b: str) -> int:
    """How many components the tails of two paths share."""
    count = 0
    for x, y in zip(reversed(a.split("/")), reversed(b.split("/")), strict=False):
        if x != y:
            break
        count += 1
    return count


def _by_path(frame: Frame, where: Places) -> tuple[FileCandidate, ...]:
    if not frame.file:
        return _by_module(frame, where)
    path = clean_path(frame.file)
    if not path or path.startswith("<") or _PLATFORM.search(frame.file):
        return ()
    library = _LIBRARIES.match(f"/{path}")
    if library:
        return _of_library(f"/{path}"[library.end() :], where)
    if path.lstrip("/") in where.paths:
        return (FileCandidate(path.lstrip("/"), 1.0, "exact"),)
    name = path.rpartition("/")[2]
    for swapped in (name, *_sources_of(name)):
        same = where.by_name.get(swapped, ())
        if not same:
            continue
        target = path[: len(path) - len(name)] + swapped
        depth = {candidate: _common(target, candidate) for candidate in same}
        most = max(depth.values())
        if where.subpath:
            inside = [c for c in same if c.startswith(f"{where.subpath}/")]
            inside_most = max((depth[c] for c in inside), default=0)
            if inside and inside_most >= most - 1:
                depth, most = {c: depth[c] for c in inside}, inside_most
        best = [candidate for candidate, d in depth.items() if d == most]
        given = path.strip("/").count("/") + 1
        whole = any(most == c.count("/") + 1 for c in best)  # all of the file's own path stands in the frame's
        if whole or most >= min(3, given) > 1 or (most == given == 1 and swapped not in _VAGUE):
            weight = 1.0 if most > 1 or whole else 0.8
        elif most >= 2:
            weight = 0.8
        elif swapped in _VAGUE or frame.in_app is False:
            weight = 0.1 if frame.in_app is not False else 0.0
        else:
            weight = 0.4
        if weight and (frame.in_app is not False or most >= 2):
            return _share(best, where, weight if swapped == name else weight * 0.8, "suffix" if most > 1 else "name")
    return ()


def _sources_of(name: str) -> list[str]:
    stem, dot, end = (
        name.partition(".") if name.endswith((".min.js", ".bundle.js", ".chunk.js")) else name.rpartition(".")
    )
    ends = _MADE_OF.get(f".{end.rpartition('.')[2]}", ()) if dot else ()
    return [stem + other for other in ends]


def _of_library(rest: str, where: Places) -> tuple[FileCandidate, ...]:
    """An installed copy of this very repository: the path below the library folder is one of ours, maybe below src/ or lib/."""
    name = rest.rpartition("/")[2]
    same = [path for path in where.by_name.get(name, ()) if path == rest or path.endswith(f"/{rest}")]
    if not same or "/" not in rest:
        return ()
    near = [path for path in same if path.count("/") - rest.count("/") <= 3]
    return _share(near, where, 1.0, "suffix") if near else ()


def _by_module(frame: Frame, where: Places) -> tuple[FileCandidate, ...]:
    """Python, Elixir and others that name a module only."""
    module = frame.module or ""
    if not re.fullmatch(r"\w+(?:\.\w+)+", module):
        return ()
    tail = module.replace(".", "/")
    for path in (f"{tail}.py", f"{tail}/__init__.py"):
        same = [p for p in where.by_name.get(path.rpartition("/")[2], ()) if p == path or p.endswith(f"/{path}")]
        if same:
            return _share(same, where, 0.9, "package")
    return ()


def _share(paths: Sequence[str], where: Places, weight: float, how: str) -> tuple[FileCandidate, ...]:
    """`weight` spread over paths: the service's own folder first, sources before tests, shorter before longer."""
    own = [p for p in paths if not where.subpath or p.startswith(f"{where.subpath}/")] or list(paths)
    code = [p for p in own if not is_test_path(p)] or own
    chosen = sorted(code, key=lambda p: (p.count("/"), p))[:MAX_CANDIDATES]
    return tuple(FileCandidate(path, round(weight / len(chosen), 4), how) for path in chosen)
