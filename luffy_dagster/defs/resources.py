"""`luffy`, the resource that runs, schedules and sensors call, over the parts that are configured in `parts`.

It hands out what the flows work with; the work itself belongs in `luffy_dagster.flows`. Nothing is opened before it is
asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from dagster import InitResourceContext, ResourceDependency
from pydantic import Field

from luffy_dagster.defs.parts import (
    ChromaResource,
    GitLabResource,
    LakeResource,
    LanguageModelResource,
    LogSourcesResource,
    NotificationResource,
    Part,
    PostgresResource,
    Settled,
)
from luffy_dagster.settings import Settings, get_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from luffy_dagster.core.anomalies.fit import Model
    from luffy_dagster.core.scheduling import Due
    from luffy_dagster.defs.views import DayView
    from luffy_dagster.flows import (
        ClusterResult,
        CodeIndexResult,
        CompactionResult,
        DetectResult,
        FlowContext,
        ReconcileResult,
        RetentionResult,
        ServiceResult,
    )
    from luffy_dagster.flows.alerting import AlertingResult
    from luffy_dagster.flows.rca import RcaRun


class LuffyResource(Settled):
    """Luffy's flows over the configured parts: the one thing that asset bodies, the tick, schedules and sensors call."""

    postgres: ResourceDependency[PostgresResource]
    lake: ResourceDependency[LakeResource]
    log_sources: ResourceDependency[LogSourcesResource]
    notification: ResourceDependency[NotificationResource]
    chroma: ResourceDependency[ChromaResource]
    llm: ResourceDependency[LanguageModelResource]
    gitlab: ResourceDependency[GitLabResource]
    parallel_services: int = Field(default=0, description="Services worked on side by side in a tick; 0: the setting's")

    # Called by Dagster, which else looks through the configuration of every part once more. Parts open nothing: there is nothing
    # to be set up. Under another name in another version, it looks.
    @contextmanager
    def _resolve_and_update_nested_resources(self, context: InitResourceContext) -> Iterator[Any]:
        parts = [getattr(self, name) for name in type(self).model_fields if name != "parallel_services"]
        if all(isinstance(part, Part) and part.is_settled() for part in parts):
            yield self
        else:
            with super()._resolve_and_update_nested_resources(context) as made:
                yield made

    def settings(self) -> Settings:
        """The process's settings with what the resources say otherwise."""
        settings = get_settings()
        for part in (self.postgres, self.lake, self.log_sources, self.notification, self.chroma, self.llm, self.gitlab):
            settings = part.applied(settings)
        if self.parallel_services > 0:
            settings = settings.model_copy(update={"parallel_services": self.parallel_services})
        return settings

    def now(self) -> datetime:
        """The clock of everything that this resource does."""
        return datetime.now(UTC)

    def context(self) -> "FlowContext":
        """What a flow works with."""
        from luffy_dagster import flows

        return flows.make_context(self.settings(), now=self.now)

    def engine(self) -> "Engine":
        """The store's engine."""
        from luffy_dagster import store

        return store.engine(self.settings())

    def due(self, now: datetime) -> "list[Due]":
        """Services whose logs are due, longest overdue first: one query, and nothing of the flows is loaded."""
        from luffy_dagster import store
        from luffy_dagster.core.scheduling import Kind, due

        settings = self.settings()
        with store.begin(store.engine(settings)) as conn:
            rows = store.schedule_rows(conn)
        return [each for each in due(rows, now, settings.slot_attempts) if each.kind == Kind.LOG_FETCH]

    def judge_silence(self, now: datetime) -> int:
        """Brings the alarms of late, never started and silent fetches up to `now`; how many alarms are open."""
        from luffy_dagster.flows.freshness import judge_freshness

        return len(judge_freshness(self.engine(), now))

    def due_code(self, now: datetime) -> "list[Due]":
        """Services whose code is due to be indexed, longest overdue first."""
        from luffy_dagster import store
        from luffy_dagster.core.scheduling import Kind, due

        settings = self.settings()
        with store.begin(store.engine(settings)) as conn:
            rows = store.schedule_rows(conn)
        return [each for each in due(rows, now, settings.slot_attempts) if each.kind == Kind.CODE_INDEX]

    def record_attempts(self, due: "Sequence[Due]") -> None:
        """Counts an attempt for each piece of work that is asked for."""
        from luffy_dagster import store

        with store.begin(self.engine()) as conn:
            for each in due:
                store.schedule.record_attempt(conn, each.service, each.kind, each.slot, self.now())

    def index_code(self, service: str, *, full: bool = False) -> "CodeIndexResult":
        """One service's code brought up to the head of its branch."""
        from luffy_dagster import flows

        return flows.index_code(self.context(), service, full=full)

    def tick(self, due: "Sequence[Due]", on_result: "Callable[[ServiceResult], None]") -> "list[ServiceResult]":
        """Works through the due services, a bounded number side by side."""
        from luffy_dagster import flows

        results: list[ServiceResult] = flows.run_tick(self.context(), due, on_result=on_result)
        return results

    def alerting(self, budget_seconds: float = 20.0) -> "AlertingResult":
        """Judges all alerts, and delivers the messages that are due, within about the budget."""
        from luffy_dagster.flows.alerting import tick

        return tick(self.context(), budget_seconds=budget_seconds)

    def rebuild(self, service: str, day: date, refetch: bool | None) -> "ServiceResult":
        """One service's day anew, from its source or its raw rows to its clusters."""
        from luffy_dagster import flows

        return flows.rebuild_day(self.context(), service, day, refetch=refetch)

    def cluster(self, service: str) -> "ClusterResult":
        """The mapping of one service's fingerprints to clusters anew."""
        from luffy_dagster import flows

        return flows.cluster(self.context(), service)

    def detect(self, service: str, day: date) -> "DetectResult":
        """One service's windows of a day anew, and what is abnormal in them."""
        from luffy_dagster import flows

        return flows.detect(self.context(), service, [day])

    def fit_week(self, service: str, monday: date) -> "list[Model]":
        """The detectors of one service that judge the week from `monday` on, fitted anew."""
        from luffy_dagster import flows

        return flows.fit_week(self.context(), service, monday)

    def rca(self, service: str, clusters: "Sequence[str]" = (), *, force: bool = False) -> "RcaRun":
        """Root causes of one service: of the clusters that qualify, or of those named."""
        from luffy_dagster.flows.gateway import make_gateway
        from luffy_dagster.flows.rca import run_rca, telling

        ctx = self.context()
        trigger = "manual" if clusters else "schedule"
        return run_rca(
            ctx,
            service,
            clusters=tuple(clusters),
            trigger=trigger,
            gateway=make_gateway(ctx),
            notify=telling.teller(ctx),
            force=force,
        )

    def rca_due(self) -> dict[str, list[str]]:
        """Services with clusters whose root cause is to be looked for now, each with these."""
        from luffy_dagster.flows.rca import due_clusters

        return due_clusters(self.context())

    def maintain(self, service: str) -> "tuple[ReconcileResult, CompactionResult, RetentionResult]":
        """The nightly work of one service: compare with the sources, compact, delete what is past its time."""
        from luffy_dagster import flows

        ctx = self.context()
        return flows.reconcile(ctx, service), flows.compact(ctx, service), flows.retain(ctx, service)

    def view(self, service: str, day: date) -> "DayView":
        """What the store knows of one service's day: levels by hour, top messages, top clusters."""
        from luffy_dagster.defs.views import day_view

        return day_view(self.engine(), service, day)

    def rows_held(self, service: str, day: date) -> int:
        """Raw rows of the day in the lake, whichever run brought them; from the table's log alone."""
        held = self.context().lake.days("raw_logs", service)
        return int(held.filter(held["day"] == day)["rows"].sum())

    def settle_horizon(self) -> bool:
        """Takes over a first day that was moved by hand; True when it was, and the definitions must be loaded anew."""
        from luffy_dagster.defs.partitions import horizon, keep_horizon

        settings = self.settings()
        before = horizon(settings)
        return keep_horizon(settings, self.now(), migrate=False) != before

    def service_keys(self) -> list[str]:
        """Every service that is a partition, archived ones too."""
        from luffy_dagster import store

        with store.begin(self.engine()) as conn:
            keys: list[str] = store.services.partition_keys(conn)
        return keys

    def active_services(self) -> list[str]:
        """Services that are worked on."""
        from luffy_dagster import store

        with store.begin(self.engine()) as conn:
            return [service.id for service in store.services.list_services(conn)]

    def failing(self) -> dict[str, str]:
        """Services whose last work failed, each with the reason."""
        from luffy_dagster import store

        with store.begin(self.engine()) as conn:
            return store.failing.reasons(conn)

    def record_outcome(self, service: str, reason: str | None) -> bool:
        """Keeps whether the service's last work failed (`reason`) or not (None); True when that changed."""
        from luffy_dagster import store

        with store.begin(self.engine()) as conn:
            return store.failing.record(conn, service, reason, self.now())


def resources(**replaced: Part) -> dict[str, Any]:
    """The resources by the names that assets, jobs, schedules and sensors ask for; parts may be `replaced` by name."""
    parts: dict[str, Any] = {
        "postgres": PostgresResource(),
        "lake": LakeResource(),
        "log_sources": LogSourcesResource(),
        "notification": NotificationResource(),
        "chroma": ChromaResource(),
        "llm": LanguageModelResource(),
        "gitlab": GitLabResource(),
    } | replaced
    return {**parts, "luffy": LuffyResource(**parts)}
