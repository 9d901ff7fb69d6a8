"""Telling people of a report: its head goes into the outbox, in the thread of the incident that the cluster is part of."""

from __future__ import annotations

from luffy_dagster import store
from luffy_dagster.core.rca.report import plain
from luffy_dagster.flows.context import FlowContext
from luffy_dagster.flows.rca.investigate import Notify, RcaOutcome


def teller(ctx: FlowContext) -> Notify:
    """What is called with each new report. Nobody is told where the service's notifications are off."""

    def tell(outcome: RcaOutcome) -> None:
        from luffy_dagster.flows.telling import add_report

        report = outcome.report
        if report is None:
            return
        with store.begin(ctx.engine) as conn:
            if not store.services.get(conn, outcome.service).notification_enabled:
                return
        facts = [
            (
                "Verdict",
                f"{report.verdict}{f' ({report.cause})' if report.cause else ''}, confidence {report.confidence:.2f}",
            )
        ]
        if report.culprit is not None:
            facts.append(("Commit", f"{report.culprit.sha[:12]} {report.culprit.subject}"))
        facts += [("Proposal", plain(a.action)) for a in report.recommendations[:1]]
        facts.append(("Report", f"luffy rca show {outcome.cluster_id} --service {outcome.service}"))
        add_report(
            ctx,
            outcome.service,
            outcome.cluster_id,
            f"{report.title}: {plain(report.headline)}",
            facts,
            report_id=str(outcome.result_id),
        )

    return tell
