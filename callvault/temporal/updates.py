"""Workflow updates, sent again where a workflow is just handing over to its next run.

Among them the update with start, which begins to record a call in one round trip to Temporal.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import (
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.base import Message, shorten
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.requests import ControlRequest, RecordingRequest, StartRequest
from callvault.contracts.results import CallResult
from callvault.contracts.status import ControlRecord
from callvault.temporal.start_attributes import with_attributes

T = TypeVar("T")

MAX_ATTEMPTS = 20
RETRY_INTERVAL = 0.05
"""Seconds between two attempts; a hand-over takes less."""


async def update(
    client: Client,
    workflow_id: str,
    name: str,
    payload: ControlRequest | ConsentDecision,
    answer: type[T],
) -> T:
    """Send an update and wait for its answer.

    Raises ``WorkflowUpdateFailedError`` where the workflow refuses, and the errors of Temporal's
    client.
    """
    handle = client.get_workflow_handle(workflow_id)
    # The workflow alone tells by the request id which requests are the same. Temporal, which knows
    # an update by its id, would answer a pause, or a withdrawal, with the record of another one.
    update_id = str(uuid.uuid4())

    async def send() -> T:
        found: T = await handle.execute_update(name, payload, id=update_id, result_type=answer)
        return found

    return await until_ready(send)


async def decide_with_start(
    client: Client, decision: ConsentDecision, workflow_id: str, arguments: Sequence[Any]
) -> ConsentRecord:
    """Send a decision to a call's workflow, begun with these arguments where none runs."""
    update_id = str(uuid.uuid4())

    async def send() -> ConsentRecord:
        # Made anew for each attempt: the SDK refuses to use such an operation twice.
        beginning: WithStartWorkflowOperation[object, CallResult] = WithStartWorkflowOperation(
            names.WORKFLOW_TYPE,
            args=arguments,
            id=workflow_id,
            task_queue=names.CONTROL_QUEUE,
            task_timeout=names.TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary="keeps what a call's participants decide on being recorded",
            result_type=CallResult,
        )
        return await _update_with_start(
            client, beginning, names.CONSENT, decision, update_id, ConsentRecord
        )

    return await until_ready(send)


async def _update_with_start(
    client: Client,
    beginning: WithStartWorkflowOperation[object, CallResult],
    name: str,
    payload: Message,
    update_id: str,
    answer: type[T],
) -> T:
    try:
        record: T = await client.execute_update_with_start_workflow(
            name,
            payload,
            start_workflow_operation=beginning,
            id=update_id,
            result_type=answer,
        )
    except Exception:
        # The start has the same error, or none: nobody else asks, and asyncio would log that.
        with suppress(Exception):
            async with asyncio.timeout(0):
                await beginning.workflow_handle()
        raise
    return record


async def until_ready(send: Callable[[], Awaitable[T]]) -> T:
    """Ask again while Temporal says ``WorkflowNotReady``: it has not taken the update.

    ``send`` names its update by an id, so that none is taken twice.
    """
    # Temporal says so where an update meets the end of a run that continues as new, and the SDK
    # passes it on as an error.
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return await send()
        except RPCError as error:
            if not _is_not_ready(error):
                raise
        await asyncio.sleep(RETRY_INTERVAL)
    return await send()


def _is_not_ready(error: RPCError) -> bool:
    if error.status is not RPCStatusCode.FAILED_PRECONDITION:
        return False
    return any(
        detail.type_url.endswith(".WorkflowNotReadyFailure") for detail in error.grpc_status.details
    )


_ONLY_AT_BEGINNING = {"server_call_id", "resource", "start_recording"}


async def start_confirmed(
    client: Client, request: RecordingRequest, go_on: Sequence[Any] | None = None
) -> ControlRecord:
    """Start the call's workflow where none runs, ask it to record, and wait for ACS's answer.

    Without ``go_on``, the arguments of a workflow that goes on where an earlier one left off, it is
    a call's first: `WorkflowAlreadyStartedError` if there was one that has ended.

    Raises ``WorkflowUpdateFailedError`` where the workflow refuses, because a recording runs in the
    call already or the call is over; and the errors of Temporal's client.
    """
    request = with_id(request)
    update_id = str(uuid.uuid4())

    async def send(attributes: TypedSearchAttributes | None) -> ControlRecord:
        # Made anew for each attempt: the SDK refuses to use such an operation twice.
        beginning: WithStartWorkflowOperation[object, CallResult] = WithStartWorkflowOperation(
            names.WORKFLOW_TYPE,
            args=go_on or [request],
            id=names.workflow_id(request.server_call_id),
            task_queue=names.CONTROL_QUEUE,
            task_timeout=names.TASK_TIMEOUT,
            # Without a policy the SDK refuses; a call that is being kept takes the update as it is.
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=reuse_policy(is_first=go_on is None),
            static_summary=summary(request),
            memo=names.memo_of(request.server_call_id),
            search_attributes=attributes,
            result_type=CallResult,
        )
        return await _update_with_start(
            client, beginning, names.START, start_request(request), update_id, ControlRecord
        )

    return await until_ready(lambda: with_attributes(request, send))


def reuse_policy(*, is_first: bool) -> WorkflowIDReusePolicy:
    """Return the policy for a workflow that is a call's first, or that knows of its earlier one."""
    # So Temporal tells by itself of an earlier one, and nothing else is asked for a first one.
    if is_first:
        return WorkflowIDReusePolicy.REJECT_DUPLICATE
    return WorkflowIDReusePolicy.ALLOW_DUPLICATE


def with_id(request: RecordingRequest) -> RecordingRequest:
    """Return the request with an id; the workflow recognizes its own start request by the id."""
    if request.request_id is not None:
        return request
    return request.model_copy(update={"request_id": str(uuid.uuid4())})


def start_request(request: RecordingRequest) -> StartRequest:
    """Return the same request for a call that is being kept already."""
    return StartRequest.model_validate(request.model_dump(exclude=_ONLY_AT_BEGINNING))


def summary(request: RecordingRequest) -> str:
    """Write the summary of a workflow that the Web UI's list shows."""
    what = "record and keep" if request.start_recording else "keep the files of"
    return shorten(f"{what} a call on {request.resource}, asked by {request.requested_by}", 200)
