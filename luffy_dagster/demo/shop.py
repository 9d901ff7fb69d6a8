"""The whole shop in one call: repository, deployments, customers, logs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from luffy_dagster.demo import history, traffic
from luffy_dagster.demo.past import Past
from luffy_dagster.demo.running import Running

# Which patch of the series was deployed when (age before the making of the demo). Before these, all ran at BASE.
BASE = 23
DEPLOYMENTS = (
    ("checkout", "6h20m", 24),
    ("catalog", "4h45m", 25),
    ("payments", "2h30m", 27),
    ("checkout", "2h10m", 28),
    ("catalog", "45m", 30),
)
CULPRIT = 27  # "Payments: fees from the acquirer's price list": yen are not on the list
SLOW = (
    30  # "Catalog: show what others bought with a product": a query for each of them, seen in no line but the durations
)
PLANTED = (CULPRIT, SLOW)
SERVICES = ("catalog", "payments", "checkout")  # in the order in which they start
FORMATS = {"catalog": "logfmt", "payments": "plain text", "checkout": "JSON lines"}
SLACK = timedelta(seconds=45)  # visits end so long before now, so that no line lies in the future
BEFORE = timedelta(hours=26)  # of calm before the day of the last hour, so that there is a day to compare it with
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
    past: bool = False,
    calm: bool = False,
    progress: Callable[[float, str], None] | None = None,
) -> Shop:
    """Make the shop under `home`, or go on with the one that is there, up to `now`.

    The first call writes the repository and the last `hours` of logs; each further one adds what happened since (at
    most `hours`). `past`: with the calm days before. `calm`: without the commits that break something. An interrupted call
    leaves nothing half: its logs are thrown away and made anew by the next. Raises DemoError.
    """
    say = progress or (lambda _share, _text: None)
    home.mkdir(parents=True, exist_ok=True)
    repo, state_file = home / "repo", home / "state.json"
    end = now.astimezone(UTC) - SLACK
    if state_file.exists() and repo.exists():
        state = json.loads(state_file.read_text(encoding="utf-8"))
        made_at = datetime.fromisoformat(state["made_at"])
        start = max(datetime.fromisoformat(state["until"]), end - timedelta(hours=hours))
        seed, runs, calm, past = state["seed"], state["runs"], state.get("calm", False), False
        commits = history.read_repository(repo)
    else:
        say(0.0, "writing the shop's history")
        for leftover in ("logs", "run", "writing"):
            shutil.rmtree(home / leftover, ignore_errors=True)
        made_at, start, runs = now.astimezone(UTC), end - timedelta(hours=hours), 0
        commits = history.make_repository(repo, made_at)
    deployments = deployments_of(commits, made_at, calm=calm)
    lines = dict.fromkeys(SERVICES, 0)
    if past:
        lines = _past(home, _midnight(made_at) - BEFORE, start, sha=commits[BASE - 1].sha, seed=f"{seed}/past", say=say)
    if end - start >= SHORTEST:
        new = _run(home, start, end, commits=commits, deployments=deployments, seed=f"{seed}/{runs}", say=say)
        lines = {service: lines[service] + new[service] for service in SERVICES}
        state = {
            "made_at": made_at.isoformat(),
            "until": end.isoformat(),
            "seed": seed,
            "runs": runs + 1,
            "calm": calm,
        }
        keep_state(home, state)
    say(1.0, "the shop has run")
    services = tuple(
        ShopService(
            slug=name,
            name=name.capitalize(),
            subpath=f"services/{name}",
            log_glob=str(home / "logs" / name / "*.log"),
            format=FORMATS[name],
            version=version_at(name, end, commits, deployments),
        )
        for name in ("checkout", "catalog", "payments")
    )
    culprit = commits[CULPRIT - 1].sha
    return Shop(home, repo, services, culprit, tuple(commits), tuple(deployments), lines, start, end)


def deployments_of(commits: Sequence[history.MadeCommit], made_at: datetime, *, calm: bool) -> list[Deployment]:
    """What went live when in a shop made at `made_at`; without the commits that break something when it is calm."""
    first = _midnight(made_at) - BEFORE
    return [Deployment(service, first, commits[BASE - 1].sha) for service in SERVICES] + [
        Deployment(service, history.time_of(age, made_at), commits[number - 1].sha)
        for service, age, number in DEPLOYMENTS
        if not (calm and number in PLANTED)
    ]


def keep_state(home: Path, state: Mapping[str, object]) -> None:
    """Writes down how far the shop has come, whole or not at all."""
    file = home / "state.json"
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(state, indent=1), encoding="utf-8")
    draft.replace(file)


def version_at(
    service: str, at: datetime, commits: Sequence[history.MadeCommit], deployments: Sequence[Deployment]
) -> str:
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
            running.deploy(service, version_at(service, start, commits, deployments), start)
        for request in traffic.requests(start, end, seed):
            while coming and coming[0].at <= request.at:
                deployed = coming.pop(0)
                running.deploy(deployed.service, deployed.sha, deployed.at)
            serve(running, request, end)
            say((request.at - start) / (end - start), f"the shop runs: {request.at:%H:%M}")
    return _keep(home, writing, start)


def _past(
    home: Path, start: datetime, end: datetime, *, sha: str, seed: str, say: Callable[[float, str], None]
) -> dict[str, int]:
    """The calm days from `start` to `end`, all services at one commit; lines written per service."""
    writing, folder = home / "writing", home / "run" / "past"
    history.export(home / "repo", sha, ["shopkit", "services"], folder)
    shop = Past(folder, writing, SERVICES, sha, start)
    try:
        for request in traffic.requests(start, end, seed):
            serve(shop, request, end)
            say((request.at - start) / (end - start), f"the days before: {request.at:%A %H:%M}")
    finally:
        shop.close()
    return _keep(home, writing, start)


def _midnight(made_at: datetime) -> datetime:
    """The beginning of the UTC day on which the slowdown begins."""
    slow = next(history.time_of(age, made_at) for _, age, number in DEPLOYMENTS if number == SLOW)
    return slow.replace(hour=0, minute=0, second=0, microsecond=0)


def serve(shop: Running | Past, request: traffic.Request, end: datetime) -> None:
    """One request, tried again as the customer does."""
    at = request.at
    for _ in range(1 + request.retries):
        status, done = shop.call(request.service, request.path, request.body, at, request.trace)
        if status < 500:
            break
        at = done + timedelta(seconds=20)
        if at >= end:
            break


def _keep(home: Path, writing: Path, start: datetime) -> dict[str, int]:
    """Put what was written where the services' logs lie; lines per service."""
    lines = {}
    for service in SERVICES:
        written = writing / f"{service}.log"
        lines[service] = written.read_bytes().count(b"\n")
        target = home / "logs" / service / f"{service}-{start:%Y%m%dT%H%M%S}.log"
        target.parent.mkdir(parents=True, exist_ok=True)
        written.replace(target)
    return lines
