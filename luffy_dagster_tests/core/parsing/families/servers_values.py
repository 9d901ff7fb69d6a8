"""Generators of values of the families of `servers`."""

from __future__ import annotations

import random
from collections.abc import Callable

from luffy_dagster_tests.core.parsing.families.values import _hex, _stamp, _word

_R = random.Random
_TABLES = "orders order_items customers invoices shipments sessions audit_log pgbench_accounts".split()
_COLUMNS = "id customer_id email created_at total status amount qty".split()
_TOPICS = "orders payments clickstream.raw inventory_updates user-events dlq.orders metrics".split()
_GROUPS = "billing checkout-service analytics-etl search_indexer notification-worker".split()


def _sqlx(r: _R) -> str:
    table, column, n = r.choice(_TABLES), r.choice(_COLUMNS), r.randrange(99_999)
    return r.choice(
        [
            f"SELECT * FROM {table} WHERE {column} = {n}",
            f'SELECT "{table}"."{column}" FROM "{table}" WHERE "{table}"."id" IN ({n}, {n + 7}) ORDER BY {column} LIMIT {n % 50}',
            f"UPDATE {table} SET {column} = $1, updated_at = now() WHERE id = $2",
            f"INSERT INTO {table} (id, {column}) VALUES ({n}, '{_word(r)}') RETURNING id",
            f"SELECT count(*) FROM {table}",
            f"DELETE FROM {table} WHERE {column} < '{_stamp(r)}'",
            "BEGIN",
            "COMMIT",
            f"COPY public.{table} ({column}) TO stdout;",
            f"select t.{column}, sum(o.total) from {table} t join orders o on o.id = t.id where o.status = '{_word(r)}' group by 1",
        ]
    )


def _member(r: _R) -> str:
    uuid = "-".join(_hex(r, n) for n in (8, 4, 4, 4, 12))
    return r.choice([f"consumer-{r.choice(_GROUPS)}-{r.randrange(9)}-{uuid}", f"sarama-{uuid}", f"rdkafka-{uuid}"])


def _kreason(r: _R) -> str:
    return r.choice(
        [
            f"Adding new member {_member(r)} with group instance id None; client reason: rebalance failed due to MemberIdRequiredException",
            f"removing member {_member(r)} on heartbeat expiration",
            f"Removing member {_member(r)} on LeaveGroup; client reason: the consumer is being closed",
            f"Leader {_member(r)} re-joining group during Stable; client reason: need to re-join with the given member-id",
            "Updating metadata for member during PreparingRebalance",
        ]
    )


def _partitions(r: _R, more: str = "") -> list[str]:
    return [f"{r.choice(_TOPICS)}-{r.randrange(30)}{more}" for _ in range(r.randrange(1, 5))]


def _iso(r: _R) -> str:
    return _stamp(r).replace(" ", "T")


