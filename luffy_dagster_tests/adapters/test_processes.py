"""Processes that are found again by their note: only while they run, only when they are ours, and gone with their children."""

import os
import subprocess
import sys
import time

from luffy_dagster.adapters import processes

SLEEPS = "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(p.pid, flush=True); time.sleep(60)"


def _started(code=SLEEPS):
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    return process, int(process.stdout.readline())


def test_found_by_its_note_and_ended_with_its_child(tmp_path):
    process, child = _started()
    note = tmp_path / "note.json"
    processes.keep(note, process.pid, port=8080)
    assert processes.running(note, "time.sleep") == {"pid": process.pid, "port": 8080}
    assert processes.running(note, "another program") is None, "the pid was given to somebody else"
    processes.end(process.pid, within=10)
    assert processes.running(note, "time.sleep") is None
    process.stdout.close()
    process.wait()
    for _ in range(50):  # whoever adopts the child takes leave of it
        if not os.path.exists(f"/proc/{child}/cmdline") or not open(f"/proc/{child}/cmdline", "rb").read():
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the child is still there")


def test_one_that_does_not_listen_is_ended_by_force(tmp_path):
    code = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(60)"
    process, _ = _started(code)
    processes.end(process.pid, within=0.3)
    process.stdout.close()
    assert process.wait(timeout=10) != 0 or process.returncode is not None


def test_no_note_a_broken_one_or_one_of_nobody(tmp_path):
    note = tmp_path / "note.json"
    assert processes.running(note, "x") is None
    for text in ("", "{}", "17", '{"pid": "x"}'):
        note.write_text(text)
        assert processes.running(note, "x") is None
