"""One's own logs in one command, then the reading commands: logs, templates, clusters."""

from datetime import UTC, datetime, timedelta

import pytest

TRACE = """Traceback (most recent call last):
  File "/srv/app/shop/cart.py", line 12, in total
    return prices[sku]
KeyError: 'TEA'"""


@pytest.fixture
def watched(luffy, bare):
    start = datetime.now(UTC) - timedelta(hours=2)
    lines = []
    for number in range(60):
        at = f"{start + timedelta(minutes=number):%Y-%m-%d %H:%M:%S},{number:03d}"
        lines.append(f"{at} INFO  [main] shop.cart - cart {number} has {number % 4} items")
        if number % 20 == 10:
            lines.append(f"{at} ERROR [main] shop.cart - could not price cart {number}\n{TRACE}")
    lines.append(f"{start + timedelta(minutes=70):%Y-%m-%d %H:%M:%S},000 WARN  [main] shop.cart - going down")
    (bare / "app.log").write_text("\n".join(lines) + "\n")
    answer = luffy("watch", "app.log", "--service", "My shop")
    assert answer.code == 0, answer.err
    return answer


def test_watch_does_not_wait_for_the_last_lines_which_may_go_on(luffy, bare):
    head, *rest = TRACE.split("\n")
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S},000"
    log = bare / "last.log"
    log.write_text(f"{now} INFO  [main] shop.cart - up\n{now} ERROR [main] shop.cart - no price\n{TRACE}\n")
    first = luffy("watch", "last.log", "--service", "last")
    assert first.code == 0, first.err
    assert "KeyError" in first.out
    with log.open("a") as more:  # the same exception goes on
        more.write("\nThe above exception was the direct cause of the following exception:\n\n" + "\n".join([head, *rest[:2], "LookupFailed: TEA"]) + "\n")
    assert luffy("watch", "last.log", "--service", "last").code == 0
    (found,) = luffy("clusters", "-s", "last", "--json").json
    assert found["count_total"] == 1
    assert found["example"].endswith("LookupFailed: TEA")


def test_watch_shows_what_is_in_the_logs(watched):
    assert "my-shop" in watched.out
    assert "cart <*> has <*> items" in watched.out
    assert " · 0" in watched.out or " · 1" in watched.out or " · 2" in watched.out or " · 3" in watched.out, "what varies"
    assert "KeyError" in watched.out


def test_watch_twice_brings_nothing_twice(luffy, watched):
    before = luffy("logs", "--json", "-n", "1").json["total"]
    again = luffy("watch", "app.log", "--service", "My shop", "--json")
    assert again.code == 0, again.err
    assert luffy("logs", "--json", "-n", "1").json["total"] == before
    assert len(luffy("source", "list", "my-shop", "--json").json) == 1


def test_logs_filters_combine(luffy, watched):
    assert luffy("logs", "-l", "error", "--json").json["total"] == 3
    assert luffy("logs", "-l", "warn+", "--json").json["total"] == 4
    assert luffy("logs", "-l", "error", "--text", "cart 30", "--json").json["total"] == 1
    assert luffy("logs", "--regex", r"cart 1\d has", "--json").json["total"] == 10
    assert luffy("logs", "--from", "5m", "--json").json["total"] == 0
    assert luffy("logs", "-s", "nobody").code == 1
    shown = luffy("logs", "-l", "error", "-w")
    assert shown.out.count("KeyError: 'TEA'") == 3


def test_pages_join_without_gap_or_repeat(luffy, watched):
    whole = [row["entry_id"] for row in luffy("logs", "-n", "1000", "--json").json["rows"]]
    paged, cursor = [], None
    while True:
        page = luffy("logs", "-n", "7", "--json", *(["--cursor", cursor] if cursor else [])).json
        paged += [row["entry_id"] for row in page["rows"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert paged == whole
    assert len(set(paged)) == len(paged) == 64


def test_templates_and_clusters(luffy, watched):
    templates = luffy("templates", "--json").json
    assert templates[0]["count"] == 60
    assert "cart" in luffy("templates").out
    (cluster,) = luffy("clusters", "--json").json
    assert cluster["count_24h"] == cluster["count_7d"] == 3
    shown = luffy("clusters", "show", cluster["cluster_id"])
    assert shown.code == 0, shown.err
    assert "KeyError: 'TEA'" in shown.out
    assert "cart.py" in shown.out
    assert luffy("clusters", "show", "nothing").code == 1
    assert luffy("clusters", "--state", "resolved", "--json").json == []


def test_cluster_ids_stay_when_all_is_read_again(luffy, watched):
    before = luffy("clusters", "--json").json[0]["cluster_id"]
    assert luffy("fetch").code == 0
    assert luffy("clusters", "--json").json[0]["cluster_id"] == before


def test_watch_of_nothing_says_so(luffy, bare):
    assert "there is no" in luffy("watch", "missing.log", "--service", "x").err
    (bare / "empty").mkdir()
    assert "no log files" in luffy("watch", "empty", "--service", "x").err


def test_fetch_of_a_failing_source_is_1_and_names_it(luffy, watched, bare):
    luffy("service", "add", "Other")
    luffy("source", "add", "other", "-t", "opensearch", "--host", "127.0.0.1", "--port", "1", "--index", "x", "--no-test")
    source = next(one for one in luffy("source", "list", "other", "--json").json)
    luffy("source", "monitoring", source["id"], "on")
    answer = luffy("fetch", "--json")
    assert answer.code == 1
    results = {one["service"]: one for one in answer.json}
    assert results["my-shop"]["ok"] is True
    assert results["other"]["ok"] is False
    assert "127.0.0.1" in luffy("fetch").err