SERVER_VALUES: dict[str, Callable[[_R], str]] = {
    "sqlx": _sqlx,
    "stmtname": lambda r: r.choice(["<unnamed>", f"S_{r.randrange(99)}", f"asyncpg_stmt_{r.randrange(9)}", "<unnamed>"]),
    "db": lambda r: r.choice(["shop", "postgres", "metabase", "keycloak", "inventory_prod"]),
    "schema": lambda r: r.choice(["public", "public", "audit", "pg_toast"]),
    "table": lambda r: r.choice(_TABLES),
    "column": lambda r: r.choice(_COLUMNS),
    "pgapp": lambda r: r.choice(["psql", "PostgreSQL JDBC Driver", "pgAdmin 4 - DB:shop", "sidekiq 6.5", "pg_dump", "[unknown]"]),
    "sesstime": lambda r: f"{r.randrange(9)}:{r.randrange(60):02}:{r.randrange(60):02}.{r.randrange(1000):03}",
    "lsn": lambda r: f"{r.randrange(16):X}{r.choice(['', '1'])}/{r.getrandbits(32):X}8",
    "walfile": lambda r: f"0000000{r.randrange(9)}000000{r.randrange(16):02X}000000{r.randrange(256):02X}",
    "guc": lambda r: r.choice(["work_mem", "max_connections", "log_min_duration_statement", "shared_buffers", "autovacuum_naptime"]),
    "gucv": lambda r: r.choice(["64MB", "250", "2s", "on", "off", "minimal", "1GB"]),
    "token": lambda r: r.choice(["FORM", "WHER", ",", ")", _word(r), "abc", "12x", "NaN", "end"]),
    "bgw": lambda r: r.choice(["logical replication launcher", "pg_cron launcher", "parallel worker", "TimescaleDB Background Worker Launcher"]),
    "topic": lambda r: r.choice(_TOPICS),
    "group": lambda r: r.choice(_GROUPS),
    "member": _member,
    "kreason": _kreason,
    "ids": lambda r: ",".join(str(i) for i in sorted(r.sample(range(1, 6), r.randrange(1, 4)))),
    "tpset": lambda r: f"Set({', '.join(_partitions(r))})",
    "tpmap": lambda r: f"Map({', '.join(_partitions(r, f' -> (offset={r.randrange(9999)}, leaderEpoch={r.randrange(99)})'))})",
    "kid": lambda r: "".join(r.choice("ABCDEFGHKLMNPQRSTUVWXYZabcdefgh0123456789_") for _ in range(21)) + "7",
    "off20": lambda r: f"{r.randrange(10**9):020}",
    "kext": lambda r: r.choice(["log", "index", "timeindex"]),
    "txn": lambda r: r.choice(["checkout-tx-", "ledger_", "etl."]) + str(r.randrange(50)),
    "cfgmap": lambda r: r.choice(["{}", "{cleanup.policy=compact}", "{retention.ms=604800000, segment.bytes=1073741824}"]),
    "assign": lambda r: "HashMap(" + ", ".join(f"{i} -> ArrayBuffer({r.randrange(4)}, {r.randrange(4)})" for i in range(r.randrange(1, 4))) + ")",
    "exitstatus": lambda r: r.choice(["1/FAILURE", "9/KILL", "203/EXEC", "15/TERM", "11/SEGV"]),
    "usbid": lambda r: f"{r.randrange(1, 5)}-{r.randrange(1, 9)}" + r.choice(["", f".{r.randrange(1, 5)}"]),
    "product": lambda r: r.choice(["USB Receiver", "Logitech", "Cruzer Blade", "SanDisk", "USB 2.0 Hub", "Generic", "Yubico"]),
    "veth": lambda r: f"veth{_hex(r, 6)}{r.randrange(10)}",
    "nmstate": lambda r: r.choice(["prepare", "config", "need-auth", "ip-config", "ip-check", "secondaries", "activated", "deactivating", "disconnected", "unavailable"]),
    "isoz": lambda r: f"{_iso(r)}+00:00",
    "isoc": lambda r: _iso(r).replace("-", "").replace(":", ""),
    "bashop": lambda r: r.choice(["BashOperator", "PythonOperator", "S3KeySensor", "KubernetesPodOperator", "SQLExecuteQueryOperator", "_PythonDecoratedOperator"]),
    "mxhost": lambda r: r.choice([f"mail.{_word(r)}.example.org", f"mx{r.randrange(9)}.{_word(r)}.example.com", f"out-{r.randrange(99)}.smtp.example.net"]),
    "dsn": lambda r: r.choice(["2.0.0", "4.7.1", "4.4.1", "5.1.1"]),
    "monthday": lambda r: f"{r.choice(['Nov', 'Dec', 'Jan'])} {r.randrange(10, 29)}",
    "folder": lambda r: r.choice(["INBOX", "Junk", "Archive/2026", "Lists"]),
    "profile": lambda r: r.choice(["prod", "postgres", "kafka", "eu", "staging"]),
    "ctx": lambda r: r.choice(["", "/", "/api", "/shop"]),
    "dialect": lambda r: r.choice(["org.hibernate.dialect.PostgreSQLDialect", "org.hibernate.dialect.MySQLDialect"]),
    "sqlstate": lambda r: r.choice(["23505", "08006", "40001", "42P01"]),
}
