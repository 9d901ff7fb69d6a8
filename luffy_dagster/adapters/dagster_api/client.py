"""Dagster over its GraphQL interface: start work, follow it, add partitions, switch schedules and sensors on and off.

Plain HTTP and no import of Dagster, for the doors that are not Dagster's own (command line, web). What work means is not
known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from luffy_dagster.adapters.dagster_api.states import (
    Automation,
    BackfillState,
    DagsterApiError,
    DagsterDownError,
    RunState,
    run_state,
)

LOCATION = "luffy_dagster"
REPOSITORY = "__repository__"
LOGS_JOB = "logs"
RCA_JOB = "rca"
TICK_JOB = "tick"
_REPOSITORY = {"repositoryName": REPOSITORY, "repositoryLocationName": LOCATION}
_UNFINISHED = ["QUEUED", "NOT_STARTED", "MANAGED", "STARTING", "STARTED", "CANCELING"]
_RUN = "runId jobName status tags { key value } creationTime startTime endTime stepStats { stepKey status }"
_ERROR = "... on PythonError { message } ... on UnauthorizedError { message }"


class DagsterApi:
    """A client of one Dagster webserver. Use as a context manager, or call `close`."""

    def __init__(
        self, base_url: str = "http://127.0.0.1:3000", *, timeout: float = 30.0, client: httpx.Client | None = None
    ) -> None:
        self.base_url = base_url.rstrip("/")
        # trust_env off: a proxy of the environment has no business between us and a page on this machine.
        self._client = client or httpx.Client(timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def is_up(self) -> bool:
        """Whether the webserver answers and has loaded our code location."""
        try:
            found = self._ask(
                "query { repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"
            )
        except DagsterApiError:
            return False
        nodes = found["repositoriesOrError"].get("nodes") or []
        return any(node["location"]["name"] == LOCATION for node in nodes)

    def add_service(self, service: str) -> None:
        """Adds the service's partition key at once; one that is there already is no error."""
        found = self._ask(
            "mutation($key: String!, $repo: RepositorySelector!) { addDynamicPartition(partitionKey: $key, "
            'partitionsDefName: "service", repositorySelector: $repo) { __typename '
            f"... on DuplicateDynamicPartitionError {{ partitionName }} {_ERROR} }} }}",
            {"key": service, "repo": _REPOSITORY},
        )["addDynamicPartition"]
        if found["__typename"] not in ("AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError"):
            raise self._refused(f"add the partition of {service}", found)

    def launch_job(
        self, job: str, *, run_config: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
    ) -> str:
        """Starts a run of a job and returns its id."""
        params = {
            "selector": {**_REPOSITORY, "jobName": job},
            "runConfigData": dict(run_config or {}),
            "executionMetadata": {"tags": _tags(tags)},
        }
        found = self._ask(
            "mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename "
            "... on LaunchRunSuccess { run { runId } } ... on RunConfigValidationInvalid { errors { message } } "
            f"... on PipelineNotFoundError {{ message }} ... on InvalidSubsetError {{ message }} {_ERROR} }} }}",
            {"params": params},
        )["launchRun"]
        if found["__typename"] != "LaunchRunSuccess":
            raise self._refused(f"start the job {job}", found)
        return str(found["run"]["runId"])

    def launch_services(self, services: Sequence[str], *, actor: str = "") -> str:
        """Works on these services now, due or not, and returns the run's id.

        Asked for one service whose own such run has not ended, it returns that run: a second trigger joins the first.
        """
        if len(services) == 1:
            for run in self.runs(service=services[0], job=TICK_JOB, unfinished=True, limit=1):
                return run.run_id
        tags = {"luffy/work": TICK_JOB, "luffy/trigger": "manual", "dagster/max_runtime": "7200"}
        if actor:
            tags["luffy/actor"] = actor
        if len(services) == 1:
            tags["luffy/service"] = services[0]
        return self.launch_job(
            TICK_JOB, run_config={"ops": {"work_through": {"config": {"services": list(services)}}}}, tags=tags
        )

    def launch_day(
        self, service: str, day: date, *, tags: Mapping[str, str] | None = None, refetch: str = "auto"
    ) -> str:
        """Materialises one service's day by hand and returns the run's id. `refetch`: auto, always or never."""
        # Both the key and its dimensions: with the key alone it would arrive as a plain string.
        own = {
            "dagster/partition": f"{day.isoformat()}|{service}",
            "dagster/partition/day": day.isoformat(),
            "dagster/partition/service": service,
            "luffy/service": service,
            "luffy/work": LOGS_JOB,
            "dagster/max_runtime": "3600",
        }
        config = {"ops": {"logs_of_a_day": {"config": {"refetch": refetch.upper()}}}}
        return self.launch_job(LOGS_JOB, run_config=config, tags={**own, **(tags or {})})

    def launch_causes(self, service: str, clusters: Sequence[str]) -> str:
        """Looks for the root causes of these clusters of a service (of none named: of those that qualify); the run's id."""
        tags = {
            "dagster/partition": service,
            "luffy/service": service,
            "luffy/work": RCA_JOB,
            "dagster/max_runtime": "3600",
        }
        config = {"ops": {"rca_reports": {"config": {"clusters": list(clusters)}}}}
        return self.launch_job(RCA_JOB, run_config=config, tags=tags)

    def launch_backfill(self, services: Sequence[str], days: Sequence[date], *, title: str = "") -> str:
        """Materialises services × days, a run each, and returns the backfill's id."""
        params: dict[str, Any] = {
            "selector": {"partitionSetName": f"{LOGS_JOB}_partition_set", "repositorySelector": _REPOSITORY},
            "partitionNames": [f"{day.isoformat()}|{service}" for day in days for service in services],
        }
        if title:
            params["title"] = title
        found = self._ask(
            "mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { __typename "
            "... on LaunchBackfillSuccess { backfillId } ... on PartitionKeysNotFoundError { message } "
            f"... on PartitionSetNotFoundError {{ message }} {_ERROR} }} }}",
            {"params": params},
        )["launchPartitionBackfill"]
        if found["__typename"] != "LaunchBackfillSuccess":
            raise self._refused("start the backfill", found)
        return str(found["backfillId"])

    def backfill(self, backfill_id: str) -> BackfillState:
        """How far a backfill is."""
        found = self._ask(
            "query($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill { id status "
            "numPartitions partitionStatusCounts { runStatus count } } ... on BackfillNotFoundError { message } "
            "... on PythonError { message } } }",
            {"id": backfill_id},
        )["partitionBackfillOrError"]
        if found["__typename"] != "PartitionBackfill":
            raise self._refused(f"read the backfill {backfill_id}", found)
        counts = {each["runStatus"]: each["count"] for each in found["partitionStatusCounts"]}
        return BackfillState(
            backfill_id=backfill_id,
            status=found["status"],
            done=counts.get("SUCCESS", 0),
            failed=counts.get("FAILURE", 0) + counts.get("CANCELED", 0),
            all=found["numPartitions"] or 0,
        )

    def run(self, run_id: str) -> RunState:
        """The state of one run, with the reason when it failed."""
        found = self._ask(
            f"query($id: ID!) {{ runOrError(runId: $id) {{ __typename ... on Run {{ {_RUN} }} "
            "... on RunNotFoundError { message } ... on PythonError { message } } }",
            {"id": run_id},
        )["runOrError"]
        if found["__typename"] != "Run":
            raise self._refused(f"read the run {run_id}", found)
        return run_state(found, self._reason(run_id) if found["status"] == "FAILURE" else None)

    def wait(
        self,
        run_id: str,
        *,
        timeout: float = 300.0,
        every: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
        progress: Callable[[RunState], None] | None = None,
    ) -> RunState:
        """The run's state when it has ended; raises DagsterApiError after `timeout` seconds."""
        waited = 0.0
        while True:
            state = self.run(run_id)
            if progress is not None:
                progress(state)
            if state.finished:
                return state
            if waited >= timeout:
                raise DagsterApiError(
                    f"run {run_id} is still {state.status.lower()} after {timeout:.0f} s; it goes on: {self.run_url(run_id)}"
                )
            sleep(every)
            waited += every

    def runs(
        self, *, service: str | None = None, job: str | None = None, unfinished: bool = False, limit: int = 25
    ) -> list[RunState]:
        """Runs, newest first; `service` finds those that are about one service."""
        where: dict[str, Any] = {}
        if job is not None:
            where["pipelineName"] = job
        if service is not None:
            where["tags"] = _tags({"luffy/service": service})
        if unfinished:
            where["statuses"] = _UNFINISHED
        found = self._ask(
            f"query($where: RunsFilter, $limit: Int) {{ runsOrError(filter: $where, limit: $limit) {{ __typename "
            f"... on Runs {{ results {{ {_RUN} }} }} ... on InvalidPipelineRunsFilterError {{ message }} "
            "... on PythonError { message } } }",
            {"where": where, "limit": limit},
        )["runsOrError"]
        if found["__typename"] != "Runs":
            raise self._refused("list runs", found)
        return [run_state(each, None) for each in found["results"]]

    def terminate(self, run_id: str) -> None:
        """Asks a run to end."""
        found = self._ask(
            "mutation($id: String!) { terminateRun(runId: $id) { __typename ... on TerminateRunFailure { message } "
            f"... on RunNotFoundError {{ message }} {_ERROR} }} }}",
            {"id": run_id},
        )["terminateRun"]
        if found["__typename"] != "TerminateRunSuccess":
            raise self._refused(f"end the run {run_id}", found)

    def daemons(self) -> dict[str, bool]:
        """The daemons that are needed, and whether each is alive."""
        found = self._ask("query { instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }")
        statuses = found["instance"]["daemonHealth"]["allDaemonStatuses"]
        return {each["daemonType"]: bool(each["healthy"]) for each in statuses if each["required"]}

    def automations(self) -> list[Automation]:
        """Schedules and sensors."""
        return [Automation(each["name"], kind, on) for each, kind, on in self._automations()]

    def set_automation(self, name: str, running: bool) -> None:
        """Switches a schedule or sensor on or off."""
        for each, kind, on in self._automations():
            if each["name"] != name:
                continue
            if on == running:
                return
            word = kind.capitalize()
            if running:
                query = f"mutation($selector: {word}Selector!) {{ done: start{word}({kind}Selector: $selector) {{ __typename {_ERROR} }} }}"
                found = self._ask(query, {"selector": {**_REPOSITORY, f"{kind}Name": name}})["done"]
            else:
                verb = "stopRunningSchedule" if kind == "schedule" else "stopSensor"
                found = self._ask(
                    f"mutation($id: String!) {{ done: {verb}(id: $id) {{ __typename {_ERROR} }} }}",
                    {"id": each["state"]["id"]},
                )["done"]
            if found["__typename"].endswith("Error"):
                raise self._refused(f"switch {name} {'on' if running else 'off'}", found)
            return
        known = ", ".join(sorted(each["name"] for each, _, _ in self._automations()))
        raise DagsterApiError(f"no schedule or sensor is called {name}; there are {known}")

    def run_url(self, run_id: str) -> str:
        """Address of a run's page."""
        return f"{self.base_url}/runs/{run_id}"

    def asset_url(self, asset: str, service: str | None = None, day: date | None = None) -> str:
        """Address of an asset's page; of one partition when a service is given (with a day, where the asset has days)."""
        url = f"{self.base_url}/assets/{quote(asset)}"
        if service is not None:
            key = service if day is None else f"{day.isoformat()}|{service}"
            return f"{url}?view=partitions&partition={quote(key)}"
        return url

    def _automations(self) -> list[tuple[dict[str, Any], str, bool]]:
        found = self._ask(
            "query($repo: RepositorySelector!) { repositoryOrError(repositorySelector: $repo) { __typename ... on Repository { "
            "schedules { name state: scheduleState { id status } } sensors { name state: sensorState { id status } } } "
            "... on RepositoryNotFoundError { message } ... on PythonError { message } } }",
            {"repo": _REPOSITORY},
        )["repositoryOrError"]
        if found["__typename"] != "Repository":
            raise self._refused("read schedules and sensors", found)
        return [
            (each, kind, each["state"]["status"] == "RUNNING")
            for kind, listed in (("schedule", found["schedules"]), ("sensor", found["sensors"]))
            for each in listed
        ]

    def _reason(self, run_id: str) -> str | None:
        found = self._ask(
            "query($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events { __typename "
            "... on ExecutionStepFailureEvent { stepKey error { message cause { message } } } "
            "... on RunFailureEvent { message error { message } } } } } }",
            {"id": run_id},
        )["logsForRun"]
        reason = None
        for event in found.get("events") or []:
            error = event.get("error")
            if event["__typename"] == "ExecutionStepFailureEvent" and error:
                return _one_line((error.get("cause") or error)["message"])
            if event["__typename"] == "RunFailureEvent":
                reason = _one_line(error["message"] if error else event.get("message") or "")
        return reason

    def _ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._client.post(f"{self.base_url}/graphql", json={"query": query, "variables": variables or {}})
        except httpx.TimeoutException:
            raise DagsterDownError(
                f"Dagster at {self.base_url} did not answer in time; it may be starting: try again"
            ) from None
        except httpx.HTTPError as error:
            raise DagsterDownError(
                f"Dagster does not answer at {self.base_url}: {error}; start it with `luffy up`"
            ) from None
        try:
            told = answer.json()
        except ValueError:
            raise DagsterApiError(
                f"{self.base_url} is no Dagster page (HTTP {answer.status_code}); correct LUFFY_DAGSTER_URL"
            ) from None
        if told.get("errors"):
            raise DagsterApiError(
                f"Dagster at {self.base_url} refused the question: {_one_line(told['errors'][0]['message'])}"
            )
        return dict(told["data"])

    def _refused(self, wanted: str, found: Mapping[str, Any]) -> DagsterApiError:
        reasons = [found["message"]] if found.get("message") else [each["message"] for each in found.get("errors", [])]
        why = _one_line("; ".join(reasons)) or str(found.get("__typename"))
        return DagsterApiError(f"Dagster could not {wanted}: {why}; see {self.base_url}/locations")


def _tags(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in (tags or {}).items()]


def _one_line(text: str) -> str:
    return " ".join(text.split())
