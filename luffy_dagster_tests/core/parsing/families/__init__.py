"""Message families written by us, with their truth, to measure template mining on words nobody tuned for.

A family is a system with some dozen templates. In a template `{kind}` is a value drawn by the generator of that name
and `{a|b|c}` one of these values; its truth has `<*>` there, and what is glued to a value belongs to it (the corrected
truths of Khan et al., ICSE 2022, are made so). `{!a|b}` are reasons or states: a template each, and so are
two to four plain words that follow no quote, "=", preposition or the like. A template that begins
with `>>` makes up nearly half of its family's lines; of the others a third is seen once or twice only, as in real logs.

Those of `held_families` were never looked at while tuning: they are only measured. (`held` and `systems_held` were held
back until 2026-11-28, then looked at to find out why they lose.)
"""

from __future__ import annotations

import random
import re

from luffy_dagster_tests.core.parsing.families import first
from luffy_dagster_tests.core.parsing.families.held import HELD
from luffy_dagster_tests.core.parsing.families.servers import SERVERS, SERVERS_HELD
from luffy_dagster_tests.core.parsing.families.servers_values import SERVER_VALUES
from luffy_dagster_tests.core.parsing.families.software import SOFTWARE, SOFTWARE_HELD
from luffy_dagster_tests.core.parsing.families.software_values import SOFTWARE_VALUES
from luffy_dagster_tests.core.parsing.families.styles import STYLES, STYLES_HELD
from luffy_dagster_tests.core.parsing.families.systems import SYSTEMS
from luffy_dagster_tests.core.parsing.families.systems_held import SYSTEMS_HELD
from luffy_dagster_tests.core.parsing.families.systems_values import SYSTEM_VALUES
from luffy_dagster_tests.core.parsing.families.tune import TUNE
from luffy_dagster_tests.core.parsing.families.values import VALUES as _VALUES

VALUES = {**_VALUES, **SYSTEM_VALUES, **SOFTWARE_VALUES, **SERVER_VALUES}
FAMILIES = {**first.FAMILIES, **TUNE, **HELD, **SYSTEMS, **SYSTEMS_HELD, **STYLES, **STYLES_HELD, **SOFTWARE, **SOFTWARE_HELD, **SERVERS, **SERVERS_HELD}
_SLOT = re.compile(r"\{([a-zA-Z][^{}]*)\}")
_REASON = re.compile(r"\{!([^{}]+)\}")
# Two to four plain words where nothing says "value" are a template each: so it is nearly always in the truths.
_FEW = re.compile(
    r"""(?<![="'(\[{:])(?<!\b(?:of|by|in|as|to|on) )(?<!\b(?:via|for|key) )(?<!\b(?:with|from|pool|type) )(?<!\} -> )(?<!\} to )\{((?:[a-z]+|[A-Z]+|[A-Z][a-z]+)(?:\|(?:[a-z]+|[A-Z]+|[A-Z][a-z]+)){1,3})\}(?! -> \{)"""
)
_GLUE = r"[A-Za-z0-9_/%+-]*"
# Numbers, booleans and null are values wherever they stand.
_CONSTANT = re.compile(r"(?<![\w.#<*-])(?:[0-9]+|true|false|null)(?![\w.>-])")
_TOKEN = re.compile(rf"{_GLUE}<\*>(?:{_GLUE}[.:/]?{_GLUE}<\*>)*{_GLUE}")


def generate(family: str, lines: int = 2000, seed: int = 7) -> tuple[list[str], list[str], list[int]]:
    """Messages, true template of each and the number of the family's line it comes from."""
    rng = random.Random(f"{family}-{seed}")
    templates = FAMILIES[family]
    order = list(range(len(templates)))
    rng.shuffle(order)
    huge = [t for t in order if templates[t].startswith(">>")]
    rare = {t: rng.randrange(1, 3) for t in order[-(len(order) // 3) :] if t not in huge}
    common = [t for t in order if t not in rare and t not in huge]
    picks = [t for t, times in rare.items() for _ in range(times)] + common * 2
    left = lines - len(picks)
    picks += [rng.choice(huge) for _ in range(left * 45 // 100)] if huge else []
    weights = [1 / (1 + rank) ** 1.1 for rank in range(len(common))]
    picks += rng.choices(common, weights, k=lines - len(picks))
    rng.shuffle(picks)
    messages, truths = [], []
    for pick in picks:
        text = _REASON.sub(lambda m: rng.choice(m[1].split("|")), templates[pick].removeprefix(">>"))
        text = _FEW.sub(lambda m: m[0] if m[1] in VALUES else rng.choice(m[1].split("|")), text)
        messages.append(_SLOT.sub(lambda m: _value(m[1], rng), text).rstrip())
        truth = _CONSTANT.sub("<*>", _SLOT.sub("<*>", text.replace("{optsize}", " <*>")))
        truths.append(" ".join(_TOKEN.sub("<*>", truth).split()))
    return messages, truths, picks


def _value(slot: str, rng: random.Random) -> str:
    return VALUES[slot](rng) if slot in VALUES else rng.choice(slot.split("|"))


def held_families() -> list[str]:
    """Names of the families that are only measured."""
    return [*STYLES_HELD, *SOFTWARE_HELD, *SERVERS_HELD]


def tuning_families() -> list[str]:
    """Names of the families one may look at."""
    return [name for name in FAMILIES if name not in held_families()]
