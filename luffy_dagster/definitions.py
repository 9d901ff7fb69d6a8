"""What Dagster loads, and nothing else."""

from __future__ import annotations

from luffy_dagster.defs.build import build_definitions

defs = build_definitions()
