"""From a trace to its fingerprint: a fact, the same for ever for the same trace and algorithm.

Belongs here: normalised names, the levels and their hashes. Does not belong here: which fingerprints belong together
(`assign`). Line numbers, addresses and generated names take no part, so that a reformatted file or a renamed lambda
gives the same fingerprint. The idea of several levels of one trace follows Sentry's grouping, the top frames S3M and CrashGraphs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

import polars as pl

from luffy_dagster.core.clustering.kinds import kinds_of
from luffy_dagster.core.model import Frame
from luffy_dagster.core.parsing.traces.in_app import is_test
from luffy_dagster.core.parsing.traces.model import Trace

FINGERPRINT_ALGORITHM = "fp-2026-12-2"
_SALT = "fp-2026-11"  # what the later algorithm names as the earlier did keeps its name
TOP = 3  # in-app frames of the level "top"
DEPTH = 24  # in-app frames of the level "path"
_SHORT = 8

# Exceptions that the platform raises where the code is wrong, so that the place alone says what it is.
_BY_PLATFORM = re.compile(
    r"(?:NullPointer|IndexOutOfBounds|ClassCast|Arithmetic|StackOverflow|NegativeArraySize|ArrayStore|ConcurrentModification|"
    r"NoSuchMethod|NoSuchField|AbstractMethod|OutOfMemory|NumberFormat|UnsupportedOperation|^TypeError|AttributeError|KeyError|"
    r"IndexError|NameError|UnboundLocal|ZeroDivision|DivideByZero|RecursionError|UnicodeDecode|UnicodeEncode|ImportError|"
    r"ModuleNotFound|ReferenceError|NoMethodError|runtime error|NullReference|IndexOutOfRange|InvalidCast|RangeError)"
)
# Functions and classes whose only work is to complain: they say nothing of where the fault lies.
_CHECK_CLASS = re.compile(
    r"(?:^|[.$/])(?:Validate|Validator?s?|Preconditions|Assert(?:ions)?|Checks?|Guard|Args|Require|Ensure|Objects)(?:\.\w{1,4})?$"
)
_COMPLAINT = re.compile(
    r"^_?_?(?:throw|raise|fail|report|construct|create|make|new|build|wrap|weird|handle|rethrow|signal|abort)?_?\w*(?:Error|Exception|Problem|"
    r"Failure|Mismatch|Overflow|Throwable)\w*$|^(?:_?throw|_?raise|_?fail|_?abort)(?:$|[A-Z_])|^wrapAndThrow$|^raise_exc_info$"
)

_GENERATED = (
    (re.compile(r"\$\$Lambda(?:\$\d+)?(?:/0x[0-9a-f]+|/\d+)?(?:@[0-9a-f]+)?"), "<lambda>"),
    (re.compile(r"lambda\$([\w$]*?)\$\d+"), r"<lambda>"),
    (re.compile(r"\$\$(?:EnhancerBySpringCGLIB|FastClassBySpringCGLIB|EnhancerByCGLIB|FastClassByCGLIB|SpringCGLIB|KeyFactoryByCGLIB)\$\$\w*"), ""),
    (re.compile(r"\$(?:MockitoMock|HibernateProxy|ByteBuddy|Proxy|jacocoInit)\$?\w*"), "<proxy>"),
    (re.compile(r"Generated(\w+?)\d+"), r"Generated\1"),
    (re.compile(r"\$\d+(?=\W|$|\$)"), "$"),
    (re.compile(r"access\$\d+"), "access$"),
    (re.compile(r"<>c__DisplayClass\d+_\d+|<>c(?=\.|$)"), "<closure>"),
    (re.compile(r"<([\w.]*)>[a-z]__\w+(?:\.MoveNext)?"), r"\1"),
    (re.compile(r"`\d+(?:\[[^\]]*\])*"), ""),
    (re.compile(r"(?:\.func\d+)+(?:\.\d+)*"), ".<func>"),
    (re.compile(r"::h[0-9a-f]{16}"), ""),
    (re.compile(r"::\{\{?closure\}?\}(?:#\d+)?"), "::<closure>"),
    (re.compile(r"<locals>\."), ""),
    (re.compile(r"<(?:listcomp|dictcomp|setcomp|genexpr)>"), "<comp>"),
    (re.compile(r"0x[0-9a-fA-F]+"), "<hex>"),
    (re.compile(r"(?:block (?:\(\d+ levels\) )?in |rescue in |ensure in )"), ""),
    (re.compile(r"<anonymous closure>|<anonymous>|\(anonymous\)|\{closure(?::[^}]*)?\}|anonymous fn"), "<lambda>"),
    (re.compile(r"-fun-\d+-"), "-fun-"),
)  # fmt: skip
_BUILD_FILE = re.compile(r"[.-][0-9a-f]{8,32}(?=\.(?:chunk\.|bundle\.|min\.)?[cm]?js)")
_QUOTED = re.compile(r"'[^']{0,200}'|\"[^\"]{0,200}\"|`[^`]{0,200}`|\[[^\[\]]{0,200}\]")
_QUALIFIED = re.compile(r"(?:[A-Za-z_][\w$]*\.){2,}[A-Za-z_$][\w$]*")
MESSAGE = "message"  # the language of an error that is only a line, without a trace
TEMPLATE_WORDS = 8  # words of a message that say what happened; the rest is mostly values
_DIRECTORIES = re.compile(r"^.*[/\\]")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`id` names the exact level; `levels` maps a level's name to a hash (16 hex characters each).

    exact, in_app, top, template as the names say. For the joins of `assign`: path (hashes of the in-app frames from the place
    of the fault on, 8 characters each, at most DEPTH, with blanks between), entry (class or file through which the call came
    in), said (the message's first line with only its digits masked, empty where there is none), and raised: how it came about
    ("site", "check" or "own", see `_raised`); kind (what the messages speak of, see `kinds`, "" for nothing known) and frames (exact
    without the kind; only where there is one).
    """

    id: str
    levels: dict[str, str] = field(default_factory=dict)


