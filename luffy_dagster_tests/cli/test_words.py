"""Help, errors, exit codes: what holds for every command."""

import re
import subprocess
import sys
from importlib import import_module

import click
import pytest
import typer

from luffy_dagster.cli.app import app


def commands(command=None, path=()):
    command = command or typer.main.get_command(app)
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from commands(sub, (*path, name))
    if path:
        yield path, command


ALL = dict(commands())


@pytest.mark.parametrize("path", [path for path, command in ALL.items() if not isinstance(command, click.Group)], ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    text = re.sub(r"\[/?[a-z]*\]", "", ALL[path].help or "")
    assert f"luffy {' '.join(path)}" in text or "For example" in text, "an example"
    options = {option for parameter in ALL[path].params for option in parameter.opts}
    assert "--json" in options
    for parameter in ALL[path].params:
        assert parameter.help, parameter.name


def test_all_commands_of_the_promise_are_there():
    there = {" ".join(path) for path in ALL}
    for name in "init up down demo watch fetch logs clusters templates horizon doctor eval bench".split():
        assert name in there
    assert {f"service {verb}" for verb in "add list show set pause resume archive".split()} <= there
    assert {f"source {verb}" for verb in "add test list remove monitoring".split()} <= there


def test_help_answers_at_once_and_loads_nothing_heavy():
    code = "import sys; from luffy_dagster.cli.app import run; run(['--help']); print([m for m in ('polars','sqlalchemy','dagster','sklearn','pydantic','httpx') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frob"], "No such command 'frob'"),
        (["servic"], "No such command 'servic'. Did you mean 'service'? (luffy"),
        (["logs", "--frob"], "--frob"),
        (["logs", "--level", "loud"], "no level 'loud'"),
        (["logs", "--from", "yesterday"], "--from is no time"),
        (["logs", "--text", "a", "--regex", "b"], "exclude each other"),
        (["clusters", "--state", "odd"], "no state 'odd'"),
        (["service", "set", "x", "interval"], "name=value"),
        (["source", "add", "x"], "needs --path"),
        (["source", "add", "x", "-t", "opensearch"], "needs --host"),
        (["source", "monitoring", "s1", "maybe"], "say on or off"),
        (["horizon", "soon"], "no date"),
        (["bench", "frob"], "there are"),
        (["eval", "frob", "."], "there are"),
        (["eval", "templates"], "needs DATA"),
        (["eval", "templates", ".", "--frob", "1"], "no option '--frob'"),
    ],
)
def test_wrong_usage_is_2_and_one_line(luffy, arguments, words):
    answer = luffy(*arguments)
    assert answer.code == 2
    assert answer.out == ""
    assert words in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_nothing_set_up_is_said_in_one_line(call, bare):
    for command in (["service", "list"], ["logs"], ["clusters"], ["fetch"], ["up"]):
        answer = call(*command)
        assert answer.code == 1
        assert "run luffy init" in answer.err
        assert len(answer.err.strip().splitlines()) == 1
    assert not (bare / ".luffy").exists(), "no home is made by the way"


def test_an_unexpected_error_shows_its_stack_only_when_asked(luffy, monkeypatch):
    from luffy_dagster.cli import context

    def broken():
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(context, "now", broken)
    quiet = luffy("horizon")
    assert quiet.code == 1
    assert "unexpected ZeroDivisionError: no such luck" in quiet.err
    assert "Traceback" not in quiet.err
    assert "Traceback" in luffy("horizon", "--debug").err


def test_a_wrong_setting_is_named(luffy, monkeypatch):
    from luffy_dagster.settings import get_settings

    monkeypatch.setenv("LUFFY_PARALLEL_SERVICES", "many")
    get_settings.cache_clear()
    answer = luffy("service", "list")
    assert answer.code == 1
    assert "LUFFY_PARALLEL_SERVICES" in answer.err


def test_eval_hands_options_over_by_their_types(luffy, tmp_path):
    from luffy_dagster.cli.evaluate import parse_options

    def run(data, out, *, repos: str, lines: int = 5, share: float | None = None, fast: bool = False): ...

    parsed = parse_options(run, ["--repos", "x", "--lines=7_000", "--share", "0.5", "--fast"], taken={"data", "out"})
    assert parsed == {"repos": "x", "lines": 7000, "share": 0.5, "fast": True}
    assert "templates" in luffy("eval", "list").out.split()


@pytest.mark.parametrize(("command", "some"), [("eval", ["templates", "redaction"]), ("bench", ["mining", "redaction"])])
def test_the_help_of_measuring_lists_what_there_is(luffy, command, some):
    listed = luffy(command, "list", "--json").json
    told = luffy(command, "--help").out
    assert set(some) <= set(listed)
    for name, said in listed.items():
        assert re.search(rf"^ *{name}  +{re.escape(said[:30])}", told, re.MULTILINE), name
        prefix = "bench_" if command == "bench" else ""
        assert callable(import_module(f"luffy_dagster.evals.{prefix}{name.replace('-', '_')}").run)


def test_eval_prints_figures_as_the_last_line(luffy, tmp_path):
    folder = tmp_path / "data" / "Own"
    folder.mkdir(parents=True)
    rows = "\n".join(f"{n},user {n} came,E1,user <*> came" for n in range(20))
    (folder / "Own_2k.log_structured.csv").write_text(f"LineId,Content,EventId,EventTemplate\n{rows}\n")
    answer = luffy("eval", "templates", tmp_path / "data", "--out", tmp_path / "out.jsonl")
    assert answer.code == 0, answer.err
    assert isinstance(answer.json, dict)
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 20
