"""The asset of a service's code over a real repository, and the sensor that asks for it."""

import dagster as dg
import pytest

from luffy_dagster import store
from luffy_dagster.defs.build import build_definitions
from luffy_dagster.defs.code import code_due_sensor, code_job
from luffy_dagster.defs.parts import LakeResource, PostgresResource
from luffy_dagster.defs.resources import resources
from luffy_dagster.settings import get_settings
from luffy_dagster_tests.gitmaker import START, Made


@pytest.fixture
def luffy(settings, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("LUFFY_HOME", str(settings.home))
    monkeypatch.setenv("LUFFY_EMBEDDING_MODEL", "off")
    get_settings.cache_clear()
    made = Made(tmp_path / "made")
    made.commit("One", {"pay.py": "def pay(amount):\n    return amount\n"})
    with store.begin(engine) as conn:
        for slug, branch in (("pay", "main"), ("lost", "trunk")):
            fields = {"id": slug, "name": slug, "git_repo_path": str(made.path), "git_branch": branch}
            store.services.create(conn, fields, actor="t", now=START)
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / "horizon").write_text("2026-10-01\n")
    url = engine.url.render_as_string(hide_password=False)
    yield resources(
        postgres=PostgresResource(database_url=url),
        lake=LakeResource(url=str(tmp_path / "lake")),
    )["luffy"]
    get_settings.cache_clear()


def test_the_asset_indexes_and_a_missing_branch_is_one_line(luffy, engine, settings):
    defs = build_definitions(settings, {"luffy": luffy})
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("service", ["pay", "lost"])
        job = defs.resolve_job_def("code")
        done = job.execute_in_process(partition_key="pay", instance=instance)
        assert done.success
        told = done.asset_materializations_for_node("code_embeddings")[0].metadata
        assert told["chunks"].value == 1 and told["mode"].value == "full"
        failed = job.execute_in_process(partition_key="lost", instance=instance, raise_on_error=False)
        assert not failed.success
        said = next(e for e in failed.all_events if e.event_type_value == "STEP_FAILURE").event_specific_data
        assert "has no branch 'trunk'" in str(said)
    with store.begin(engine) as conn:
        assert store.services.get(conn, "pay").commit_sha and store.services.get(conn, "pay").last_code_indexing
        assert store.services.get(conn, "lost").last_code_indexing is None


def test_the_sensor_asks_once_per_slot_and_attempt(luffy, engine):
    with store.begin(engine) as conn:
        conn.exec_driver_sql("UPDATE service SET lifecycle_state = 'Active'")
    made = code_due_sensor(code_job())
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("service", ["pay"])
        with dg.build_sensor_context(instance=instance, resources={"luffy": luffy}) as context:
            first = made(context)
            assert [r.partition_key for r in first.run_requests] == ["pay"]
            assert isinstance(made(context), dg.SkipReason)  # the attempt is counted, and backs off
