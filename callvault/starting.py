"""Begin to record a call, in one round trip to Temporal that yields ACS's ``recordingId``."""

import uuid

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from callvault.contracts import names
from callvault.contracts.base import shorten
from callvault.contracts.requests import RecordingRequest, StartRequest
from callvault.contracts.status import CallResult, ControlRecord
from callvault.temporal.updates import until_ready

_ONLY_AT_BEGINNING = {"server_call_id", "resource", "start_recording"}


async def start_confirmed(client: Client, request: RecordingRequest) -> ControlRecord:
    """Start the call's workflow where none runs, ask it to record, and wait for ACS's answer.

    Raises ``WorkflowUpdateFailedError`` where the workflow refuses, because a recording runs in the
    call already or the call is over; and whatever Temporal's client raises.
    """
    request = with_id(request)

    async def ask() -> ControlRecord:
        beginning: WithStartWorkflowOperation[object, CallResult] = WithStartWorkflowOperation(
            names.WORKFLOW_TYPE,
            request,
            id=names.workflow_id(request.server_call_id),
            task_queue=names.CONTROL_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=summary(request),
            result_type=CallResult,
        )
        record: ControlRecord = await client.execute_update_with_start_workflow(
            names.START,
            start_request(request),
            start_workflow_operation=beginning,
            id=f"{names.START}:{request.request_id}",
            result_type=ControlRecord,
        )
        return record

    return await until_ready(ask)


def with_id(request: RecordingRequest) -> RecordingRequest:
    """The request with an id, by which the workflow knows its own beginning when it is asked."""
    if request.request_id is not None:
        return request
    return request.model_copy(update={"request_id": str(uuid.uuid4())})


def start_request(request: RecordingRequest) -> StartRequest:
    """The same request for a call that is being kept already."""
    return StartRequest.model_validate(request.model_dump(exclude=_ONLY_AT_BEGINNING))


def summary(request: RecordingRequest) -> str:
    """What an operator reads of a workflow in the Web UI's list."""
    what = "record and keep" if request.start_recording else "keep the files of"
    return shorten(f"{what} a call on {request.resource}, asked by {request.requested_by}", 200)
