"""Unwrapping: what containers, collectors and exporters put around a line, recognised per stream and taken off.

`detect` settles the steps from a sample, `apply` takes them in the column engine. A step touches only the rows that have its
wrapper; the others pass. The header that the program itself wrote is `headers`' business.
"""

from luffy_dagster.core.parsing.unwrap.json_plan import JsonPlan
from luffy_dagster.core.parsing.unwrap.steps import COLUMNS, Step, apply, detect

__all__ = ["COLUMNS", "JsonPlan", "Step", "apply", "detect"]
