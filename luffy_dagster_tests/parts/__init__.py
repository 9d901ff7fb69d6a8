"""Real servers as fixtures, one of each per session. Where one cannot run the tests are skipped with the reason; in CI they fail."""

import os
from urllib.parse import urlsplit

import pytest

from luffy_dagster.evals import parts


def _missing(error):
    if os.environ.get("CI"):
        pytest.fail(f"in CI this server must run: {error}", pytrace=False)
    pytest.skip(str(error))


@pytest.fixture(scope="session")
def opensearch_part():
    """A running OpenSearch 3.7 (LUFFY_TEST_OPENSEARCH_URL when set)."""
    url = os.environ.get("LUFFY_TEST_OPENSEARCH_URL")
    if url:
        split = urlsplit(url)
        yield parts.Part(f"{split.scheme}://{split.hostname}:{split.port or 9200}", [], {}, log=None)
        return
    try:
        with parts.opensearch(heap="512m") as part:
            yield part
    except parts.PartMissingError as error:
        _missing(error)


@pytest.fixture(scope="session")
def secure_opensearch():
    """A running OpenSearch 2.19 with TLS, users and rights."""
    try:
        with parts.opensearch("2.19.1", heap="512m", security=True) as part:
            yield part
    except parts.PartMissingError as error:
        _missing(error)


@pytest.fixture(scope="session")
def elasticsearch_part():
    """A running Elasticsearch 8.16; opt-in, as it is large."""
    if not os.environ.get("LUFFY_TEST_ELASTICSEARCH"):
        pytest.skip("opt-in: LUFFY_TEST_ELASTICSEARCH=1 (downloads 826 MB)")
    try:
        with parts.elasticsearch(heap="512m") as part:
            yield part
    except parts.PartMissingError as error:
        _missing(error)
