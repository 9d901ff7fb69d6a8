"""Suspects over a real history: planted commits, decoys, drifted lines, nothing newer than what ran; and frames to files."""

from dataclasses import replace
from datetime import timedelta

import pytest

from luffy_dagster.adapters.git import open_path
from luffy_dagster.core.model import Frame
from luffy_dagster.core.rca.model import Trouble
from luffy_dagster.core.rca.places import clean_path, place, places
from luffy_dagster.core.rca.suspects import rank_suspects
from luffy_dagster_tests.gitmaker import START, Made

PATHS = [
    "services/pay/fees.py", "services/mail/fees.py", "services/pay/__init__.py", "web/src/cart/Total.tsx", "src/main/java/com/acme/Shop.java",
    "src/test/java/com/acme/ShopTest.java", "lib/other/Shop.java", "cmd/api/main.go", "json/decoder.py", "app/Http/Kernel.php", "Web/Api/Orders.cs",
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "module", "language", "expected"),
    [
        ("/srv/app/services/pay/fees.py", None, "python", ["services/pay/fees.py"]),
        ("/usr/lib/python3.11/site-packages/services/mail/fees.py", None, "python", ["services/mail/fees.py"]),
        ("/usr/lib/python3.11/json/decoder.py", None, "python", []),
        ("/usr/lib/python3.11/site-packages/other/fees.py", None, "python", []),
        ("C:\\build\\agent\\Web\\Api\\Orders.cs", "Acme.Orders", "csharp", ["Web/Api/Orders.cs"]),
        ("webpack://shop/./src/cart/Total.tsx?4f2a", None, "javascript", ["web/src/cart/Total.tsx"]),
        ("https://cdn.example.test/assets/src/cart/Total.js?v=2", None, "javascript", ["web/src/cart/Total.tsx"]),
        ("Shop.java", "com.acme.Shop$Cart", "java", ["src/main/java/com/acme/Shop.java"]),
        (None, "com.acme.Shop", "java", ["src/main/java/com/acme/Shop.java"]),
        ("ShopTest.java", "com.acme.ShopTest", "java", ["src/test/java/com/acme/ShopTest.java"]),
        ("Shop.java", "org.elsewhere.Shop", "java", []),
        ("/go/src/github.com/acme/shop/cmd/api/main.go", "main", "go", ["cmd/api/main.go"]),
        ("/var/www/html/app/Http/Kernel.php", None, "php", ["app/Http/Kernel.php"]),
        ("fees.py", None, "python", ["services/mail/fees.py", "services/pay/fees.py"]),
        ("<frozen importlib._bootstrap>", None, "python", []),
    ],
)
def test_frames_find_their_files(file, module, language, expected):
    own = "site-packages" not in (file or "") and "/usr/lib" not in (file or "")
    found = place(Frame("f", file, 1, module, own), places(PATHS), language=language)
    assert sorted(c.path for c in found) == expected
    assert sum(c.weight for c in found) <= 1


def test_a_services_own_folder_wins():
    found = place(Frame("f", "/app/fees.py", 1, None, True), places(PATHS, "services/pay"))
    assert [c.path for c in found] == ["services/pay/fees.py"]


def test_paths_are_cleaned():
    assert clean_path("jar:file:/app/x.jar!/BOOT-INF/classes!/a/b.py") == "a/b.py"
    assert clean_path("webpack-internal:///./src/a.ts") == "src/a.ts" and clean_path("D:\\a\\b.cs") == "/a/b.cs"


OLD = '''"""Fees."""

RATES = {"eur": 2, "usd": 3}


def fee_of(order):
    """The fee of an order."""
    rate = RATES.get(order["currency"], 2)
    return order["amount"] * rate


def total(order):
    return order["amount"] + fee_of(order)
'''
NEW = OLD.replace('RATES.get(order["currency"], 2)', 'RATES[order["currency"]]')


@pytest.fixture
def shop(tmp_path):
    made = Made(tmp_path / "shop")
    made.first = made.commit("Fees", at=START - timedelta(days=300), files={"pay/fees.py": OLD, "pay/api.py": "from pay.fees import total\n\n\ndef pay(order):\n    return total(order)\n"})
    for number in range(4):
        made.commit(f"Other {number}", {f"mail/m{number}.py": f"X = {number}\n"})
    made.culprit = made.commit("Fees from the price list", {"pay/fees.py": NEW})
    made.decoy = made.commit("Fix KeyError in fee_of, root cause of everything", {"mail/m1.py": "X = 'KeyError'\n"})
    made.later = made.commit("Rewrite", {"pay/fees.py": "# all new\n" + NEW.replace("rate", "price")})
    return made


def trouble(made, **changes):
    frames = (
        Frame("fee_of", "/srv/app/pay/fees.py", 8, None, True, 0, 'rate = RATES[order["currency"]]'),
        Frame("total", "/srv/app/pay/fees.py", 13, None, True),
        Frame("pay", "/srv/app/pay/api.py", 5, None, True),
        Frame("run", "/usr/lib/python3.11/site-packages/web/app.py", 90, None, False),
    )
    seen = START + timedelta(hours=7, minutes=30)  # half an hour after the decoy
    return replace(Trouble(made.decoy, "python", "KeyError", "'jpy'", frames, first_seen=seen), **changes)


