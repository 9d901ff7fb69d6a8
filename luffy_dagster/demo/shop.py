"""The whole shop in one call: repository, deployments, customers, logs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from luffy_dagster.demo import history, traffic
from luffy_dagster.demo.running import Running

# Which patch of the series was deployed when (age before the making of the demo). Before these, all ran at BASE.
BASE = 23
DEPLOYMENTS = (
    ("checkout", "6h20m", 24),
    ("catalog", "4h45m", 25),
    ("payments", "2h30m", 27),
    ("checkout", "2h10m", 28),
)
CULPRIT = 27  # "Payments: fees from the acquirer's price list": yen are not on the list
SERVICES = ("catalog", "payments", "checkout")  # in the order in which they start
FORMATS = {"catalog": "logfmt", "payments": "plain text", "checkout": "JSON lines"}
SLACK = timedelta(seconds=45)  # visits end so long before now, so that no line lies in the future
SHORTEST = timedelta(minutes=2)  # a demo run again sooner than this has nothing new to tell


@dataclass(frozen=True, slots=True)
class Deployment:
    """A service went to a commit at a time."""

    service: str
    at: datetime
    sha: str


@dataclass(frozen=True, slots=True)
class ShopService:
    """One service of the shop as somebody registers it."""

    slug: str
    name: str
    subpath: str
    log_glob: str
    format: str
    version: str


@dataclass(frozen=True, slots=True)
class Shop:
    """A made shop. `lines` counts the lines that this call wrote, per service; `start` to `end` is when they happened."""

    home: Path
    repo: Path
    services: tuple[ShopService, ...]
    culprit_commit: str
    commits: tuple[history.MadeCommit, ...]
    deployments: tuple[Deployment, ...]
    lines: dict[str, int]
    start: datetime
    end: datetime


def make_shop(
    home: Path,
    *,
    now: datetime,
    seed: int = 7,
    hours: float = 8.0,
    progress: Callable[[float, str], None] | None = None,
) -> Shop:
    """Make the shop under `home`, or go on with the one that is there, up to `now`.

    The first call writes the repository and the last `hours` of logs; each further one adds what happened since (at
    most `hours`). An interrupted call leaves nothing half: its logs are thrown away and made anew by the next.
    Raises DemoError.
    """
    say = progress or (lambda _share, _text: None)
    home.mkdir(parents=True, exist_ok=True)
    repo, state_file = home / "repo", home / "state.json"
    end = now.astimezone(UTC) - SLACK
    if state_file.exists() and repo.exists():
        state = json.loads(state_file.read_text(encoding="utf-8"))
        made_at = datetime.fromisoformat(state["made_at"])
        start = max(datetime.fromisoformat(state["until"]), end - timedelta(hours=hours))
        seed, runs = state["seed"], state["runs"]
        commits = history.read_repository(repo)
    else:
        say(0.0, "writing the shop's history")
        for leftover in ("logs", "run", "writing"):
            shutil.rmtree(home / leftover, ignore_errors=True)
        made_at, start, runs = now.astimezone(UTC), end - timedelta(hours=hours), 0
        commits = history.make_repository(repo, made_at)
    deployments = [
        Deployment(service, history.time_of(age, made_at), commits[number - 1].sha)
        for service, age, number in DEPLOYMENTS
    ]
    lines = dict.fromkeys(SERVICES, 0)
    if end - start >= SHORTEST:
        lines = _run(home, start, end, commits=commits, deployments=deployments, seed=f"{seed}/{runs}", say=say)
        state = {"made_at": made_at.isoformat(), "until": end.isoformat(), "seed": seed, "runs": runs + 1}
        draft = state_file.with_suffix(".draft")
        draft.write_text(json.dumps(state, indent=1), encoding="utf-8")
        draft.replace(state_file)
    say(1.0, "the shop has run")
    services = tuple(
        ShopService(
            slug=name,
            name=name.capitalize(),
            subpath=f"services/{name}",
            log_glob=str(home / "logs" / name / "*.log"),
            format=FORMATS[name],
            version=_version(name, end, commits, deployments),
        )
        for name in ("checkout", "catalog", "payments")
    )
    culprit = commits[CULPRIT - 1].sha
    return Shop(home, repo, services, culprit, tuple(commits), tuple(deployments), lines, start, end)


def _version(service: str, at: datetime, commits: list[history.MadeCommit], deployments: list[Deployment]) -> str:
    """The commit at which the service runs at a time."""
    so_far = [deployed.sha for deployed in deployments if deployed.service == service and deployed.at <= at]
    return so_far[-1] if so_far else commits[BASE - 1].sha


def _run(
    home: Path,
    start: datetime,
    end: datetime,
    *,
    commits: list[history.MadeCommit],
    deployments: list[Deployment],
    seed: str,
    say: Callable[[float, str], None],
) -> dict[str, int]:
    """Run the services from `start` to `end` on the clock that the requests carry; lines written per service."""
    writing = home / "writing"
    coming = [deployed for deployed in deployments if start < deployed.at <= end]
    with Running(home / "repo", home / "run", writing) as running:
        for service in SERVICES:
            running.deploy(service, _version(service, start, commits, deployments), start)
        for request in traffic.requests(start, end, seed):
            while coming and coming[0].at <= request.at:
                deployed = coming.pop(0)
                running.deploy(deployed.service, deployed.sha, deployed.at)
            at = request.at
            for _ in range(1 + request.retries):
                status, done = running.call(request.service, request.path, request.body, at, request.trace)
                if status < 500:
                    break
                at = done + timedelta(seconds=20)
                if at >= end:
                    break
            say((request.at - start) / (end - start), f"the shop runs: {request.at:%H:%M}")
    lines = {}
    for service in SERVICES:
        written = writing / f"{service}.log"
        lines[service] = written.read_bytes().count(b"\n")
        target = home / "logs" / service / f"{service}-{start:%Y%m%dT%H%M%S}.log"
        target.parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)
    return lines
