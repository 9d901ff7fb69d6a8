"""What past changes and the code itself say of files and functions that no frame points to."""

import pytest

from luffy_dagster.adapters.git import open_path
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.alike import compare
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.past import WIDEST, changed_for_alike, changed_with_tests
from luffy_dagster.core.rca.places import place_all, places
from luffy_dagster.core.rca.signals import gather
from luffy_dagster.core.rca.suspects import rank_suspects
from luffy_dagster_tests.gitmaker import Made

RUN = "def run(name):\n    raise ValueError('no rate for ' + name)\n"
RATES = "def rate_of(currency):\n    return table[currency]\n\n\ndef other(x):\n    return x\n"


@pytest.fixture
def shop(tmp_path):
    made = Made(tmp_path / "shop")
    made.commit(
        "Start", {"shop/run.py": RUN, "shop/rates.py": "", "shop/mail.py": "x = 1\n", "tests/test_total.py": ""}
    )
    made.commit("Totals", {"shop/rates.py": RATES, "tests/test_total.py": "a = 1\n"})
    made.commit(
        "Everything", {f"shop/part{n}.py": "y = 1\n" for n in range(WIDEST + 1)} | {"shop/rate_all.py": "z = 1\n"}
    )
    made.head = made.commit("Rates of ValueError: no rate", {"shop/mail.py": "x = 2\n"})
    with open_path(made.path, cache=tmp_path / "c") as made.repo:
        yield made


def read(shop):
    frames = (Frame("run", "shop/run.py", 2, None, True), Frame("test_total", "tests/test_total.py", 3, None, True))
    trouble = Trouble(shop.head, "python", "ValueError", "no rate for EUR", frames)
    where = places(f.path for f in shop.repo.files(shop.head))
    return trouble, gather(trouble, place_all(frames, where, language="python"), shop.repo), where


def test_a_file_that_changed_with_the_test_is_found(shop):
    found = changed_with_tests(*read(shop), shop.repo)
    assert "changed" in found["shop/rates.py"][1]
    assert found["shop/rates.py"][0] > max(found.get("shop/run.py", (0,))[0], found.get("shop/mail.py", (0,))[0])
    assert not any(path.startswith("tests/") for path in found)


def test_past_changes_count_by_the_names_of_their_files_and_never_by_their_message(shop):
    found = changed_for_alike(*read(shop), shop.repo)
    assert "shop/rates.py" in found and "about" in found["shop/rates.py"][1]
    assert "shop/mail.py" not in found or found["shop/mail.py"][0] < found["shop/rates.py"][0]
    assert "shop/rate_all.py" not in found  # that commit was too wide


def test_functions_that_are_about_the_error_answer_best(shop):
    trouble, clues, _ = read(shop)
    answers = compare(trouble, clues, ["shop/run.py", "shop/rates.py"], shop.repo)
    rate = answers.functions["shop/rates.py", "rate_of"]["code_said"]
    assert 0 < rate[0] <= 1 and "rate" in rate[1]
    assert "code_said" not in answers.functions.get(("shop/rates.py", "other"), {})
    assert answers.by_file()["shop/rates.py"]["code_said"] == rate


def test_it_is_a_suspect_with_its_reasons_twice_the_same(shop):
    trouble, _, _ = read(shop)
    found = rank_suspects(trouble, shop.repo)
    assert found == rank_suspects(trouble, shop.repo)
    rates = next(s for s in found.files if s.name == "shop/rates.py")
    assert {"with_test", "past", "code_said"} <= {part.signal for part in rates.parts}
    assert any(s.name == "shop/rates.py::rate_of" for s in found.functions)
