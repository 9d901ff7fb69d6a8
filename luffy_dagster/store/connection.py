"""Engines, transactions and the advisory lock of a service: how the other modules get their connection.

No query of a topic belongs here.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from luffy_dagster.settings import Settings, get_settings
from luffy_dagster.store import embedded
from luffy_dagster.store.errors import LockTimeoutError, UnavailableError

_known: set[str] = set()  # databases seen to exist
_engines: dict[str, Engine] = {}
_making = threading.Lock()


def database_url(settings: Settings | None = None, name: str = "luffy", driver: str = "psycopg") -> str:
    """URL of the database `name`: "luffy" (the store) or "dagster" (Dagster's own).

    `driver` is "psycopg" for SQLAlchemy (ours), "psycopg2" for Dagster, "" for a plain URL. From the settings when a URL is
    set there, else of the embedded server, which is started and given the database when it lacks it.
    """
    settings = settings or get_settings()
    own = settings.database_url if name == "luffy" else settings.dagster_database_url
    if own is not None:
        return with_driver(own.get_secret_value(), driver)
    if name != "luffy" and settings.database_url is not None:
        # Dagster's tables beside ours: on the same server, in a database of that name, which its administrator makes.
        beside = make_url(with_driver(settings.database_url.get_secret_value(), driver)).set(database=name)
        return beside.render_as_string(hide_password=False)
    found = embedded.url(settings, name, driver)
    _ensure_database(settings, name)
    return found


def with_driver(url: str, driver: str) -> str:
    """The PostgreSQL URL with that SQLAlchemy driver (none for ""); raises UnavailableError for another database."""
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.split("+")[0] not in ("postgresql", "postgres"):
        raise UnavailableError(
            f"database URL begins with {scheme!r}; Luffy needs PostgreSQL: postgresql://user@host/name"
        )
    return f"postgresql+{driver}://{rest}" if driver else f"postgresql://{rest}"


def _ensure_database(settings: Settings, name: str) -> None:
    key = f"{settings.home}/{name}"
    with _making:
        if key in _known:
            return
        admin = create_engine(embedded.url(settings, "postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        try:
            with admin.connect() as conn:
                conn.execute(text("SELECT pg_advisory_lock(hashtext('luffy:create database'))"))
                found = conn.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name}).scalar()
                if not found:
                    # Sorting by code point: the same order on every machine, and faster than a language's.
                    conn.execute(
                        text(
                            f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' "
                            "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'"
                        )
                    )
        except OperationalError as error:
            raise UnavailableError(f"embedded PostgreSQL does not answer: {_first_line(error)}") from error
        finally:
            admin.dispose()
        _known.add(key)


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0]


def engine(settings: Settings | None = None) -> Engine:
    """The process's engine for the store, one per URL; the embedded server is started when it is needed."""
    settings = settings or get_settings()
    url = database_url(settings)
    with _making:
        if url not in _engines:
            _engines[url] = create_engine(
                url,
                pool_size=5,
                # Each service that is worked on holds one connection for its lock and needs others for its work.
                max_overflow=max(20, 3 * settings.parallel_services),
                pool_pre_ping=True,  # the server may have been stopped and started again since
                connect_args={"connect_timeout": 10, "application_name": "luffy", "options": "-c timezone=UTC"},
            )
        return _engines[url]


def dispose() -> None:
    """Closes this process's pooled connections (before a fork, or before the server is stopped)."""
    with _making:
        for made in _engines.values():
            made.dispose()
        _engines.clear()
        _known.clear()


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """One transaction: committed at the end, rolled back by an exception."""
    with _connect(engine) as conn, conn.begin():
        yield conn


def _connect(engine: Engine) -> Connection:
    try:
        return engine.connect()
    except OperationalError as error:
        raise UnavailableError(
            f"PostgreSQL at {engine.url.render_as_string(hide_password=True)} does not answer: {_first_line(error)}; "
            "start it or correct LUFFY_DATABASE_URL"
        ) from error


@contextmanager
def service_lock(engine: Engine, service: str, wait: bool = True, timeout: float | None = None) -> Iterator[bool]:
    """Holds the service's advisory lock while the block runs, and yields whether it got it.

    With `wait` it waits (at most `timeout` seconds, then LockTimeoutError) and yields True; without it yields False at once when
    another run holds the lock. The lock is the session's, on a connection of its own: it ends with the process, however
    that ends. It is not re-entrant: taking it twice in one thread waits for ever.
    """
    key = {"key": _lock_key(service)}
    conn = _connect(engine).execution_options(isolation_level="AUTOCOMMIT")
    try:
        got = _take(conn, service, key, wait=wait, timeout=timeout)
        yield got
        if got:
            conn.execute(text("SELECT pg_advisory_unlock(:key)"), key)
    except BaseException:
        conn.invalidate()  # closed for good, and the lock with it
        raise
    finally:
        conn.close()


def _lock_key(service: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"luffy:service:{service}".encode(), digest_size=8).digest(), signed=True)


def _take(conn: Connection, service: str, key: dict[str, int], *, wait: bool, timeout: float | None) -> bool:
    attempt = text("SELECT pg_try_advisory_lock(:key)")
    if conn.execute(attempt, key).scalar():
        return True
    if not wait:
        return False
    if timeout is None:
        conn.execute(text("SELECT pg_advisory_lock(:key)"), key)
        return True
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        time.sleep(min(0.05, timeout))
        if conn.execute(attempt, key).scalar():
            return True
    raise LockTimeoutError(service, timeout)
