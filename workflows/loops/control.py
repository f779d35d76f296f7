"""Brings what ACS does in line with what is wanted; the only caller of ACS control."""

from collections.abc import Callable
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import FailureError

from callvault.contracts.activity_io import ControlOutcome, RecordingOrder
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.states import Actual, RecordingState
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls as asking
from workflows.activity_options import ADOPT_WITHIN, RELEASED_WITHIN
from workflows.call import callbacks as told
from workflows.call.alarms import Alarms
from workflows.call.commands import Control, Verb
from workflows.call.guards import Watch
from workflows.call.lifecycle import Lifecycle

_AT_ONCE = (Verb.PAUSE, Verb.RESUME, Verb.STOP)
"""A start is not hurried: ACS may take its time, and one asked twice may meet itself."""

_REFUSED = {
    Verb.STOP: "ACS refused to stop it, and may record on",
    Verb.RESUME: "ACS refused to resume it, and it stays paused",
    Verb.READ: "ACS told of another state than was asked for, and does not let it be read",
}
"""What nobody may hear of otherwise: consent and guards ask, too, and await no answer."""


class Controlling:
    """Asks ACS for one thing after the other, each first on the shortest way."""

    def __init__(
        self, call: Lifecycle, alarms: Alarms, guard: Watch, is_done: Callable[[], bool]
    ) -> None:
        self._call = call
        self._alarms = alarms
        self._guard = guard
        self._is_done = is_done

    async def keep_control(self) -> None:
        """Ask for whatever brings the recordings nearer to what is wanted."""
        while not self._is_done():
            await workflow.wait_condition(
                lambda: self._is_done() or self._call.next_control() is not None
            )
            if (control := self._call.next_control()) is not None:
                await self._ask(control)

    async def _ask(self, control: Control) -> None:
        recording = self._call.recording(control.recording)
        self._call.asked(control)
        order = asking.control_order(self._call.status, recording, control)
        try:
            outcome = await self._ask_until_settled(control, order)
        except asking.NotDone as error:
            await self._failed(control, recording, error)
        else:
            self._answered(control, recording, outcome)

    async def _ask_until_settled(
        self, control: Control, order: asking.ControlOrder
    ) -> ControlOutcome | None:
        """Ask at once, and where that does not settle it with patience; None if given up."""
        outcome = await _at_once(control, order) if control.verb in _AT_ONCE else None
        if outcome is not None and outcome.is_settled:
            return outcome
        if self._call.is_superseded(control):
            return None
        if outcome is not None and isinstance(order, RecordingOrder):
            order = order.model_copy(update={"accepted_at": outcome.accepted_at})
        return await self._with_patience(control, order)

    async def _with_patience(
        self, control: Control, order: asking.ControlOrder
    ) -> ControlOutcome | None:
        """Ask until ACS answers; None if something else was wanted before it did."""
        answer = asking.control(control, order)
        await workflow.wait_condition(lambda: answer.done() or self._call.is_superseded(control))
        given_up = not answer.done()
        answer.cancel()
        try:
            return await answer
        except asking.NotDone:
            if given_up:
                return None
            raise

    def _answered(
        self, control: Control, recording: RecordingStatus, outcome: ControlOutcome | None
    ) -> None:
        now = workflow.now()
        if outcome is None:
            self._call.unsure(control, now)
            return
        self._call.answered(control, outcome, now)
        if control.verb is Verb.READ:
            surprise = told.observed(self._call, recording, outcome.state, now)
            if surprise is not None:
                kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
                self._alarms.add(kind, severity, surprise, recording, now)

    async def _failed(
        self, control: Control, recording: RecordingStatus, error: FailureError
    ) -> None:
        is_occupied = control.verb is Verb.START and asking.is_occupied(error)
        if is_occupied and await self._is_resolved(control, recording):
            return
        now, reason = workflow.now(), asking.reason(error)
        is_wanted = not self._call.is_superseded(control)
        self._call.failed(control, reason, now)
        if control.verb is Verb.PAUSE:
            self._guard.pause_refused(recording, reason, now)
        if is_wanted and (what := _REFUSED.get(control.verb)) is not None:
            kind, severity = AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL
            self._alarms.add(kind, severity, f"{what}: {reason}", recording, now)
        if recording.state is RecordingState.FAILED_TO_START:
            self._alarms.failed_to_start(recording, recording.problem, now)

    async def _is_resolved(self, control: Control, recording: RecordingStatus) -> bool:
        """Whose recording runs in the call? Ours, if ACS told its id to this recording's address.

        One that was just stopped here may take ACS a while to forget: then the start is repeated.
        """
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: recording.told_id is not None, timeout=ADOPT_WITHIN
            )
        now = workflow.now()
        if recording.told_id is not None:
            self._call.note(now, f"recording {recording.number}: it runs already, and is ours")
            outcome = ControlOutcome(recording_id=recording.told_id, state="unknown")
            # An earlier start may have begun it, which was to begin it otherwise.
            recording.is_doubted = True
            self._call.answered(control, outcome, now)
            return True
        if any(
            other.actual is Actual.STOPPED
            and other.stopped_at is not None
            and now - other.stopped_at < RELEASED_WITHIN
            for other in self._call.status.recordings
            if other is not recording
        ):
            self._call.ask_again(recording, now)
            return True
        return False


async def _at_once(control: Control, order: asking.ControlOrder) -> ControlOutcome | None:
    """Ask once; None where it is worth another try."""
    try:
        return await asking.control_at_once(control, order)
    except asking.NotDone as error:
        if asking.is_final(error):
            raise
        return None
