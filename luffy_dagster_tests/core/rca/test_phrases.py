"""Code that says what the message says is found, wherever it lies; what many files say is not told."""

import pytest

from luffy_dagster.adapters.git import open_path
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.phrases import MOST_FILES, said_in_code
from luffy_dagster.core.rca.places import place_all, places
from luffy_dagster.core.rca.signals import gather
from luffy_dagster.core.rca.suspects import rank_suspects
from luffy_dagster_tests.gitmaker import Made

SEARCH = "def search(pattern, text, what):\n    if pattern not in text:\n        raise LookupError('Unable to extract ' + what)\n"
PLAYER = "from site import search\n\n\ndef player(text):\n    return search('sig', text, 'initial player signature name')\n"


@pytest.fixture
def site(tmp_path):
    made = Made(tmp_path / "site")
    made.head = made.commit(
        "All",
        {
            "site/search.py": SEARCH,
            "site/player.py": PLAYER,
            "site/notes.py": "# initial player of the signature\nname = 1\n",
            "site/notes.txt": "initial player signature name\n",
            "tests/test_player.py": "WANTED = 'initial player signature name'\n",
            **{f"site/p{n}.py": "SAID = 'every file says this'\n" for n in range(MOST_FILES + 1)},
        },
    )
    with open_path(made.path, cache=tmp_path / "c") as made.repo:
        yield made


def found(site, message):
    frames = (Frame("search", "site/search.py", 3, None, True),)
    trouble = Trouble(site.head, "python", "LookupError", message, frames)
    where = places(f.path for f in site.repo.files(site.head))
    return trouble, said_in_code(trouble, gather(trouble, place_all(frames, where, language="python"), site.repo), where, site.repo)


def test_the_caller_whose_words_the_message_repeats_is_found(site):
    trouble, files = found(site, "Unable to extract initial player signature name; please report it")
    assert set(files) == {"site/player.py"}
    assert files["site/player.py"][1] == "it says “initial player signature name”, as the message does"
    ranked = {s.name: s for s in rank_suspects(trouble, site.repo).files}
    assert any(part.signal == "phrase" and part.value > 0 for part in ranked["site/player.py"].parts)


def test_a_longer_run_counts_more_and_what_all_say_nothing(site):
    _, short = found(site, "player signature name missing")
    _, long = found(site, "initial player signature name missing")
    assert 0 < short["site/player.py"][0] < long["site/player.py"][0]
    assert found(site, "every file says this")[1] == {}


@pytest.mark.parametrize("message", ["", "no", "is it on", "a.*b|c(", "x" * 5_000, "'; DROP \\ [[:alpha:]] $(id)"])
def test_any_message_is_searched_for_or_not_at_all(site, message):
    assert found(site, message)[1] == {}
