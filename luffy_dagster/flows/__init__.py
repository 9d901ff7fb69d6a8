"""The work: one function per asset, reading through adapters, lake and store, calling core. No Dagster here."""
