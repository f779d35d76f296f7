"""One run of the unmodified workflow, in the cache of a worker that may throw it away.

A run keeps every activation. Thrown away, it is made anew of them, and must give the same commands,
byte for byte: as a replay does, which sees no query and no update that was rejected.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import temporalio.converter
from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.common import MetricMeter, Priority, TypedSearchAttributes
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker._workflow_instance import WorkflowInstance, WorkflowInstanceDetails

from bench.simulation.protocol import Job, eviction
from callvault.contracts import names
from callvault.temporal.converter import data_converter
from workflows.recording import RecordingWorkflow

_LOOP = asyncio.new_event_loop()


class Broken(Exception):
    """A promise is broken."""


@dataclass(frozen=True)
class Opening:
    """The beginning of a run."""

    workflow_id: str
    run_id: str
    at: datetime
    arguments: tuple[Payload, ...]
    seed: int
    continued_run_id: str | None = None


@dataclass(frozen=True)
class _Entry:
    activation: WorkflowActivation
    completion: WorkflowActivationCompletion


class RunInstance:
    """One run: activations go in, commands come out."""

    def __init__(
        self, opening: Opening, definition: type = RecordingWorkflow, flags: Iterable[int] = ()
    ) -> None:
        """``flags`` are changes of the SDK's own that the run is to make use of."""
        self._opening = opening
        self._definition = definition
        self._journal: list[_Entry] = []
        self._flags = set(flags)
        """Those of the SDK's own changes that this run has made use of, as its history says."""
        self._instance = self._create()
        self.history_length = 2
        self.seen_history_length = 2
        """That of the last activation which left a trace in the history."""

    @property
    def workflow(self) -> RecordingWorkflow:
        """The workflow's own object; to be read only."""
        found: RecordingWorkflow = self._instance._object  # type: ignore[attr-defined]
        return found

    def begin(self, now: datetime, messages: Sequence[Job] = ()) -> list[WorkflowCommand]:
        """Activate the workflow for the first time; messages may have come before.

        ``now`` may be later than the run was begun: no worker may have run.
        """
        job = Job()
        start = job.initialize_workflow
        start.workflow_type = names.WORKFLOW_TYPE
        start.workflow_id = self._opening.workflow_id
        start.arguments.extend(self._opening.arguments)
        start.randomness_seed = self._opening.seed
        start.start_time.FromDatetime(self._opening.at)
        return self.activate(now, [job, *messages])

    def activate(self, now: datetime, jobs: Sequence[Job]) -> list[WorkflowCommand]:
        """Let the workflow act on what has happened; raises `Broken` if its task fails."""
        activation = WorkflowActivation(run_id=self._opening.run_id, jobs=jobs)
        activation.timestamp.FromDatetime(now)
        activation.history_length = self.history_length
        activation.available_internal_flags.extend(sorted(self._flags))
        completion = self._instance.activate(activation)
        if completion.HasField("failed"):
            raise Broken(f"a workflow task fails: {completion.failed.failure.message}")
        entry = _Entry(activation, completion)
        self._journal.append(entry)
        self._flags |= set(completion.successful.used_internal_flags)
        commands = list(completion.successful.commands)
        if _replayed(entry) is not None:
            self.seen_history_length = self.history_length
            self.history_length += 3 + len(jobs) + len(commands)
        return commands

    def replay(self) -> None:
        """Throw the instance away, and make it anew of all that it was told."""
        self.evict()
        self._instance = self._create()
        for at, entry in enumerate(self._journal):
            if (activation := _replayed(entry)) is None:
                continue
            again = self._instance.activate(activation)
            if _essence(entry, again) != _essence(entry, entry.completion):
                raise Broken(f"a replay gives other commands at activation {at}")

    def evict(self) -> None:
        """Throw the instance away."""
        self._instance.activate(WorkflowActivation(run_id=self._opening.run_id, jobs=[eviction()]))

    def forget(self) -> None:
        """Keep no activation any more, as a worker does: it cannot be replayed then."""
        self._journal.clear()

    def _create(self) -> WorkflowInstance:
        details = WorkflowInstanceDetails(
            payload_converter_factory=lambda: data_converter.payload_converter,
            failure_converter_class=temporalio.converter.DefaultFailureConverter,
            interceptor_classes=[],
            defn=workflow._Definition.must_from_class(self._definition),
            info=_info(self._opening),
            randomness_seed=self._opening.seed,
            extern_functions=_EXTERN_FUNCTIONS,
            disable_eager_activity_execution=True,
            worker_level_failure_exception_types=[],
            patch_activation_callback=None,
            last_completion_result=Payloads(),
            last_failure=None,
        )

        async def create() -> WorkflowInstance:
            return UnsandboxedWorkflowRunner().create_instance(details)

        return _LOOP.run_until_complete(create())


def _info(opening: Opening) -> workflow.Info:
    return workflow.Info(
        attempt=1,
        continued_run_id=opening.continued_run_id,
        cron_schedule=None,
        execution_timeout=None,
        first_execution_run_id="run-1",
        headers={},
        namespace="default",
        original_execution_run_id=opening.run_id,
        parent=None,
        root=None,
        priority=Priority.default,
        raw_memo={},
        retry_policy=None,
        run_id=opening.run_id,
        run_timeout=None,
        search_attributes={},
        start_time=opening.at,
        task_queue=names.CONTROL_QUEUE,
        task_timeout=timedelta(seconds=10),
        # Anew for each instance, as in a worker: what a workflow sets is added to it.
        typed_search_attributes=TypedSearchAttributes([]),
        workflow_id=opening.workflow_id,
        workflow_start_time=opening.at,
        workflow_type=names.WORKFLOW_TYPE,
    )


def _rejected(entry: _Entry) -> set[str]:
    """Return the updates of an activation that were rejected: no history holds them."""
    responses = [c.update_response for c in _commands(entry) if c.HasField("update_response")]
    accepted = {r.protocol_instance_id for r in responses if r.HasField("accepted")}
    return {r.protocol_instance_id for r in responses if r.HasField("rejected")} - accepted


def _commands(entry: _Entry) -> Iterator[WorkflowCommand]:
    yield from entry.completion.successful.commands


def _replayed(entry: _Entry) -> WorkflowActivation | None:
    """Return an activation as a replay sees it; None if it leaves no trace in the history."""
    rejected = _rejected(entry)
    activation = WorkflowActivation()
    activation.CopyFrom(entry.activation)
    activation.is_replaying = True
    activation.available_internal_flags.extend(entry.completion.successful.used_internal_flags)
    del activation.jobs[:]
    for job in entry.activation.jobs:
        if job.HasField("query_workflow") or job.do_update.id in rejected:
            continue
        kept = activation.jobs.add()
        kept.CopyFrom(job)
        if kept.HasField("do_update"):
            kept.do_update.run_validator = False
    return activation if activation.jobs else None


def _essence(entry: _Entry, completion: WorkflowActivationCompletion) -> list[bytes]:
    """Return the commands of an activation that reach the history, byte for byte."""
    if completion.HasField("failed"):
        return [completion.failed.failure.message.encode()]
    rejected = _rejected(entry)
    # A timer that has fired is cancelled in vain: the core drops that.
    fired = {j.fire_timer.seq for j in entry.activation.jobs if j.HasField("fire_timer")}
    return [
        command.SerializeToString(deterministic=True)
        for command in completion.successful.commands
        if command.update_response.protocol_instance_id not in rejected
        and not (command.HasField("cancel_timer") and command.cancel_timer.seq in fired)
    ]


_EXTERN_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "__temporal_get_metric_meter": lambda: MetricMeter.noop,
}
