"""Other people's systems: OpenSearch, Elasticsearch, files, Git, LLMs, notification. Typed errors at the border."""
