"""Own grouping rules: equal keys join, others never; persons stand above; names of clusters go on."""

from datetime import timedelta

import polars as pl
import pytest

from luffy_dagster.core.clustering.assign import assign, keep_names
from luffy_dagster.core.clustering.own import RuleError, check_rule, keys_of
from luffy_dagster_tests.core.clustering.test_assign import NULL, START, Said, mapped, row, table


class Rule:
    def __init__(self, number, name, matcher, by=()):
        self.id, self.name, self.matcher, self.action = number, name, matcher, {"by": list(by)}


def exemplars(rows):
    made = table(rows)
    return made.with_columns(
        culprit=pl.lit("Cart.java:run"), language=pl.lit("java"), trace=pl.col("message")
    )


ROWS = [
    row(1, "shop.Timeout", ["Bank", "Web"], "no answer from A"),
    row(2, "shop.Refused", ["Card", "Web"], "no answer from B"),
    row(3, NULL, ["Cart", "Web"], "is null"),
    row(4, NULL, ["Cart", "Web", "More"], "is null"),
]
ANSWER = Rule(1, "acquirer", {"message": {"like": "^no answer"}})


def test_a_rule_joins_what_frames_cannot():
    made = exemplars(ROWS)
    found = assign(made, made.clear(), (), keys_of(made, [ANSWER]))
    places = mapped(found)
    names = made["fingerprint"].to_list()
    assert places[names[0]] == places[names[1]]
    assert places[names[2]] == places[names[3]] != places[names[0]]
    assert "grouping rule 'acquirer'" in found.rows["reason"].to_list()


def test_parts_keep_apart_what_the_algorithm_joins():
    made = exemplars(ROWS)
    rule = Rule(1, "exactly", {"type": {"is": NULL}}, by=["exact"])
    places = mapped(assign(made, made.clear(), (), keys_of(made, [rule])))
    names = made["fingerprint"].to_list()
    assert places[names[2]] != places[names[3]]


def test_one_by_one_and_all_at_once_agree():
    made = exemplars(ROWS)
    keys = keys_of(made, [ANSWER])
    whole = mapped(assign(made, made.clear(), (), keys))
    known = made.clear().with_columns(cluster_id=pl.lit(None, dtype=pl.Utf8))
    for one in made.sort("first_seen").iter_slices(1):
        rows = assign(one, known, (), keys).rows
        known = pl.concat([known, one.join(rows.select("fingerprint", "cluster_id"), on="fingerprint")])
    assert dict(known.select("fingerprint", "cluster_id").iter_rows()) == whole


def test_a_person_stands_above_a_rule():
    made = exemplars(ROWS)
    a, b, c, _ = made["fingerprint"].to_list()
    decisions = [Said("split", a, b), Said("join", a, c, START + timedelta(days=1))]
    places = mapped(assign(made, made.clear(), decisions, keys_of(made, [ANSWER])))
    assert places[a] != places[b]
    assert places[a] == places[c]


def test_the_first_rule_that_matches_has_it():
    made = exemplars(ROWS)
    later = Rule(2, "all", {"message": {"like": "."}})
    keys = keys_of(made, [ANSWER, later])
    reasons = {keys[name].reason for name in made["fingerprint"].to_list()[:2]}
    assert reasons == {"grouping rule 'acquirer'"}


@pytest.mark.parametrize(
    ("matcher", "action", "said"),
    [
        ({}, {"by": []}, "matches everything"),
        ({"colour": {"is": "red"}}, {"by": []}, "no field 'colour'"),
        ({"type": {"like": "("}}, {"by": []}, "type:"),
        ({"type": {"is": ""}}, {"by": []}, "tested with"),
        ({"type": {"is": "X"}}, {"by": ["moon"]}, "group by"),
        ({"type": {"is": "X"}}, {}, "group by"),
    ],
)
def test_rules_that_say_nothing_are_refused_by_name(matcher, action, said):
    with pytest.raises(RuleError, match=said):
        check_rule(matcher, action)


def test_clusters_keep_their_names_when_mapped_anew():
    assignment = pl.DataFrame(
        {"fingerprint": ["f1", "f2", "f3", "f4"], "cluster_id": ["c-f1", "c-f1", "c-f3", "c-f3"]}
    ).with_columns(reason=pl.lit(""), exemplar=pl.lit(None, dtype=pl.Utf8))
    before = pl.DataFrame({"fingerprint": ["f1", "f2", "f3", "f4"], "cluster_id": ["A", "B", "C", "C"]})
    kept = keep_names(assignment, before, {"A": "f1", "B": "f2", "C": "f4"})
    assert mapped(kept) == {"f1": "A", "f2": "A", "f3": "C", "f4": "C"}
    assert kept.aliases == {"B": "A"}


def test_a_new_cluster_never_takes_a_name_in_use():
    assignment = pl.DataFrame({"fingerprint": ["f1", "f2"], "cluster_id": ["c-1", "c-2"]}).with_columns(
        reason=pl.lit(""), exemplar=pl.lit(None, dtype=pl.Utf8)
    )
    before = pl.DataFrame({"fingerprint": ["f1", "f2"], "cluster_id": ["c-2", "c-2"]})
    kept = keep_names(assignment, before, {"c-2": "f1"})
    assert mapped(kept) == {"f1": "c-2", "f2": "c-2s"}
