"""Brings the schema of the store to its newest revision with Alembic; the revisions are in `migrations/versions`.

`revision()` writes a new one from the difference between `schema.py` and a migrated database; it is for developers.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from luffy_dagster.store.connection import begin

_FOLDER = Path(__file__).parent / "migrations"


def _config(conn: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = conn
    return config


def current(conn: Connection) -> str | None:
    """The revision that the database is at; None before the first migration."""
    if not conn.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL")).scalar():
        return None
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar()


def migrate(engine: Engine) -> str:
    """Brings the database to the newest revision, and returns it. Idempotent; side by side with others it waits for them.

    All steps are one transaction: a migration that fails leaves what was there.
    """
    with begin(engine) as conn:
        conn.execute(text("SELECT pg_advisory_xact_lock(hashtext('luffy:migrate'))"))
        command.upgrade(_config(conn), "head")
        return current(conn) or ""


def revision(engine: Engine, message: str) -> None:
    """Writes a revision holding what `schema.py` has and the (migrated) database lacks."""
    with begin(engine) as conn:
        command.revision(_config(conn), message=message, autogenerate=True, rev_id=_next_number())


def _next_number() -> str:
    return f"{len(list((_FOLDER / 'versions').glob('[0-9]*.py'))) + 1:04d}"
