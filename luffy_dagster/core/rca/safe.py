"""Text of others made harmless: log lines, commit messages and code are data, they can instruct nobody and draw nothing.

Belongs here: taking out control characters, telling lines that speak to a reader, quoting for Markdown and terminals.
"""

from __future__ import annotations

import re
import unicodedata

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

# What speaks to a reader or a model instead of telling what happened.
_SPEAKS = re.compile(
    r"(?i)\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:previous|prior|above|earlier|all|your|any|these|the)\b.{0,30}\b(?:instruction|prompt|rule|context|direction|guideline|message|evidence)"
    r"|\b(?:system|developer|assistant|ai|llm|model)\s*(?:\]|>|:)\s*(?:you|analysis|the|answer|output|respond|reply|this|name|report|do not|don't|set|mark|treat|verdict|culprit|please|maintenance)"
    r"|<\|?(?:im_start|im_end|system|endoftext|eot_id|start_header_id|end_header_id)\|?>|\[/?INST\]|<</?SYS>>|</?(?:evidence|system|instructions?|context|assistant|log_data|untrusted)>"
    r"|\"(?:role|tool_calls?|function_call|tool_use)\"\s*:"
    r"|\b(?:note|message|notice|attention|memo|instruction|hint|hello|dear)s?\b.{0,15}\b(?:to|for)\b.{0,12}\b(?:ai|llm|model|assistant|reviewer|analyst|agent|bot|analy[sz]er|copilot|gpt)"
    r"|\byou (?:are|must|should|will|have to|may|can)\b.{0,60}\b(?:assistant|ai|llm|model|mode|culprit|verdict|report|answer|conclude|blame|root cause)\b"
    r"|\b(?:act as (?:a|an|the)|pretend (?:to|you)|respond with|answer with|answer only|output only|reply with|print your|reveal your|repeat your|never answer|always answer|do not mention|don't mention|do not report|say that|instead say|conclude that|please (?:report|add|name|include|conclude|write|answer|mark|say|state))\b"
    r"|\b(?:culprit|guilty|root[ -]?cause|to blame|responsible|offending|bad) (?:commit|change|sha|revision)?\s*(?:is|=|:|was)?\s*(?:commit |sha |revision )?(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b"
    r"|\b(?:name|blame|report|accuse|declare|choose|pick|return|select|mark|flag)\b.{0,30}\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b"
    r"|\bcommit (?=[0-9a-f]*\d)[0-9a-f]{7,40}\b.{0,40}\b(?:guilty|culprit|caused|broke|responsible|to blame|at fault|innocent|safe)"
    r"|\b(?:culprit|verdict|root_cause|confidence)\s*[=:]\s*[\"']?(?:commit|no_code_cause|inconclusive|culprit|[01]\.\d|(?=[0-9a-f]*\d)[0-9a-f]{7,40})"
    r"|\b(?:verified|known|confirmed) (?:to be )?(?:safe|harmless|innocent)\b|\bsystem prompt\b|\bno code cause\b|!\[[^\]]*\]\(|\]\(\s*(?:https?:)?//|\bjavascript:|<\s*(?:script|iframe|img|svg|object|embed|link|form|meta|base)\b"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")


def clean(text: str) -> str:
    """`text` without escape sequences, control and zero-width characters (line breaks and tabs stay)."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub("", _ANSI.sub("", text))


def addresses_reader(text: str) -> bool:
    """Whether a line speaks to a reader or a model (instructions, verdicts, roles, live markup), also behind Base64 or escapes."""
    bare = unicodedata.normalize("NFKC", clean(text))
    if _SPEAKS.search(bare) or "\x1b" in text:
        return True
    return any(_SPEAKS.search(decoded) for decoded in _decoded(bare))


def _decoded(text: str) -> list[str]:
    import base64
    import binascii

    out = []
    for m in list(_BASE64.finditer(text))[:20]:
        try:
            raw = base64.b64decode(m[0] + "=" * (-len(m[0]) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue
        decoded = raw.decode("utf-8", "replace")
        if sum(c.isprintable() for c in decoded) > 0.9 * len(decoded):
            out.append(decoded)
    return out


def fence(text: str, language: str = "") -> str:
    """`text` as a fenced block of Markdown that it cannot end: the fence is longer than any run of backticks in it."""
    body = clean(text)
    longest = max((len(m[0]) for m in re.finditer(r"`+", body)), default=0)
    mark = "`" * max(3, longest + 1)
    return f"{mark}{language}\n{body}\n{mark}"


def code(text: str, limit: int = 160) -> str:
    """`text` as inline code on one line; it cannot end it either."""
    body = " ".join(clean(text).split())
    if len(body) > limit:
        body = body[: limit - 1] + "…"
    body = body.replace("`", "ˋ").replace("|", "¦")
    return f"`{body}`" if body else "``"


_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~])")
_LINK = re.compile(r"(?i)\b(?:https?|ftp|javascript|data|file|mailto):[^\s`]*[^\s`.,;:)\]]|\bwww\.[^\s`]+")


def prose(text: str) -> str:
    """`text` of others as plain words inside a Markdown sentence: markup escaped, addresses shown as code, so that none is a link."""
    body = " ".join(clean(text).split())
    out, at = [], 0
    for m in _LINK.finditer(body):
        out += [_MARKUP.sub(r"\\\1", body[at : m.start()]), code(m[0], 300)]
        at = m.end()
    return "".join([*out, _MARKUP.sub(r"\\\1", body[at:])])


def sentence(text: str) -> str:
    """Our words around names of others: what stands between backticks becomes code, the rest loses its markup."""
    parts = re.split(r"(`[^`\n]*`)", clean(text))
    return "".join(
        code(p[1:-1]) if p.startswith("`") and p.endswith("`") and len(p) > 2 else _between(p) for p in parts
    )


def _between(text: str) -> str:
    """`prose` that keeps the blanks at both ends."""
    body = prose(text)
    return f"{' ' if text[:1].isspace() else ''}{body}{' ' if text[-1:].isspace() and body else ''}"
