"""A service's code: how its repository is reached, commits and their file changes, the chunks of its index."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from luffy_dagster.store.schema import columns as col

git_credential = Table(
    "git_credential",
    col.metadata,
    col.service(key=True),
    col.words("kind", null=False),
    col.words("username"),
    Column("secret_encrypted", LargeBinary, nullable=False),
    col.words("known_hosts"),
    col.time("updated_at", null=False),
    CheckConstraint("kind IN ('token', 'ssh_key')", name="kind"),
)

code_commit = Table(
    "code_commit",
    col.metadata,
    col.service(),
    col.words("sha", null=False),
    Column("place", Integer, nullable=False),  # rises along the branch, so that the newest has the largest
    col.texts("parents"),
    col.words("author", null=False),
    col.words("author_email", null=False),
    col.time("authored_at", null=False),
    col.time("committed_at", null=False),
    col.words("subject", null=False),
    col.words("body", null=False, default=""),
    PrimaryKeyConstraint("service_id", "sha"),
    Index(None, "service_id", "place"),
    Index(None, "service_id", "committed_at"),
)

code_change = Table(
    "code_change",
    col.metadata,
    Column("service_id", Text, nullable=False),
    col.words("sha", null=False),
    col.words("path", null=False),
    col.words("status", null=False),
    col.words("old_path"),
    Column("added", Integer),
    Column("removed", Integer),
    PrimaryKeyConstraint("service_id", "sha", "path"),
    ForeignKeyConstraint(
        ["service_id", "sha"],
        ["code_commit.service_id", "code_commit.sha"],
        ondelete="CASCADE",
        name="fk_code_change_commit",
    ),
    Index(None, "service_id", "path"),
)

# `terms` are the distinct words of the chunk and `counts` how often each occurs: what BM25 needs.
code_chunk = Table(
    "code_chunk",
    col.metadata,
    col.number(),
    col.service(),
    col.words("path", null=False),
    col.words("blob", null=False),
    col.words("symbol", null=False),
    col.words("kind", null=False),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    col.words("hash", null=False),
    col.texts("terms"),
    Column("counts", ARRAY(SmallInteger), nullable=False),
    Column("length", Integer, nullable=False),
    Index(None, "service_id", "path"),
    Index(None, "service_id", "hash"),
    Index("ix_code_chunk_terms", "terms", postgresql_using="gin"),
)

code_index = Table(
    "code_index",
    col.metadata,
    col.service(key=True),
    col.words("repository", null=False),
    col.words("branch", null=False),
    col.words("subpath", null=False, default=""),
    col.words("commit_sha", null=False),
    col.time("committed_at"),
    col.words("algorithm", null=False),
    col.words("model"),  # null: lexical only
    Column("dimensions", Integer),
    col.words("mode", null=False),
    Column("files", Integer, nullable=False),
    Column("chunks", Integer, nullable=False),
    Column("commits", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    col.json_object("skipped"),
    col.texts("notes"),
    Column("seconds", Float, nullable=False),
    col.time("indexed_at", null=False),
    CheckConstraint("mode IN ('full', 'incremental', 'unchanged')", name="mode"),
)
