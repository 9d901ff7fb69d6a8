"""The door of root causes: the asset calls the flow once and shows its Markdown, the sensor asks once for what is due."""

from types import SimpleNamespace

import pytest
from dagster import DagsterInstance, Failure, MetadataValue, build_asset_context, build_sensor_context

from luffy_dagster.defs.rca import RcaConfig, qualifying_clusters_sensor, rca_job, rca_reports
from luffy_dagster_tests.defs.fakes import NOW


def outcome(cluster, ok=True):
    return SimpleNamespace(cluster_id=cluster, ok=ok, report=object() if ok else None, markdown="# it\n\n`code`", head="# it", tokens=5, repeated=False)


class Luffy:
    def __init__(self, outcomes=(), failed=(), due=None):
        self.run = SimpleNamespace(service="pay", outcomes=outcomes, failed=failed, skipped=(("c3", "4 of 5 occurrences"),), standing=(outcome("c9"),))
        self.due, self.calls = due or {}, []

    def rca(self, service, clusters, *, force):
        self.calls.append((service, list(clusters), force))
        return self.run

    def rca_due(self):
        return self.due

    def now(self):
        return NOW


def materialise(luffy, config=None):
    from dagster import resource

    del resource
    return rca_reports.op.compute_fn.decorated_fn(build_asset_context(partition_key="pay"), config or RcaConfig(), luffy)


def test_the_report_is_shown_as_markdown():
    luffy = Luffy((outcome("c1"),))
    shown = materialise(luffy, RcaConfig(clusters=["c1"], force=True)).metadata
    assert luffy.calls == [("pay", ["c1"], True)]
    assert shown["c1"] == MetadataValue.md("# it")
    assert shown["report c1"] == MetadataValue.md("# it\n\n`code`")
    assert shown["c9"] == MetadataValue.md("# it"), "a report of an earlier run is on the page too"
    assert (shown["new reports"], shown["standing reports"]) == (MetadataValue.int(1), MetadataValue.int(1))
    assert shown["tokens"] == MetadataValue.int(5)
    assert "4 of 5" in str(shown["skipped because"].data)


def test_only_when_nothing_succeeded_the_run_fails():
    assert materialise(Luffy((outcome("c1"),), (("c2", "boom"),))).metadata["failed"] == MetadataValue.int(1)
    with pytest.raises(Failure, match="boom"):
        materialise(Luffy((), (("c2", "boom"),)))


def test_the_sensor_asks_once_for_what_is_due():
    sense = qualifying_clusters_sensor(rca_job())
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("service", ["pay"])
        context = build_sensor_context(instance=instance)
        fn = sense._raw_fn
        first = fn(context, Luffy(due={"pay": ["c1"], "gone": ["c2"]}))
        again = fn(context, Luffy(due={"pay": ["c1"]}))
        assert [r.partition_key for r in first.run_requests] == ["pay"]
        assert first.run_requests[0].run_key == again.run_requests[0].run_key
        assert "no cluster" in fn(context, Luffy()).skip_message
