"""The lock of a service between threads and processes; the transaction around work; migrations side by side."""

import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text

from luffy_dagster import store
from luffy_dagster.store.errors import LockTimeoutError


def test_a_second_run_waits_for_the_first(engine):
    order = []
    inside = threading.Event()

    def first():
        with store.service_lock(engine, "shop"):
            inside.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert inside.wait(10)
    with store.service_lock(engine, "shop") as got:
        order.append("second")
    thread.join()
    assert got
    assert order == ["first", "second"]


def test_waiting_ends(engine):
    with store.service_lock(engine, "shop"), pytest.raises(LockTimeoutError, match="shop"), store.service_lock(engine, "shop", timeout=0.1):
        pass


def test_an_exception_gives_the_lock_back(engine):
    with pytest.raises(RuntimeError), store.service_lock(engine, "shop"):
        raise RuntimeError("work failed")
    with store.service_lock(engine, "shop", wait=False) as got:
        assert got


def test_a_killed_holder_gives_the_lock_back(engine, settings):
    code = (
        "from luffy_dagster import store; import time\n"
        "with store.service_lock(store.engine(), 'shop'):\n    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with store.service_lock(engine, "shop", wait=False) as got:
        assert not got
    holder.kill()
    holder.wait()
    with store.service_lock(engine, "shop", timeout=10) as got:
        assert got


def test_as_many_services_as_may_run_side_by_side(settings, engine):
    """Each holds its lock's connection and one for its work: the pool must not run dry."""
    running = threading.Barrier(settings.parallel_services * 3, timeout=20)
    failed = []

    def work(n):
        try:
            with store.service_lock(engine, f"s{n}"):
                running.wait()
                with store.begin(engine) as conn:
                    conn.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(settings.parallel_services * 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_transaction_is_whole_or_nothing(engine, now):
    with pytest.raises(RuntimeError), store.begin(engine) as conn:
        store.services.create(conn, {"name": "gone"}, actor="ann", now=now)
        raise RuntimeError("later step failed")
    with store.begin(engine) as conn:
        assert store.services.list_services(conn) == []
        assert store.audit.list_audit(conn) == []


def test_two_create_the_same_service_at_once(engine, now):
    from luffy_dagster.store.errors import DuplicateError

    outcomes = []

    def create():
        try:
            with store.begin(engine) as conn:
                store.services.create(conn, {"name": "twin"}, actor="ann", now=now)
                time.sleep(0.1)
            outcomes.append("made")
        except DuplicateError:
            outcomes.append("taken")

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "taken", "taken"]


def test_migrations_side_by_side(pg_settings, _admin):
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    from luffy_dagster.store import embedded

    admin = create_engine(embedded.url(pg_settings, "postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.execute(text("CREATE DATABASE fresh TEMPLATE template0"))
    made = create_engine(embedded.url(pg_settings, "fresh"), poolclass=NullPool)
    revisions = []
    threads = [threading.Thread(target=lambda: revisions.append(store.migrate(made))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(revisions) == 3
    assert len(set(revisions)) == 1
