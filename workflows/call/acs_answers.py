"""The answers of ACS to what it was asked, folded into the state of a call.

What ACS confirms is believed. What it refuses did not happen, unless an earlier attempt came
through unanswered; what was given up half-way may have happened: both are made certain.
"""

from datetime import datetime

from callvault.contracts.activity_io import ControlResult
from callvault.contracts.base import shorten
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import ControlRecord, PauseRecord, RecordingStatus
from workflows.call import chunks, consent_holds
from workflows.call.commands import READINGS, Command, Operation
from workflows.call.lifecycle import GUARD, Lifecycle


def answered(call: Lifecycle, command: Command, outcome: ControlResult, now: datetime) -> None:
    """Fold ACS's confirmed answer."""
    recording = call.recording(command.recording)
    call.in_flight = None
    call.requests.accepted(recording, command.operation, outcome.accepted_at, now)
    if outcome.state == "gone":
        _gone(call, recording, command, now)
    else:
        _confirmed(call, recording, command, outcome.recording_id, now)
    call.settle(recording, now)


def given_up(call: Lifecycle, command: Command, now: datetime) -> None:
    """Fold a command given up half-way, because something else is wanted now."""
    recording = call.recording(command.recording)
    call.in_flight = None
    if command.operation is Operation.RESUME:
        # It may record from now on: no evidence may claim that the pause went on.
        may_sound(recording, now)
    if command.operation not in READINGS:
        recording.actual = Actual.UNKNOWN
        call.note(now, f"recording {recording.number}: {command.operation} given up half-way")
    call.settle(recording, now)


def failed(call: Lifecycle, command: Command, problem: str, now: datetime) -> None:
    """Fold a command that ACS refuses for good: say so, and want what is the case."""
    recording = call.recording(command.recording)
    call.in_flight = None
    recording.problem = shorten(f"{command.operation} failed: {problem}")
    call.note(now, f"recording {recording.number}: {recording.problem}")
    call.requests.fail(recording, {command.operation}, recording.problem, now)
    match command.operation:
        case Operation.START | Operation.STOP:
            call.end(recording, now)
        case Operation.READ:
            recording.needs_read = False
        case Operation.RESUME:
            _resume_refused(call, recording, command, now)
        case _:
            _goes_on(call, recording, command)
    call.settle(recording, now)


def retry_start(call: Lifecycle, recording: RecordingStatus, now: datetime) -> None:
    """Forget a command without an answer, which changed nothing: it is asked for anew."""
    call.in_flight = None
    # A start that was stopped meanwhile is not repeated: settling ends it.
    call.settle(recording, now)


def began(call: Lifecycle, recording: RecordingStatus, now: datetime) -> None:
    """Fold that a recording which was started has begun to record."""
    may_sound(recording, now)
    recording.actual, recording.known_at = Actual.ACTIVE, now
    call.settle(recording, now)


def failed_to_start(
    call: Lifecycle, recording: RecordingStatus, problem: str, now: datetime
) -> None:
    """Fold that a start which ACS had accepted came to nothing."""
    recording.problem = shorten(f"start failed: {problem}")
    call.note(now, f"recording {recording.number}: {recording.problem}")
    recording.recording_id, recording.was_active = None, False
    call.end(recording, now)
    call.settle(recording, now)


def runs_already(call: Lifecycle, command: Command, recording_id: str, now: datetime) -> None:
    """Fold that the recording which ACS found in the way of a start is that start's own."""
    recording = call.recording(command.recording)
    call.note(now, f"recording {recording.number}: it runs already, and is ours")
    # An earlier start may have begun it, which was to begin it otherwise: its state is read.
    recording.needs_read = True
    outcome = ControlResult(recording_id=recording_id, state="unknown")
    answered(call, command, outcome, now)


def not_adopted(call: Lifecycle, recording: RecordingStatus, why: str, now: datetime) -> None:
    """Fold that the id which a callback told is not that of this recording."""
    call.note(now, f"recording {recording.number}: {why}")
    recording.callback_recording_id = None
    # What the same callback told of it is no evidence either.
    for record in call.requests.pending(recording):
        record.notified_at = None


def found_gone(call: Lifecycle, number: int, now: datetime) -> None:
    """Fold that ACS, which was polled for it, no longer knows a recording."""
    recording = call.recording(number)
    # While something is asked of ACS, the answer to that tells the same, and settles requests too.
    if recording.actual is Actual.STOPPED or call.is_in_flight(recording):
        return
    _found_over(call, recording, now)
    call.settle(recording, now)


