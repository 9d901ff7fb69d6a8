"""`luffy eval sessions`: our own log of orders, with labels beside it."""

from __future__ import annotations

import json

from luffy_dagster.evals import sessions
from luffy_dagster_tests.core.test_sessions import ODD, shop


def test_scores_and_predictions(tmp_path) -> None:
    lines = [f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} INFO shop.orders - {said}" for at, _, said in shop(300)]
    (tmp_path / "shop.log").write_text("\n".join(lines) + "\n")
    labels = [f"order {number},{'Anomaly' if f'order {number}' in ODD else 'Normal'}" for number in range(70000, 70300)]
    (tmp_path / "shop_labels.csv").write_text("\n".join(["Session,Label", *labels]) + "\n")
    figures = sessions.run(tmp_path, tmp_path / "out.jsonl")
    assert (figures["f1"], figures["unjudged"], figures["labelled_anomalous"]) == (1.0, 0, 3)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 300
    assert {row["session"] for row in rows if row["anomalous"]} == set(ODD)
    assert set(rows[0]) == {"session", "score", "anomalous"}
