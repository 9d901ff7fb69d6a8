"""The checks of `luffy doctor`. Each looks at one thing, changes nothing, and names its remedy; none stops the others."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from luffy_dagster.cli import context, ui

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from luffy_dagster.settings import Settings

State = Literal["ok", "warn", "fail", "off"]
MANY_KEYS = 80_000  # Dagster's own limit is 100,000
LITTLE_DISK = 2 * 1024**3
VERSIONS = {"sqlalchemy": ("2.1", "dagster-postgres breaks with it"), "typer": ("0.26", "dg --help is empty with it")}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `remedy` is a command or a deed; empty where nothing is to be mended."""

    what: str
    state: State
    detail: str
    remedy: str = ""


def run_checks(now: datetime) -> list[Check]:
    """All checks, in the order in which one would mend them."""
    found: list[Check] = []
    for group in (_machine, _names, _home, _store, _page):
        found += _guarded(group, now)
    return found


def _guarded(group: Callable[[datetime], Iterator[Check]], now: datetime) -> list[Check]:
    """A group's checks; what it trips over becomes a check of its own."""
    done: list[Check] = []
    try:
        done.extend(group(now))
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding
        done.append(Check(group.__name__.strip("_"), "fail", ui.one_line(error)))
    return done


def _machine(_now: datetime) -> Iterator[Check]:
    version = sys.version_info
    good = (3, 11) <= version[:2] < (3, 13)
    yield Check(
        "Python",
        "ok" if good else "fail",
        f"{version.major}.{version.minor}.{version.micro}",
        "" if good else "use Python 3.11 or 3.12",
    )
    for package, (bound, why) in VERSIONS.items():
        installed = metadata.version(package)
        if tuple(int(part) for part in installed.split(".")[:2]) >= tuple(int(part) for part in bound.split(".")):
            yield Check(package, "fail", f"{installed}: {why}", f"pip install '{package}<{bound}'")
    git = shutil.which("git")
    yield Check(
        "Git",
        "ok" if git else "fail",
        git or "not found: code and the demo need it",
        "" if git else "install Git, e.g. apt install git",
    )
    try:
        metadata.version("sentence-transformers")
        yield Check("Embeddings", "ok", "installed")
    except metadata.PackageNotFoundError:
        yield Check(
            "Embeddings",
            "off",
            "search over code and knowledge is by words only",
            "make setup EXTRAS=semantic (some 4 GB)",
        )


def _names(_now: datetime) -> Iterator[Check]:
    """Variables that look like settings and are none: a slip of the pen would otherwise be silently ignored."""
    from difflib import get_close_matches

    from luffy_dagster.settings import Settings

    known = {f"LUFFY_{name.upper()}" for name in Settings.model_fields} | {"LUFFY_DEBUG"}
    said = dict.fromkeys(os.environ, "the environment")
    with suppress(OSError):
        lines = Path(".env").read_text(encoding="utf-8").splitlines()
        said |= {line.partition("=")[0].strip(): ".env" for line in lines}
    for name, place in sorted(said.items()):
        if name.startswith("LUFFY_") and not name.startswith("LUFFY_TEST_") and name not in known:
            close = get_close_matches(name, known, n=1)
            remedy = f"write {close[0]}, or remove it" if close else "remove it"
            yield Check("Settings", "warn", f"{name} in {place} is no setting and changes nothing", remedy)


def _home(_now: datetime) -> Iterator[Check]:
    chosen = context.settings()
    if not context.is_set_up(chosen):
        yield Check(
            "Home",
            "fail",
            f"nothing is set up in {chosen.home}",
            "luffy init, or set LUFFY_HOME to the home that you made before",
        )
        return
    if not os.access(chosen.home, os.W_OK):
        yield Check("Home", "fail", f"{chosen.home} cannot be written", f"chown or chmod {chosen.home} for this user")
        return
    free = shutil.disk_usage(chosen.home).free
    disk = f"{chosen.home}, {free / 1024**3:.0f} GB free"
    yield Check(
        "Home",
        "ok" if free > LITTLE_DISK else "warn",
        disk,
        "" if free > LITTLE_DISK else "make room: less than 2 GB are free",
    )
    yield _dagster_home(chosen)
    yield from _keys(chosen)
    yield _lake(chosen)