def test_the_planted_commit_comes_first_and_the_decoy_does_not(shop, tmp_path):
    with open_path(shop.path, cache=tmp_path / "c") as repo:
        found = rank_suspects(trouble(shop), repo)
        assert found.files[0].name == "pay/fees.py" and found.functions[0].name == "pay/fees.py::fee_of"
        assert found.commits[0].name == shop.culprit and found.commits[0].line == 8
        names = {s.name for s in found.commits}
        assert shop.decoy not in names and shop.later not in names
        assert any("including the line of the frame" in reason for reason in found.commits[0].reasons)
        for suspect in (*found.files, *found.functions, *found.commits):
            assert abs(sum(p.value for p in suspect.parts) - suspect.score) < 1e-3 and suspect.reasons
        assert rank_suspects(trouble(shop), repo) == found


def test_lines_that_drifted_are_found_by_what_the_trace_prints(shop, tmp_path):
    with open_path(shop.path, cache=tmp_path / "c") as repo:
        drifted = trouble(shop)
        frames = (replace(drifted.frames[0], line=400), *drifted.frames[1:])
        assert rank_suspects(replace(drifted, frames=frames), repo).commits[0].name == shop.culprit


def test_nothing_newer_than_what_ran_or_than_the_first_error_is_named(shop, tmp_path):
    with open_path(shop.path, cache=tmp_path / "c") as repo:
        at_later = trouble(shop, commit=shop.later, first_seen=START + timedelta(hours=6, minutes=30))
        assert shop.later not in {s.name for s in rank_suspects(at_later, repo).commits}
        before = trouble(shop, commit=shop.first)
        assert {s.name for s in rank_suspects(before, repo).commits} == {shop.first}


def test_a_release_counts(shop, tmp_path):
    with open_path(shop.path, cache=tmp_path / "c") as repo:
        plain = rank_suspects(trouble(shop), repo).commits[0]
        released = rank_suspects(trouble(shop, previous_commit=shop.first), repo).commits[0]
        assert released.name == plain.name and released.score > plain.score
        assert "the release that ran brought it" in released.reasons


def test_a_renamed_file_is_followed(shop, tmp_path):
    shop.git("mv", "pay/fees.py", "pay/charges.py")
    head = shop.commit("Renamed")
    with open_path(shop.path, cache=tmp_path / "c") as repo:
        found = rank_suspects(trouble(shop, commit=head), repo)
        assert found.files[0].name == "pay/charges.py" and found.frames[0].candidates[0].how == "renamed"


def test_without_a_frame_or_a_commit_it_says_so(shop, tmp_path):
    with open_path(shop.path, cache=tmp_path / "c") as repo:
        said = rank_suspects(trouble(shop, frames=(), message="cannot load fees"), repo)
        assert said.files[0].name == "pay/fees.py" and said.notes
        assert rank_suspects(trouble(shop, commit="0" * 40), repo).notes
        injected = rank_suspects(trouble(shop, frames=(), message="blame commit 1234567890abcdef1234567890abcdef12345678"), repo)
        assert not injected.files and not injected.commits


GIVER = """def rate_of(order):
    return RATES.get(order["currency"])


def whole(order):
    rate = rate_of(order)
    if rate > 1:
        return order["amount"] * rate


def other(order):
    return 1
"""


def signals_of(suspects, name):
    return {part.signal: part.reason for one in suspects if one.name == name for part in one.parts}


def test_what_the_frames_line_does_and_who_gave_its_values_is_seen(tmp_path):
    made = Made(tmp_path / "shop")
    made.commit("Start", {"pay/rates.py": GIVER.replace("1", "0"), "pay/api.py": "def pay(call, *args):\n    return call(*args)\n"}, at=START - timedelta(days=400))
    late = made.commit("Rates", {"pay/rates.py": GIVER})
    frames = (
        Frame("whole", "/srv/app/pay/rates.py", 7, None, True, 0, "if rate > 1:"),
        Frame("pay", "/srv/app/pay/api.py", 2, None, True, 0, "return call(*args)"),
    )
    with open_path(made.path, cache=tmp_path / "c") as repo:
        found = rank_suspects(Trouble(late, "python", "TypeError", "not supported between NoneType and int", frames), repo)
    whole = signals_of(found.functions, "pay/rates.py::whole")
    assert whole["asks"] == "its line is a condition"
    assert whole["changed_lately"] == "1 of its 4 lines were written in the 60 days before"
    assert signals_of(found.functions, "pay/rates.py::rate_of")["gave"] == "what it returns is used at the frame's line in whole"
    assert "gave" not in signals_of(found.functions, "pay/rates.py::other")
    assert "passes_on" in signals_of(found.functions, "pay/api.py::pay")
    assert "passes_on" in signals_of(found.files, "pay/api.py")
    assert [one.name for one in found.functions[:2]] == ["pay/rates.py::whole", "pay/rates.py::rate_of"]


def test_who_wrote_the_file_suspected_most_is_named_though_nothing_points_to_the_lines(shop, tmp_path):
    with open_path(shop.path, cache=tmp_path / "c") as repo:
        found = rank_suspects(trouble(shop, frames=(), message="cannot load fees"), repo)
    (first,) = [one for one in found.commits if one.name == shop.first]
    assert any("of pay/fees.py, the file suspected most" in reason for reason in first.reasons)
