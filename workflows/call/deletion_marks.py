"""Marks: the times of a recording that people are to delete, since somebody refused or withdrew.

Nothing is deleted by itself. A mark begins when its person came into the call, or with the
recording, and ends when ACS is proven silent, by the account of `silence.py`. What that account no
longer claims to be silent, and what is recorded after a return, is marked as well.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from callvault.contracts.consent import (
    ConsentPolicy,
    ConsentRecord,
    ConsentTerms,
    DeletionMark,
    OnWithdrawal,
)
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import intervals, presence, recording_state, silence
from workflows.call.intervals import EVER, FOREVER, Span

MAX_RECORDING = timedelta(days=7)
"""Time for which a recording may have lasted before its files are announced, if nobody tells."""

_ANYBODY = ""


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
    if mark.until == mark.since or any(_covers(known, mark) for known in recording.marked):
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
    recording.marked[:] = [mark for mark in recording.marked if mark.until != mark.since]


def extend(status: CallStatus, recording: RecordingStatus, now: datetime) -> bool:
    """Mark what is not proven silent any more, or not again, of those who refused.

    A silence was taken back, or somebody has returned. To be called after every event; False if
    nothing is new. The mark of a return ends with it, where no silence has ended it.
    """
    refused_until = _refused_until(status)
    is_asked_for = recording.origin == "requested"
    if not refused_until or not is_asked_for or not _is_to_be_marked(status, recording):
        return False
    stays = list(_stays(status, refused_until))
    is_new = _end_returns(status, recording, stays)
    audible, marked = list(_audible(recording)), _marked(recording)
    for who, stay in stays:
        for span in intervals.within(audible, stay):
            # Two devices of a person may tell of the same time: it is marked once.
            known = sorted([*marked.get(who, []), *marked.get(_ANYBODY, [])])
            parts = list(intervals.outside(known, span))
            for part in parts:
                _mark(recording, who, part, now)
            marked.setdefault(who, []).extend(parts)
            is_new |= bool(parts)
    if is_new:
        # A manifest that was sealed before claims that there was silence, or nobody.
        recording.sealed = None
    return is_new


def _end_returns(
    status: CallStatus, recording: RecordingStatus, stays: list[tuple[str, Span]]
) -> bool:
    """End the open marks of returns that are over; False if there are none.

    A moment's return is over before a pause is asked for. The mark of a refusal waits for silence.
    """
    refused_at = {each.participant: each.received_at for each in status.consents if not each.given}
    gone_at: dict[str, datetime] = {}
    for who, stay in stays:
        gone_at[who] = max(stay.until, gone_at.get(who, EVER))
    ended = [
        mark
        for mark in recording.marked
        if mark.until is None
        and not _is_joined(recording, mark)
        and mark.since > refused_at.get(mark.participant, FOREVER)
        and gone_at.get(mark.participant, FOREVER) < FOREVER
    ]
    for mark in ended:
        mark.until = max(mark.since, gone_at[mark.participant])
    recording.marked[:] = [mark for mark in recording.marked if mark.until != mark.since]
    return bool(ended)


def _refused_until(status: CallStatus) -> dict[str, datetime]:
    """Return until when each participant refused, at last, who ever has."""
    until: dict[str, datetime] = {}
    for record in filter(lambda record: record.counts, status.consents):
        if not record.given:
            until[record.participant] = FOREVER
        elif until.get(record.participant) == FOREVER:
            until[record.participant] = record.received_at
    return until


def _stays(status: CallStatus, until: dict[str, datetime]) -> Iterator[tuple[str, Span]]:
    """Yield when these people were in the call, or may have been, each until then."""
    unseen = dict(until)
    for stay in status.participants:
        if (end := until.get(stay.participant)) is not None:
            unseen.pop(stay.participant, None)
            since = stay.joined_at or EVER
            yield stay.participant, Span(since, min(stay.left_at or FOREVER, end))
    # Who was never seen may be in the call: a telephone is in no event.
    for who, end in unseen.items():
        yield who, Span(EVER, end)


def _audible(recording: RecordingStatus) -> Iterator[Span]:
    """Yield the times of which a sound may have been recorded: nothing proves silence."""
    sound = recording.sound
    if sound.begun_at is None:
        return
    consented_at = recording.consented_at
    heard_from = since = sound.begun_at
    if consented_at is None or consented_at > since:
        # What was held from its beginning began paused: there is nothing in it before it was seen
        # to record, however long it took until that was proven. If it was before consent, but no
        # reading tells when, that was marked then.
        may_have_begun = consented_at or since
        heard_from = sound.active_at or (may_have_begun if recording.was_active else FOREVER)
        if consented_at is not None and consented_at <= heard_from:
            since = consented_at
    # Before that not all silence is known that was proven, and all that was to be marked was.
    since = max(since, recording.intervals_cut_until or since)
    silent = [intervals.span_of(each) for each in recording.silence.silent]
    for span in intervals.outside(silent, Span(since, sound.over_at or FOREVER)):
        if span.until > heard_from:
            yield span


def _marked(recording: RecordingStatus) -> dict[str, list[Span]]:
    """Return the times that are marked for each person, and those that are for anybody."""
    marked: dict[str, list[Span]] = {}
    for mark in recording.marked:
        who = _ANYBODY if _is_joined(recording, mark) else mark.participant
        marked.setdefault(who, []).append(Span(mark.since, mark.until or FOREVER))
    return marked


def _is_joined(recording: RecordingStatus, mark: DeletionMark) -> bool:
    """Tell if a mark may stand for other people's, too, that a call could not remember."""
    cut_until = recording.intervals_cut_until
    return cut_until is not None and mark.since <= cut_until


def _mark(recording: RecordingStatus, participant: str, part: Span, now: datetime) -> None:
    """Mark another time of somebody; a mark that ended just then goes on."""
    until = None if part.until == FOREVER else part.until
    for mark in recording.marked:
        if (mark.participant, mark.until) == (participant, part.since):
            mark.until = until
            return
    mark = DeletionMark(participant=participant, since=part.since, until=until, marked_at=now)
    recording.marked.append(mark)


def _silent_since(recording: RecordingStatus) -> datetime | None:
    # Of what nobody here is known to have begun nothing proves silence but its end, if it is told.
    is_begun_here = recording.origin == "requested" and recording.sound.begun_at is not None
    return silence.silent_since(recording) if is_begun_here else recording.stopped_at


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
