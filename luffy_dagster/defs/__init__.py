"""Dagster's door: assets, schedules, sensors, resources. The only package that imports Dagster."""
