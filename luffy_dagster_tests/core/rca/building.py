"""Scenarios → cases: times, ids and the everyday commits around them."""

import hashlib
import random
from datetime import UTC, datetime, timedelta

from luffy_dagster.core.rca.verdict import Case, CommitFacts

START = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
EVERYDAY = (
    ("README.md", "+Run the tests with make.\n"),
    (".github/workflows/test.yml", "-      - run: test\n+      - run: make test\n"),
    ("web/app.css", "-a { color: #00f; }\n+a { color: #00c; }\n"),
    ("src/metrics/gauges.py", '-G = "depth"\n+G = "size"\n'),
    ("deploy/values.yaml", "-replicas: 2\n+replicas: 3\n"),
    ("i18n/fr.json", '+  "cart.title": "Panier",\n'),
    ("tests/test_pages.py", "+def test_page(client):\n+    assert client.get('/').status_code == 200\n"),
    ("go.sum", "-example.org/text v0.3.1 h1:abc=\n+example.org/text v0.3.2 h1:def=\n"),
)


def sha_of(*words):
    return hashlib.sha1("/".join(map(str, words)).encode()).hexdigest()


def case_of(scenario, **changes):
    """The case and the guilty commit's id (None where there is none)."""
    name, _, _, service, log, commits = scenario
    rng = random.Random(name)
    made = [(mark, file, diff) for mark, file, diff in commits]
    if commits:
        made += [("everyday", *e) for e in rng.sample(EVERYDAY, 4)]
    rng.shuffle(made)
    at, guilty, facts = START - timedelta(minutes=rng.randint(20, 200)), None, []
    for number, (mark, file, diff) in enumerate(made):
        sha = sha_of(name, number)
        guilty = sha if mark == "guilty" else guilty
        facts.append(CommitFacts(sha, at, f"dev-{number}", f"change {number}", (file,), diff.strip("\n")))
        at -= timedelta(minutes=rng.randint(30, 900))
    values = {"service": service, "start": START, "lines": tuple(log.strip("\n").split("\n")), "commits": tuple(facts)}
    return Case(**{**values, **changes}), guilty
