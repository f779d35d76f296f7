"""The callbacks of ACS, and what a reading of its state brings to light.

A callback may come late, twice, out of order or never. So it adds evidence to what was asked and
confirmed; what it contradicts is read from ACS before it is believed.
"""

from datetime import datetime

from callvault.contracts.activity_io import ControlResult
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import ControlRecord, PauseRecord, RecordingStatus
from workflows.call import acs_answers, consent_holds, pauses, silence
from workflows.call.alarms import Alarms
from workflows.call.commands import Operation
from workflows.call.lifecycle import Lifecycle
from workflows.call.pauses import GUARD, THIRD_PARTY
from workflows.call.silence import Sight

_CAUSES = {"active": (Operation.START, Operation.RESUME), "inactive": (Operation.PAUSE,)}
_ACTUAL_OF = {"active": Actual.ACTIVE, "inactive": Actual.PAUSED}
_TOLD = "ACS told that it recorded, although it was paused"


def fold(call: Lifecycle, alarms: Alarms, event: RecordingStateChanged, now: datetime) -> None:
    """Fold a callback; one about a recording that was not asked for here is only noted."""
    recording = _recording_of(call, event)
    if recording is None:
        call.note(now, f"a callback for recording {event.recording} was of no use")
        return
    if recording.recording_id is None:
        recording.callback_recording_id = event.recording_id
        recording.is_callback_signed = event.is_signed
    if event.problem:
        if _failed_to_start(call, recording, event, now):
            alarms.failed_to_start(recording, recording.problem, now)
        return
    call.note(now, f"recording {recording.number}: ACS tells that it is {event.state}")
    told_at = event.at or now
    if event.state == "active":
        recording.was_active = True
        # One of no known time costs a reading, and no claim: nobody can tell which it would be.
        if event.at is not None and silence.active_told(recording, told_at, now):
            pauses.contradicted(recording)
            alarms.add(AlarmKind.STATE_UNEXPECTED, Severity.CRITICAL, _TOLD, recording, now)
    if recording.actual is Actual.STARTING and event.state == "active":
        acs_answers.began(call, recording, now)
    _add_evidence(call, recording, event.state, told_at)
    _check_contradiction(recording, event.state, told_at)
    call.settle(recording, now)


def _recording_of(call: Lifecycle, event: RecordingStateChanged) -> RecordingStatus | None:
    asked_for = [each for each in call.status.recordings if each.origin == "requested"]
    numbered = next((each for each in asked_for if each.number == event.recording), None)
    told = (each for each in asked_for if each.recording_id == event.recording_id)
    known = next(told, None) if event.recording_id is not None else None
    if numbered is None or numbered.recording_id is not None:
        return known
    if known is None and numbered.sound.begun_at is None:
        # No start of that number was sent here: it is of a run before, which counted otherwise.
        lost = (each for each in asked_for if each.looked_for_until is not None)
        return next(lost, numbered)
    # The numbered one awaits its id. The id of an adopted recording is no news of it: that start
    # was asked for by a workflow which counted otherwise. The id of one that was started here has
    # its own address: whoever tells it to this one may be forging, which the start looks into.
    return known if known is not None and known.adopted_at is not None else numbered


def _failed_to_start(
    call: Lifecycle, recording: RecordingStatus, event: RecordingStateChanged, now: datetime
) -> bool:
    """Fold a failure after ACS had accepted the start with 202; tell if nothing has begun."""
    if recording.looked_for_until is not None:
        # It was given up without an answer, and nothing has begun: now that is certain.
        recording.looked_for_until = recording.callback_recording_id = None
        silence.start_denied(recording)
    # What has been seen to record did not fail to start.
    if recording.actual is Actual.STARTING:
        acs_answers.failed_to_start(call, recording, event.problem, now)
        return True
    call.note(now, f"recording {recording.number}: ACS tells that it failed: {event.problem}")
    return False


def _add_evidence(
    call: Lifecycle, recording: RecordingStatus, state: str, told_at: datetime
) -> None:
    """Note the callback with the newest request that it can be the effect of."""
    causes = _CAUSES.get(state, ())
    record = next(
        (
            record
            for record in reversed(call.status.requests.values())
            if record.recording == recording.number and record.operation in causes
        ),
        None,
    )
    # A request that was asked after the callback cannot be its cause.
    if record is None or record.notified_at is not None or record.requested_at > told_at:
        return
    record.notified_at = told_at
    _note_pause(recording, record)


def _note_pause(recording: RecordingStatus, record: ControlRecord) -> None:
    for pause in pauses.of(recording, record):
        pause.notified_at = record.notified_at


