-- Dagster keeps its runs, events and schedules in a database of its own, beside Luffy's.
CREATE DATABASE dagster OWNER luffy;