def _dagster_home(chosen: Settings) -> Check:
    expected = chosen.home / "dagster"
    given = os.environ.get("DAGSTER_HOME") or _from_env_file("DAGSTER_HOME")
    if not (expected / "dagster.yaml").exists():
        return Check("Dagster's folder", "fail", f"{expected} has no dagster.yaml", "luffy init")
    if given is None:
        return Check(
            "Dagster's folder",
            "warn",
            "DAGSTER_HOME is not set here: dagster's own commands would use another",
            "luffy init in this folder",
        )
    if not Path(given).is_absolute():
        return Check(
            "Dagster's folder",
            "fail",
            f"DAGSTER_HOME is {given}: dagster job backfill needs an absolute path",
            "luffy init",
        )
    if Path(given) != expected:
        return Check(
            "Dagster's folder",
            "warn",
            f"DAGSTER_HOME is {given}, Luffy uses {expected}",
            "luffy init in this folder, and unset DAGSTER_HOME",
        )
    return Check("Dagster's folder", "ok", str(expected))


def _from_env_file(name: str) -> str | None:
    with suppress(OSError):
        for line in Path(".env").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == name:
                return value.strip().strip("'\"")
    return None


def _keys(chosen: Settings) -> Iterator[Check]:
    if chosen.secret_key is not None:
        yield Check("Key of secrets", "ok", "from LUFFY_SECRET_KEY")
        return
    for path in chosen.home.glob("*key*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_file() and mode & 0o077:
            yield Check("Key of secrets", "fail", f"{path} can be read by others ({mode:o})", f"chmod 600 {path}")
        elif path.is_file():
            yield Check("Key of secrets", "ok", f"{path}, keep a copy of it elsewhere")


def _lake(chosen: Settings) -> Check:
    if "://" in chosen.lake:
        from luffy_dagster.lake import Lake, LakeError

        options = {name: value.get_secret_value() for name, value in chosen.lake_options.items()}
        quick = {"max_retries": "1", "retry_timeout": "5s", "timeout": "5s"}
        try:
            Lake(chosen.lake, {**options, **quick}).exists("raw_logs", "luffy-doctor")
        except LakeError as error:
            return Check("Lake", "fail", ui.one_line(error), "correct LUFFY_LAKE_URL and LUFFY_LAKE_OPTIONS")
        return Check("Lake", "ok", chosen.lake)
    folder = Path(chosen.lake)
    if not folder.exists():
        return Check("Lake", "ok", f"{folder}, empty so far")
    if not os.access(folder, os.W_OK):
        return Check("Lake", "fail", f"{folder} cannot be written", f"chown or chmod {folder} for this user")
    return Check("Lake", "ok", str(folder))


def _store(now: datetime) -> Iterator[Check]:
    from luffy_dagster import store

    chosen = context.settings()
    if not context.is_set_up(chosen):
        yield Check("PostgreSQL", "off", "not looked at before luffy init")
        return
    if chosen.database_url is None and not store.embedded.status(chosen).running:
        yield Check(
            "PostgreSQL",
            "off",
            "embedded, stopped; whoever needs it starts it",
            "luffy up, or any command that reads it",
        )
        return
    from luffy_dagster.store.migrating import current

    kind = "your own" if chosen.database_url else "embedded"
    try:
        with store.begin(store.engine(chosen)) as conn:
            revision = current(conn)
            if revision is None:
                yield Check("PostgreSQL", "fail", f"{kind}, without Luffy's tables", "luffy init")
                return
            newest = _newest_revision()
            if revision != newest:
                yield Check(
                    "PostgreSQL", "fail", f"{kind}, schema {revision}, this version needs {newest}", "luffy init"
                )
                return
            yield Check("PostgreSQL", "ok", f"{kind}, schema {revision}")
            yield _partitions(conn, now)
            yield from _secrets(conn)
            yield from _services(conn, now)
    except Exception as error:  # noqa: BLE001 - the driver's many ways to say that it cannot connect
        remedy = "check LUFFY_DATABASE_URL" if chosen.database_url else f"see {chosen.home / 'postgres' / 'log'}"
        yield Check("PostgreSQL", "fail", f"{kind}: {ui.one_line(error)}", remedy)


def _newest_revision() -> str:
    import luffy_dagster.store as package

    versions = Path(package.__file__ or "").parent / "migrations" / "versions"
    return max(path.name[:4] for path in versions.glob("[0-9]*.py"))


def _partitions(conn: Connection, now: datetime) -> Check:
    from luffy_dagster import store

    first = store.kv.horizon(conn, now)
    services = len(store.services.partition_keys(conn))
    keys = ((now.date() - first).days + 1) * services
    detail = f"first day {first}, {ui.number(keys)} keys"
    return (
        Check("Partitions", "warn", detail, "move the first day forward: luffy horizon DATE")
        if keys > MANY_KEYS
        else Check("Partitions", "ok", detail)
    )


def _secrets(conn: Connection) -> Iterator[Check]:
    """Whether the key that is there opens the secrets that are stored."""
    from luffy_dagster import store

    for source in store.sources.list_sources(conn):
        if not (source.has_password or source.has_api_key or source.has_client_key):
            continue
        try:
            store.sources.credentials(conn, source.id)
        except store.errors.StoreError as error:
            remedy = f"give the former key back, or luffy source set {source.id} --password-stdin"
            yield Check("Secrets", "fail", f"source {source.id}: {ui.one_line(error)}", remedy)


def _services(conn: Connection, now: datetime) -> Iterator[Check]:
    from luffy_dagster import store
    from luffy_dagster.core.lifecycle import LifecycleState

    services = store.services.list_services(conn)
    if not services:
        yield Check("Services", "warn", "none yet", "luffy watch PATH --service NAME, or luffy demo")
        return
    alarms: dict[str, list[str]] = {}
    for alarm in store.alarms.open_alarms(conn):
        alarms.setdefault(alarm.service_id, []).append(f"{alarm.kind}: {alarm.detail}")
    for service in services:
        name = f"Service {service.id}"
        sources = store.sources.list_sources(conn, service.id)
        reading = [one for one in sources if one.is_active and one.fetch_enabled]
        failing = next((one for one in sources if one.last_error or one.connection_status == "failed"), None)
        overdue = timedelta(minutes=2 * service.log_fetch_interval_minutes)
        if not service.is_active:
            yield Check(name, "off", "paused", f"luffy service resume {service.id}")
        elif service.lifecycle_state == LifecycleState.MAINTENANCE:
            yield Check(name, "off", "in maintenance", f"luffy service maintenance {service.id} off")
        elif not sources:
            yield Check(name, "warn", "has no log source", f"luffy source add {service.id} --path …")
        elif failing is not None:
            why = failing.last_error or failing.connection_reason or "connection failed"
            yield Check(name, "fail", f"source {failing.id}: {why}", f"luffy source test {failing.id}")
        elif not reading:
            yield Check(name, "warn", "all its sources are off", f"luffy source monitoring {service.id} on --service")
        elif service.last_log_fetch is None:
            yield Check(name, "warn", "was never fetched", f"luffy fetch {service.id}, or luffy up")
        elif now - service.last_log_fetch > overdue:
            yield Check(
                name,
                "warn",
                f"last fetch {ui.ago(service.last_log_fetch, now)}",
                "luffy up (nothing is fetched while Dagster does not run)",
            )
        elif service.id in alarms:
            yield Check(name, "warn", "; ".join(alarms[service.id]), f"luffy alarms -s {service.id}")
        else:
            yield Check(
                name,
                "ok",
                f"last fetch {ui.ago(service.last_log_fetch, now)}, {len(reading)} of {len(sources)} sources read",
            )


def _page(_now: datetime) -> Iterator[Check]:
    chosen = context.settings()
    if not context.is_set_up(chosen):
        return
    from luffy_dagster.adapters.dagster_api import DagsterApi

    url = context.dagster_url(chosen)
    with DagsterApi(url, timeout=3.0) as api:
        if not api.is_up():
            yield Check("Dagster's page", "warn", f"does not answer on {url}: nothing happens by itself", "luffy up")
            return
        yield Check("Dagster's page", "ok", url)
        dead = [name for name, healthy in api.daemons().items() if not healthy]
        if dead:
            what = f"not alive: {', '.join(dead)}; schedules and sensors stand still"
            yield Check("Dagster's daemon", "fail", what, "luffy down, then luffy up")
        else:
            yield Check("Dagster's daemon", "ok", "alive")
        asleep = [one.name for one in api.automations() if not one.running]
        if "master_schedule" in asleep:
            yield Check(
                "Automation",
                "fail",
                "the master schedule is off: nothing is fetched by itself",
                f"switch it on: {url}/automation",
            )
        elif asleep:
            yield Check("Automation", "warn", f"off: {', '.join(asleep)}", f"switch them on: {url}/automation")
        else:
            yield Check("Automation", "ok", "schedules and sensors are on")
