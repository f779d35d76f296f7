"""The answers of ACS to what it was asked, folded into the state of a call.

What ACS confirms is believed, as far as it can mean nothing else (`silence.py`). What it refuses
did not happen, unless an earlier attempt came through unanswered; what was given up half-way may
have happened: both are made certain. What it refuses for good is asked for again, later.
"""

from datetime import datetime, timedelta

from callvault.causes import Cause
from callvault.contracts.activity_io import ControlResult
from callvault.contracts.base import shorten
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import RecordingStatus, Trouble
from workflows.call import chunks, consent_holds, silence
from workflows.call.commands import READINGS, Command, Operation
from workflows.call.lifecycle import Lifecycle
from workflows.call.pauses import GUARD

CALLBACK_TIMEOUT = timedelta(seconds=1)
"""Time for ACS to tell by a callback that a recording has begun, before it is asked for that."""

MAX_PROBLEM = 400
"""Longest problem that is kept of a request, in characters: an alarm says more than that."""


def answered(call: Lifecycle, command: Command, outcome: ControlResult, now: datetime) -> None:
    """Fold ACS's confirmed answer."""
    recording = call.recording(command.recording)
    call.in_flight = recording.trouble = None
    call.requests.accepted(recording, command.operation, outcome.accepted_at, now)
    if outcome.state == "gone":
        _gone(call, recording, command, outcome, now)
    else:
        _confirmed(call, recording, command, outcome, now)
    call.settle(recording, now)


def received_by(outcome: ControlResult, now: datetime) -> datetime:
    """Return by when an answer had come at the latest; the workflow hears of it after that."""
    return outcome.received_at or max(now, outcome.read_at or now)


def not_done(
    call: Lifecycle, command: Command, problem: str, cause: Cause | None, now: datetime
) -> None:
    """Note why ACS does not do what it is asked, for those who wait for it."""
    call.recording(command.recording).trouble = Trouble(
        operation=command.operation, what=shorten(problem, MAX_PROBLEM), cause=cause, at=now
    )


def given_up(call: Lifecycle, command: Command, now: datetime) -> None:
    """Fold a command given up half-way, because something else is wanted now."""
    recording = call.recording(command.recording)
    call.in_flight = None
    if command.makes_sound:
        # It may record from now on: no evidence may claim that the pause went on.
        recording.was_active = True
        silence.sound_given_up(recording, now, is_start=command.operation is Operation.START)
    if command.operation not in READINGS:
        recording.actual = Actual.UNKNOWN
        call.note(now, f"recording {recording.number}: {command.operation} given up half-way")
    call.settle(recording, now)


def failed(
    call: Lifecycle, command: Command, problem: str, now: datetime, *, is_denied: bool = True
) -> None:
    """Fold a command that came to nothing: say so, and want what is the case.

    ``is_denied`` is False where no answer of ACS says that it did not happen.
    """
    recording = call.recording(command.recording)
    call.in_flight = None
    recording.problem = shorten(f"{command.operation} failed: {problem}")
    call.note(now, f"recording {recording.number}: {recording.problem}")
    call.requests.fail(recording, {command.operation}, recording.problem, now)
    match command.operation:
        case Operation.START:
            _not_started(call, recording, is_denied, now)
        case Operation.STOP:
            # It may record on. That it is over, ACS alone can tell.
            recording.actual = Actual.UNKNOWN
            call.refused(recording, Operation.STOP, now)
        case Operation.READ:
            _not_read(recording)
        case Operation.RESUME:
            _resume_refused(call, recording, command, now)
        case _:
            _goes_on(call, recording, command, now)
    call.settle(recording, now)


def retry_start(
    call: Lifecycle, recording: RecordingStatus, now: datetime, *, is_denied: bool
) -> None:
    """Forget a start that found another recording in its way: it is asked for anew.

    ``is_denied`` is False if an earlier attempt at it may have begun that very recording.
    """
    call.in_flight = None
    if is_denied:
        silence.start_denied(recording)
    else:
        silence.sound_given_up(recording, now, is_start=True)
    # A start that was stopped meanwhile is not repeated: settling ends it.
    call.settle(recording, now)


def began(call: Lifecycle, recording: RecordingStatus, now: datetime) -> None:
    """Fold that a recording which was started has begun to record."""
    recording.was_active = True
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
    # When it began, nobody knows, and what was asked again may still arrive.
    silence.sound_given_up(recording, now, is_start=True)


def has_begun_unheard(
    call: Lifecycle, recording: RecordingStatus, recording_id: str, now: datetime
) -> None:
    """Fold that a start which is not asked for now has begun before: its recording goes on."""
    is_paused = recording.sound.is_begun_paused
    runs_already(call, Command(recording.number, Operation.START, is_paused), recording_id, now)


def has_begun(call: Lifecycle, recording: RecordingStatus, recording_id: str, now: datetime) -> str:
    """Fold that a start which was given up has begun all the same; return it in a sentence."""
    what = "its start was given up, and has begun all the same: it is asked to stop"
    call.note(now, f"recording {recording.number}: {what}")
    call.in_flight = None
    recording.looked_for_until = recording.stopped_at = None
    silence.reopened(recording)
    recording.recording_id, recording.started_at = recording_id, now
    recording.actual, recording.was_active = Actual.UNKNOWN, True
    chunks.adopt_announced(call.status, recording)
    call.settle(recording, now)
    return what


def not_adopted(call: Lifecycle, recording: RecordingStatus, why: str, now: datetime) -> None:
    """Fold that the id which a callback told is not that of this recording."""
    call.note(now, f"recording {recording.number}: {why}")
    recording.callback_recording_id = None
    # What the same callback told of it is no evidence either.
    for record in call.requests.pending(recording):
        record.notified_at = None


