"""A client of the recording workflows, which asks them by the names of the contracts."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from pydantic import ValidationError
from temporalio.client import (
    Client,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from callvault.contracts import names
from callvault.contracts.adoption import AdoptionInput
from callvault.contracts.base import Message, shorten
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.reconciliation import CallSeen
from callvault.contracts.requests import ControlRequest, RecordingRequest, dated
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from callvault.errors import InvalidRequest, Unavailable
from callvault.temporal import updates
from callvault.temporal.executions import Execution, describe_execution, list_executions
from callvault.temporal.rpc_errors import (
    NOT_CONFIRMED,
    REQUEST_ID_REUSED,
    RPC_TIMEOUT,
    UPDATE_TIMEOUT,
    WorkflowNotFound,
    refusal_of,
    translated,
    unknown_call,
)

_ID_PATTERN = re.compile(r"[A-Za-z0-9_.~=+/-]+")
"""An id that a query may hold: the dev server's store does not escape quotes. Real ids are
base64url."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Started:
    """The workflow that keeps a call; ``is_new`` if the request began it."""

    workflow_id: str
    run_id: str | None
    is_new: bool


class CallClient:
    """A client of all recording workflows.

    Every method raises `Unavailable` while Temporal is away or slow, and `InvalidRequest` for a
    request that Temporal refuses for good.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    async def announce(
        self, request: RecordingRequest, event: FileStatusUpdated, earlier: CallResult | None
    ) -> str:
        """Signal files to a call's workflow, started if none runs; return the workflow's id.

        ``earlier`` is the result of a workflow of the same call that has ended.
        """
        workflow_id = names.workflow_id(request.server_call_id)
        # The place of the second argument belongs to the run before: see RecordingWorkflow.run.
        nothing_carried = None
        async with translated(RPC_TIMEOUT):
            # One request for start and signal, so that no workflow ends between the two.
            await self.client.start_workflow(
                names.WORKFLOW_TYPE,
                args=[request, nothing_carried, earlier] if earlier else [request],
                id=workflow_id,
                task_queue=names.CONTROL_QUEUE,
                task_timeout=names.TASK_TIMEOUT,
                start_signal=names.FILE_STATUS_UPDATED,
                start_signal_args=[event],
                static_summary=updates.summary(request),
                rpc_timeout=RPC_TIMEOUT,
            )
        return workflow_id

    async def start(self, request: RecordingRequest) -> Started:
        """Start the workflow of a call; if one runs already, signal `start` to it."""
        workflow_id = names.workflow_id(request.server_call_id)
        request = dated(request, datetime.now(UTC))
        # A workflow that ends between the two requests is started anew.
        while True:
            try:
                return await self._begin(workflow_id, request)
            except WorkflowAlreadyStartedError as error:
                run_id = error.run_id
            payload = updates.start_request(request)
            if not request.start_recording or await self.signal(workflow_id, names.START, payload):
                return Started(workflow_id, run_id, is_new=False)

    async def start_confirmed(self, request: RecordingRequest) -> ControlRecord | RecordingStatus:
        """Record a call and wait for ACS's ``recordingId``.

        Returns the recording that runs, if the call is being recorded already. Otherwise a refusal
        by the workflow is an `InvalidRequest` with status 409 and the workflow's sentence.
        """
        request = dated(request, datetime.now(UTC))
        try:
            async with translated(UPDATE_TIMEOUT, NOT_CONFIRMED):
                return await updates.start_confirmed(self.client, request)
        except WorkflowUpdateFailedError as error:
            refusal = refusal_of(error)
        if refusal.code == REQUEST_ID_REUSED:
            raise refusal
        workflow_id = names.workflow_id(request.server_call_id)
        running = (await self.status(workflow_id)).being_recorded
        if running is None:
            raise refusal
        return running

    async def _begin(self, workflow_id: str, request: RecordingRequest) -> Started:
        async with translated(RPC_TIMEOUT):
            handle = await self.client.start_workflow(
                names.WORKFLOW_TYPE,
                request,
                id=workflow_id,
                task_queue=names.CONTROL_QUEUE,
                task_timeout=names.TASK_TIMEOUT,
                static_summary=updates.summary(request),
                rpc_timeout=RPC_TIMEOUT,
            )
        return Started(workflow_id, handle.result_run_id, is_new=True)

    async def record_call_seen(self, seen: CallSeen) -> None:
        """Leave a trace of a call: one of its beginning and one of its end, however often asked."""
        with suppress(WorkflowAlreadyStartedError):
            async with translated(RPC_TIMEOUT):
                await self.client.start_workflow(
                    names.CALL_SEEN_TYPE,
                    seen,
                    id=names.call_seen_id(seen.server_call_id, seen.what),
                    task_queue=names.CONTROL_QUEUE,
                    # Event Grid repeats events, and by default an ended workflow frees its id.
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    memo={names.CALL_SEEN_MEMO: seen},
                    rpc_timeout=RPC_TIMEOUT,
                )

    async def adopt(self, input: AdoptionInput) -> None:
        """Have a recording adopted that no workflow knows, however often asked."""
        with suppress(WorkflowAlreadyStartedError):
            async with translated(RPC_TIMEOUT):
                await self.client.start_workflow(
                    names.ADOPTION_TYPE,
                    input,
                    id=names.adoption_id(input.recording_id),
                    task_queue=names.CONTROL_QUEUE,
                    rpc_timeout=RPC_TIMEOUT,
                )

    async def signal(self, workflow_id: str, signal: str, payload: Message) -> bool:
        """Signal a workflow; return False if none of this id runs."""
        payload = dated(payload, datetime.now(UTC))
        try:
            async with translated(RPC_TIMEOUT):
                await self._handle(workflow_id).signal(signal, payload, rpc_timeout=RPC_TIMEOUT)
        except WorkflowNotFound:
            return False
        return True

    async def update(
        self, workflow_id: str, operation: str, request: ControlRequest
    ) -> ControlRecord:
        """Send a control request and wait until ACS has confirmed it.

        A refusal by the workflow is an `InvalidRequest` with status 409 and its sentence.
        """
        request = dated(request, datetime.now(UTC))
        try:
            async with translated(UPDATE_TIMEOUT, NOT_CONFIRMED):
                return await updates.update(
                    self.client, workflow_id, operation, request, ControlRecord
                )
        except WorkflowUpdateFailedError as error:
            raise refusal_of(error) from error
        except WorkflowNotFound:
            raise await self.not_running_error(workflow_id) from None

    async def status(self, workflow_id: str) -> CallStatus:
        """Read all that is known of a call; also when its workflow has ended."""
        try:
            async with translated(RPC_TIMEOUT):
                status: CallStatus = await self._handle(workflow_id).query(
                    names.STATUS, result_type=CallStatus, rpc_timeout=RPC_TIMEOUT
                )
        except WorkflowQueryFailedError as error:
            raise Unavailable(f"the workflow does not answer: {shorten(str(error))}") from error
        except WorkflowNotFound:
            raise unknown_call(workflow_id) from None
        return status

    async def result(self, workflow_id: str) -> CallResult | None:
        """Read the result of a call; None if it is open, never was, or ended otherwise."""
        try:
            async with translated(RPC_TIMEOUT):
                # Described first: the result of an open workflow would be waited for.
                last = await self._describe(workflow_id)
                if last.status != "completed":
                    return None
                run = self.client.get_workflow_handle(
                    workflow_id, run_id=last.run_id, result_type=CallResult
                )
                result = await run.result(rpc_timeout=RPC_TIMEOUT)
        except WorkflowNotFound:
            return None
        # Raised by the result of another version; the event in hand is kept all the same.
        except ValidationError:
            log.warning("the result of a workflow cannot be read", workflow_id=workflow_id)
            return None
        return result if isinstance(result, CallResult) else None

    async def resource_of(self, workflow_id: str) -> str | None:
        """Read the name of a call's resource; None if the call is not known."""
        try:
            async with translated(RPC_TIMEOUT):
                description = await self._describe(workflow_id)
        except WorkflowNotFound:
            return None
        resource = description.typed_search_attributes.get(names.RESOURCE)
        # The attribute is there after the workflow's first task only, and people may remove it.
        return resource or (await self.status(workflow_id)).resource

    async def not_running_error(self, workflow_id: str) -> InvalidRequest:
        """Return the error for a workflow that cannot be asked: it never was, or it has ended."""
        try:
            async with translated(RPC_TIMEOUT):
                description = await self._describe(workflow_id)
        except WorkflowNotFound:
            return unknown_call(workflow_id)
        return InvalidRequest(
            f"the workflow {workflow_id} has ended ({description.status}): its recordings cannot be"
            " changed; start a new one for this call",
            status=409,
            code="already_ended",
        )

    async def find(self, recording_id: str) -> list[str]:
        """Find all workflows, open or over, that know a recording; visibility lags by a second."""
        if not _ID_PATTERN.fullmatch(recording_id):
            return []
        query = f'{names.RECORDING_IDS.name} = "{recording_id}"'
        async with translated(RPC_TIMEOUT):
            found = [
                each.id
                async for each in list_executions(self.client, query, rpc_timeout=RPC_TIMEOUT)
                # The dev server's store ignores case, and ids do not.
                if recording_id in (each.typed_search_attributes.get(names.RECORDING_IDS) or ())
            ]
        # Every run is listed, and a workflow has several once it has continued as new.
        return list(dict.fromkeys(found))

    async def check(self) -> None:
        """Raise `Unavailable` unless Temporal answers."""
        async with translated(RPC_TIMEOUT):
            await self.client.service_client.check_health(timeout=RPC_TIMEOUT)

    async def _describe(self, workflow_id: str) -> Execution:
        return await describe_execution(self.client, workflow_id, rpc_timeout=RPC_TIMEOUT)

    def _handle(self, workflow_id: str) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(workflow_id)
