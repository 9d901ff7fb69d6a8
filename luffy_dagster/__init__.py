"""Luffy: logs of many services, from source to cause, as Dagster assets."""
