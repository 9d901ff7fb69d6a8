"""Our PostgreSQL: schema, migrations, queries by topic. Whatever a person changes takes the actor and writes an audit row."""
