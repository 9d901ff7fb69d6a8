"""A public evaluation set of root causes: our own scenarios as data, with their truth and the score of each release.

`python -m luffy_dagster_tests.public` writes `causes.jsonl` anew from the scenarios; `luffy eval verdicts
luffy_dagster_tests/public/causes.jsonl` scores it. `scores.json` keeps the figures of each version of the rules: the test
fails where one falls below the version before.
"""
