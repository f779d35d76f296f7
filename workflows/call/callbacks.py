"""The callbacks of ACS, and what a reading of its state brings to light.

A callback may come late, twice, out of order or never. So it adds evidence to what was asked and
confirmed; what it contradicts is read from ACS before it is believed.
"""

from datetime import datetime

from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import ControlRecord, PauseRecord, RecordingStatus
from workflows.call import acs_answers, consent_holds
from workflows.call.commands import Operation
from workflows.call.lifecycle import GUARD, Lifecycle

THIRD_PARTY = "somebody else"
"""The asker of a pause that nobody asked for here."""

_CAUSES = {"active": (Operation.START, Operation.RESUME), "inactive": (Operation.PAUSE,)}
_ACTUAL_OF = {"active": Actual.ACTIVE, "inactive": Actual.PAUSED}


def fold(call: Lifecycle, event: RecordingStateChanged, now: datetime) -> RecordingStatus | None:
    """Fold a callback; one about a recording that was not asked for here is only noted.

    Returns the recording whose accepted start came to nothing, if that is what ACS tells.
    """
    recording = _recording_of(call, event)
    if recording is None:
        call.note(now, f"a callback for recording {event.recording} was of no use")
        return None
    if recording.recording_id is None:
        recording.callback_recording_id = event.recording_id
        recording.is_callback_signed = event.is_signed
    if event.problem:
        return _failed_to_start(call, recording, event, now)
    call.note(now, f"recording {recording.number}: ACS tells that it is {event.state}")
    if recording.actual is Actual.STARTING and event.state == "active":
        acs_answers.began(call, recording, now)
    _add_evidence(call, recording, event)
    _check_contradiction(recording, event)
    return None


def _recording_of(call: Lifecycle, event: RecordingStateChanged) -> RecordingStatus | None:
    for recording in call.status.recordings:
        if recording.number == event.recording and recording.origin == "requested":
            is_known = recording.recording_id in (None, event.recording_id)
            return recording if is_known else None
    return None


def _failed_to_start(
    call: Lifecycle, recording: RecordingStatus, event: RecordingStateChanged, now: datetime
) -> RecordingStatus | None:
    """Fold a failure after ACS had accepted the start with 202."""
    # What has been seen to record did not fail to start.
    if recording.actual is Actual.STARTING:
        acs_answers.failed_to_start(call, recording, event.problem, now)
        return recording
    call.note(now, f"recording {recording.number}: ACS tells that it failed: {event.problem}")
    return None


def _add_evidence(
    call: Lifecycle, recording: RecordingStatus, event: RecordingStateChanged
) -> None:
    """Note the callback with the newest request that it can be the effect of."""
    causes = _CAUSES.get(event.state, ())
    record = next(
        (
            record
            for record in reversed(call.status.requests.values())
            if record.recording == recording.number and record.operation in causes
        ),
        None,
    )
    # A request that was asked after the callback cannot be its cause.
    if record is None or record.notified_at is not None or record.requested_at > event.at:
        return
    record.notified_at = event.at
    _note_pause(recording, record)


def _note_pause(recording: RecordingStatus, record: ControlRecord) -> None:
    for pause in recording.pauses:
        if pause.requested_at == record.requested_at and record.operation == Operation.PAUSE:
            pause.notified_at = record.notified_at


def _check_contradiction(recording: RecordingStatus, event: RecordingStateChanged) -> None:
    """Doubt what is known if ACS told something else later."""
    reported = _ACTUAL_OF.get(event.state)
    if recording.actual is Actual.NONE and reported is Actual.ACTIVE:
        # Before the start is answered: should it begin paused, that may not be believed.
        recording.needs_read = True
    # Clocks that differ cost one reading too many, and nothing else.
    is_newer = recording.known_at is not None and event.at > recording.known_at
    if reported is not None and is_newer and recording.actual in (Actual.ACTIVE, Actual.PAUSED):
        recording.needs_read = reported is not recording.actual


def observed(call: Lifecycle, recording: RecordingStatus, state: str, now: datetime) -> str | None:
    """Fold a reading; return in a sentence what is not as it was asked for, None if all is."""
    recording.needs_read = False
    seen = _ACTUAL_OF.get(state)
    if seen is None or seen is recording.actual or recording.wanted is Wanted.STOPPED:
        return None
    recording.actual, recording.known_at = seen, now
    unexpected = _unexpected(call, recording, seen, now)
    call.settle_all(now)
    return unexpected


def _unexpected(
    call: Lifecycle, recording: RecordingStatus, seen: Actual, now: datetime
) -> str | None:
    if seen is Actual.PAUSED:
        return _was_paused(recording, now)
    acs_answers.may_sound(recording, now)
    # A resume that was asked for while the state was being read makes sound no surprise.
    return _pause_again(call, recording, now) if recording.target is Wanted.PAUSED else None


def _pause_again(call: Lifecycle, recording: RecordingStatus, now: datetime) -> str:
    why = "ACS records, although it was paused"
    if recording.wanted is Wanted.PAUSED:
        call.request(Operation.PAUSE, ControlRequest(requested_by=GUARD, reason=why), now)
    else:
        # Only a hold wants it paused: with consent it is to go on.
        consent_holds.pause(recording, call.requests, why, now)
    return f"{why}: it is paused again"


def _was_paused(recording: RecordingStatus, now: datetime) -> str:
    why = "ACS does not record, although nobody here paused it"
    # It is for people to end, not for consent: so it counts as wanted.
    recording.wanted = Wanted.PAUSED
    recording.pauses.append(
        PauseRecord(requested_by=THIRD_PARTY, reason=why, requested_at=now, confirmed_at=now)
    )
    return f"{why}: ask for `resume` if it is to record"
