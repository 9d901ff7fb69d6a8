"""The command line as a person calls it: arguments in, exit code, stdout and stderr out; a real PostgreSQL below."""

import json
import warnings
from dataclasses import dataclass

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # typer imports names that its newest click calls deprecated
    import typer  # noqa: F401


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A folder in which nothing is set up."""
    from luffy_dagster.settings import get_settings

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("TERM", "xterm")  # a dumb one is 80 columns wide, whatever is said
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()


@pytest.fixture
def call(bare, capfd):
    from luffy_dagster.cli.app import run

    def calling(*arguments):
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return calling


@pytest.fixture
def luffy(settings, call):
    """The command in a home that `luffy init` made."""
    assert call("init", "--quiet").code == 0
    return call
