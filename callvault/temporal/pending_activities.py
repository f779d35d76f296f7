"""The pending activities of a workflow: why they wait, and a request to try now.

The server tells of them without a worker. A request to try is the server's own `ResetActivity`: it
needs no worker and no event in the history, keeps what the attempts before have noted in their
heartbeats, and begins the intervals between attempts anew.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    ResetActivityRequest,
    UnpauseActivityRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.causes import Cause, blame_in, without_tag
from callvault.contracts import names
from callvault.contracts.base import Message, shorten
from callvault.errors import Unavailable
from callvault.temporal.executions import Execution
from callvault.temporal.failures import readable
from callvault.temporal.rpc_errors import RPC_TIMEOUT

_STATES = {
    PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED: "waiting",
    PendingActivityState.PENDING_ACTIVITY_STATE_STARTED: "running",
    PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED: "cancelling",
    PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED: "paused",
    PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED: "pausing",
}


class PendingActivity(Message):
    """An activity that is not done: it waits for its next attempt, or for a worker, or runs."""

    id: str
    type: str
    state: str
    """``waiting``, ``running``, ``cancelling``, ``paused`` (by an operator) or ``pausing``."""
    attempt: int
    """Number of the attempt that runs or comes next, from 1."""
    task_queue: str
    last_failure: str = ""
    """The last error as a sentence, without its owner."""
    fault: str = ""
    """The owner of that error: ``service``, ``archive``, ``callvault`` or ``caller``."""
    cause: Cause | None = None
    """The cause of that error, where it has one."""
    last_attempt_ended_at: datetime | None = None
    started_at: datetime | None = None
    """Beginning of the newest attempt; none before the first."""
    next_attempt_at: datetime | None = None
    """Time of the next attempt; none while one runs, or waits for a worker."""

    @property
    def waits_for_worker(self) -> bool:
        """True if no worker has begun its first attempt yet."""
        return self.state == "waiting" and self.attempt == 1 and self.started_at is None


class Described(NamedTuple):
    """The newest run of a workflow, and its pending activities."""

    execution: Execution
    pending: list[PendingActivity]


async def describe_with_activities(client: Client, workflow_id: str) -> Described:
    """Describe the newest run of a workflow; `RPCError` of the status NOT_FOUND without one."""
    described = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        ),
        retry=True,
        timeout=RPC_TIMEOUT,
    )
    execution = Execution.of(described.workflow_execution_info)
    # Of a workflow that has ended the server still lists what it did not wait for.
    pending = described.pending_activities if execution.is_open else ()
    failures = [await readable(client, info.last_failure) for info in pending]
    return Described(execution, list(map(_read, pending, failures)))


async def try_now(
    client: Client, execution: Execution, activity: PendingActivity, requested_by: str
) -> None:
    """Have a waiting activity begin its next attempt at once, also one that is paused.

    `Unavailable` where the server has no such request (Temporal 1.28 was the first to have it).
    """
    run = WorkflowExecution(workflow_id=execution.id, run_id=execution.run_id)
    service, namespace = client.workflow_service, client.namespace
    try:
        if activity.state == "paused":
            unpause = UnpauseActivityRequest(
                namespace=namespace, execution=run, identity=requested_by, id=activity.id
            )
            await service.unpause_activity(unpause, timeout=RPC_TIMEOUT)
        reset = ResetActivityRequest(
            namespace=namespace, execution=run, identity=requested_by, id=activity.id
        )
        await service.reset_activity(reset, timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.UNIMPLEMENTED:
            raise Unavailable(
                "this Temporal server cannot be asked to retry an activity: update it to 1.28 or"
                " later, or wait for the next attempt",
                owner="callvault",
            ) from error
        raise


def _read(info: PendingActivityInfo, last_failure: Failure) -> PendingActivity:
    failure = _own(last_failure)
    message = failure.message
    ended, begun, coming = (
        info.last_attempt_complete_time,
        info.last_started_time,
        info.next_attempt_schedule_time,
    )
    return PendingActivity(
        id=info.activity_id,
        type=info.activity_type.name,
        state=_STATES.get(info.state, "unknown"),
        attempt=info.attempt,
        task_queue=info.activity_options.task_queue.name,
        last_failure=shorten(without_tag(message)),
        fault=blame_in(message).owner,
        cause=_cause(failure),
        last_attempt_ended_at=_time(ended),
        started_at=_time(begun),
        next_attempt_at=_time(coming),
    )


def _own(failure: Failure) -> Failure:
    """Return the failure that says something: the server wraps one that is too large."""
    while failure.message in ("", names.CUT_FAILURE) and failure.HasField("cause"):
        failure = failure.cause
    return failure


def _cause(failure: Failure) -> Cause | None:
    """Return the cause of an activity's error, as `activities/translate.py` tells it."""
    if failure.HasField("timeout_failure_info"):
        return Cause.WORKER
    return blame_in(failure.message).cause


def _time(at: Timestamp) -> datetime | None:
    # One that is not set reads as the beginning of 1970.
    return at.ToDatetime(tzinfo=UTC) if at.seconds else None
