"""What the checks of a fetch say."""

import pytest

from luffy_dagster.defs import checks
from luffy_dagster.flows.results import FetchResult, SourceResult


@pytest.mark.parametrize(
    ("rows", "duplicates", "of_a_day", "passed", "said"),
    [
        (3, 0, False, True, "3 new rows"),
        (0, 7, False, False, "no source had anything new"),
        (0, 7, True, True, "nothing new: 7 rows read, all there already"),
        (0, 0, True, False, "no source had anything new"),
    ],
)
def test_a_day_that_is_there_already_is_no_empty_fetch(rows, duplicates, of_a_day, passed, said):
    source = SourceResult("s1", "s1", ok=True, rows=rows, duplicates=duplicates, empty=rows == 0)
    fetch = FetchResult("web", rows=rows, duplicates=duplicates, sources=(source,))
    found = {verdict.name: verdict for verdict in checks.of_fetch(fetch, of_a_day=of_a_day)}["fetch_not_empty"]
    assert (found.passed, found.description) == (passed, said)
