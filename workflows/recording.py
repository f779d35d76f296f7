"""RecordingWorkflow: one durable run keeps one call's recordings.

It waits and it asks; every decision is made by the pure modules beside it. Signals and updates
are folded into one `Lifecycle`; loops bring the world in line with it: control of ACS
(`controlling.py`), export and sealing (`exporting.py`), and all that falls due with time
(`watching.py`).
"""

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.control import ControlActivities
from callvault.contracts import names
from callvault.contracts.activity_io import ResourceQuery
from callvault.contracts.alarms import Acknowledge
from callvault.contracts.base import AnyMessage, Unreadable, read
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.events import FileStatusUpdated, RecordingStateChanged
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import (
    CallEnded,
    ControlRequest,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.results import CallResult
from callvault.contracts.states import RequestState
from callvault.contracts.status import CallStatus, ControlRecord
from workflows import activity_calls as asking
from workflows import display
from workflows.activity_options import POLICY_LOOKUP
from workflows.call import callbacks as told
from workflows.call.alarms import Alarms
from workflows.call.commands import Verb
from workflows.call.consent_gate import Gate
from workflows.call.guards import Watch
from workflows.call.lifecycle import Lifecycle
from workflows.call.results import archived_in, result_of
from workflows.loops.announce import Gatekeeping
from workflows.loops.clock import changed
from workflows.loops.continue_as_new import Carried, Shift
from workflows.loops.control import Controlling
from workflows.loops.delete_source import Clearing
from workflows.loops.export import Exports
from workflows.loops.polling import Inquiries
from workflows.loops.timers import Watching

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
    def __init__(self, payload: Any, carried: Any = None, earlier: Any = None) -> None:
        before = Carried.read(carried)
        self.call = _take_up(payload, before)
        self.shift = Shift(self._is_done, self._is_at_rest)
        self.alarms = Alarms(self.call.status, workflow.info().workflow_id)
        self.guard = Watch(self.call, self.alarms)
        self.control = Controlling(self.call, self.alarms, self.guard, self.shift.is_over)
        self.gate = Gate(self.call)
        self.gatekeeping = Gatekeeping(self.gate, self.alarms, self.shift)
        self.clearing = Clearing(self.call, self.shift, before)
        known = archived_in(earlier)
        self.exports = Exports(self.call, self.alarms, self.shift, self.clearing, known)
        self.watching = Watching(self.call, self.alarms, self.guard, self.shift)
        self.inquiries = Inquiries(self.call, self.shift)
        self.shown: display.Display | None = None

    @workflow.run
    async def run(self, payload: Any, carried: Any = None, earlier: Any = None) -> CallResult:
        """Keep the call until every recording in it is archived, lost, empty or never began.

        ``payload`` is a `RecordingRequest`; ``carried`` comes from the run before alone.
        ``earlier`` is the `CallResult` of a workflow of the same call that has ended: a late event
        begins another one, which must not archive again what is archived.
        """
        request = read(RecordingRequest, payload)
        if isinstance(request, Unreadable):
            raise ApplicationError(request.problem, type="InvalidRequest", non_retryable=True)
        if carried is None:
            await self._learn_policy(request)
        self.shift.max_events = self.call.policy.max_history_events
        showing = asyncio.create_task(self._keep_shown())
        while not self.shift.is_over():
            async with asyncio.TaskGroup() as group:
                self._begin_loops(group)
            await workflow.wait_condition(workflow.all_handlers_finished)
        showing.cancel()
        self._show()
        if self.shift.hands_over:
            carry = self.clearing.carry(self.call.status)
            workflow.continue_as_new(args=[payload, carry, earlier])
        return result_of(self.call.status, earlier)

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

    @workflow.signal(name=names.RECORDING_STATE_CHANGED)
    def recording_state_changed(self, payload: Any) -> None:
        """Take note of what ACS tells of a recording's state."""
        event = self._read(RecordingStateChanged, payload, names.RECORDING_STATE_CHANGED)
        if event is not None and (failed := told.fold(self.call, event, workflow.now())):
            self.alarms.failed_to_start(failed, failed.problem, workflow.now())

    @workflow.signal(name=names.CALL_ENDED)
    def call_ended(self, payload: Any) -> None:
        """Take note that the call is over."""
        ended = self._read(CallEnded, payload, names.CALL_ENDED)
        if ended is not None:
            self.call.call_ended(ended, workflow.now())

    @workflow.signal(name=names.CONSENT)
    def consent(self, payload: Any) -> None:
        """Take note of somebody's decision about being recorded."""
        decision = self._read(ConsentDecision, payload, names.CONSENT)
        if decision is not None:
            self.gate.decided(decision, workflow.now())

    @workflow.signal(name=names.PARTICIPANT_CHANGED)
    def participant_changed(self, payload: Any) -> None:
        """Take note that somebody came into the call, or left it."""
        change = self._read(ParticipantChanged, payload, names.PARTICIPANT_CHANGED)
        if change is not None:
            self.gate.participant_changed(change, workflow.now())

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

    @workflow.update(name=names.CONSENT)
    async def consent_confirmed(self, payload: Any) -> ConsentRecord:
        """Take note of a decision; a withdrawal is answered once ACS has confirmed the pause."""
        decision = ConsentDecision.model_validate(payload)
        if (record := self.gate.decided(decision, workflow.now())) is None:
            raise ApplicationError(self.gate.refusal(decision) or "", type="Refused")
        await workflow.wait_condition(lambda: decision.given or self.gate.has_paused())
        return record

    @consent_confirmed.validator
    def _may_decide(self, payload: Any) -> None:
        decision = read(ConsentDecision, payload)
        if isinstance(decision, Unreadable):
            raise ApplicationError(decision.problem, type="InvalidRequest")
        if (refusal := self.gate.refusal(decision)) is not None:
            raise ApplicationError(refusal, type="Refused")

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

    def _begin_loops(self, group: asyncio.TaskGroup) -> None:
        for loop in (
            self.control.keep_control(),
            self.gatekeeping.keep_announcing(),
            self.gatekeeping.keep_patience(),
            self.exports.keep_exporting(group),
            self.exports.keep_sealing(),
            self.clearing.keep_clearing(group),
            self.inquiries.keep_asking(group),
            self.watching.watch_for_missing_files(),
            self.watching.climb_the_ladder(),
            self.watching.keep_guard(),
            self.watching.keep_telling(group),
            self.shift.clock.keep_time(self.shift.is_over),
            self.shift.end_in_time(self._has_stopped),
        ):
            group.create_task(loop)

    async def _learn_policy(self, request: RecordingRequest) -> None:
        """Fix the resource's settings for this run, so that a change of them cannot split it."""
        query = ResourceQuery(resource=request.resource, patient=not request.start_recording)
        try:
            policy = await workflow.execute_local_activity_method(
                ControlActivities.describe_resource, query, **POLICY_LOOKUP
            )
        except asking.NotDone as error:
            raise ApplicationError(
                asking.reason(error), type="InvalidRequest", non_retryable=True
            ) from error
        self.call.policy_known(policy)
        self.call.settle_all(workflow.now())

    async def _keep_shown(self) -> None:
        while True:
            self._show()
            await changed(lambda: display.of(self.call.status))

    def _show(self) -> None:
        self.shown = display.show(self.call.status, self.shown)

    # Small parts.

    def _is_done(self) -> bool:
        return self.call.is_over and self.exports.are_finished and self.watching.has_told_all

    def _is_at_rest(self) -> bool:
        """Whether nothing is half done that the next run could not know of."""
        return (
            self.call.in_flight is None
            and self.call.next_control() is None
            and self.gate.to_announce() is None
            and not self.exports.is_sealing
            and workflow.all_handlers_finished()
        )

    def _has_stopped(self) -> bool:
        """Whether everything long was called off."""
        return self.exports.are_resting and self.clearing.is_resting and self.watching.is_resting

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


def _take_up(payload: Any, before: Carried | None) -> Lifecycle:
    """Begin the life of a call, or go on with it where the run before left off."""
    if before is not None:
        return Lifecycle(before.status)
    request = read(RecordingRequest, payload)
    if isinstance(request, Unreadable):
        return Lifecycle(CallStatus(server_call_id="", resource=""))
    return Lifecycle.begin(request, workflow.now())
