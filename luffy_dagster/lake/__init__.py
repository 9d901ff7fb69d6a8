"""Our log tables (Delta Lake): raw_logs, entries, exceptions, windows. One table per kind and service."""