def may_sound(recording: RecordingStatus, at: datetime) -> None:
    """Take note that it may record from now on: an open pause has ended."""
    if recording.pauses and recording.pauses[-1].resumed_at is None:
        recording.pauses[-1].resumed_at = at
    recording.was_active = True


def _found_over(call: Lifecycle, recording: RecordingStatus, now: datetime) -> None:
    """Fold that a reading found a recording over, whichever it was: that is no fault."""
    what = "over, as ACS says; nobody had told of its end"
    call.note(now, f"recording {recording.number}: {what}")
    call.end(recording, now)


def _gone(call: Lifecycle, recording: RecordingStatus, command: Command, now: datetime) -> None:
    """Fold a 404: for a stop that is success, for all else the recording is over."""
    if command.operation is Operation.READ:
        # The usual end: everybody has hung up, and ACS told that it does not record any more.
        _found_over(call, recording, now)
        return
    if command.operation is not Operation.STOP:
        what = f"ACS no longer knew the recording when asked to {command.operation} it"
        call.note(now, f"recording {recording.number}: {what}")
        # What consent alone demanded is no loss: participants hang up one after the other.
        if not consent_holds.is_own(command.operation, call.requests.pending(recording)):
            recording.problem = what
    call.end(recording, now)


def _confirmed(
    call: Lifecycle, recording: RecordingStatus, command: Command, recording_id: str, at: datetime
) -> None:
    if command.operation is Operation.READ:
        return
    call.note(at, f"recording {recording.number}: {command.operation} confirmed by ACS")
    recording.known_at = at
    # No reading confirms that it began paused: what was told meanwhile stays in doubt.
    recording.needs_read = recording.needs_read and command.operation is Operation.START
    match command.operation:
        case Operation.START:
            _started(call, recording, command, recording_id, at)
        case Operation.CONFIRM | Operation.RESUME:
            may_sound(recording, at)
            recording.actual = Actual.ACTIVE
        case Operation.PAUSE:
            _paused(call, recording, at)
        case Operation.STOP:
            call.end(recording, at)


def _started(
    call: Lifecycle, recording: RecordingStatus, command: Command, recording_id: str, at: datetime
) -> None:
    recording.recording_id = recording_id
    recording.started_at = at
    recording.actual = Actual.STARTING
    chunks.adopt_announced(call.status, recording)
    if command.pause_on_start:
        _paused(call, recording, at)
    else:
        # Never seen active, perhaps, but a silent loss is worse than a false alarm.
        recording.was_active = True


def _paused(call: Lifecycle, recording: RecordingStatus, at: datetime) -> None:
    cause = _cause_of_pause(call, recording)
    if recording.actual in (Actual.STARTING, Actual.ACTIVE, Actual.UNKNOWN) and cause:
        recording.pauses.append(
            PauseRecord(
                requested_by=cause.requested_by,
                authenticated_as=cause.authenticated_as,
                reason=cause.reason,
                requested_at=cause.requested_at,
                accepted_at=cause.accepted_at,
                confirmed_at=at,
                notified_at=cause.notified_at,
            )
        )
    recording.actual = Actual.PAUSED


def _cause_of_pause(call: Lifecycle, recording: RecordingStatus) -> ControlRecord | None:
    """Return the first request still open for it; what was started paused was so by its start."""
    pending = call.requests.pending(recording)
    return next(
        (record for record in pending if record.operation == Operation.PAUSE),
        next((record for record in pending if record.operation == Operation.START), None),
    )


def _goes_on(call: Lifecycle, recording: RecordingStatus, command: Command) -> None:
    """Take it that the recording goes on: a pause, or the reading after a start, was refused."""
    recording.was_active = True
    if command.operation is Operation.PAUSE and not call.is_superseded(command):
        # Rather no recording than one without consent.
        recording.wanted = Wanted.STOPPED if recording.is_held else Wanted.ACTIVE
    recording.actual = Actual.ACTIVE
    # An earlier attempt may have come through unanswered: the state is read.
    recording.needs_read = True


def _resume_refused(
    call: Lifecycle, recording: RecordingStatus, command: Command, now: datetime
) -> None:
    is_wanted = not call.is_superseded(command)
    # An earlier attempt may have come through unanswered: it may record from now on.
    may_sound(recording, now)
    recording.actual = Actual.UNKNOWN
    if is_wanted:
        why = "ACS refused to resume it: it is to be paused for certain"
        call.request(Operation.PAUSE, ControlRequest(requested_by=GUARD, reason=why), now)
