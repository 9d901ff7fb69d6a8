"""OpenSearch and Elasticsearch as log sources: read by time through a point in time, in slices, raw bytes to columns."""
