"""The domain, pure: values in, values out. No I/O, clock, environment, network or Dagster belongs here."""
