"""How a service's repository is reached: a token or an SSH key, encrypted; never shown again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy import update as sa_update
from sqlalchemy.dialects.postgresql import insert

from luffy_dagster.store import audit, crypto
from luffy_dagster.store.crypto import Secret
from luffy_dagster.store.errors import InvalidError
from luffy_dagster.store.schema import git_credential

KINDS = ("token", "ssh_key")


@dataclass(frozen=True, slots=True)
class GitCredential:
    """What opens a repository; `secret` is decrypted only when it is revealed."""

    service_id: str
    kind: str
    username: str | None
    secret: Secret
    known_hosts: str | None
    updated_at: datetime


def get(conn: Connection, service: str) -> GitCredential | None:
    """The service's credential, None when it has none."""
    row = conn.execute(select(git_credential).where(git_credential.c.service_id == service)).mappings().first()
    if row is None:
        return None
    secret = crypto.sealed(row["secret_encrypted"])
    assert secret is not None
    return GitCredential(service, row["kind"], row["username"], secret, row["known_hosts"], row["updated_at"])


def put(
    conn: Connection,
    service: str,
    kind: str,
    secret: str,
    *,
    username: str | None = None,
    known_hosts: str | None = None,
    actor: str,
    now: datetime,
) -> None:
    """Sets the service's credential; audited without the secret. Raises InvalidError."""
    if kind not in KINDS:
        raise InvalidError("kind", f"{kind!r} is none of {', '.join(KINDS)}")
    secret = secret.strip()
    if not secret or "\0" in secret:
        raise InvalidError("secret", "is empty or holds a NUL; give the token or the private key itself")
    if kind == "token" and any(c.isspace() for c in secret):
        raise InvalidError("secret", "a token holds no white space; give the token alone")
    if kind == "ssh_key" and "PRIVATE KEY" not in secret:
        raise InvalidError("secret", "is no private key; give the file's text, BEGIN and END lines too")
    values = {
        "kind": kind,
        "username": username,
        "secret_encrypted": crypto.encrypt(secret),
        "known_hosts": known_hosts,
        "updated_at": now,
    }
    statement = insert(git_credential).values(service_id=service, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["service_id"], set_=values))
    after = {"kind": kind, "username": username, "secret": "set"}
    audit.write(conn, actor, "set", "git_credential", service, now=now, service=service, after=after)


def remove(conn: Connection, service: str, *, actor: str, now: datetime) -> bool:
    """Forgets the service's credential; False when it had none."""
    gone = conn.execute(delete(git_credential).where(git_credential.c.service_id == service)).rowcount > 0
    if gone:
        audit.write(conn, actor, "remove", "git_credential", service, now=now, service=service)
    return gone


def rotate_secrets(conn: Connection) -> int:
    """Encrypts every credential under the newest key; how many."""
    rows = conn.execute(select(git_credential.c.service_id, git_credential.c.secret_encrypted)).all()
    for service, token in rows:
        fresh = {"secret_encrypted": crypto.rotate(token)}
        conn.execute(sa_update(git_credential).where(git_credential.c.service_id == service).values(fresh))
    return len(rows)
