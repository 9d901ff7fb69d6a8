"""What a run prints is kept, and echoed when it ends, with no process beside it."""

import subprocess
import sys

import dagster as dg

from luffy_dagster.defs import compute_logs
from luffy_dagster.defs.compute_logs import FileComputeLogManager


@dg.op
def chatty() -> None:
    print("said aloud")
    print("näher am Kern", file=sys.stderr)


@dg.job
def talk() -> None:
    chatty()


def captured(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult):
    (key,) = [event.event_specific_data.file_key for event in result.all_events if event.event_type_value == "LOGS_CAPTURED"]
    return instance.compute_log_manager.get_log_data([result.run_id, "compute_logs", key])


def test_what_a_run_prints_is_on_its_page_and_on_the_terminal(persistent, capfd, monkeypatch) -> None:
    assert isinstance(persistent.compute_log_manager, FileComputeLogManager)
    started = []
    real = subprocess.Popen.__init__

    def noting(self, args, *rest, **named):
        started.append(args)
        real(self, args, *rest, **named)

    monkeypatch.setattr(subprocess.Popen, "__init__", noting)
    result = talk.execute_in_process(instance=persistent)
    kept = captured(persistent, result)
    assert kept.stdout.decode() == "said aloud\n"
    assert "näher am Kern" in kept.stderr.decode()
    seen = capfd.readouterr()
    assert "said aloud" in seen.out
    assert "näher am Kern" in seen.err
    assert started == []


def test_the_terminal_is_told_what_matters_and_the_page_everything(persistent, capfd) -> None:
    result = talk.execute_in_process(instance=persistent)
    assert "STEP_SUCCESS" not in capfd.readouterr().err
    assert any(event.is_step_success for event in result.all_events)
    assert persistent.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)


def test_with_another_version_dagster_captures_itself(persistent, monkeypatch) -> None:
    monkeypatch.setattr(compute_logs, "redirect_to_file", None)
    kept = captured(persistent, talk.execute_in_process(instance=persistent))
    assert "said aloud" in kept.stdout.decode()


def test_the_files_lie_in_dagsters_home_unless_said_otherwise(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    assert FileComputeLogManager.from_config_value(None, {})._base_dir == str(tmp_path / "storage")
    assert FileComputeLogManager.from_config_value(None, {"base_dir": "/x"})._base_dir == "/x"
