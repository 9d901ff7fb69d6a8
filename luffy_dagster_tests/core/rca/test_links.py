"""From the code at the frames to the files it leads to: calls near the failing line, types of receivers, names in messages, classes above."""

from dataclasses import replace

import pytest

from luffy_dagster.adapters.git import open_path
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.links import follow
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.places import place_all, places
from luffy_dagster.core.rca.signals import gather
from luffy_dagster.core.rca.suspects import rank_suspects
from luffy_dagster_tests.gitmaker import Made

PARSER = """package shop;

public class Parser extends Reader {
    private final Choices choices;

    void read(String word) {
        List<String> found = choices.matching(word);
        if (found.size() > 1) {
            throw new AmbiguousException(word);
        }
    }
}
"""
CHOICES = """package shop;

public class Choices {
    public List<String> matching(String word) {
        return all;
    }
}
"""
OTHER = """package shop;

public class Other {
    public List<String> matching(String word) {
        return none;
    }
}
"""
READER = "package shop;\n\npublic class Reader {\n}\n"
AMBIGUOUS = "package shop;\n\npublic class AmbiguousException extends RuntimeException {\n}\n"


@pytest.fixture
def shop(tmp_path):
    made = Made(tmp_path / "shop")
    base = "src/main/java/shop"
    made.head = made.commit(
        "All",
        {
            f"{base}/Parser.java": PARSER,
            f"{base}/Choices.java": CHOICES,
            f"{base}/Other.java": OTHER,
            f"{base}/Reader.java": READER,
            f"{base}/AmbiguousException.java": AMBIGUOUS,
            "src/test/java/shop/ParserTest.java": "package shop;\n\nclass ParserTest {\n    void matching() {\n    }\n}\n",
        },
    )
    with open_path(made.path, cache=tmp_path / "c") as made.repo:
        yield made


def links_of(shop, trouble):
    where = places(f.path for f in shop.repo.files(trouble.commit))
    clues = gather(trouble, place_all(trouble.frames, where, language=trouble.language), shop.repo)
    return follow(trouble, clues, where, shop.repo)


def trouble_of(shop, **changes):
    frames = (Frame("read", "Parser.java", 9, "shop.Parser", True),)
    return replace(Trouble(shop.head, "java", "shop.AmbiguousException", "ambiguous", frames), **changes)


def by_name(links, signal):
    return {link.definition.name: link for link in links.found if link.signal == signal}


def test_a_call_above_the_raising_line_leads_to_the_type_of_its_receiver(shop):
    near = by_name(links_of(shop, trouble_of(shop)), "called")
    assert near["matching"].definition.path.endswith("/Choices.java") and near["matching"].definition.line == 4
    assert 0.5 < near["matching"].strength < 1  # two lines above the frame's


def test_classes_above_are_found_and_exceptions_and_tests_are_no_way(shop):
    links = links_of(shop, trouble_of(shop))
    assert by_name(links, "parent")["Reader"].definition.path.endswith("/Reader.java")
    assert not any(
        link.definition.path.endswith(("AmbiguousException.java", "ParserTest.java")) for link in links.found
    )


def test_what_the_message_names_is_found_without_a_frame(shop):
    said = trouble_of(shop, frames=(), message="no such method: 'matching'")
    strengths = [(link.definition.path.rpartition("/")[2], link.strength) for link in links_of(shop, said).found]
    assert strengths == [("Choices.java", 0.5), ("Other.java", 0.5)]


def test_the_called_file_is_a_suspect_with_its_reason(shop):
    found = rank_suspects(trouble_of(shop), shop.repo)
    choices = next(s for s in found.files if s.name.endswith("/Choices.java"))
    assert any("uses matching" in reason for reason in choices.reasons)
    assert any(s.name.endswith("::Choices.matching") for s in found.functions)


def test_names_are_no_expressions(shop):
    said = trouble_of(shop, frames=(), message="'.*' and 'a(b' and `matching` of Choices$(touch x)")
    assert {link.definition.name for link in links_of(shop, said).found} <= {"matching", "Choices"}
