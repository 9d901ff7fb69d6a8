"""Root causes: which clusters are due (`pending`), what is known of one (`gather`), and the investigation itself (`investigate`)."""

from luffy_dagster.flows.rca.health import Link, health_tree
from luffy_dagster.flows.rca.investigate import RcaOutcome, investigate
from luffy_dagster.flows.rca.pending import RcaRun, due_clusters, run_rca, why_skipped

__all__ = ["Link", "RcaOutcome", "RcaRun", "due_clusters", "health_tree", "investigate", "run_rca", "why_skipped"]
