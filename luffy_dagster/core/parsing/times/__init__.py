"""Times in log lines: which forms there are, how a stream's form is settled, how a column of them becomes UTC.

A form is an expression with named parts; a `TimeSpec` is the form made exact for one stream (order of day and month,
zone or none, year or none). Where in a line a time stands is the business of `headers`. Two syntaxes read the same
expressions: Python's `re` for samples, the column engine's for everything else, so they use ASCII classes only.

Parsing is done on the distinct texts up to the second; fractions are added as numbers.
"""

from luffy_dagster.core.parsing.times.column import Zone, offset_minutes, parse
from luffy_dagster.core.parsing.times.forms import BY_NAME, FORMS, Form, Found, match_at
from luffy_dagster.core.parsing.times.spec import TimeSpec, settle

__all__ = ["BY_NAME", "FORMS", "Form", "Found", "TimeSpec", "Zone", "match_at", "offset_minutes", "parse", "settle"]
