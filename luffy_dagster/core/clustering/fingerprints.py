"""From a trace to its fingerprint: a fact, the same for ever for the same trace and algorithm.

Belongs here: normalised names, the levels and their hashes. Does not belong here: which fingerprints belong together
(`assign`). Line numbers, addresses and generated names take no part, so that a reformatted file or a renamed lambda
gives the same fingerprint. The idea of several levels of one trace follows Sentry's grouping, the top frames S3M and CrashGraphs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

from luffy_dagster.core.model import Frame
from luffy_dagster.core.parsing.traces.in_app import is_test
from luffy_dagster.core.parsing.traces.model import Trace

FINGERPRINT_ALGORITHM = "fp-2026-11"
TOP = 3  # in-app frames of the level "top"

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
_DIRECTORIES = re.compile(r"^.*[/\\]")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`id` names the exact level; `levels` maps exact, in_app, top and template to 16 hex characters each."""

    id: str
    levels: dict[str, str] = field(default_factory=dict)


def digest(*parts: str) -> str:
    """16 hex characters of the algorithm's id and `parts`."""
    return blake2b(
        "\0".join((FINGERPRINT_ALGORITHM, *parts)).encode("utf-8", "surrogatepass"), digest_size=8
    ).hexdigest()


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


def template_of(message: str) -> str:
    """The message's first line with values taken out, as `core.parsing.shapes` masks them, quoted values too."""
    from luffy_dagster.core.parsing.shapes import shape_of

    first = message.strip().split("\n", 1)[0][:500]
    quoted = re.sub(r"'[^']{0,200}'|\"[^\"]{0,200}\"|`[^`]{0,200}`|\[[^\[\]]{0,200}\]", "<quoted>", first)
    return shape_of(quoted)[1] if quoted else ""


def fingerprint(trace: Trace, frames: tuple[Frame, ...]) -> Fingerprint:
    """The fingerprint of `trace`, whose frames (judged in-app or not) are `frames`."""
    types = [e.type or "" for e in trace.exceptions]
    root, outer = trace.root, trace.outer
    everything = collapse([frame_key(f.module, f.file, f.function) for f in frames])
    own = own_keys(frames)
    top = own_keys(frames, trace.root_at) or own_keys(frames, trace.outer_at) or everything
    message = template_of(root.message)
    # A trace without a frame is named by what it says.
    exact = digest("exact", trace.language, *types, *(everything or [message]))
    levels = {
        "exact": exact,
        "in_app": digest("in_app", trace.language, outer.type or "", root.type or "", *(own or everything)),
        "top": digest("top", trace.language, root.type or "", *(top[:TOP] or [message])),
        "template": digest("template", trace.language, root.type or "", message),
    }
    return Fingerprint(f"fp-{exact}", levels)


def message_fingerprint(shape_id: str, message: str) -> Fingerprint:
    """The fingerprint of an error without a trace: the shape of its message."""
    named = digest("message", shape_id or template_of(message))
    return Fingerprint(f"fp-{named}", {"exact": named, "in_app": named, "top": named, "template": named})
