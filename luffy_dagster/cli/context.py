"""What the commands share of settings, store and flows: opened when a command runs, never at import."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from luffy_dagster.cli import ui

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from luffy_dagster.adapters.dagster_api import DagsterApi
    from luffy_dagster.flows import FlowContext
    from luffy_dagster.settings import Settings


def now() -> datetime:
    """The machine's clock, UTC."""
    return datetime.now(UTC)


def settings() -> Settings:
    """The settings of this process; one line of error names the one that is wrong."""
    from pydantic import ValidationError

    from luffy_dagster.settings import get_settings

    try:
        return get_settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"LUFFY_{'_'.join(str(part) for part in first['loc'])}".upper()
        ui.fail(f"the setting {name} is refused: {first['msg']}; mend it in the environment or in .env")


def actor() -> str:
    """Who is at the keyboard, for the audit."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return "cli"


def is_set_up(chosen: Settings) -> bool:
    """Whether `luffy init` was run for this home."""
    return (chosen.home / "dagster").exists()


def require_setup() -> Settings:
    """The settings; ends the command where nothing is set up, rather than making a second home in the wrong folder."""
    chosen = settings()
    if not is_set_up(chosen):
        ui.fail(
            f"nothing is set up in {chosen.home}: run luffy init here, or set LUFFY_HOME to the home that you made before"
        )
    return chosen


def engine() -> Engine:
    """The store's engine, its schema at the newest revision."""
    from luffy_dagster import store

    return store.engine(require_setup())


@contextmanager
def connection() -> Iterator[Connection]:
    """One transaction on the store."""
    from luffy_dagster import store

    with store.begin(engine()) as conn:
        yield conn


def flows() -> FlowContext:
    """The context of the flows by the settings, with the machine's clock."""
    from luffy_dagster.flows import make_context

    return make_context(require_setup())


def dagster_url(chosen: Settings) -> str:
    """Where Dagster's page is: the one that `luffy up` started, else the setting."""
    from luffy_dagster.cli.page import running_page

    page = running_page(chosen)
    return page.url if page is not None else chosen.dagster_url.rstrip("/")


def dagster_api(chosen: Settings) -> DagsterApi:
    """A client of Dagster's page."""
    from luffy_dagster.adapters.dagster_api import DagsterApi

    return DagsterApi(dagster_url(chosen))


def announce_service(service: str) -> None:
    """Give a new service its partition key at once where Dagster runs; where not, its sensor does it later."""
    from luffy_dagster.adapters.dagster_api import DagsterApi, DagsterApiError

    chosen = settings()
    try:
        with DagsterApi(dagster_url(chosen), timeout=3.0) as api:
            if api.is_up():
                api.add_service(service)
    except DagsterApiError as error:
        ui.note(
            f"[yellow]note:[/] Dagster did not take the new partition ({error}); its sensor repairs that within 30 s"
        )