def _check_contradiction(recording: RecordingStatus, state: str, told_at: datetime) -> None:
    """Doubt what is known if ACS told something else."""
    reported = _ACTUAL_OF.get(state)
    if recording.actual is Actual.NONE and reported is Actual.ACTIVE:
        # Before the start is answered: should it begin paused, that may not be believed.
        recording.needs_read = True
    # Sound that should not be costs a reading, however late or by whatever clock it was told. That
    # it is silent is mostly told late: then the clocks decide.
    is_newer = recording.known_at is not None and told_at > recording.known_at
    is_sound = recording.actual is Actual.PAUSED and reported is Actual.ACTIVE
    if is_sound or (recording.actual is Actual.ACTIVE and reported is Actual.PAUSED and is_newer):
        recording.needs_read = True


def observed(
    call: Lifecycle, recording: RecordingStatus, seen: ControlResult, now: datetime
) -> str | None:
    """Fold a reading; return in a sentence what is not as it was asked for, None if all is."""
    recording.needs_read = False
    sight = _sight(recording, seen, now)
    actual = _ACTUAL_OF.get(seen.state)
    if sight is Sight.DOUBT or _is_outdated(recording, seen):
        # It was made while something changed.
        recording.needs_read = actual is not recording.actual
        call.settle(recording, now)
        return _contradiction(sight)
    read_at, received_at = seen.read_at or now, acs_answers.received_by(seen, now)
    recording.needs_read = silence.is_to_be_read_again(recording, read_at, received_at)
    unexpected = _contradiction(sight)
    if actual is not None and recording.wanted is not Wanted.STOPPED:
        before, recording.actual = recording.actual, actual
        recording.known_at = received_at
        if actual is Actual.PAUSED:
            call.settled(recording)
        unexpected = _unexpected(call, recording, before, actual, now) or unexpected
    call.settle_all(now)
    return unexpected


def observed_meanwhile(
    call: Lifecycle, recording: RecordingStatus, seen: ControlResult, now: datetime
) -> str | None:
    """Fold a reading that came back while ACS was asked for something: into the account alone.

    What is asked may find it otherwise by then. Return in a sentence what is amiss, None if nothing
    is.
    """
    sight = _sight(recording, seen, now)
    call.settle(recording, now)
    return _contradiction(sight)


def _contradiction(sight: Sight | None) -> str | None:
    return "ACS recorded, although it was paused" if sight is Sight.CONTRADICTION else None


def _sight(recording: RecordingStatus, seen: ControlResult, now: datetime) -> Sight | None:
    """Draw up in the account what was read."""
    read_at, received_at = seen.read_at or now, acs_answers.received_by(seen, now)
    if seen.inactive_at is not None:
        # An earlier reading of the same poll, which was over before the next one was sent.
        silence.was_inactive(recording, seen.inactive_at, read_at)
    if seen.state == "active":
        sight = silence.active_read(recording, read_at, received_at, seen.inactive_at)
        if sight in (Sight.CONTRADICTION, Sight.OVERLAP):
            pauses.contradicted(recording)
        return sight
    if seen.state == "inactive":
        return silence.inactive_read(recording, read_at, received_at, "ACS reported it inactive")
    return None


def _is_outdated(recording: RecordingStatus, seen: ControlResult) -> bool:
    """Tell if what is known is from after the reading was sent."""
    known_at = recording.known_at
    return seen.read_at is not None and known_at is not None and seen.read_at < known_at


def _unexpected(
    call: Lifecycle, recording: RecordingStatus, before: Actual, actual: Actual, now: datetime
) -> str | None:
    if actual is before:
        return None
    if actual is Actual.PAUSED:
        is_foreign = recording.target is Wanted.ACTIVE and before is Actual.ACTIVE
        return _was_paused(recording, now) if is_foreign else None
    # A resume that was asked for while the state was being read makes sound no surprise.
    return _pause_again(call, recording, now) if recording.target is Wanted.PAUSED else None


def _pause_again(call: Lifecycle, recording: RecordingStatus, now: datetime) -> str:
    why = "ACS records, although it was paused"
    if recording.wanted is Wanted.PAUSED:
        call.request(Operation.PAUSE, ControlRequest(requested_by=GUARD, reason=why), now)
    else:
        # Only a hold wants it paused: with consent it is to go on.
        consent_holds.pause(recording, call.requests, why, now)
    return f"{why}: it is asked to pause again"


def _was_paused(recording: RecordingStatus, now: datetime) -> str:
    why = "ACS does not record, although nobody here paused it"
    # It is for people to end, not for consent: so it counts as wanted.
    recording.pauses.append(
        PauseRecord(requested_by=THIRD_PARTY, reason=why, requested_at=now, received_at=now)
    )
    pauses.review(recording)
    return f"{why}: ask for `resume` if it is to record"
