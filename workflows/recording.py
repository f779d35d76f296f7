"""RecordingWorkflow: one durable run after the other keeps one call's recordings.

`run` is the runbook. Its loops wait until the state of the call asks for their work; messages are
folded into that state by handlers of one line. Every decision is made by the modules of `call/`.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ActivityError, ApplicationError

from callvault.contracts import names
from callvault.contracts.activity_io import BeginInput, Beginning
from callvault.contracts.base import AnyMessage, Unreadable, quoted
from callvault.contracts.consent import ConsentDecision, ConsentRecord
from callvault.contracts.consent_messages import read_decision
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import (
    ControlRequest,
    RecordingRequest,
)
from callvault.contracts.results import CallResult
from callvault.contracts.states import RequestState
from callvault.contracts.status import CallStatus, ControlRecord
from workflows import display
from workflows.activity_errors import reason
from workflows.activity_options import BEGIN
from workflows.call import repeats, unconfirmed
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.consent_gate import ConsentGate
from workflows.call.guards import Watchdog
from workflows.call.lifecycle import Lifecycle
from workflows.call.results import archived_in, result_of
from workflows.loops.announce import AnnounceLoop
from workflows.loops.clock import Moment
from workflows.loops.continue_as_new import (
    CURRENT_VERSION,
    Arguments,
    CarriedState,
    read_arguments,
)
from workflows.loops.control import ControlLoop
from workflows.loops.delete_source import SourceDeletionLoop
from workflows.loops.export import ExportLoop
from workflows.loops.legal_holds import LegalHoldsLoop
from workflows.loops.look_up import LookUpLoop
from workflows.loops.loop import Run
from workflows.loops.notify import NotifyLoop
from workflows.loops.polling import ResultPollingLoop, SilencePollingLoop, StatePollingLoop
from workflows.loops.recall import RecallLoop
from workflows.loops.recording_events import RecordingEventsLoop
from workflows.loops.seal import SealLoop
from workflows.loops.signal_times import SignalTimesLoop
from workflows.loops.timers import TimersLoop
from workflows.messages import Messages, Taken, read_request
from workflows.outcome_metrics import count_outcomes

MAX_WAITING = 5
"""Most callers of starts, stops and resumes that wait for ACS at a time.

