"""Which code is about what the trace is about: BM25 of the functions of the suspected files for the words of message, tests, frames and lines.

Belongs here: the questions that a trace asks, and how well functions answer them. The answers are compared among the suspected files
only, so that a repository of any size costs the same. Does not belong here: weights.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from luffy_dagster.core.codeindex import Symbol, outline
from luffy_dagster.core.codeindex.terms import K1, NAME_WEIGHT, bm25, idf, words
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.places import clean_path
from luffy_dagster.core.rca.reading import Repository
from luffy_dagster.core.rca.signals import Clues

MAX_READ = 40  # suspected files that are read, the most suspected first
FRAMED_ONLY = frozenset({"code_names"})  # what says nothing of code without a frame
_SHOWN = 4  # words that a reason names
_TESTS, _FRAMES, _NEAR = 4, 12, 6  # tests, frames, and lines of frames whose words are asked for
_LINES = 3  # lines up to the frame's own


@dataclass(frozen=True, slots=True)
class Answers:
    """Per function `(path, name)` and signal how well it answers, 0 to 1, and why; outlines of all files that were read."""

    functions: Mapping[tuple[str, str], Mapping[str, tuple[float, str]]] = field(default_factory=dict)
    outlines: Mapping[str, tuple[Symbol, ...]] = field(default_factory=dict)

    def by_file(self) -> dict[str, dict[str, tuple[float, str]]]:
        """The best answers of each file's functions."""
        best: dict[str, dict[str, tuple[float, str]]] = defaultdict(dict)
        for (path, _), each in self.functions.items():
            for signal, answer in each.items():
                if answer[0] > best[path].get(signal, (0.0, ""))[0]:
                    best[path][signal] = answer
        return dict(best)


def compare(trouble: Trouble, clues: Clues, paths: Sequence[str], repository: Repository) -> Answers:
    """How well the functions of `paths` (most suspected first) answer what the trace asks."""
    asked = questions(trouble, clues)
    every = {word for question in asked.values() for word in question}
    outlines = dict(clues.outlines)
    functions: list[tuple[str, Symbol, int, dict[str, int]]] = []
    for path in paths[:MAX_READ]:
        text = clues.texts.get(path) or repository.read(trouble.commit, path) or ""
        if path not in outlines:
            outlines[path] = outline(path, text)
        lines = text.split("\n")
        for symbol in outlines[path]:
            if symbol.kind == "function":
                counts = Counter(words("\n".join(lines[symbol.first - 1 : symbol.last])))
                held = {word: counts[word] for word in every & counts.keys()}
                for word in every & set(words(symbol.name.replace(".", " "))):
                    held[word] = held.get(word, 0) + NAME_WEIGHT
                functions.append((path, symbol, counts.total(), held))
    if not functions:
        return Answers(outlines=outlines)
    having = Counter(word for *_, held in functions for word in held)
    average = sum(length for *_, length, _ in functions) / len(functions)
    found: dict[tuple[str, str], dict[str, tuple[float, str]]] = defaultdict(dict)
    for signal, question in asked.items():
        weights = {word: heat * idf(len(functions), having[word]) for word, heat in question.items() if having[word]}
        most = sum(weights.values()) * (K1 + 1)
        for path, symbol, length, held in functions:
            score = bm25(held, length, average, weights) / most if most else 0.0
            if score > found[path, symbol.name].get(signal, (0.0, ""))[0]:
                said = sorted((word for word in held if word in weights), key=lambda word: (-weights[word], word))
                found[path, symbol.name][signal] = (score, f"{symbol.name} {_WHY[signal]}: {', '.join(said[:_SHOWN])}")
    return Answers(found, outlines)


_WHY = {
    "code_said": "is about words of the error",
    "code_tested": "is about words of the tests in the trace",
    "code_names": "is about words of the frames' names",
    "code_near": "is about words of the frames' lines",
}


def questions(trouble: Trouble, clues: Clues) -> dict[str, dict[str, float]]:
    """Per signal the words that a trace asks for, with how much each counts."""
    asked: dict[str, dict[str, float]] = {signal: {} for signal in _WHY}

    def ask(signal: str, texts: Iterable[str | None], heat: float) -> None:
        for text in texts:
            for word in words(text or ""):
                asked[signal][word] = max(asked[signal].get(word, 0.0), heat)

    said = (trouble.root_message or trouble.message or trouble.text)[:600]
    ask("code_said", (trouble.root_type or trouble.type, said), 1.0)
    for frame in clues.tests[:_TESTS]:
        named = frame.module.rpartition(".")[2] if frame.module else stem(clean_path(frame.file or ""))
        ask("code_tested", (frame.function, named), 1.0)
    for own in clues.own[:_FRAMES]:
        ask("code_names", (own.function.rpartition(".")[2], stem(own.path)), 0.15 + 1 / (1 + own.depth))
    for own in clues.own[:_NEAR]:
        lines = clues.texts.get(own.path, "").split("\n")
        near = lines[max(0, own.line - _LINES) : own.line] if own.line else [own.frame.source]
        ask("code_near", near, 1 / (1 + own.depth))
    return asked


def stem(path: str) -> str:
    """The name of a file without its folders and endings."""
    return path.rpartition("/")[2].partition(".")[0]
