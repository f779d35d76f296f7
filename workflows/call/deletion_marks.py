"""Marks: the times of a recording that people are to delete, since somebody refused or withdrew.

Nothing is deleted by itself. A mark begins when its person came into the call, or with the
recording, and ends when ACS is proven silent, by the account of `silence.py`.
"""

from datetime import datetime, timedelta

from callvault.contracts.consent import (
    ConsentPolicy,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    OnWithdrawal,
)
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import presence, recording_state, silence

MAX_RECORDING = timedelta(days=7)
"""Time for which a recording may have lasted before its files are announced, if nobody tells."""


def add(
    status: CallStatus,
    recording: RecordingStatus,
    refusal: ConsentRecord,
    may_record: bool,
    now: datetime,
) -> bool:
    """Mark a recording after a refusal or withdrawal, if its terms say so; False if nothing is new.

    Also a recording that is over, and one that was sealed.
    """
    if not (may_record or _may_be_heard(recording)) or not _is_to_be_marked(status, recording):
        return False
    beginning = _beginning(recording)
    since = max(beginning, presence.in_call_since(status, refusal.participant) or beginning)
    silent_since = None if may_record else _silent_since(recording) or now
    mark = DeletionMark(
        participant=refusal.participant,
        since=since,
        until=silent_since and max(silent_since, since),
        marked_at=now,
    )
    if any(_covers(known, mark) for known in recording.marked):
        return False
    recording.marked.append(mark)
    # A manifest that was sealed before does not know of the mark.
    recording.sealed = None
    return True


def add_announced(status: CallStatus, recording: RecordingStatus, now: datetime) -> bool:
    """Mark a recording with files, of which nobody had known, or heard, when somebody refused."""
    # What was seen to record before was marked then.
    is_known = recording.origin == "requested" and recording.was_active
    if is_known or recording.marked:
        return False
    refusals = [record for record in status.consents if not record.given]
    may_record = recording_state.goes_on(recording)
    marked = [add(status, recording, refusal, may_record, now) for refusal in refusals]
    return any(marked)


def end(recording: RecordingStatus, silent_since: datetime | None) -> None:
    """End the marks of a recording that is proven silent since then; none while it is not."""
    if silent_since is None:
        return
    for mark in recording.marked:
        mark.until = mark.until or max(silent_since, mark.since)


def _silent_since(recording: RecordingStatus) -> datetime | None:
    # Of what was not asked for here nothing proves silence but its end, as an event tells it.
    is_announced = recording.origin == "announced"
    return recording.stopped_at if is_announced else silence.silent_since(recording)


def _may_be_heard(recording: RecordingStatus) -> bool:
    """Tell if its files may hold a sound: ACS may have recorded what was to begin paused."""
    # A start that was given up may have begun it, which no id tells; one that ACS denied has not.
    was_begun = recording.recording_id is not None or recording.sound.begun_at is not None
    is_never_proven = was_begun and not recording.silence.silent
    return recording.was_active or bool(recording.chunks) or is_never_proven


def _is_to_be_marked(status: CallStatus, recording: RecordingStatus) -> bool:
    if recording.origin == "requested":
        return _wants_marks(recording.consent)
    # Nobody knows on which terms it was begun; perhaps its start was asked for here, and lost.
    asked_for = [r.consent for r in status.recordings if r.origin == "requested"]
    resource = [status.policy.consent] if status.policy else []
    return any(map(_wants_marks, [*asked_for, *resource]))


def _wants_marks(terms: ConsentTerms) -> bool:
    is_consent_needed = terms.consent_policy not in (None, ConsentPolicy.NONE)
    return is_consent_needed and terms.on_withdrawal is OnWithdrawal.PAUSE_AND_MARK


def _beginning(recording: RecordingStatus) -> datetime:
    """Return the earliest time at which a sound of the recording may have been recorded."""
    if recording.origin == "requested" and recording.adopted_at is None:
        # Not when ACS answered: it may have begun before its answer arrived.
        return recording.requested_at
    # Nobody here knows when it was begun: what is adopted was on before that.
    return recording.recording_start_time or recording.requested_at - MAX_RECORDING


def _covers(known: DeletionMark, mark: DeletionMark) -> bool:
    """Tell if a mark of the same person says as much already."""
    is_long_enough = known.until is None or (mark.until is not None and known.until >= mark.until)
    is_same = known.participant == mark.participant and known.since <= mark.since
    return is_same and is_long_enough