def digest(*parts: str) -> str:
    """16 hex characters of the algorithm's id and `parts`."""
    return blake2b("\0".join((_SALT, *parts)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@lru_cache(maxsize=65_536)
def normal_name(name: str) -> str:
    """A function, class or module name without what compilers and run times put into it."""
    name = name[:400]
    for expression, replacement in _GENERATED:
        name = expression.sub(replacement, name)
    return name.strip()


@lru_cache(maxsize=65_536)
def frame_key(module: str | None, file: str | None, function: str | None) -> str:
    """Where a frame is: module or file name, and function; no line, no directories, no generated names."""
    where = normal_name(module) if module else _BUILD_FILE.sub("", _DIRECTORIES.sub("", (file or "").split("?")[0]))
    return f"{where}:{normal_name(function or '')}"


def collapse(keys: list[str]) -> list[str]:
    """`keys` with runs that repeat (recursion of one to four frames) kept once."""
    out: list[str] = []
    for key in keys:
        out.append(key)
        for length in (1, 2, 3, 4):
            if len(out) >= 2 * length and out[-length:] == out[-2 * length : -length]:
                del out[-length:]
                break
    return out


def own_keys(frames: tuple[Frame, ...] | list[Frame], segment: int | None = None) -> list[str]:
    """Keys of in-app frames that are no tests, innermost first, recursion collapsed."""
    return collapse(
        [
            frame_key(f.module, f.file, f.function)
            for f in frames
            if f.in_app and (segment is None or f.segment == segment) and not is_test(f.module, f.file, f.function)
        ]
    )


def _complains(frame: Frame, types: frozenset[str]) -> bool:
    """Whether a frame only makes or throws the exception."""
    module = frame.module or ""
    return (
        module in types
        or bool(_CHECK_CLASS.search(module or (frame.file or "")))
        or bool(_COMPLAINT.match(frame.function or ""))
    )


def _raised(frames: list[Frame], types: frozenset[str], root_type: str) -> tuple[str, list[Frame]]:
    """How the exception came about, and its frames from the place of the fault on.

    "site": the platform raised it, in own code or in what own code called; "check": a function that only checks
    complained; "own": own code decided to throw.
    """
    platform = bool(_BY_PLATFORM.search(root_type)) or bool(frames and not frames[0].in_app)
    kind = "site" if platform else "own"
    at = next((i for i, frame in enumerate(frames) if frame.in_app), 0)
    start = at
    while at < len(frames) - 1 and at - start < 6 and frames[at].in_app and _complains(frames[at], types):
        at += 1
    if at < len(frames) and is_test(frames[at].module, frames[at].file, frames[at].function):
        at = start
    if kind == "own" and any(_CHECK_CLASS.search(f.module or f.file or "") for f in frames[start:at]):
        kind = "check"
    return kind, frames[at:]


def _entry(frames: list[Frame]) -> str:
    """Class or file of the outermost frame of the run of own frames around the fault."""
    entry = ""
    for frame in frames:
        if frame.in_app:
            entry = (
                (normal_name(frame.module).split("$", 1)[0]) if frame.module else _DIRECTORIES.sub("", frame.file or "")
            )
        elif entry:
            break
    return entry


def templates_of(messages: Sequence[str]) -> list[str]:
    """Of each message the first words with values taken out, as `core.parsing.shapes` masks them; quoted values and names too."""
    from luffy_dagster.core.parsing.shapes import shape_ids

    plain = [_QUALIFIED.sub("<name>", _QUOTED.sub("<quoted>", m.strip().split("\n", 1)[0][:500])) for m in messages]
    distinct = sorted({text for text in plain if text})
    if not distinct:
        return [""] * len(plain)
    shapes = shape_ids(pl.Series(distinct, dtype=pl.Utf8)).get_column("shape").to_list()
    short = {
        text: " ".join((shape or "").split()[:TEMPLATE_WORDS]) for text, shape in zip(distinct, shapes, strict=True)
    }
    return [short.get(text, "") for text in plain]


def template_of(message: str) -> str:
    """`templates_of` for one message."""
    return templates_of([message])[0]


def fingerprint(trace: Trace, frames: tuple[Frame, ...], template: str | None = None) -> Fingerprint:
    """The fingerprint of `trace`, whose frames (judged in-app or not) are `frames`.

    `template` is `template_of` the root's message; given by a caller that has many, since finding them together costs little.
    """
    types = tuple(e.type or "" for e in trace.exceptions)
    named_types = {
        name.rsplit(".", 1)[-1].rsplit("::", 1)[-1] for name in types
    }  # what a message repeats of its chain is no news
    root, outer = trace.root, trace.outer
    message = template_of(root.message) if template is None else template
    kind_of = ", ".join(
        sorted({kind for e in trace.exceptions for kind in kinds_of(e.message) if kind not in named_types})
    )
    named = _named(
        trace.language, types, tuple(frames), (trace.root_at, trace.outer_at), (root.type, outer.type), message, kind_of
    )
    said = re.sub(r"\d+", "0", root.message.strip().split("\n", 1)[0])[:500]
    return Fingerprint(named.id, {**named.levels, "said": digest("said", said) if root.message.strip() else ""})


@lru_cache(maxsize=4096)  # occurrences of one fault differ in their messages only
def _named(
    language: str,
    types: tuple[str, ...],
    frames: tuple[Frame, ...],
    at: tuple[int, int],
    root_and_outer: tuple[str | None, str | None],
    message: str,
    kind_of: str,
) -> Fingerprint:
    """The fingerprint but for `said`; `at`: indexes of root and outer exception, `message`: the template of the root's."""
    root, outer = (kind or "" for kind in root_and_outer)
    everything = collapse([frame_key(f.module, f.file, f.function) for f in frames])
    own = own_keys(frames)
    top = own_keys(frames, at[0]) or own_keys(frames, at[1]) or everything
    # A trace without a frame is named by what it says.
    same = ("exact", language, *types, *(everything or [message]))
    exact = digest(*same, "kind", kind_of) if kind_of else digest(*same)
    levels = {
        "exact": exact,
        "in_app": digest("in_app", language, outer, root, *(own or everything)),
        "top": digest("top", language, root, *(top[:TOP] or [message])),
        "template": digest("template", language, root, message),
    }
    cause = [f for f in frames if f.segment == at[0]]
    if not any(f.in_app for f in cause):
        cause = [f for f in frames if f.segment == at[1]] or cause
    kind, fault = _raised(cause, frozenset(types), root)
    path = own_keys(fault)[:DEPTH] or [key for key in everything[:1] if kind == "site"]
    levels |= {
        "path": " ".join(digest("frame", key)[:_SHORT] for key in path),
        "entry": digest("entry", _entry(fault)),
        "raised": kind,
        "kind": kind_of,
    }
    if kind_of:
        levels["frames"] = digest(*same)
    return Fingerprint(f"fp-{exact}", levels)


def message_fingerprint(shape_id: str, message: str) -> Fingerprint:
    """The fingerprint of an error without a trace: the shape of its message, or its template where it has no shape."""
    named = digest("message", shape_id or template_of(message))
    levels = dict.fromkeys(("exact", "in_app", "top", "template"), named)
    return Fingerprint(f"fp-{named}", {**levels, "shape": shape_id} if shape_id else levels)