The server takes ten open updates of a workflow, and refuses any other one, also a withdrawal: the
rest are for what is to silence it, and waits for seconds.
"""


@workflow.defn(name=names.WORKFLOW_TYPE)
class RecordingWorkflow:
    """Keeps every recording of one call."""

    # State is set here and not in `run`: handlers may run before it.
    @workflow.init
    def __init__(
        self, payload: Any = None, carried: Any = None, earlier: Any = None, *more: Any
    ) -> None:
        begun = self.begun = read_arguments(payload, carried, earlier, *more)
        before = begun.carried
        call = self.call = _open_or_go_on(begun)
        run = self.this_run = Run(call)
        alarms = self.alarms = Alarms(call.status, workflow.info().workflow_id)
        gate = self.gate = ConsentGate(call, alarms)
        watchdog = Watchdog(call, alarms)
        self.announce = AnnounceLoop(run, gate, alarms)
        self.timers = TimersLoop(run, call, alarms, watchdog, gate)
        self.control = ControlLoop(run, call, alarms, watchdog, self.timers.act)
        self.seal = SealLoop(run, call, alarms, before.unsealable if before else ())
        self.delete_source = SourceDeletionLoop(
            run, call, self.seal, before.to_delete if before else ()
        )
        self.export = ExportLoop(run, call, alarms, self.delete_source, archived_in(begun.earlier))
        self.poll_states = StatePollingLoop(run, call, alarms)
        self.poll_silence = SilencePollingLoop(run, call, alarms)
        self.poll_results = ResultPollingLoop(run, call, alarms)
        self.look_up = LookUpLoop(run, call, alarms)
        self.recall = RecallLoop(run, call, alarms, self.delete_source)
        self.signal_times = SignalTimesLoop(run, call, watchdog)
        self.notify = NotifyLoop(run, alarms)
        self.recording_events = RecordingEventsLoop(run, call, self.seal)
        self.legal_holds = LegalHoldsLoop(run, call)
        self.messages = Messages(call, alarms, gate, lambda last, _: self.recall.told(last))
        self.waiting: list[object] = []
        """The callers who wait for a start, a stop or a resume, the longest waiting first."""
        self.shown = display.Shown()

    @workflow.run
    async def run(
        self, payload: Any = None, carried: Any = None, earlier: Any = None, *more: Any
    ) -> CallResult:
        """Keep the call until every recording in it is archived, lost, empty or never began.

        ``payload`` is a `RecordingRequest`; ``carried`` comes from the run before alone.
        ``earlier`` is the `CallResult` of a workflow of the same call that has ended: a late event
        begins another one, which must not archive again what is archived. All of them are read in
        `__init__`, and ``more`` is refused.
        """
        request = self.begun.request
        if isinstance(request, Unreadable):
            raise ApplicationError(request.problem, type="InvalidRequest", non_retryable=True)
        checking = asyncio.create_task(self.this_run.check_conditions())
        await self._through_cancellation(self._begin(request))
        if self.begun.takes_over:
            carried, now = self.begun.carried, workflow.now()
            is_adopted = carried is not None and carried.is_adopted
            self.call.taken_over(now, is_adopted=is_adopted)
            self.alarms.taken_over(self.call.current, now, is_adopted=is_adopted)
        showing = asyncio.create_task(self._run_display())
        await self._through_cancellation(self._work())
        # Again if a cancellation at the very end has brought new work.
        while not self.this_run.is_finished:
            await self._through_cancellation(self._work())
        showing.cancel()
        checking.cancel()
        self._show()
        if self.this_run.continues_as_new:
            # The request as it was read: what else a caller sent along would be carried for ever.
            workflow.continue_as_new(
                args=[request, self._carried(), self.begun.earlier],
                search_attributes=display.inherited(),
                initial_versioning_behavior=CURRENT_VERSION,
            )
        result = result_of(self.call.status, self.begun.earlier)
        count_outcomes(result)
        return result

    async def _work(self) -> None:
        await self.this_run.work(
            self.recall,  # learn what a run knew that was ended by force, or reset
            self.announce,  # have a recording announced, if its resource asks for that
            self.control,  # ask ACS for the next thing that brings actual nearer to wanted
            self.signal_times,  # find out when signals came that told no time
            self.poll_states,  # find out that a recording is over, if no event tells it
            self.poll_silence,  # see to it that what should be silent is so
            self.poll_results,  # ask for files that are overdue
            self.look_up,  # look whether they lie in the archive already
            self.export,  # copy every announced file, until its last chance is over
            self.seal,  # write the manifest of every recording that has reached its end
            self.delete_source,  # delete the service's copies, if the resource asks for that
            self.timers,  # missing files, escalation, guards and consent: do what falls due
            self.notify,  # send every alarm
            self.recording_events,  # tell webhooks what becomes of each recording
            self.legal_holds,  # write legal holds, and their releases, into the archives
        )

    async def _through_cancellation(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something to its end. A cancellation of the workflow only asks to stop recording."""
        task = asyncio.create_task(doing)
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                # A run that leaves its worker's memory is cancelled as well, with all its tasks.
                if task.cancelled() or workflow.cancellation_reason() is None:
                    raise
                self._cancelled()

    def _cancelled(self) -> None:
        self.call.cancelled(workflow.now())
        self.alarms.cancelled(self.call.current, workflow.now())

    # Messages of app backends and Event Grid. A handler folds one and returns; it takes any number
    # of any payloads: what it cannot read must leave a note rather than vanish, and an error in a
    # handler would fail this workflow task for ever.

    @workflow.signal(name=names.START)
    def start(self, *payloads: Any) -> None:
        """Record again in the same call, after the last recording was stopped."""
        self._control(names.START, payloads)

    @workflow.signal(name=names.PAUSE)
    def pause(self, *payloads: Any) -> None:
        """Pause the current recording."""
        self._control(names.PAUSE, payloads)

    @workflow.signal(name=names.RESUME)
    def resume(self, *payloads: Any) -> None:
        """Resume the current recording."""
        self._control(names.RESUME, payloads)

    @workflow.signal(name=names.STOP)
    def stop(self, *payloads: Any) -> None:
        """Stop the current recording, for good."""
        self._control(names.STOP, payloads)

    @workflow.signal(name=names.FILE_STATUS_UPDATED)
    def file_status_updated(self, *payloads: Any) -> None:
        """Take note of a recording's files."""
        self._take(names.FILE_STATUS_UPDATED, payloads)

    @workflow.signal(name=names.RECORDING_STATE_CHANGED)
    def recording_state_changed(self, *payloads: Any) -> None:
        """Take note of ACS's callback about a recording's state."""
        self._take(names.RECORDING_STATE_CHANGED, payloads)

    @workflow.signal(name=names.CALL_ENDED)
    def call_ended(self, *payloads: Any) -> None:
        """Take note that the call is over."""
        self._take(names.CALL_ENDED, payloads)

    @workflow.signal(name=names.CONSENT)
    def consent(self, *payloads: Any) -> None:
        """Take note of a participant's decision about being recorded."""
        seen = self.signal_times.seen(names.CONSENT)
        if (taken := self._take(names.CONSENT, payloads)) is not None:
            decision: ConsentDecision = taken.message
            if not decision.given and decision.decided_at is None:
                self.signal_times.search(seen, decision.participant)

    @workflow.signal(name=names.PARTICIPANT_CHANGED)
    def participant_changed(self, *payloads: Any) -> None:
        """Take note that a participant came into the call, or left it."""
        seen = self.signal_times.seen(names.PARTICIPANT_CHANGED)
        if (taken := self._take(names.PARTICIPANT_CHANGED, payloads)) is not None:
            change: ParticipantChanged = taken.message
            if change.at is None:
                self.signal_times.search_move(seen, change)

    @workflow.signal(name=names.ACKNOWLEDGE)
    def acknowledge(self, *payloads: Any) -> None:
        """Take note that an operator looks after the alarms that stand."""
        self._take(names.ACKNOWLEDGE, payloads)

    @workflow.signal(name=names.PLACE_HOLD)
    def place_hold(self, *payloads: Any) -> None:
        """Take note that the call, or a recording of it, is under a legal hold."""
        self._take(names.PLACE_HOLD, payloads)

    @workflow.signal(name=names.RELEASE_HOLD)
    def release_hold(self, *payloads: Any) -> None:
        """Take note that a legal hold ends."""
        self._take(names.RELEASE_HOLD, payloads)

    @workflow.signal(name=names.TAKE_OVER)
    def take_over(self, *payloads: Any) -> None:
        """Learn what another run of the call knew, which was ended by force."""
        self._take(names.TAKE_OVER, payloads)

    @workflow.signal(name=names.HAND_OVER)
    def hand_over(self, *payloads: Any) -> None:
        """Look whether another version of the workers is to keep the call."""
        self.this_run.clock.look()

    # The same requests as updates: answered once ACS has confirmed.

    @workflow.update(name=names.START)
    async def start_confirmed(self, *payloads: Any) -> ControlRecord:
        """Record again, and answer once ACS has accepted."""
        return await self._confirmed(Operation.START, payloads)

    @workflow.update(name=names.PAUSE)
    async def pause_confirmed(self, *payloads: Any) -> ControlRecord:
        """Pause, and answer once ACS has confirmed."""
        return await self._confirmed(Operation.PAUSE, payloads)

    @workflow.update(name=names.RESUME)
    async def resume_confirmed(self, *payloads: Any) -> ControlRecord:
        """Resume, and answer once ACS has confirmed."""
        return await self._confirmed(Operation.RESUME, payloads)

    @workflow.update(name=names.STOP)
    async def stop_confirmed(self, *payloads: Any) -> ControlRecord:
        """Stop, and answer once ACS has confirmed."""
        return await self._confirmed(Operation.STOP, payloads)

    @workflow.update(name=names.CONSENT)
    async def consent_confirmed(self, *payloads: Any) -> ConsentRecord:
        """Take note of a decision; a withdrawal is answered once ACS has confirmed the pause."""
        self.this_run.clock.look()
        decision = _readable_or_refused(read_decision(payloads))
        if (record := self.gate.decided(decision, workflow.now())) is None:
            raise ApplicationError(self.gate.refusal(decision) or "", type=names.REFUSED)
        if not decision.given:
            await self._paused_or_due(record.received_at)
        return record

    @consent_confirmed.validator
    def _may_decide(self, *payloads: Any) -> None:
        decision = _readable_or_refused(read_decision(payloads))
        if (refusal := self.gate.refusal(decision)) is not None:
            raise ApplicationError(refusal, type=names.REFUSED)

    @start_confirmed.validator
    def _may_start(self, *payloads: Any) -> None:
        self._refuse(Operation.START, payloads)

    @pause_confirmed.validator
    def _may_pause(self, *payloads: Any) -> None:
        self._refuse(Operation.PAUSE, payloads)

    @resume_confirmed.validator
    def _may_resume(self, *payloads: Any) -> None:
        self._refuse(Operation.RESUME, payloads)

    @stop_confirmed.validator
    def _may_stop(self, *payloads: Any) -> None:
        self._refuse(Operation.STOP, payloads)

    @workflow.query(name=names.STATUS)
    def status(self, *payloads: Any) -> CallStatus:
        """Return everything known of the call, with its timeline; nothing sent along matters."""
        return self.call.status

    # Messages of names that nobody knows. Without these handlers the SDK would keep such signals
    # for as long as the workflow runs.

    @workflow.signal(dynamic=True)
    def unknown_signal(self, name: str, payloads: Sequence[RawValue]) -> None:
        """Note that a signal came which nobody here understands."""
        self.this_run.clock.look()
        self.call.note(workflow.now(), f"signal {quoted(name)} is not known, and changes nothing")

    @workflow.update(dynamic=True)
    async def unknown_update(self, name: str, payloads: Sequence[RawValue]) -> None:
        """Refuse an update of a name that is not known."""
        raise _unknown("update", name)

    @unknown_update.validator
    def _refuse_unknown(self, name: str, payloads: Sequence[RawValue]) -> None:
        raise _unknown("update", name)

    @workflow.query(dynamic=True)
    def unknown_query(self, name: str, payloads: Sequence[RawValue]) -> None:
        """Refuse a query of a name that is not known."""
        raise _unknown("query", name)

    # The parts.

    async def _begin(self, request: RecordingRequest) -> None:
        """Learn what must be known before anything is asked of ACS.

        A call's first run fixes its resource's settings, so that a change of them cannot split it.
        """
        # Asked if it was reset, and the answer in the history: neither the run's ids nor the
        # history's length are the same at a replay, after a reset to a later task or a task
        # without commands.
        info = workflow.info()
        query = BeginInput(
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            is_first=info.run_id == info.first_execution_run_id,
            resource=request.resource if self.begun.carried is None else None,
            retry_permanent=not request.start_recording,
            unheard_run=self.begun.carried.unheard_run if self.begun.carried else "",
        )
        try:
            beginning: Beginning = await workflow.execute_activity(
                names.BEGIN_ACTIVITY, query, result_type=Beginning, **BEGIN
            )
        except ActivityError as error:
            raise ApplicationError(
                reason(error), type="InvalidRequest", non_retryable=True
            ) from error
        self.recall.begun(beginning)
        if beginning.was_cancelled:
            self._cancelled()
        if beginning.policy is not None:
            self.call.policy_known(beginning.policy)
        # Consent could not be judged before, nor what never began: what was folded has its
        # consequences now.
        self.call.settle_all(workflow.now())

    async def _run_display(self) -> None:
        while True:
            await self._until_outdated(self._show())
            # Once everybody has done what is to be done now.
            await self.this_run.until(lambda: True)

    async def _until_outdated(self, shown: display.Display) -> None:
        """Wait until there may be something else to show."""
        clock, seen, due_at = self.this_run.clock, self.this_run.clock.seen, self.shown.due_at
        due = [Moment(due_at, "lists show the state")] if due_at else []
        # Whatever has happened, the clock was looked at: to draw the page at every check of all
        # conditions would take longer than all else together.
        await clock.changed(
            lambda: clock.seen != seen or display.of(self.call.status) != shown, *due
        )

    def _show(self) -> display.Display:
        return self.shown.bring_up_to_date(self.call.status, self.this_run.clock.seen.now)

    def _carried(self) -> CarriedState:
        return CarriedState(
            status=self.call.status,
            unsealable=tuple(sorted(self.seal.unsealable)),
            to_delete=tuple(sorted(self.delete_source.to_delete)),
            # The SDK tells of a cancellation after the signals that came along with it: a run that
            # hands over as it takes one of them never hears of it.
            unheard_run=workflow.info().run_id if workflow.cancellation_reason() is None else "",
        ).bounded(workflow.now())

    def _take(self, name: str, payloads: Sequence[Any]) -> Taken | None:
        self.this_run.clock.look()
        return self.messages.take(name, payloads, workflow.now())

    def _control(self, name: str, payloads: Sequence[Any]) -> None:
        seen = self.signal_times.seen(name)
        taken = self._take(name, payloads)
        if taken is not None and taken.message.requested_at is None:
            self.signal_times.search_request(seen, taken.result)

    def _refuse(self, operation: Operation, payloads: Sequence[Any]) -> None:
        request = _asked(operation, payloads)
        if (reused := self.call.reused(operation, request)) is not None:
            raise ApplicationError(reused, type=names.REQUEST_ID_REUSED)
        if (refusal := self.call.refusal(operation, request, workflow.now())) is not None:
            raise ApplicationError(refusal, type=names.REFUSED)

    async def _confirmed(self, operation: Operation, payloads: Sequence[Any]) -> ControlRecord:
        self.this_run.clock.look()
        request = _asked(operation, payloads)
        record = self.messages.request(operation, request, workflow.now())
        await self._settled_or_due(record)
        answer = repeats.answer_of(self.call.status, record, workflow.now())
        if not self.call.may_be_behind:
            return answer
        return unconfirmed.answer_while_recalling(self.call.recording(record.recording), answer)

    async def _paused_or_due(self, since: datetime) -> None:
        """Wait until nothing is recorded without consent; raise once a pause may take no longer."""
        status, has_paused = self.call.status, partial(self.gate.has_paused, since)
        await self.this_run.until(lambda: status.policy is not None or has_paused())
        if has_paused():
            return
        current = self.call.current
        guards = self.call.guards_of(current) if current else self.call.policy.guards
        due = workflow.now() + guards.pause_confirm_within
        moment = Moment(due, "until then a withdrawal is answered")
        await self.this_run.clock.changed(has_paused, moment)
        if not has_paused():
            raise ApplicationError(self.gate.why_unpaused(), type=names.PAUSE_UNCONFIRMED)

    async def _settled_or_due(self, record: ControlRecord) -> None:
        """Wait until a request is settled, or its caller is to be told what is known."""
        if record.operation != Operation.PAUSE:
            await self._settled_or_displaced(record)
            return
        status = self.call.status
        await self.this_run.until(
            lambda: status.policy is not None or record.state is not RequestState.PENDING
        )
        if record.state is not RequestState.PENDING:
            return
        guards = self.call.guards_of(self.call.recording(record.recording))
        due = unconfirmed.answer_due(record, guards.pause_confirm_within)
        moment = Moment(due, "until then a pause is answered")
        await self.this_run.clock.changed(lambda: record.state, moment)
        if record.state is RequestState.PENDING:
            # What is due at this moment may say more: it stops the recording, perhaps.
            self.timers.act(workflow.now())

    async def _settled_or_displaced(self, record: ControlRecord) -> None:
        """Wait until a request is settled, and no longer if that would shut others out."""
        # A caller may wait for consent for hours, or repeat what ACS does not answer: of those who
        # wait, the first have given up by themselves, mostly.
        me, waiting, run = object(), self.waiting, self.this_run
        waiting.append(me)
        await run.until(
            lambda: (
                record.state is not RequestState.PENDING
                or me not in waiting[-MAX_WAITING:]
                or run.is_held_up
            )
        )
        waiting.remove(me)


def _open_or_go_on(begun: Arguments) -> Lifecycle:
    """Open the life of a call, or go on with it where the run before left off."""
    if begun.carried is not None:
        return Lifecycle(begun.carried.status)
    if isinstance(begun.request, Unreadable):
        # `run` refuses it; until then handlers need something to fold into.
        return Lifecycle(CallStatus(server_call_id="", resource=""))
    request = begun.request
    if request.requested_at is None:
        # The server's own time of the start, which may have waited for a worker.
        request = request.model_copy(update={"requested_at": workflow.info().start_time})
    return Lifecycle.begin(request, workflow.now())


def _asked(operation: Operation, payloads: Sequence[Any]) -> ControlRequest:
    """Read what an update asks; the sentence of an `ApplicationError` is its caller's answer."""
    return _readable_or_refused(read_request(operation, payloads))


def _readable_or_refused(message: AnyMessage | Unreadable) -> AnyMessage:
    if isinstance(message, Unreadable):
        raise ApplicationError(message.problem, type="InvalidRequest")
    return message


def _unknown(kind: str, name: str) -> ApplicationError:
    return ApplicationError(f"There is no {kind} {quoted(name)}.", type="InvalidRequest")