def found_gone(
    call: Lifecycle, number: int, now: datetime, told_at: datetime | None = None
) -> None:
    """Fold that ACS, which was polled for it, no longer knows a recording."""
    recording = call.recording(number)
    # While something is asked of ACS, the answer to that tells the same, and settles requests too.
    if recording.actual is Actual.STOPPED or call.is_in_flight(recording):
        return
    _found_over(call, recording, told_at, now)
    call.settle(recording, now)


def _found_over(
    call: Lifecycle, recording: RecordingStatus, told_at: datetime | None, now: datetime
) -> None:
    """Fold that a reading found a recording over, whichever it was: that is no fault."""
    what = "over, as ACS says; nobody had told of its end"
    call.note(now, f"recording {recording.number}: {what}")
    call.end(recording, now, told_at)


def _gone(
    call: Lifecycle,
    recording: RecordingStatus,
    command: Command,
    outcome: ControlResult,
    now: datetime,
) -> None:
    """Fold a 404: for a stop that is success, for all else the recording is over."""
    told_at = received_by(outcome, now)
    if command.makes_sound and (outcome.accepted_at or outcome.unanswered_at):
        # An earlier attempt may have come through: then there is a file.
        recording.was_active = True
    if command.operation is Operation.READ:
        # The usual end: everybody has hung up, and ACS told that it does not record any more.
        _found_over(call, recording, told_at, now)
        return
    if command.operation is not Operation.STOP:
        what = f"ACS no longer knew the recording when asked to {command.operation} it"
        call.note(now, f"recording {recording.number}: {what}")
        # What consent alone demanded is no loss: participants hang up one after the other.
        if not consent_holds.is_own(command.operation, call.requests.pending(recording)):
            recording.problem = what
    call.end(recording, now, told_at)


def _confirmed(
    call: Lifecycle,
    recording: RecordingStatus,
    command: Command,
    outcome: ControlResult,
    at: datetime,
) -> None:
    if command.operation is Operation.READ:
        return
    call.note(at, f"recording {recording.number}: {command.operation} confirmed by ACS")
    call.settled(recording)
    recording.known_at = received_at = received_by(outcome, at)
    read_at = outcome.read_at or at
    # No reading confirms that it began paused: what was told meanwhile stays in doubt.
    recording.needs_read = recording.needs_read and command.operation is Operation.START
    match command.operation:
        case Operation.START:
            silence.start_answered(recording, received_at)
            _started(call, recording, command, outcome.recording_id, at)
            if outcome.state == "active":
                # It says so of itself: no reading has to confirm it.
                silence.active_read(recording, outcome.sent_at or at, received_at)
                recording.actual = Actual.ACTIVE
        case Operation.CONFIRM:
            silence.active_read(recording, read_at, received_at)
            recording.actual = Actual.ACTIVE
        case Operation.RESUME:
            silence.resume_answered(recording, received_at, outcome.unanswered_at)
            recording.actual, recording.was_active = Actual.ACTIVE, True
        case Operation.PAUSE:
            proof = "ACS reported it inactive, after it was asked to pause"
            silence.inactive_read(recording, read_at, received_at, proof)
            recording.needs_read = silence.is_to_be_read_again(recording, read_at, received_at)
            recording.actual = Actual.PAUSED
        case Operation.STOP:
            call.end(recording, at, received_at)


def _started(
    call: Lifecycle, recording: RecordingStatus, command: Command, recording_id: str, at: datetime
) -> None:
    recording.recording_id = recording_id
    recording.started_at = at
    recording.actual = Actual.STARTING
    chunks.adopt_announced(call.status, recording)
    if command.pause_on_start:
        recording.actual = Actual.PAUSED
        call.watch_beginning(recording)
    else:
        # Never seen active, perhaps, but a silent loss is worse than a false alarm.
        recording.was_active = True
        if call.status.policy is not None and call.status.policy.callback_url is not None:
            recording.callback_awaited_until = at + CALLBACK_TIMEOUT


def _goes_on(call: Lifecycle, recording: RecordingStatus, command: Command, now: datetime) -> None:
    """Take it that the recording goes on: a pause, or the reading after a start, was refused."""
    recording.was_active = True
    recording.actual = Actual.ACTIVE
    # An earlier attempt may have come through unanswered: the state is read.
    recording.needs_read = True
    if command.operation is not Operation.PAUSE:
        return
    recording.actual = Actual.UNKNOWN
    call.refused(recording, Operation.PAUSE, now)
    if recording.is_held and not call.is_superseded(command):
        # Rather no recording than one without consent.
        recording.wanted = Wanted.STOPPED


def _not_started(
    call: Lifecycle, recording: RecordingStatus, is_denied: bool, now: datetime
) -> None:
    if is_denied:
        silence.start_denied(recording)
    if recording.sound.begun_at is None:
        call.end(recording, now)
        return
    call.look_for(recording, now)


def _not_read(recording: RecordingStatus) -> None:
    """Take it that nothing is known: what is wanted is asked for, rather than taken to be so."""
    recording.needs_read = False
    if recording.target is Wanted.PAUSED:
        recording.actual = Actual.UNKNOWN


def _resume_refused(
    call: Lifecycle, recording: RecordingStatus, command: Command, now: datetime
) -> None:
    is_wanted = not call.is_superseded(command)
    # An earlier attempt may have come through unanswered: it may record from now on.
    recording.was_active = True
    silence.sound_given_up(recording, now)
    recording.actual = Actual.UNKNOWN
    if is_wanted:
        why = "ACS refused to resume it: it is to be paused for certain"
        call.request(Operation.PAUSE, ControlRequest(requested_by=GUARD, reason=why), now)
