"""RecordingWorkflow: one durable run keeps one call's recordings.

It waits and it asks; every decision is made by the pure modules beside it. Signals and updates
are folded into one `Lifecycle`; three loops bring the world in line with it: control of ACS,
export of announced files, and the watch for files that nobody announces.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.control import ControlActivities
from callvault.contracts import names
from callvault.contracts.events import ReadFileStatusUpdated
from callvault.contracts.orders import ResourceQuery
from callvault.contracts.requests import (
    ControlRequest,
    ReadCallEnded,
    ReadControlRequest,
    ReadRecordingRequest,
    ReadStartRequest,
    RecordingRequest,
)
from callvault.contracts.status import (
    CallResult,
    CallStatus,
    ChunkStatus,
    ControlRecord,
    RequestState,
)
from callvault.contracts.wire import Unreadable
from workflows import asking, display, files, policies
from workflows.files import ChunkKey
from workflows.lifecycle import Control, Lifecycle, Verb
from workflows.results import result_of


@workflow.defn(name=names.WORKFLOW_TYPE)
class RecordingWorkflow:
    """Keeps every recording of one call."""

    @workflow.init
    def __init__(self, request: ReadRecordingRequest) -> None:
        if isinstance(request, Unreadable):
            self.call = Lifecycle(CallStatus(server_call_id="", resource=""))
        else:
            self.call = Lifecycle.begin(request, workflow.now())

    @workflow.run
    async def run(self, request: ReadRecordingRequest) -> CallResult:
        """Keep the call until every recording in it is archived, lost, empty or never began."""
        if isinstance(request, Unreadable):
            raise ApplicationError(request.problem, type="InvalidRequest", non_retryable=True)
        await self._learn_policy(request)
        showing = asyncio.create_task(self._keep_shown())
        while not self.call.is_over:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_control())
                group.create_task(self._keep_exporting(group))
                group.create_task(self._watch_for_missing_files())
            await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        display.show(self.call.status)
        return result_of(self.call.status)

    # What app backends and Event Grid say. A handler folds it and returns.

    @workflow.signal(name=names.START)
    def start(self, request: ReadStartRequest) -> None:
        """Record again in the same call, after the last recording was stopped."""
        self._fold(Verb.START, request)

    @workflow.signal(name=names.PAUSE)
    def pause(self, request: ReadControlRequest) -> None:
        """Pause the current recording."""
        self._fold(Verb.PAUSE, request)

    @workflow.signal(name=names.RESUME)
    def resume(self, request: ReadControlRequest) -> None:
        """Resume the current recording."""
        self._fold(Verb.RESUME, request)

    @workflow.signal(name=names.STOP)
    def stop(self, request: ReadControlRequest) -> None:
        """Stop the current recording, for good."""
        self._fold(Verb.STOP, request)

    @workflow.signal(name=names.FILE_STATUS_UPDATED)
    def file_status_updated(self, event: ReadFileStatusUpdated) -> None:
        """Take note of a recording's files."""
        if isinstance(event, Unreadable):
            self._note_unreadable(names.FILE_STATUS_UPDATED, event)
        else:
            self.call.files_announced(event, workflow.now())

    @workflow.signal(name=names.CALL_ENDED)
    def call_ended(self, ended: ReadCallEnded) -> None:
        """Take note that the call is over."""
        if isinstance(ended, Unreadable):
            self._note_unreadable(names.CALL_ENDED, ended)
        else:
            self.call.call_ended(ended, workflow.now())

    # The same verbs as updates: answered once ACS has confirmed.

    @workflow.update(name=names.START)
    async def start_confirmed(self, request: ReadStartRequest) -> ControlRecord:
        """Record again, and answer once ACS has accepted."""
        return await self._confirmed(Verb.START, request)

    @workflow.update(name=names.PAUSE)
    async def pause_confirmed(self, request: ReadControlRequest) -> ControlRecord:
        """Pause, and answer once ACS has confirmed."""
        return await self._confirmed(Verb.PAUSE, request)

    @workflow.update(name=names.RESUME)
    async def resume_confirmed(self, request: ReadControlRequest) -> ControlRecord:
        """Resume, and answer once ACS has confirmed."""
        return await self._confirmed(Verb.RESUME, request)

    @workflow.update(name=names.STOP)
    async def stop_confirmed(self, request: ReadControlRequest) -> ControlRecord:
        """Stop, and answer once ACS has confirmed."""
        return await self._confirmed(Verb.STOP, request)

    @start_confirmed.validator
    def _may_start(self, request: ReadStartRequest) -> None:
        self._refuse(Verb.START, request)

    @pause_confirmed.validator
    def _may_pause(self, request: ReadControlRequest) -> None:
        self._refuse(Verb.PAUSE, request)

    @resume_confirmed.validator
    def _may_resume(self, request: ReadControlRequest) -> None:
        self._refuse(Verb.RESUME, request)

    @stop_confirmed.validator
    def _may_stop(self, request: ReadControlRequest) -> None:
        self._refuse(Verb.STOP, request)

    @workflow.query(name=names.STATUS)
    def status(self) -> CallStatus:
        """Everything known of the call, with its timeline."""
        return self.call.status

    # The loops.

    async def _learn_policy(self, request: RecordingRequest) -> None:
        """Fix the resource's settings for this run, so that a change of them cannot split it."""
        query = ResourceQuery(resource=request.resource, patient=not request.start_recording)
        try:
            policy = await workflow.execute_local_activity_method(
                ControlActivities.describe_resource, query, **policies.POLICY_LOOKUP
            )
        except ActivityError as error:
            raise ApplicationError(
                asking.reason(error), type="InvalidRequest", non_retryable=True
            ) from error
        self.call.policy_known(policy)

    async def _keep_shown(self) -> None:
        shown: display.Display | None = None
        while True:
            shown = display.show(self.call.status, shown)
            await _changed(lambda: display.of(self.call.status))

    async def _keep_control(self) -> None:
        """Bring what ACS does in line with what is wanted; the only caller of ACS control."""
        while True:
            await workflow.wait_condition(
                lambda: self.call.is_over or self.call.next_control() is not None
            )
            control = self.call.next_control()
            if control is None:
                return
            await self._ask(control)

    async def _ask(self, control: Control) -> None:
        recording = self.call.recording(control.recording)
        self.call.asked(control)
        answer = asking.control(self.call.status, recording, control)
        await workflow.wait_condition(lambda: answer.done() or self.call.is_superseded(control))
        answer.cancel()
        try:
            outcome = await answer
        except ActivityError as error:
            if self.call.is_superseded(control):
                self.call.unsure(control, workflow.now())
            else:
                self.call.failed(control, asking.reason(error), workflow.now())
        else:
            self.call.answered(control, outcome, workflow.now())

    async def _keep_exporting(self, group: asyncio.TaskGroup) -> None:
        """Give every announced chunk an export of its own, at once."""
        taken: set[ChunkKey] = set()
        while True:
            await workflow.wait_condition(
                lambda: self.call.is_over or bool(files.to_export(self.call.status) - taken)
            )
            if self.call.is_over:
                return
            for key in sorted(files.to_export(self.call.status) - taken):
                taken.add(key)
                group.create_task(self._export(key))

    async def _export(self, key: ChunkKey) -> None:
        """Archive one chunk, or know at the end of its window that it is lost."""
        status = self.call.status
        copying = asking.export(status, key)
        expiry = asyncio.create_task(self._until_expired(key))
        await workflow.wait_condition(lambda: copying.done() or expiry.done())
        copying.cancel()
        expiry.cancel()
        try:
            self.call.chunk_archived(key, await copying, workflow.now())
        except ActivityError as error:
            self.call.chunk_lost(key, asking.reason(error), workflow.now())
        else:
            await self._delete_source(key)

    async def _until_expired(self, key: ChunkKey) -> None:
        """Wait until the chunk may be gone, and give a late one its last chance all the same."""
        _, chunk = files.find_chunk(self.call.status, key)
        at_least_until = workflow.now() + policies.LAST_CHANCE
        while (left := max(_deadline(chunk), at_least_until) - workflow.now()) > timedelta():
            await _changed(
                lambda: chunk.expires_at,
                timeout=left,
                timeout_summary=f"chunk {key.index} may be deleted by the service",
            )

    async def _delete_source(self, key: ChunkKey) -> None:
        _, chunk = files.find_chunk(self.call.status, key)
        policy = self.call.status.policy
        if policy is None or not policy.delete_source or not chunk.chunk.delete_location:
            return
        try:
            await asking.delete_source(policy.resource, chunk.chunk)
        except ActivityError as error:
            self.call.note(workflow.now(), f"the service's copy stays: {asking.reason(error)}")
        else:
            chunk.source_deleted = True

    async def _watch_for_missing_files(self) -> None:
        """Close the window on recordings whose files were not all announced in time."""
        while not self.call.is_over:
            awaited = files.next_awaited(self.call.status)
            left = max(awaited[0] - workflow.now(), timedelta()) if awaited else None
            changed = await _changed(
                lambda: (self.call.is_over, files.next_awaited(self.call.status)),
                timeout=left,
                timeout_summary="last moment for a file of this recording to be announced",
            )
            if awaited is not None and not changed:
                self.call.window_closed(awaited[1], workflow.now())

    # Small parts.

    def _fold(self, verb: Verb, request: ControlRequest | Unreadable) -> ControlRecord | None:
        if isinstance(request, Unreadable):
            self._note_unreadable(verb, request)
            return None
        return self.call.request(verb, request, workflow.now())

    def _note_unreadable(self, what: str, payload: Unreadable) -> None:
        self.call.note(workflow.now(), f"{what} could not be read: {payload.problem}")

    def _refuse(self, verb: Verb, request: ControlRequest | Unreadable) -> None:
        if isinstance(request, Unreadable):
            raise ApplicationError(request.problem, type="InvalidRequest")
        if (refusal := self.call.refusal(verb, request)) is not None:
            raise ApplicationError(refusal, type="Refused")

    async def _confirmed(self, verb: Verb, request: ControlRequest | Unreadable) -> ControlRecord:
        record = self._fold(verb, request)
        assert record is not None, "the validator lets no unreadable request pass"  # noqa: S101
        await workflow.wait_condition(lambda: record.state is not RequestState.PENDING)
        return record


async def _changed(
    read: Callable[[], object],
    *,
    timeout: timedelta | None = None,  # noqa: ASYNC109 (a durable timer of the workflow's)
    timeout_summary: str | None = None,
) -> bool:
    """Wait until ``read`` gives another value than now; False if ``timeout`` passes before."""
    before = read()
    try:
        await workflow.wait_condition(
            lambda: read() != before, timeout=timeout, timeout_summary=timeout_summary
        )
    except TimeoutError:
        return False
    return True


def _deadline(chunk: ChunkStatus) -> datetime:
    return chunk.expires_at or chunk.born_at
