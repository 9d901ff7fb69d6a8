"""A token of a repository is found nowhere: not in a report, a prompt, a message, the store, the lake, the log, or the process list."""

import base64
import json
import os
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, text

from luffy_dagster import store
from luffy_dagster.flows import process_service
from luffy_dagster.flows.code import index_code
from luffy_dagster.flows.rca import health_tree, investigate
from luffy_dagster.flows.rca.telling import teller
from luffy_dagster.store.errors import InvalidError
from luffy_dagster_tests.adapters.ollama_server import Script, says, serving
from luffy_dagster_tests.flows.support import NOW, Doc, line
from luffy_dagster_tests.flows.test_rca import BROKEN, FEES, failing, model_at, world  # noqa: F401 - the fixture
from luffy_dagster_tests.githost import serving_git
from luffy_dagster_tests.gitmaker import Made

TOKEN = "glpat-" + "kD3v9QmTzR7wX2bN"
ENCODED = base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()


@pytest.fixture
def hosted(tmp_path):
    made = Made(tmp_path / "made")
    before = made.commit("First", {"pay/fees.py": FEES, "pay/app.py": "import pay.fees\n"}, at=NOW - timedelta(days=9))
    bad = made.commit("fees: from the table", {"pay/fees.py": BROKEN}, at=NOW - timedelta(hours=2))
    made.commit(f"ci: clone by https://oauth2:{TOKEN}@git.example/shop", {"pay/ci.py": f'TOKEN = "{TOKEN}"\n'}, at=NOW - timedelta(hours=1))
    with serving_git(made.path, tmp_path / "served", TOKEN) as (place, seen):
        yield place, seen, before, bad


def holds(text):
    """Whether a text has the token, as it is, encoded, or as the words of a code index are."""
    return TOKEN in text or ENCODED in text or TOKEN.split("-")[1].lower() in text


def stored(engine):
    """Every row of every table as text."""
    meta = MetaData()
    with store.begin(engine) as conn:
        meta.reflect(conn)
        return "\n".join(
            f"{table.name} {tuple(row)}" for table in meta.sorted_tables for row in conn.execute(text(f'SELECT * FROM "{table.name}"'))
        )


def test_the_token_is_found_nowhere(world, hosted, caplog, capfd, monkeypatch):  # noqa: F811
    monkeypatch.setenv("GIT_TRACE", "2")
    monkeypatch.setenv("GIT_TRACE_CURL", "1")
    place, seen, before, bad = hosted
    _, server = world.service("pay", repository_url=f"http://{place}", preset="critical")
    errors = []
    for url in (f"http://oauth2:{TOKEN}@{place}", f"http://{TOKEN}@{place}"):
        with store.begin(world.engine) as conn, pytest.raises(InvalidError) as refused:
            store.services.update(conn, "pay", {"repository_url": url}, actor="t", now=NOW)
        errors += [str(refused.value), repr(refused.value)]
        assert "luffy code credential" in errors[-1]
    with store.begin(world.engine) as conn:
        store.git_credentials.put(conn, "pay", "token", TOKEN, actor="t", now=NOW)
    failing(server, NOW - timedelta(minutes=40), (before, bad))
    for n, said in enumerate((f"clone of https://oauth2:{TOKEN}@{place} failed", f"sent Authorization: Basic {ENCODED}", f"token={TOKEN}")):
        at = NOW - timedelta(minutes=40, seconds=-n)
        server.add(Doc(f"t{n}", at, line(at, "ERROR", said), seq=900 + n))
    world.clock = NOW
    process_service(world.ctx, "pay", close=True)
    index_code(world.ctx, "pay")
    with store.begin(world.engine) as conn:
        (row,) = [c for c in store.clusters.list_clusters(conn, "pay", now=NOW) if c.type == "KeyError"]
        service = store.services.get(conn, "pay")
    script = Script(says({"sentences": [{"text": f"The token {TOKEN} was used.", "cites": ["E1"]}]}))
    with serving(script) as llm:
        out = investigate(world.ctx, "pay", row.cluster_id, gateway=model_at(world, llm), notify=teller(world.ctx))
    assert out.report.culprit.sha == bad, "the repository was read with the credential"
    assert not any("could not be read" in note for note in out.report.notes)
    world.later(hours=1)
    with store.begin(world.engine) as conn:
        store.git_credentials.put(conn, "pay", "token", f"{TOKEN}x", actor="t", now=NOW)
    for fetched in (world.ctx.settings.home / "git").glob("*/luffy-fetched"):
        os.utime(fetched, (0, 0))  # long ago, so that it is fetched again
    broken = investigate(world.ctx, "pay", row.cluster_id, force=True)
    errors += broken.report.notes
    assert any("not fetched, as it was at the last fetch" in note and "luffy code credential" in note for note in errors)
    assert broken.report.culprit.sha == bad
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it must not tell
        index_code(world.ctx, "pay")
    errors += [str(caught.value), repr(caught.value)]
    shown = capfd.readouterr()
    lake = "\n".join(json.dumps(f.to_dicts(), default=str) for f in (world.entries("pay"), world.exceptions("pay")))
    places = {
        "report": out.markdown + json.dumps(out.report.model_dump(mode="json")) + broken.markdown,
        "prompt": b"".join(script.wire).decode(),
        "store": stored(world.engine),
        "lake": lake,
        "errors": "\n".join(errors),
        "service": repr(service) + repr(health_tree(world.ctx, "pay")),
        "output": shown.out + shown.err + caplog.text,
        "processes": b"\n".join(b"\n".join(each) for each in seen).decode("utf-8", "replace"),
        "mirror": b"".join(
            p.read_bytes()
            for p in (world.ctx.settings.home / "git").rglob("*")
            if p.is_file() and "objects" not in p.parts  # the commit above holds it: what is checked is what we write
        ).decode("latin-1"),
    }
    assert "remote-http" in places["processes"]
    leaks = {f"{what}: {one[:200]}" for what, said in places.items() for one in said.split("\n") if holds(one)}
    assert leaks == set()
