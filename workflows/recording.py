"""RecordingWorkflow: one durable run keeps one call's recordings.

It waits and it asks; every decision is made by the pure modules beside it. Signals and updates
are folded into one `Lifecycle`; three loops bring the world in line with it: control of ACS,
export of announced files, and the watch for files that nobody announces.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.control import ControlActivities
from callvault.contracts import names
from callvault.contracts.alarms import Acknowledge, AlarmKind, AlarmRecord, Severity
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.orders import ArchivedChunk, ResourcePolicy, ResourceQuery
from callvault.contracts.requests import (
    CallEnded,
    ControlRequest,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.status import (
    Actual,
    CallResult,
    CallStatus,
    ChunkState,
    ChunkStatus,
    ControlRecord,
    RecordingState,
    RecordingStatus,
    RequestState,
)
from callvault.contracts.wire import AnyMessage, Unreadable, read
from workflows import asking, deadline, display, files
from workflows.alarms import Alarms
from workflows.control import Control, Verb
from workflows.files import ChunkKey
from workflows.guards import Watch, failed_pause
from workflows.lifecycle import Lifecycle
from workflows.policies import POLICY_LOOKUP
from workflows.results import result_of

_PAYLOAD_OF: dict[Verb, type[ControlRequest]] = {
    Verb.START: StartRequest,
    Verb.PAUSE: ControlRequest,
    Verb.RESUME: ControlRequest,
    Verb.STOP: ControlRequest,
}


@workflow.defn(name=names.WORKFLOW_TYPE)
class RecordingWorkflow:
    """Keeps every recording of one call."""

    @workflow.init
    def __init__(self, payload: Any) -> None:
        request = read(RecordingRequest, payload)
        if isinstance(request, Unreadable):
            self.call = Lifecycle(CallStatus(server_call_id="", resource=""))
        else:
            self.call = Lifecycle.begin(request, workflow.now())
        self.alarms = Alarms(self.call.status, workflow.info().workflow_id)
        self.guard = Watch(self.call, self.alarms)
        self.exporting: set[ChunkKey] = set()
        self.telling: set[str] = set()
        self.unsealable: set[int] = set()
        self.shown: display.Display | None = None

    @workflow.run
    async def run(self, payload: Any) -> CallResult:
        """Keep the call until every recording in it is archived, lost, empty or never began.

        ``payload`` is a `RecordingRequest`.
        """
        request = read(RecordingRequest, payload)
        if isinstance(request, Unreadable):
            raise ApplicationError(request.problem, type="InvalidRequest", non_retryable=True)
        await self._learn_policy(request)
        showing = asyncio.create_task(self._keep_shown())
        while not self._is_done:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_control())
                group.create_task(self._keep_exporting(group))
                group.create_task(self._watch_for_missing_files())
                group.create_task(self._watch_the_ladder())
                group.create_task(self._keep_guard())
                group.create_task(self._keep_sealing())
                group.create_task(self._keep_telling(group))
            await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        self._show()
        return result_of(self.call.status)

    # What app backends and Event Grid say. A handler folds it and returns; it takes any payload,
    # because one that cannot be read must leave a note rather than vanish.

    @workflow.signal(name=names.START)
    def start(self, payload: Any) -> None:
        """Record again in the same call, after the last recording was stopped."""
        self._fold(Verb.START, payload)

    @workflow.signal(name=names.PAUSE)
    def pause(self, payload: Any) -> None:
        """Pause the current recording."""
        self._fold(Verb.PAUSE, payload)

    @workflow.signal(name=names.RESUME)
    def resume(self, payload: Any) -> None:
        """Resume the current recording."""
        self._fold(Verb.RESUME, payload)

    @workflow.signal(name=names.STOP)
    def stop(self, payload: Any) -> None:
        """Stop the current recording, for good."""
        self._fold(Verb.STOP, payload)

    @workflow.signal(name=names.FILE_STATUS_UPDATED)
    def file_status_updated(self, payload: Any) -> None:
        """Take note of a recording's files."""
        event = self._read(FileStatusUpdated, payload, names.FILE_STATUS_UPDATED)
        if event is not None:
            self.call.files_announced(event, workflow.now())

    @workflow.signal(name=names.CALL_ENDED)
    def call_ended(self, payload: Any) -> None:
        """Take note that the call is over."""
        ended = self._read(CallEnded, payload, names.CALL_ENDED)
        if ended is not None:
            self.call.call_ended(ended, workflow.now())

    @workflow.signal(name=names.ACKNOWLEDGE)
    def acknowledge(self, payload: Any) -> None:
        """Take note that somebody looks after the alarms that stand."""
        message = self._read(Acknowledge, payload, names.ACKNOWLEDGE)
        if message is not None:
            count = self.alarms.acknowledge(message, workflow.now())
            self.call.note(workflow.now(), f"{count} alarms seen by {message.requested_by}")

    # The same verbs as updates: answered once ACS has confirmed.

    @workflow.update(name=names.START)
    async def start_confirmed(self, payload: Any) -> ControlRecord:
        """Record again, and answer once ACS has accepted."""
        return await self._confirmed(Verb.START, payload)

    @workflow.update(name=names.PAUSE)
    async def pause_confirmed(self, payload: Any) -> ControlRecord:
        """Pause, and answer once ACS has confirmed."""
        return await self._confirmed(Verb.PAUSE, payload)

    @workflow.update(name=names.RESUME)
    async def resume_confirmed(self, payload: Any) -> ControlRecord:
        """Resume, and answer once ACS has confirmed."""
        return await self._confirmed(Verb.RESUME, payload)

    @workflow.update(name=names.STOP)
    async def stop_confirmed(self, payload: Any) -> ControlRecord:
        """Stop, and answer once ACS has confirmed."""
        return await self._confirmed(Verb.STOP, payload)

    @start_confirmed.validator
    def _may_start(self, payload: Any) -> None:
        self._refuse(Verb.START, payload)

    @pause_confirmed.validator
    def _may_pause(self, payload: Any) -> None:
        self._refuse(Verb.PAUSE, payload)

    @resume_confirmed.validator
    def _may_resume(self, payload: Any) -> None:
        self._refuse(Verb.RESUME, payload)

    @stop_confirmed.validator
    def _may_stop(self, payload: Any) -> None:
        self._refuse(Verb.STOP, payload)

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
                ControlActivities.describe_resource, query, **POLICY_LOOKUP
            )
        except ActivityError as error:
            raise ApplicationError(
                asking.reason(error), type="InvalidRequest", non_retryable=True
            ) from error
        self.call.policy_known(policy)

    async def _keep_shown(self) -> None:
        while True:
            self._show()
            await _changed(lambda: display.of(self.call.status))

    def _show(self) -> None:
        self.shown = display.show(self.call.status, self.shown)

    async def _keep_control(self) -> None:
        """Bring what ACS does in line with what is wanted; the only caller of ACS control."""
        while not self._is_done:
            await workflow.wait_condition(
                lambda: self._is_done or self.call.next_control() is not None
            )
            if (control := self.call.next_control()) is not None:
                await self._ask(control)

    async def _ask(self, control: Control) -> None:
        recording = self.call.recording(control.recording)
        self.call.asked(control)
        answer = asking.control(self.call.status, recording, control)
        await workflow.wait_condition(lambda: answer.done() or self.call.is_superseded(control))
        given_up = not answer.done()
        answer.cancel()
        try:
            outcome = await answer
        except ActivityError as error:
            if given_up:
                self.call.unsure(control, workflow.now())
            else:
                self._failed(control, asking.reason(error))
        else:
            self.call.answered(control, outcome, workflow.now())

    def _failed(self, control: Control, reason: str) -> None:
        now = workflow.now()
        self.call.failed(control, reason, now)
        recording = self.call.recording(control.recording)
        pause = failed_pause(recording, self.call.status.requests)
        if control.verb is Verb.PAUSE and pause is not None:
            pause.is_overdue = True
            self.guard.pause_failed(recording, pause, reason, now)
        if recording.state is RecordingState.FAILED_TO_START:
            kind, severity = AlarmKind.FAILED_TO_START, Severity.ERROR
            self.alarms.add(kind, severity, recording.problem, recording, now)

    async def _keep_exporting(self, group: asyncio.TaskGroup) -> None:
        """Give every announced chunk an export of its own, at once."""
        while not self._is_done:
            await workflow.wait_condition(lambda: self._is_done or bool(self._to_export()))
            for key in sorted(self._to_export()):
                self.exporting.add(key)
                group.create_task(self._export(key))

    def _to_export(self) -> set[ChunkKey]:
        return files.to_export(self.call.status) - self.exporting

    async def _export(self, key: ChunkKey) -> None:
        """Archive one chunk, or know after the end of its window that it is lost."""
        try:
            archived = await self._copy(key)
        except ActivityError as error:
            self._lost(key, asking.reason(error))
        else:
            self.call.chunk_archived(key, archived, workflow.now())
            await self._delete_source(key)
        self.exporting.discard(key)

    async def _copy(self, key: ChunkKey) -> ArchivedChunk:
        """Copy, with rising urgency, until it succeeds or the chunk may be gone; then once more."""
        _, chunk = files.find_chunk(self.call.status, key)
        while _deadline(chunk) > workflow.now():
            try:
                return await self._copy_at_this_urgency(key, chunk)
            except ActivityError as error:
                if asking.gave_up_archive(error):
                    recording, _ = files.find_chunk(self.call.status, key)
                    self.alarms.use_fallback(recording, asking.reason(error), workflow.now())
                elif asking.is_final(error):
                    raise
        self.call.note(workflow.now(), f"the window has closed on chunk {key.index}: a last try")
        return await asking.last_export(self.call.status, key)

    async def _copy_at_this_urgency(self, key: ChunkKey, chunk: ChunkStatus) -> ArchivedChunk:
        """Copy until the chunk is more urgent, goes elsewhere, or may be gone: then end it."""
        urgency = self._urgency(key, chunk)
        copying = asking.export(self.call.status, key, urgency[0])
        while not copying.done() and self._urgency(key, chunk) == urgency:
            await _changed(
                lambda: (copying.done(), self._urgency(key, chunk)),
                timeout=self._next_step(chunk) - workflow.now(),
                timeout_summary=f"chunk {key.index} becomes more urgent, or may be deleted",
            )
        copying.cancel()
        return await copying

    def _urgency(self, key: ChunkKey, chunk: ChunkStatus) -> tuple[int, str, bool]:
        """What decides how, and whether, a chunk is copied now: priority, archive, time left."""
        policy, now = self._policy, workflow.now()
        recording, _ = files.find_chunk(self.call.status, key)
        priority = deadline.priority(policy, now - chunk.born_at)
        return priority, recording.archive, _deadline(chunk) > now

    def _next_step(self, chunk: ChunkStatus) -> datetime:
        """When a chunk becomes more urgent, or may be gone."""
        passed = deadline.rungs_passed(self._policy, workflow.now() - chunk.born_at)
        rung = deadline.next_rung(self._policy, passed)
        return min(_deadline(chunk), chunk.born_at + rung) if rung else _deadline(chunk)

    def _lost(self, key: ChunkKey, reason: str) -> None:
        now = workflow.now()
        self.call.chunk_lost(key, reason, now)
        recording, chunk = files.find_chunk(self.call.status, key)
        what = f"chunk {key.index} is lost: {reason}"
        self.alarms.add(AlarmKind.LOST, Severity.CRITICAL, what, recording, now, chunk)

    async def _delete_source(self, key: ChunkKey) -> None:
        """Delete the service's copy, if that is wanted, once the whole recording is beyond doubt.

        Beyond doubt is a recording that is archived, judged as media and sealed, nothing amiss.
        """
        recording, chunk = files.find_chunk(self.call.status, key)
        if not self._policy.delete_source or not chunk.chunk.delete_location:
            return
        await workflow.wait_condition(
            lambda: (
                chunk.state is not ChunkState.ARCHIVED
                or recording.sealed is not None
                or recording.number in self.unsealable
            )
        )
        if recording.sealed is None or recording.sealed.findings:
            self.call.note(workflow.now(), f"the service's copy of chunk {key.index} stays")
            return
        try:
            await asking.delete_source(self._policy.resource, chunk.chunk)
        except ActivityError as error:
            self.call.note(workflow.now(), f"the service's copy stays: {asking.reason(error)}")
        else:
            chunk.source_deleted = True

    async def _watch_for_missing_files(self) -> None:
        """Close the window on recordings whose files were not all announced in time."""
        while not self._is_done:
            awaited = files.next_awaited(self.call.status)
            left = max(awaited[0] - workflow.now(), timedelta()) if awaited else None
            changed = await _changed(
                lambda: (self._is_done, files.next_awaited(self.call.status)),
                timeout=left,
                timeout_summary="last moment for a file of this recording to be announced",
            )
            if awaited is not None and not changed:
                self._window_closed(awaited[1])

    def _window_closed(self, number: int) -> None:
        now = workflow.now()
        self.call.window_closed(number, now)
        recording = self.call.recording(number)
        if recording.state is RecordingState.LOST:
            self.alarms.add(AlarmKind.LOST, Severity.CRITICAL, recording.problem, recording, now)

    async def _watch_the_ladder(self) -> None:
        """Raise alarms as they fall due."""
        while not self._is_done:
            due = self.alarms.next_due()
            await _changed(
                lambda: (self._is_done, self.alarms.next_due()),
                timeout=max(due - workflow.now(), timedelta()) if due else None,
                timeout_summary="the next alarm, unless all is archived by then",
            )
            self.alarms.raise_due(workflow.now())

    async def _keep_guard(self) -> None:
        """Do what the guards of the recordings ask for, when it falls due."""
        while not self._is_done:
            due = self.guard.next_due()
            await _changed(
                lambda: (self._is_done, self.guard.next_due(), self._unnoticed_doubts()),
                timeout=max(due - workflow.now(), timedelta()) if due else None,
                timeout_summary="a pause or a recording reaches its limit",
            )
            self.guard.act(workflow.now())

    def _unnoticed_doubts(self) -> int:
        return sum(
            doubt.until is None and recording.actual in (Actual.PAUSED, Actual.STOPPED)
            for recording in self.call.status.recordings
            for doubt in recording.doubtful
        )

    async def _keep_sealing(self) -> None:
        """Seal recordings one after the other, each with the manifest of the one before."""
        while not self._is_done:
            await workflow.wait_condition(lambda: self._is_done or bool(self._to_seal()))
            for recording in self._to_seal():
                await self._seal(recording)

    def _to_seal(self) -> list[RecordingStatus]:
        return [r for r in files.to_seal(self.call.status) if r.number not in self.unsealable]

    async def _seal(self, recording: RecordingStatus) -> None:
        chunks = len(recording.chunks)
        try:
            sealed = await asking.seal(self.call.status, recording)
        except ActivityError as error:
            self.unsealable.add(recording.number)
            what = f"its files are archived, its manifest is not written: {asking.reason(error)}"
            now, kind = workflow.now(), AlarmKind.NOT_SEALED
            self.alarms.add(kind, Severity.ERROR, what, recording, now)
        else:
            if len(recording.chunks) == chunks:
                self.call.sealed(recording, sealed, workflow.now())

    async def _keep_telling(self, group: asyncio.TaskGroup) -> None:
        """Send every alarm, each on its own."""
        while not self._is_done:
            await workflow.wait_condition(lambda: self._is_done or bool(self._to_tell()))
            for record in self._to_tell():
                self.telling.add(record.alarm.id)
                group.create_task(self._tell(record))

    def _to_tell(self) -> list[AlarmRecord]:
        return [
            record
            for record in self.call.status.alarms
            if record.is_untold and record.alarm.id not in self.telling
        ]

    async def _tell(self, record: AlarmRecord) -> None:
        """Tell until somebody listens, or has acknowledged the alarm by other means."""
        sending = asking.alarm(record.alarm)
        await workflow.wait_condition(lambda: sending.done() or record.acknowledged_at is not None)
        sending.cancel()
        try:
            await sending
            record.sent_at = workflow.now()
        except ActivityError as error:
            record.problem = asking.reason(error)
        self.telling.discard(record.alarm.id)

    # Small parts.

    @property
    def _is_done(self) -> bool:
        return self.call.is_over and not self.exporting and not self.telling and not self._to_tell()

    @property
    def _policy(self) -> ResourcePolicy:
        policy = self.call.status.policy
        if policy is None:
            raise RuntimeError("nothing is exported before the resource's settings are known")
        return policy

    def _read(self, model: type[AnyMessage], payload: Any, what: str) -> AnyMessage | None:
        message = read(model, payload)
        if isinstance(message, Unreadable):
            self.call.note(workflow.now(), f"{what} could not be read: {message.problem}")
            return None
        return message

    def _fold(self, verb: Verb, payload: Any) -> None:
        request = self._read(_PAYLOAD_OF[verb], payload, verb)
        if request is not None:
            self.call.request(verb, request, workflow.now())

    def _refuse(self, verb: Verb, payload: Any) -> None:
        request = read(_PAYLOAD_OF[verb], payload)
        if isinstance(request, Unreadable):
            raise ApplicationError(request.problem, type="InvalidRequest")
        if (refusal := self.call.refusal(verb, request)) is not None:
            raise ApplicationError(refusal, type="Refused")

    async def _confirmed(self, verb: Verb, payload: Any) -> ControlRecord:
        request = _PAYLOAD_OF[verb].model_validate(payload)
        record = self.call.request(verb, request, workflow.now())
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
