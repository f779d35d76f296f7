"""History of a run, read from the emulator, the archive and the workflows."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowQueryFailedError
from temporalio.service import RPCError

from bench.chaos.client import Backend
from bench.chaos.cluster import Cluster
from bench.chaos.directory import json_of, objects_of
from bench.chaos.objects import Object, json_in, objects_in
from bench.chaos.workload import PlayedScenario
from callvault.contracts import names
from callvault.contracts.status import CallStatus
from workflows.call.results import result_of

MAX_CONCURRENT_READS = 16

BENIGN = frozenset({WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND})
"""A signal or update arrived while the task was being completed: the server repeats the task."""


@dataclass(frozen=True)
class Chunk:
    """A file that the emulator made."""

    scenario: int
    recording_id: str
    document_id: str
    sha256: str
    metadata_sha256: str
    ended_at: float
    """End of its recording, in seconds since the epoch."""
    is_stored: bool = True
    """True if the service still has it at the end of the run."""
    index: int = 0
    """Position in the recording; after a failover of the service two files have the same index."""


@dataclass(frozen=True)
class Started:
    """The last attempt of an activity, with the times of scheduling and start."""

    activity: str
    activity_id: str
    document_id: str
    attempt: int
    scheduled: float
    began: float
    worker: str = ""
    """Identity of the worker that it was given to, without the number of its process."""


@dataclass(frozen=True)
class TimerSet:
    """A durable timer, in seconds since the epoch."""

    requested_at: float
    """Start of the workflow task that set it: the workflow counts from then."""
    confirmed_at: float
    """Time at which Temporal had taken that task's commands: the server counts from then."""
    fires_at: float


@dataclass
class Run:
    """One run of a workflow, read from its Temporal history."""

    workflow_id: str
    run_id: str
    status: str
    result: dict[str, Any] | None = None
    failed_tasks: list[str] = field(default_factory=list)
    stalls: list[tuple[float, float]] = field(default_factory=list)
    """Intervals in which a task was assigned to a dead worker, until Temporal noticed."""
    timers: list[TimerSet] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    events: int = 0
    began: float = 0.0
    """Seconds since the epoch."""
    only_looks_out: bool = False
    """True while all is done, but a start that was given up may still have begun: it is looked out
    for as long as nobody tells that the call is over."""


