"""Parts as resources: what is said on Dagster's page replaces the setting, what is left empty does not."""

import pytest

from luffy_dagster.defs.parts import (
    ChromaResource,
    GitLabResource,
    LanguageModelResource,
    LogSourcesResource,
    NotificationResource,
    Part,
    PostgresResource,
)
from luffy_dagster.defs.resources import resources
from luffy_dagster.settings import Settings


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        (ChromaResource(url="http://chroma:8005"), "chroma_url", "http://chroma:8005"),
        (ChromaResource(embedding_model="off"), "embedding_model", "off"),
        (LanguageModelResource(providers="openai,ollama"), "llm_providers", "openai,ollama"),
        (LanguageModelResource(ollama_url="http://gpu:11434"), "ollama_url", "http://gpu:11434"),
        (LanguageModelResource(tokens_per_day=5), "llm_tokens_per_day", 5),
        (GitLabResource(url="http://git:8929"), "gitlab_url", "http://git:8929"),
        (LogSourcesResource(docs_per_fetch=0), "docs_per_fetch", 0),
        (NotificationResource(smtp_host="mail"), "smtp_host", "mail"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Part) else None,
)
def test_what_is_said_replaces_the_setting(part, name, value):
    settings = Settings(_env_file=None, docs_per_fetch=7)
    assert getattr(part.applied(settings), name) == value


def test_what_is_left_empty_changes_nothing_and_every_name_is_a_setting():
    settings = Settings(_env_file=None)
    for part in resources().values():
        if isinstance(part, Part):
            assert part.applied(settings) is settings
            assert set(part.stands_for) <= set(type(part).model_fields)
            assert set(part.stands_for.values()) <= set(Settings.model_fields)


def test_an_address_of_the_database_is_a_secret():
    settings = PostgresResource(database_url="postgresql://u:hunter2hunter2@h/n").applied(Settings(_env_file=None))
    assert "hunter2" not in repr(settings)
    assert settings.database_url.get_secret_value().endswith("@h/n")


def test_a_part_may_be_replaced_by_name():
    luffy = resources(gitlab=GitLabResource(url="http://git:8929"))["luffy"]
    assert luffy.settings().gitlab_url == "http://git:8929"
