"""Alembic's entry: runs the migrations on the connection that `store.migrating` hands over."""

from alembic import context

from luffy_dagster.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, compare_server_default=False
)
with context.begin_transaction():
    context.run_migrations()
