"""Masks, grouping rules, replay and comparing, as a person types them."""

from luffy_dagster_tests.cli.test_reading import watched  # noqa: F401 - a fixture


def test_a_mask_from_add_to_activate(luffy, watched):
    assert "luffy mask add" in luffy("mask", "list", "my-shop").err
    added = luffy("mask", "add", "my-shop", "cart", r"cart \d+ has", "--json")
    assert added.code == 0, added.err
    number = added.json["id"]
    tried = luffy("replay", "templates", "-s", "my-shop", "--with", number)
    assert tried.code == 0, tried.err
    assert "nothing was changed" in tried.err
    assert "to be tried" in luffy("mask", "list", "my-shop").out
    done = luffy("replay", "templates", "-s", "my-shop", "--with", number, "--activate", "--yes", "--json")
    assert done.code == 0, done.err
    assert done.json["active"] is True
    assert "in force" in luffy("mask", "list", "my-shop").out
    assert any("<cart>" in row["template"] for row in luffy("templates", "--json").json)
    refused = luffy("mask", "remove", "my-shop", number)
    assert refused.code == 1
    assert f"--without {number} --activate" in refused.err
    assert luffy("replay", "templates", "-s", "my-shop", "--without", number, "--activate", "--yes").code == 0
    assert not any("<cart>" in row["template"] for row in luffy("templates", "--json").json)


def test_wrong_use_is_told(luffy, watched):
    bad = luffy("mask", "add", "my-shop", "x", "(")
    assert bad.code == 1
    assert "pattern" in bad.err
    assert luffy("mask", "add", "my-shop", "x", "a*").code == 1
    assert luffy("mask", "add", "nobody", "x", "a").code == 1
    assert luffy("grouping", "add", "my-shop", "x", "--match", "type").code == 2
    assert "no field" in luffy("grouping", "add", "my-shop", "x", "--match", "moon=1").err
    assert luffy("replay", "templates", "-s", "my-shop", "--with", "one").code == 2
    assert luffy("replay", "templates", "-s", "my-shop", "--with", "77").code == 1
    assert luffy("replay", "clusters", "-s", "nobody").code == 1


def test_a_grouping_rule_is_listed_tried_and_removed(luffy, watched):
    added = luffy("grouping", "add", "my-shop", "keys", "--match", "type=KeyError", "--by", "culprit,message", "--json")
    assert added.code == 0, added.err
    number = added.json["id"]
    assert "type=KeyError" in luffy("grouping", "list", "my-shop").out
    assert luffy("replay", "clusters", "-s", "my-shop", "--with", number, "--json").json["difference"]["moved"] == 0
    assert luffy("grouping", "remove", "my-shop", number).code == 0
    assert luffy("grouping", "list", "my-shop", "--json").json == []


def test_compare_and_patterns(luffy, watched):
    found = luffy("compare", "3h..80m", "80m..now", "-s", "my-shop", "--json", "--all")
    assert found.code == 0, found.err
    assert found.json["baseline_entries"] + found.json["incident_entries"] == 64
    assert luffy("compare", "3h..80m", "80m..now", "-s", "my-shop").code == 0
    assert luffy("compare", "3h..", "1h", "-s", "my-shop").code == 2
    assert luffy("compare", "3h..1h", "2h..now", "-s", "my-shop").code == 1
    shown = luffy("patterns", "-s", "my-shop", "--from", "3h", "--json").json
    assert {row["template"] for row in shown["new"]} >= {"going down"}
    assert "Never seen before" in luffy("patterns", "-s", "my-shop", "--from", "3h").out
