"""Mapping fingerprints: the same all at once and one by one, reasons, decisions of persons."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from luffy_dagster.core.clustering.assign import assign
from luffy_dagster.core.clustering.fingerprints import fingerprint
from luffy_dagster.core.clustering.propose import propose_merges
from luffy_dagster.core.parsing.traces.extract import frames_of, parse_trace

START = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Said:
    kind: str
    fingerprint_a: str
    fingerprint_b: str
    at: datetime = START
    revoked_at: datetime | None = None


def row(number, kind, frames, message="m"):
    text = f"{kind}: {message}\n" + "\n".join(f"\tat shop.{f}.run({f}.java:{number})" for f in frames)
    trace = parse_trace(text)
    judged = frames_of(trace)
    named = fingerprint(trace, judged)
    return {
        "fingerprint": named.id,
        "type": trace.outer.type,
        "root_type": trace.root.type,
        "message": message,
        "frames": json.dumps(
            [{"module": f.module, "function": f.function, "file": f.file, "in_app": f.in_app} for f in judged]
        ),
        "levels": json.dumps(named.levels),
        "first_seen": START + timedelta(minutes=number),
    }


def table(rows):
    return pl.DataFrame(rows).unique("fingerprint", keep="first", maintain_order=True)


def mapped(assignment):
    return dict(assignment.rows.select("fingerprint", "cluster_id").iter_rows())


NULL = "java.lang.NullPointerException"


def test_joins_say_why():
    rows = table(
        [row(1, NULL, ["Cart", "Web"]), row(2, NULL, ["Cart", "Web", "Other"]), row(3, "shop.Closed", ["Cart", "Web"])]
    )
    out = assign(rows, pl.DataFrame()).rows
    assert out["reason"].to_list() == ["first of its kind", "same top 2 frames, same type", "first of its kind"]
    assert out["cluster_id"][0] == out["cluster_id"][1] != out["cluster_id"][2]
    assert out["exemplar"].to_list() == [None, rows["fingerprint"][0], None]


def test_a_helper_on_behalf_of_many_does_not_join():
    rows = table(
        [row(1, "shop.Bad", ["Checks", "Cart", "A"], "no x"), row(2, "shop.Bad", ["Checks", "Till", "B"], "no y")]
    )
    assert len(set(mapped(assign(rows, pl.DataFrame())).values())) == 2


rows_of = st.lists(
    st.tuples(
        st.sampled_from([NULL, "shop.Closed", "shop.Bad"]),
        st.lists(st.sampled_from(["Cart", "Web", "Till", "Pool"]), min_size=1, max_size=4),
        st.sampled_from(["gone", "no x", ""]),
    ),
    min_size=1,
    max_size=10,
)


@given(rows_of, st.integers(0, 10), st.randoms())
@settings(max_examples=30, deadline=None)
def test_at_once_and_one_by_one_agree(parts, cut, draw):
    rows = table([row(i, *part) for i, part in enumerate(parts)])
    whole = mapped(assign(rows.sample(fraction=1.0, shuffle=True, seed=draw.randrange(1000)), pl.DataFrame()))
    first = rows.head(cut)
    early = assign(first, pl.DataFrame())
    known = first.join(
        early.rows.select("fingerprint", "cluster_id"), on="fingerprint", how="left", maintain_order="left"
    )
    late = assign(rows.slice(cut), known if len(known) else pl.DataFrame())
    assert {**mapped(early), **mapped(late)} == whole


def test_persons_win():
    rows = table([row(1, NULL, ["Cart", "Web"]), row(2, NULL, ["Cart", "Web", "X"]), row(3, "shop.Closed", ["Till"])])
    a, b, c = rows["fingerprint"]
    split = mapped(assign(rows, pl.DataFrame(), [Said("split", a, b)]))
    assert split[a] != split[b]
    joined = assign(rows, pl.DataFrame(), [Said("join", c, a)])
    assert mapped(joined)[c] == mapped(joined)[a]
    assert joined.rows["reason"].to_list()[-1] == "joined by a person"
    later = mapped(assign(rows, pl.DataFrame(), [Said("join", c, a), Said("split", a, c, START + timedelta(days=1))]))
    assert later[c] != later[a]
    revoked = mapped(assign(rows, pl.DataFrame(), [Said("join", c, a, revoked_at=START)]))
    assert revoked[c] != revoked[a]


def test_a_merge_keeps_the_older_and_leaves_an_alias():
    rows = table([row(1, NULL, ["Cart"]), row(2, "shop.Closed", ["Till"])])
    known = rows.join(
        assign(rows, pl.DataFrame()).rows.select("fingerprint", "cluster_id"),
        on="fingerprint",
        how="left",
        maintain_order="left",
    )
    old, new = known["cluster_id"]
    out = assign(rows.clear(), known, [Said("join", *known["fingerprint"])])
    assert out.aliases == {new: old}


@pytest.mark.parametrize("method", ["hdbscan", "kmeans"])
def test_proposals_are_the_same_twice(method):
    rows = table(
        [row(i, "shop.Closed", ["Till", "Web", *f"P{i}"], f"order {i} gone") for i in range(4)]
        + [row(9 + i, NULL, [f"Q{i}", f"R{i}", "Z"]) for i in range(4)]
    )
    known = rows.with_columns(pl.concat_str(pl.lit("c-"), "fingerprint").alias("cluster_id"))
    one, two = propose_merges(known, method), propose_merges(known, method)
    assert one.rows.equals(two.rows)
    assert one.method == method
    assert len(one.rows) >= 1
    with pytest.raises(ValueError, match="unknown"):
        propose_merges(known, "guess")
