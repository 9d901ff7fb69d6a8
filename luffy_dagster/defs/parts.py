"""The parts that Luffy works with, as resources of Dagster: configured in one place, shown on its page, replaced in tests.

Fields left empty come from the LUFFY_… settings of the process that runs. A part opens nothing: it says what is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from dagster import ConfigurableResource, EnvVar
from pydantic import Field, SecretStr

from luffy_dagster.settings import Settings, get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

_UNSAID = object()


class Settled(ConfigurableResource):  # type: ignore[type-arg]
    """A resource that a run takes over as it is when nothing about it is said anew.

    Dagster makes every resource of a run three times, each time with its schema inferred: 20 ms with ours, in every run.
    """

    def is_settled(self) -> bool:
        """Whether nothing about it is left to the time of the run: no variable of the environment, no configuration."""
        return not any(isinstance(getattr(self, name), EnvVar) for name in type(self).model_fields)

    # Called by Dagster. Under another name in another version, the resource is made anew as ever.
    def _with_updated_values(self, values: Mapping[str, Any] | None) -> Any:
        said = ((getattr(self, name, _UNSAID), value) for name, value in (values or {}).items())
        if all(own == value and not isinstance(own, EnvVar) for own, value in said):
            return copy(self)
        return super()._with_updated_values(values)


class Part(Settled):
    """A part whose fields stand for settings; one that is left as it is by default leaves its setting as it is."""

    stands_for: ClassVar[dict[str, str]] = {}

    def applied(self, settings: Settings) -> Settings:
        """`settings` with what is said here."""
        said = {
            name: getattr(self, field)
            for field, name in self.stands_for.items()
            if getattr(self, field) != type(self).model_fields[field].default
        }
        return settings.model_copy(update=said) if said else settings


class PostgresResource(Part):
    """PostgreSQL: services, sources, watermarks, counts, clusters. Embedded unless a URL names another."""

    database_url: str = Field(default="", description="postgresql://user:password@host/name; empty: LUFFY_DATABASE_URL")

    def applied(self, settings: Settings) -> Settings:
        """`settings` with this resource's own database."""
        secret = SecretStr(self.database_url)
        return settings.model_copy(update={"database_url": secret}) if self.database_url else settings

    def engine(self) -> Engine:
        """The store's SQLAlchemy engine."""
        from luffy_dagster import store

        return store.engine(self.applied(get_settings()))


class LakeResource(Part):
    """The lake: Delta tables of raw rows, entries and exceptions, in a folder or an object store."""

    stands_for: ClassVar[dict[str, str]] = {"url": "lake_url"}
    url: str = Field(
        default="", description="Folder, s3://…, gs://… or az://…; empty: LUFFY_LAKE_URL, else <home>/lake"
    )


class LogSourcesResource(Part):
    """OpenSearch, Elasticsearch and files: how sources are read. Hosts and secrets belong to each source, in the store."""

    stands_for: ClassVar[dict[str, str]] = {
        "docs_per_fetch": "docs_per_fetch",
        "first_lookback_hours": "first_lookback_hours",
    }
    docs_per_fetch: int = Field(
        default=-1, description="Cap of documents per source and fetch; 0: none; -1: the setting's"
    )
    first_lookback_hours: int = Field(default=0, description="How far a first fetch looks back; 0: the setting's")


class NotificationResource(Part):
    """How messages leave: mail server, and which private addresses are allowed. Webhooks belong to each service, in the store."""

    stands_for: ClassVar[dict[str, str]] = {
        "smtp_host": "smtp_host",
        "smtp_port": "smtp_port",
        "allow_private": "notify_allow_private",
    }
    smtp_host: str = Field(default="", description="Server that takes our e-mail; empty: LUFFY_SMTP_HOST")
    smtp_port: int = Field(default=0, description="Its port; 0: LUFFY_SMTP_PORT")
    allow_private: str = Field(
        default="", description="Networks, addresses and hosts, by commas; empty: LUFFY_NOTIFY_ALLOW_PRIVATE"
    )


class ChromaResource(Part):
    """Chroma and the model of its vectors: the search of code by meaning."""

    stands_for: ClassVar[dict[str, str]] = {"url": "chroma_url", "embedding_model": "embedding_model"}
    url: str = Field(
        default="", description="http://host:port; empty: LUFFY_CHROMA_URL, else embedded in <home>/chroma"
    )
    embedding_model: str = Field(default="", description="Model of embeddings; empty: LUFFY_EMBEDDING_MODEL")


class LanguageModelResource(Part):
    """Language models that may put a report in words; the verdict is never theirs. Keys belong to LUFFY_… variables."""

    stands_for: ClassVar[dict[str, str]] = {
        "providers": "llm_providers",
        "ollama_url": "ollama_url",
        "ollama_model": "ollama_model",
        "tokens_per_day": "llm_tokens_per_day",
    }
    providers: str = Field(default="", description="ollama, openai, anthropic, by commas; empty: LUFFY_LLM_PROVIDERS")
    ollama_url: str = Field(default="", description="Where Ollama answers; empty: LUFFY_OLLAMA_URL")
    ollama_model: str = Field(default="", description="Its model; empty: LUFFY_OLLAMA_MODEL")
    tokens_per_day: int = Field(default=0, description="Cap of tokens per day; 0: LUFFY_LLM_TOKENS_PER_DAY")


class GitLabResource(Part):
    """Where GitLab answers. Tokens belong to each service, in the store; nothing is written without a person."""

    stands_for: ClassVar[dict[str, str]] = {"url": "gitlab_url"}
    url: str = Field(default="", description="https://host[/path]; empty: LUFFY_GITLAB_URL, else the repository's host")
