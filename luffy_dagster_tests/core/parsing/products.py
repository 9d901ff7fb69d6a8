"""A fifth corpus: the formats of products as users have them, each with messages of its kind, scored by what `parse_rows` gives.

A product is a template of its header (strftime signs, `{name}` of a pool, `¦` where a message may as well begin), a scale of levels ("" for
none) and a voice. Every sixth by name is held back: it was not looked at while the parser was changed (every third until the first blind figure).

    python -m luffy_dagster_tests.core.parsing.products          # products for tuning, with what is wrong
    python -m luffy_dagster_tests.core.parsing.products held     # the shares of the others alone
"""

from __future__ import annotations

import random
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from luffy_dagster.core.parsing import ParseOptions, parse_rows, settle_profile
from luffy_dagster.core.parsing.levels import normal
from luffy_dagster_tests.core.parsing.product_formats import POOLS, SCALES, VOICES
from luffy_dagster_tests.core.parsing.product_formats import PRODUCTS as FIRST
from luffy_dagster_tests.core.parsing.product_formats_more import MORE
from luffy_dagster_tests.core.parsing.raw import NOW, rows

PRODUCTS = {**FIRST, **MORE}
HELD = frozenset(sorted(FIRST)[::6])
_WHERE = re.compile(r"(?<!\{)\{(\w+)(:[^}]*)?\}")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_EVENT = {"DEBUG": "debug", "INFO": "info", "WARN": "warn", "ERROR": "error"}


@dataclass(frozen=True)
class Made:
    """One generated stream: lines, and of each the time, the level on our scale (None: not judged) and the messages that are right."""

    lines: list[str]
    times: list[datetime]
    levels: list[str | None]
    messages: list[tuple[str, ...]]


def _value(name: str, rng: random.Random, at: datetime, word: dict[str, str]) -> object:
    if name in word:
        return word[name]
    if name in POOLS:
        return rng.choice(POOLS[name])
    micros = at.microsecond
    seconds = int(at.timestamp())
    fixed: dict[str, object] = {
        "ms": f"{micros // 1000:03d}", "us": f"{micros:06d}", "cs": f"{micros // 10000:02d}", "tms": f"{micros // 100:04d}", "ns": f"{micros:06d}123", "n7": f"{micros:06d}7",
        "epoch": seconds, "epochms": seconds * 1000 + micros // 1000, "hexepoch": f"{seconds:08x}", "h12": at.hour % 12 or 12, "h": at.hour, "ap": at.strftime("%p"),
        "uptime": f"{seconds % 90000}.{micros:06d}", "upms": f"{seconds % 90000}.{micros // 1000:03d}", "upint": seconds % 9000000,
        "d": at.day, "mon": at.month, "months": at.strftime("%b").lower(), "monU": at.strftime("%b").upper(), "end": seconds + 4,
    }  # fmt: skip
    if name in fixed:
        return fixed[name]
    digits = f"{rng.getrandbits(128):032x}"
    drawn: dict[str, object] = {
        "n": rng.randint(1, 9999), "pid": rng.randint(100, 32000), "n1": rng.randint(1, 9), "n2": rng.randint(10, 99), "n6": rng.randint(100000, 999999), "q": rng.randint(1, 400),
        "f": f"{rng.randint(0, 9)}.{rng.randint(100, 999)}", "ip": f"10.{rng.randint(0, 9)}.{rng.randint(0, 99)}.{rng.randint(1, 250)}", "port": rng.randint(1024, 65000),
        "hex4": digits[:4], "hex8": digits[:8], "hex12": digits[:12], "hex16": digits[:16], "hex32": digits, "HEX4": digits[:4].upper(), "HEX8": digits[:8].upper(),
        "uuid": f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}", "code": rng.choice((200, 200, 200, 200, 301, 404, 500)),
    }  # fmt: skip
    return drawn[name]


def _fill(text: str, rng: random.Random, at: datetime, word: dict[str, str]) -> str:
    done = _WHERE.sub(lambda m: ("{0" + (m.group(2) or "") + "}").format(_value(m.group(1), rng, at, word)), text)
    return done.replace("{{", "{").replace("}}", "}")


