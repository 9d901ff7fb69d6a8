"""Fingerprints of exceptions and the clusters they belong to.

Belongs here: what makes two exceptions the same, why, and how grave a cluster is. Does not belong here: reading traces
(`core.parsing.traces`), where clusters are stored (`store`).
"""

# Names the rules of `assign`; here, so that the store can say it without loading them.
CLUSTER_ALGORITHM = "clusters-2026-12"