@dataclass(frozen=True)
class History:
    truths: dict[int, dict[str, Any]]
    """The emulator's record of the call, by number of the scenario."""
    chunks: list[Chunk]
    objects: list[Object]
    runs: list[Run]
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The JSON documents of the archive, by name: manifests, and the links of their chain."""

    def runs_of(self, workflow_id: str) -> list[Run]:
        return [run for run in self.runs if run.workflow_id == workflow_id]


async def gather(
    played: list[PlayedScenario], backend: Backend, client: Client, cluster: Cluster
) -> History:
    """Collect the history from the emulator, Temporal and the archive."""
    numbers = [each.scenario.number for each in played if each.call_id]
    answers = await each([backend.truth(each.call_id) for each in played if each.call_id])
    truths = dict(zip(numbers, answers, strict=True))
    runs = await each([_run(client, one) async for one in _executions(client)])
    objects = await asyncio.to_thread(archived_in, cluster)
    documents = await asyncio.to_thread(documents_in, cluster)
    return History(truths, [*_chunks(truths)], objects, runs, documents)


def archived_in(cluster: Cluster) -> list[Object]:
    """Read every media file of the archive."""
    in_directory = cluster.plan.has_directory
    return objects_of(cluster.directory) if in_directory else objects_in(cluster.azurite)


def documents_in(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """Read every manifest, and every link of their chain."""
    in_directory = cluster.plan.has_directory
    texts = json_of(cluster.directory) if in_directory else json_in(cluster.azurite)
    return {name: json.loads(text) for name, text in texts.items()}


def sealed_in(cluster: Cluster) -> set[str]:
    """Return the documents that lie in the archive by its manifests."""
    return {
        chunk["documentId"]
        for name, manifest in documents_in(cluster).items()
        if name.startswith("recordings/")
        for chunk in manifest["chunks"]
        if chunk["state"] == "archived"
    }


async def open_runs(client: Client) -> list[WorkflowExecution]:
    """List the workflows that still run."""
    return [each async for each in _executions(client, " AND ExecutionStatus = 'Running'")]


async def is_any_busy(client: Client) -> bool:
    """Tell if a workflow that still runs has something to do but to look out for a start.

    Answered by the first one: to ask each would have the workers replay all calls, again and again.
    """
    for run in await open_runs(client):
        if await _looking_out(client, run) is None:
            return True
    return False


async def each(work: list[Any]) -> list[Any]:
    """Await all, `MAX_CONCURRENT_READS` at a time; return the results in order."""
    places = asyncio.Semaphore(MAX_CONCURRENT_READS)

    async def one(task: Any) -> Any:
        async with places:
            return await task

    return list(await asyncio.gather(*map(one, work)))


def _executions(client: Client, condition: str = "") -> Any:
    return client.list_workflows(f"WorkflowType = '{names.WORKFLOW_TYPE}'{condition}")


def _chunks(truths: dict[int, dict[str, Any]]) -> Iterator[Chunk]:
    for scenario, truth in truths.items():
        for recording in truth["recordings"]:
            for chunk in (*recording["chunks"], *recording["failoverDuplicates"]):
                yield Chunk(
                    scenario,
                    recording["recordingId"],
                    chunk["documentId"],
                    chunk["sha256"],
                    chunk["metadataSha256"],
                    datetime.fromisoformat(recording["endedAt"]).timestamp(),
                    chunk["isStored"],
                    chunk["index"],
                )


async def _run(client: Client, execution: WorkflowExecution) -> Run:
    status = execution.status.name if execution.status else "UNKNOWN"
    run = Run(execution.id, execution.run_id, status, began=execution.start_time.timestamp())
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    reader = _Reader(run)
    async for event in handle.fetch_history_events():
        reader.read(event)
    looking = await _looking_out(client, execution) if run.status == "RUNNING" else None
    if looking is not None:
        # It has no result yet, and counts as ended.
        run.only_looks_out = True
        run.result = result_of(looking).model_dump(mode="json", by_alias=True)
    return run


async def _looking_out(client: Client, execution: WorkflowExecution) -> CallStatus | None:
    """Return the status of a call whose workflow only looks out for a start; None for others."""
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    try:
        status: CallStatus = await handle.query(names.STATUS, result_type=CallStatus)
    except (RPCError, WorkflowQueryFailedError):
        return None
    recordings = status.recordings
    only_looks_out = all(each.state.is_final for each in recordings) and any(
        each.looked_for_until is not None for each in recordings
    )
    return status if only_looks_out else None


class _Reader:
    """Reader of one workflow's history, event by event."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._scheduled: dict[int, HistoryEvent] = {}
        self._task_scheduled = 0.0
        self._task_began = 0.0

    def read(self, event: HistoryEvent) -> None:
        self._run.events += 1
        at = _seconds(event.event_time)
        self._read_task(event, at)
        match event.event_type:
            case EventType.EVENT_TYPE_TIMER_STARTED:
                timer = event.timer_started_event_attributes
                fires_at = at + _seconds(timer.start_to_fire_timeout)
                self._run.timers.append(TimerSet(self._task_began, at, fires_at))
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                self._scheduled[event.event_id] = event
            case EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
                self._started(event, at)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
                done = event.workflow_execution_completed_event_attributes
                self._run.result = json.loads(done.result.payloads[0].data)

    def _read_task(self, event: HistoryEvent, at: float) -> None:
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
                self._task_scheduled = at
            case EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
                self._task_began = at
            case EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
                self._run.stalls.append((self._task_scheduled, at))
            case EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                self._failed(event)

    def _failed(self, event: HistoryEvent) -> None:
        failed = event.workflow_task_failed_event_attributes
        if failed.cause == WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW:
            # An operator's reset: what lies before is copied from a run that is judged by itself.
            self._run.failed_tasks.clear()
            self._run.started.clear()
        elif failed.cause not in BENIGN:
            cause = WorkflowTaskFailedCause.Name(failed.cause)
            self._run.failed_tasks.append(f"{cause}: {failed.failure.message}")

    def _started(self, event: HistoryEvent, at: float) -> None:
        started = event.activity_task_started_event_attributes
        scheduling = self._scheduled[started.scheduled_event_id]
        attributes = scheduling.activity_task_scheduled_event_attributes
        given = json.loads(attributes.input.payloads[0].data) if attributes.input.payloads else {}
        self._run.started.append(
            Started(
                attributes.activity_type.name,
                attributes.activity_id,
                (given.get("chunk") or {}).get("documentId", ""),
                started.attempt,
                _seconds(scheduling.event_time),
                at,
                started.identity.partition(".")[0],
            )
        )
        # The previous attempt was assigned to a dead worker until its time-out.
        if started.last_failure.HasField("timeout_failure_info"):
            self._run.stalls.append((_seconds(scheduling.event_time), at))


def _seconds(moment: Timestamp | Duration) -> float:
    return moment.seconds + moment.nanos / 1e9
