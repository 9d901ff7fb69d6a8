"""The metadata all tables belong to, and the columns that recur in them. No table."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, ForeignKey, Identity, Integer, MetaData, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def time(name: str, *, null: bool = True) -> Column:
    """A point in time with its zone."""
    return Column(name, DateTime(timezone=True), nullable=null)


def words(name: str, *, null: bool = True, default: str | None = None) -> Column:
    """A text."""
    return Column(name, Text, nullable=null, server_default=None if default is None else text(f"'{default}'"))


def texts(name: str) -> Column:
    """A list of texts, empty if nothing is said."""
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'::text[]"))


def integer(name: str, default: int) -> Column:
    """A whole number with its default."""
    return Column(name, Integer, nullable=False, server_default=text(str(default)))


def flag(name: str, *, default: bool) -> Column:
    """True or false."""
    return Column(name, Boolean, nullable=False, server_default=text("true" if default else "false"))


def json_object(name: str) -> Column:
    """A JSON object, empty if nothing is said."""
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def service(*, key: bool = False) -> Column:
    """The service a row belongs to."""
    return Column("service_id", Text, ForeignKey("service.id"), nullable=False, primary_key=key)


def number() -> Column:
    """A number the database gives, as primary key."""
    return Column("id", BigInteger, Identity(), primary_key=True)
