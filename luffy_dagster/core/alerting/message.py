"""What a message says, and how it looks as plain text, HTML and Slack's blocks. Log text is data: escaped, cut, never markup.

Texts that come from logs must have been redacted before they are given here (`flows/messages` does).
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from luffy_dagster.core.model import Severity
from luffy_dagster.core.wording import many

MOST_LINE = 300
MOST_SUBJECT = 160
MARKS = {Severity.CRITICAL: "🔴", Severity.HIGH: "🟠", Severity.MEDIUM: "🟡", Severity.LOW: "🔵"}
_WORDS = {"first": "", "update": "Update: ", "repeat": "Still: ", "resolved": "Over: "}
MOST_WHOLE = 8  # incidents in one message that are told with everything; of the others a line each
MOST_NAMED = 40
# Control characters, and those that turn the reading direction or hide: they can make a text look like another. Halves of surrogate
# pairs are no text at all: what holds one can neither be stored nor sent.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


@dataclass(frozen=True, slots=True)
class Message:
    """One incident for people. `facts` are (label, text), `links` (label, address or command)."""

    kind: str
    severity: Severity
    headline: str
    facts: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    incident_id: str = ""

    @property
    def subject(self) -> str:
        """One line."""
        return cut(f"[{self.severity.upper()}] {_WORDS.get(self.kind, '')}{clean(self.headline)}", MOST_SUBJECT)

    def as_json(self) -> dict[str, Any]:
        """Plain values, as the outbox keeps them."""
        return {
            "kind": self.kind,
            "severity": str(self.severity),
            "headline": self.headline,
            "facts": [list(pair) for pair in self.facts],
            "lines": list(self.lines),
            "links": [list(pair) for pair in self.links],
            "incident_id": self.incident_id,
        }

    @staticmethod
    def of_json(values: dict[str, Any]) -> Message:
        """The opposite of `as_json`."""
        return Message(
            values["kind"],
            Severity(values["severity"]),
            values["headline"],
            tuple((str(a), str(b)) for a, b in values.get("facts", ())),
            tuple(values.get("lines", ())),
            tuple((str(a), str(b)) for a, b in values.get("links", ())),
            values.get("incident_id", ""),
        )


def clean(text: str) -> str:
    """One line without control characters and marks of direction."""
    return _UNSEEN.sub("", " ".join(text.split()))


def cut(text: str, most: int) -> str:
    """At most so many characters; what was cut is shown."""
    return text if len(text) <= most else text[: most - 1] + "…"


def span(since: datetime, now: datetime) -> str:
    """How long ago, in words."""
    seconds = max(0.0, (now - since).total_seconds())
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{many(round(seconds / size), unit)} ago"
    return "just now"


def subject_of(messages: Sequence[Message]) -> str:
    """The subject of one or several incidents in one message."""
    if len(messages) == 1:
        return messages[0].subject
    worst = max(messages, key=lambda m: m.severity.rank)
    return cut(f"[{worst.severity.upper()}] {len(messages)} incidents: {clean(worst.headline)} …", MOST_SUBJECT)


def whole_and_rest(messages: Sequence[Message]) -> tuple[list[Message], list[str]]:
    """Of many incidents in one message: those told whole, the worst first, and of the others how many they are and a line each."""
    if len(messages) <= MOST_WHOLE:
        return list(messages), []
    ranked = sorted(messages, key=lambda m: -m.severity.rank)
    rest = ranked[MOST_WHOLE:]
    number = f"{many(len(rest), 'more incident')} (luffy incidents list):"
    return ranked[:MOST_WHOLE], [number, *(one.subject for one in rest[:MOST_NAMED])]


def as_text(messages: Sequence[Message]) -> str:
    """Plain text, for mail and for whatever takes no markup."""
    whole, rest = whole_and_rest(messages)
    return "\n\n".join([*(_text(one) for one in whole), *(["\n".join(rest)] if rest else [])]) + "\n"


def _text(one: Message) -> str:
    width = max((len(label) for label, _ in (*one.facts, *one.links)), default=0) + 1
    out = [f"{_WORDS.get(one.kind, '')}{clean(one.headline)}", ""]
    out += [f"{label + ':':{width}} {clean(text)}" for label, text in one.facts]
    if one.lines:
        out += ["", *(f"  | {cut(clean(line), MOST_LINE)}" for line in one.lines)]
    if one.links:
        out += ["", *(f"{label + ':':{width}} {clean(target)}" for label, target in one.links)]
    return "\n".join(out)


def as_html(messages: Sequence[Message]) -> str:
    """HTML without anything that is loaded from elsewhere."""
    whole, rest = whole_and_rest(messages)
    parts = [_html(one) for one in whole]
    if rest:
        parts.append("".join(f"<p>{html.escape(line)}</p>" for line in rest))
    return f'<!doctype html><html><body style="font-family:sans-serif">{"<hr>".join(parts)}</body></html>'


def _html(one: Message) -> str:
    esc = html.escape
    rows = "".join(
        f'<tr><th align="left" valign="top" style="padding-right:1em">{esc(label)}</th><td>{esc(clean(text))}</td></tr>'
        for label, text in one.facts
    )
    lines = "\n".join(esc(cut(clean(line), MOST_LINE)) for line in one.lines)
    links = "".join(f"<li>{esc(label)}: {_anchor(clean(target))}</li>" for label, target in one.links)
    return (
        f"<h3>{MARKS[one.severity]} {esc(_WORDS.get(one.kind, ''))}{esc(clean(one.headline))}</h3><table>{rows}</table>"
        + (f"<pre>{lines}</pre>" if lines else "")
        + (f"<ul>{links}</ul>" if links else "")
    )


def _anchor(target: str) -> str:
    shown = html.escape(target)
    return f'<a href="{shown}">{shown}</a>' if target.startswith(("https://", "http://")) else f"<code>{shown}</code>"


def slack_escape(text: str) -> str:
    """Text that Slack and its like show as it is: no mention of a channel or person, no link or picture, no markup from the log."""
    plain = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = plain.replace("@", "@\u200b").replace("`", "ˋ")
    # Mattermost and its like read Markdown, and make links of whatever looks like an address.
    plain = (
        plain.replace("://", ":\u200b//")
        .replace("](", "]\u200b(")
        .replace("][", "]\u200b[")
        .replace("www.", "www\u200b.")
    )
    return re.sub(r"([*_~])", "\u200b\\1", plain)


def as_slack(messages: Sequence[Message]) -> dict[str, Any]:
    """Payload of a Slack-compatible webhook: blocks, and the plain text that notifications show."""
    blocks: list[dict[str, Any]] = []
    whole, rest = whole_and_rest(messages)
    for number, one in enumerate(whole):
        if number:
            blocks.append({"type": "divider"})
        head = (
            f"{MARKS[one.severity]} *{one.severity.upper()}* {_WORDS.get(one.kind, '')}*{slack_escape(one.headline)}*"
        )
        blocks.append(_section(head))
        facts = "\n".join(f"*{label}:* {slack_escape(text)}" for label, text in one.facts)
        if facts:
            blocks.append(_section(facts))
        if one.lines:
            body = "\n".join(slack_escape(cut(line, MOST_LINE)) for line in one.lines)
            blocks.append(_section(f"```{cut(body, 2900)}```"))
        if one.links:
            blocks.append(_section("\n".join(f"{label}: {_slack_link(target)}" for label, target in one.links)))
    if rest:
        blocks += [{"type": "divider"}, _section("\n".join(slack_escape(cut(line, 70)) for line in rest))]
    # Neither names of people or channels are made calls of, nor addresses links, nor pages behind links fetched.
    quiet = {"link_names": False, "parse": "none", "unfurl_links": False, "unfurl_media": False}
    return {"text": slack_escape(subject_of(messages)), "blocks": blocks[:50], **quiet}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, 3000), "verbatim": True}}


def _slack_link(target: str) -> str:
    plain = clean(target)
    if plain.startswith(("https://", "http://")) and not re.search(r"[<>|\s]", plain):
        return f"<{plain}>"
    return f"`{plain.replace('`', 'ˋ')}`"