def make(name: str, count: int, seed: int) -> Made:
    """A stream of one product."""
    product = PRODUCTS[name]
    rng = random.Random(f"{name}/{seed}")
    said = list(VOICES[product.voice])
    rng.shuffle(said)
    weights = [1.0 / (rank + 1.5) for rank in range(len(said))]
    at = datetime(2026, 11, 20, 7, 41, 3, tzinfo=UTC)
    out = Made([], [], [], [])
    for _ in range(count):
        at += timedelta(microseconds=rng.randint(2000, 240_000_000))
        event = rng.choices(tuple(_EVENT), (2, 12, 3, 2))[0]
        word = {scale: words.get(event, event) for scale, words in SCALES.items()}
        template = rng.choice(product.others) if product.others and rng.random() < 0.25 else product.template
        header = _fill(at.strftime(template), rng, at, word)
        text = _fill(rng.choices(said, weights)[0], rng, at, word)
        tail = _fill(at.strftime(product.tail) if "%H" in product.tail else product.tail, rng, at, word)
        pieces = header.split("¦")
        starts = ["".join(pieces[i:]) + text + tail for i in range(1, len(pieces) + 1)]
        if text[0] == "%" or product.voice == "nagios":  # the kind of the event may as well be the header's last part
            starts.append(text.split(": ", 1)[-1])
        if tail:
            starts += [start[: len(start) - len(tail)] for start in starts]
        out.lines.append("".join(pieces) + text + tail)
        out.times.append(at)
        shown = product.level and "{" + product.level in template
        out.levels.append((normal(word[product.level]) or _EVENT[event]) if shown else None)
        out.messages.append(tuple(_ANSI.sub("", part).strip() for start in starts for part in (start.split("\n")[0], start)))
    return out


def score(name: str, count: int = 250, seed: int = 1) -> tuple[float, float, float, list[str]]:
    """Shares of entries with the right message, level and time, and what was read of some that are wrong."""
    made = make(name, count, seed)
    lines = [part for line in made.lines for part in line.split("\n")]
    profile = settle_profile(lines, received_at=NOW)
    options = ParseOptions(now=NOW, header_times=frozenset({"src"}), shapes=False, exceptions=False, close=True)
    read = parse_rows(rows(lines), {"s": profile}, options).entries
    firsts: dict[str, int] = {}
    at = 0
    for i, line in enumerate(made.lines):
        firsts[f"s:{at}"] = i
        at += line.count("\n") + 1
    good, levels, judged, timed, wrong = 0, 0, 0, 0, []
    for doc, message, level, when in read.select("entry_id", "message", "level", "event_time").iter_rows():
        i = firsts.get(doc)
        if i is None:
            continue
        right = message.strip() in made.messages[i]
        good += right
        levels += made.levels[i] is not None and level == made.levels[i]
        day = PRODUCTS[name].dated
        off = abs((when - made.times[i]).total_seconds())
        timed += min(off, 1e9 if day else abs(off % 86400), 1e9 if day else 86400 - off % 86400) < 1.01
        if not right or (made.levels[i] is not None and level != made.levels[i]) or off > 1.01:
            wrong.append(f"{made.lines[i]!r}\n            -> {message!r} | {level} | {when:%d %H:%M:%S}  wanted {made.levels[i]}")
    judged = sum(level is not None for level in made.levels)
    return good / count, levels / judged if judged else 1.0, timed / count if PRODUCTS[name].timed else 1.0, wrong[:3]


def main(held: bool, names: list[str]) -> None:
    """Prints what falls short and the shares of cases at .98."""
    tally = [0, 0, 0, 0, 0]
    for name in sorted(PRODUCTS):
        if (name in HELD) != held or (names and not any(part in name for part in names)):
            continue
        for count, seed in ((250, 1), (60, 2)):
            message, level, timed, wrong = score(name, count, seed)
            right = [message >= 0.98, level >= 0.98, timed >= 0.98]
            tally = [t + r for t, r in zip(tally, [1, *right, all(right)], strict=True)]
            if not held and (not all(right) or names):
                print(f"{name:24} {count} message {message:.3f} level {level:.3f} time {timed:.3f}   {PRODUCTS[name].template!r}")
                for text in wrong[:2] if count == 250 or right == [True] * 3 else []:
                    print("      ", text[:420])
    n = max(1, tally[0])
    print("cases", n, *(f"{what} {count / n:.3f}" for what, count in zip(("message", "level", "time", "all"), tally[1:], strict=True)))


if __name__ == "__main__":
    main("held" in sys.argv, [word for word in sys.argv[1:] if word != "held"])
