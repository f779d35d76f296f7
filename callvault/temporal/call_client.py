"""A client of the recording workflows, which asks them by the names of the contracts."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from temporalio.client import WorkflowUpdateFailedError
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from callvault.contracts import names
from callvault.contracts.adoption import AdoptionInput
from callvault.contracts.base import Message
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.reconciliation import CallSeen
from callvault.contracts.requests import ControlRequest, RecordingRequest, dated
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from callvault.errors import CallvaultError, Unavailable
from callvault.temporal import updates
from callvault.temporal.call_reader import CallReader
from callvault.temporal.earlier_runs import EarlierRun, begin
from callvault.temporal.rpc_errors import (
    REQUEST_ID_REUSED,
    RPC_TIMEOUT,
    WorkflowNotFound,
    refusal_of,
    translated,
)
from callvault.temporal.start_attributes import with_attributes
from callvault.temporal.unanswered import answered


@dataclass(frozen=True)
class Started:
    """The workflow that keeps a call; ``is_new`` if the request began it."""

    workflow_id: str
    run_id: str | None
    is_new: bool


class CallClient(CallReader):
    """A client of all recording workflows.

    Every method raises `Unavailable` while Temporal is away or slow, and `InvalidRequest` for a
    request that Temporal refuses for good.
    """

    async def announce_first(
        self, request: RecordingRequest, event: FileStatusUpdated
    ) -> str | None:
        """Signal files to a call's workflow, begun where the call never had one, by one request.

        Return the workflow's id; None, and nothing is told, if the call's last one has ended.
        """
        workflow_id = names.workflow_id(request.server_call_id)
        try:
            await begin(
                self.client,
                workflow_id,
                [request],
                names.FILE_STATUS_UPDATED,
                event,
                summary=updates.summary(request),
                reuse_policy=updates.reuse_policy(is_first=True),
            )
        except WorkflowAlreadyStartedError:
            return None
        return workflow_id

    async def announce(
        self,
        request: RecordingRequest,
        event: FileStatusUpdated,
        earlier: CallResult | None,
        *,
        again: bool = False,
    ) -> str:
        """Signal files to a call's workflow, started if none runs; return the workflow's id.

        ``earlier`` is the result of a workflow of the same call that has ended; of files that are
        to be copied ``again`` nothing is known. One that follows another knows what that one knew;
        `Unavailable` while it cannot be read.
        """
        workflow_id = names.workflow_id(request.server_call_id)
        # The place of the second argument belongs to the run before: see RecordingWorkflow.run.
        arguments: list[Any] = [request, None]
        if (before := await self.ended_well(workflow_id)) is not None:
            arguments = before.arguments_for_files(event, again=again)
            # The state knows all else of that run.
            earlier = earlier and earlier.model_copy(update={"recordings": ()})
        if earlier is not None and not again:
            arguments.append(earlier)
        await begin(
            self.client,
            workflow_id,
            arguments,
            names.FILE_STATUS_UPDATED,
            event,
            summary=updates.summary(request),
        )
        return workflow_id

    async def ended_well(self, workflow_id: str) -> EarlierRun | None:
        """Read a call's last workflow; None if it runs, never was, or was ended by force.

        What that last one knew is handed over by `workers/abandoned.py`.
        """
        try:
            async with translated(RPC_TIMEOUT):
                last = await self._describe(workflow_id)
        except WorkflowNotFound:
            return None
        if last.status != "completed":
            return None
        before = EarlierRun(last, await self._status_of_ended(workflow_id))
        return before if before.status.policy is not None else None

    async def start(self, request: RecordingRequest) -> Started:
        """Start the workflow of a call; if one runs already, signal `start` to it.

        One that follows another knows what that one knew; `Unavailable` while it cannot be read.
        """
        workflow_id = names.workflow_id(request.server_call_id)
        request = updates.with_id(dated(request, datetime.now(UTC)))
        try:
            return await self._begin(workflow_id, request, is_first=True)
        except WorkflowAlreadyStartedError as error:
            run_id = error.run_id
        # One that ends between two requests is followed by another one.
        while not await self._is_told(workflow_id, request):
            with suppress(WorkflowAlreadyStartedError):
                return await self._follow(workflow_id, request)
        return Started(workflow_id, run_id, is_new=False)

    async def start_confirmed(self, request: RecordingRequest) -> ControlRecord | RecordingStatus:
        """Record a call and wait for ACS's ``recordingId``.

        Returns the recording that runs, if the call is being recorded already. Otherwise a refusal
        by the workflow is an `InvalidRequest` with status 409 and the workflow's sentence.
        """
        request = updates.with_id(dated(request, datetime.now(UTC)))
        workflow_id = names.workflow_id(request.server_call_id)
        try:
            return await answered(self, workflow_id, self._start_confirmed(request))
        except WorkflowUpdateFailedError as error:
            refusal = refusal_of(error)
        if refusal.code == REQUEST_ID_REUSED:
            raise refusal
        running = (await self.status(workflow_id)).being_recorded
        if running is None:
            raise refusal
        return running

    async def _start_confirmed(self, request: RecordingRequest) -> ControlRecord:
        workflow_id = names.workflow_id(request.server_call_id)
        with suppress(WorkflowAlreadyStartedError):
            return await updates.start_confirmed(self.client, request)
        arguments: list[Any] = [request]
        earlier = await self._earlier(workflow_id)
        if earlier is not None and earlier.is_complete:
            arguments = earlier.arguments
        elif earlier is not None:
            await self._hand_over(workflow_id, request, earlier)
        return await updates.start_confirmed(self.client, request, arguments)

    async def _begin(
        self, workflow_id: str, request: RecordingRequest, *, is_first: bool
    ) -> Started:
        async def start(attributes: TypedSearchAttributes | None) -> str | None:
            handle = await self.client.start_workflow(
                names.WORKFLOW_TYPE,
                request,
                id=workflow_id,
                task_queue=names.CONTROL_QUEUE,
                task_timeout=names.TASK_TIMEOUT,
                id_reuse_policy=updates.reuse_policy(is_first=is_first),
                static_summary=updates.summary(request),
                memo=names.memo_of(request.server_call_id),
                search_attributes=attributes,
                rpc_timeout=RPC_TIMEOUT,
            )
            return handle.result_run_id

        async with translated(RPC_TIMEOUT):
            run_id = await with_attributes(request, start)
        return Started(workflow_id, run_id, is_new=True)

    async def _is_told(self, workflow_id: str, request: RecordingRequest) -> bool:
        """Tell a request to the workflow that runs; return False if none does."""
        if request.start_recording:
            return await self.signal(workflow_id, names.START, updates.start_request(request))
        async with translated(RPC_TIMEOUT):
            return (await self._describe(workflow_id)).is_open

    async def _follow(self, workflow_id: str, request: RecordingRequest) -> Started:
        """Begin a workflow after one that has ended, with what counts of all that one knew."""
        earlier = await self._earlier(workflow_id)
        if earlier is None:
            return await self._begin(workflow_id, request, is_first=False)
        if not earlier.is_complete:
            return await self._hand_over(workflow_id, request, earlier)
        told = updates.start_request(request) if request.start_recording else None
        signal = names.START if told else None
        run_id = await begin(self.client, workflow_id, earlier.arguments, signal, told)
        return Started(workflow_id, run_id, is_new=True)

    async def _hand_over(
        self, workflow_id: str, request: RecordingRequest, earlier: EarlierRun
    ) -> Started:
        """Begin a workflow after one that was ended by force, and tell it what that one knew."""
        # Its state may be old: so the request counts first, as where a worker hands a state over.
        last = earlier.last_state
        run_id = await begin(self.client, workflow_id, [request], names.TAKE_OVER, last)
        # Again, for one that was begun by another meanwhile: by its id it is taken once.
        await self._is_told(workflow_id, request)
        return Started(workflow_id, run_id, is_new=True)

    async def _earlier(self, workflow_id: str) -> EarlierRun | None:
        """Read a call's last workflow; None if it runs, or counts for no other recording.

        `Unavailable` where it cannot be read: a withdrawal that it knew might be forgotten.
        """
        async with translated(RPC_TIMEOUT):
            last = await self._describe(workflow_id)
        if last.is_open:
            return None
        earlier = EarlierRun(last, await self._status_of_ended(workflow_id))
        return earlier if earlier.counts else None

    async def _status_of_ended(self, workflow_id: str) -> CallStatus:
        try:
            return await self.status(workflow_id)
        except CallvaultError as error:
            raise Unavailable(
                "nothing was begun, because the decisions on consent of this call's earlier"
                f" workflow cannot be read ({error}): repeat the request",
                owner="callvault",
            ) from error

    async def record_call_seen(self, seen: CallSeen) -> None:
        """Leave a trace of a call, however often asked: one of its end only if no other is there.

        One trace is all that a reconciliation needs, and each is a workflow.
        """
        if seen.what == "ended" and await self._has_begun(seen.server_call_id):
            return
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
                    static_summary=f"a call {seen.what}: remembered for the reconciliation",
                    rpc_timeout=RPC_TIMEOUT,
                )

    async def _has_begun(self, server_call_id: str) -> bool:
        """Tell if a trace of the beginning of a call is there."""
        try:
            async with translated(RPC_TIMEOUT):
                await self._describe(names.call_seen_id(server_call_id, "began"))
        except WorkflowNotFound:
            return False
        return True

    async def adopt(self, input: AdoptionInput) -> None:
        """Have a recording adopted that no workflow knows, however often asked."""
        with suppress(WorkflowAlreadyStartedError):
            async with translated(RPC_TIMEOUT):
                await self.client.start_workflow(
                    names.ADOPTION_TYPE,
                    input,
                    id=names.adoption_id(input.recording_id),
                    task_queue=names.CONTROL_QUEUE,
                    static_summary="has a recording adopted that no workflow knew",
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

        A pause is answered in the time that it may take, confirmed or not: then it is pending.
        A refusal by the workflow is an `InvalidRequest` with status 409 and its sentence.
        """
        request = dated(request, datetime.now(UTC))
        try:
            sent = updates.update(self.client, workflow_id, operation, request, ControlRecord)
            is_for_silence = operation == names.PAUSE
            return await answered(self, workflow_id, sent, is_for_silence=is_for_silence)
        except WorkflowUpdateFailedError as error:
            raise refusal_of(error) from error
        except WorkflowNotFound:
            raise await self.not_running_error(workflow_id) from None
