"""The only reader of the environment: every setting of Luffy, typed, from LUFFY_… variables and the file `.env`.

Values only: what a setting means to the work is decided where it is used. Nothing is read when this module is imported.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings. Each field is the variable LUFFY_<NAME>; what is passed in wins, then the environment, then `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="LUFFY_",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        validate_default=True,
    )

    home: Path = Field(default=Path(".luffy"), description="Folder of the embedded store, the lake and the key.")
    database_url: SecretStr | None = Field(default=None, description="PostgreSQL of the store; embedded when unset.")
    dagster_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL of Dagster; embedded, or beside the store's, when unset."
    )
    lake_url: str | None = Field(
        default=None, description="Folder or object store of the lake; <home>/lake when unset."
    )
    lake_options: dict[str, SecretStr] = Field(
        default_factory=dict,
        description='Of an object store, as JSON: {"AWS_ENDPOINT_URL": "https://…", "AWS_ACCESS_KEY_ID": "…", …}.',
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Key, or several separated by commas, for secrets at rest: the first encrypts, all decrypt.",
    )
    dagster_url: str = Field(default="http://127.0.0.1:3000", description="Where Dagster's webserver answers.")

    parallel_services: int = Field(default=4, ge=1, le=256, description="Services worked on side by side in a tick.")
    fetch_overlap_minutes: int = Field(default=10, ge=0, description="How far a fetch reads back behind the watermark.")
    fetch_piece_hours: int = Field(default=24, ge=1, description="A longer gap is fetched in pieces of this length.")
    first_lookback_hours: int = Field(default=24, ge=1, description="How far the first fetch of a source looks back.")
    docs_per_fetch: int = Field(default=0, ge=0, description="Cap of documents per source and fetch; 0 is no cap.")
    open_entry_seconds: int = Field(default=60, ge=1, description="Silence after which a stream's last entry ends.")
    slot_attempts: int = Field(default=3, ge=1, le=20, description="Attempts of due work per slot.")
    error_lines: bool = Field(
        default=True,
        description="Whether lines of level error or fatal without a stack trace are grouped as exceptions are.",
    )
    shapes_per_day: int = Field(default=10_000, ge=1, description="New shapes of a service kept per day.")

    git_protocols: str = Field(
        default="https,http,ssh,file", description="Protocols that repositories may be fetched by, separated by commas."
    )
    git_private_addresses: bool = Field(
        default=True, description="Whether repositories may be fetched from hosts in private networks."
    )
    git_timeout_seconds: int = Field(default=600, ge=1, description="How long one call of Git may take.")
    gitlab_url: str = Field(
        default="",
        description="Where GitLab answers, if not at the host of a service's repository: for SSH, or below a path.",
    )
    code_commits_kept: int = Field(default=5_000, ge=1, description="Commits kept per service, the newest.")
    embedding_model: str = Field(
        default="all-MiniLM-L6-v2",
        description='Model of embeddings: the bundled one, any of sentence-transformers, "ollama:NAME", or "off".',
    )
    ollama_url: str = Field(default="http://127.0.0.1:11434", description="Where Ollama answers.")
    chroma_url: str | None = Field(
        default=None, description="Chroma server (http://host:port); embedded in <home>/chroma when unset."
    )
    llm_providers: str = Field(
        default="ollama",
        description="Language models in the order they are asked: ollama, openai, anthropic; empty: none.",
    )
    llm_local_only: bool = Field(
        default=True, description="Strict local mode: nobody outside of this machine is asked."
    )
    ollama_model: str = Field(default="", description="Its model; empty: the first that it has.")
    openai_url: str = Field(default="", description="Any server that speaks OpenAI's protocol; empty: OpenAI's own.")
    openai_model: str = Field(default="", description="Its model.")
    openai_api_key: SecretStr | None = Field(default=None)
    anthropic_model: str = Field(default="", description="Anthropic's model.")
    anthropic_api_key: SecretStr | None = Field(default=None)
    llm_timeout_seconds: float = Field(default=60.0, gt=0, description="Longest wait for one answer.")
    llm_context_tokens: int = Field(default=8_192, ge=512, description="Longest prompt and answer together.")
    llm_tokens_per_day: int = Field(default=500_000, ge=0, description="Cap of tokens per UTC day over all calls.")
    llm_cost_per_day_usd: float = Field(
        default=5.0, ge=0, description="Cap of what outside models may cost per UTC day."
    )
    llm_prices: str = Field(
        default="",
        description='JSON of dollars per million tokens: {"openai/gpt": [0.4, 1.6]}; local models cost nothing.',
    )
    llm_cache: str = Field(
        default="exact",
        pattern="^(off|exact|semantic)$",
        description="off, exact, or semantic (of one service, task and evidence).",
    )
    llm_cache_hours: int = Field(default=24, ge=1, description="How long an answer is given again.")
    rca_parallel: int = Field(
        default=2, ge=1, le=64, description="Services whose root causes are looked for side by side."
    )

    notify_allow_private: str = Field(
        default="",
        description="Networks, addresses and host names, separated by commas, that messages may go to although they are private.",
    )
    notify_timeout_seconds: float = Field(
        default=15.0, gt=0, le=120, description="Of one attempt at sending a message."
    )
    notify_give_up_hours: float = Field(default=24.0, gt=0, description="A message is tried for so long.")
    smtp_host: str | None = Field(default=None, description="Server that takes our e-mail.")
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = Field(default="starttls")
    smtp_user: str | None = Field(default=None)
    smtp_password: SecretStr | None = Field(default=None)
    smtp_sender: str = Field(default="luffy@localhost", description="Sender of our e-mail.")
    public_url: str | None = Field(
        default=None, description="Where people reach Dagster's page: messages link to it. Unset: they name commands."
    )
    alert_batch_minutes: int = Field(default=5, ge=1, description="Messages that are not critical go out in batches.")
    alert_cooldown_minutes: int = Field(default=15, ge=1, description="Least pause between messages of one incident.")
    alert_repeat_hours: float = Field(default=4.0, gt=0, description="An incident that goes on is told again.")
    external_alerts_per_hour: int = Field(
        default=500, ge=1, description="New alerts of an Alertmanager taken per hour, and held at a time."
    )
    adaptive_intervals: bool = Field(default=True, description="Fetch a service more often while its exceptions rise.")

    retention_raw_days: int = Field(default=7, ge=1)
    retention_entries_days: int = Field(default=90, ge=1)
    retention_counts_days: int = Field(default=400, ge=1)
    retention_models_days: int = Field(default=63, ge=14, description="How long fitted detectors are kept.")
    horizon_days: int = Field(default=90, ge=1, description="How many days back the first partition lies at init.")

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def lake(self) -> str:
        """URL or absolute folder of the lake."""
        return self.lake_url or str(self.home / "lake")


@cache
def get_settings() -> Settings:
    """The settings of this process, read at the first call (`get_settings.cache_clear()` reads them anew)."""
    return Settings()
