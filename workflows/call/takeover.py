"""Joins the last state of a call's dead run to the state of the run that keeps the call now.

What ACS may do by now is read before it is believed. Where the two differ, the quieter wish counts,
and nothing that either of them knows is forgotten.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from callvault.contracts.consent import ConsentRecord
from callvault.contracts.states import Actual, ChunkState, RequestState, Wanted
from callvault.contracts.status import (
    CallStatus,
    ChunkStatus,
    ControlRecord,
    PauseRecord,
    RecordingStatus,
)
from callvault.contracts.takeover import LastState
from workflows.call import (
    consent,
    late_joiners,
    legal_holds,
    pauses,
    presence,
    recording_events,
    silence,
)
from workflows.call.chunks import ChunkKey, next_number
from workflows.call.commands import Operation
from workflows.call.recording_state import refresh
from workflows.call.request_records import OWN_KEY

Each = TypeVar("Each")
Record = TypeVar("Record", ControlRecord, RecordingStatus)

_TOLD = ("call_id", "recording_start_time", "recording_duration_ms")
"""Facts of a recording that the event about its files tells."""

_QUIET = (Wanted.ACTIVE, Wanted.PAUSED, Wanted.STOPPED)
"""From loud to quiet."""


def join(status: CallStatus, last: LastState, *, is_reset: bool) -> bool:
    """Join a dead run's state; False if it is part of this one already.

    After a reset (``is_reset``) both are the same recordings under the same numbers: the dead run
    went further, but for what was answered here since. Otherwise a recording is known by its id
    alone.
    """
    if last.run_id in status.taken_over:
        return False
    before = last.status.model_copy(deep=True)
    status.taken_over += [last.run_id, *before.taken_over]
    anew = _pauses_asked_anew(status, before, is_reset)
    numbers = {
        each.number: _join_recording(status, each, is_reset, anew) for each in before.recordings
    }
    for recording in [r for r in status.recordings if r.origin == "requested"]:
        _absorb_announced(status, recording)
    _join_requests(status, before, numbers, last.run_id, is_reset)
    _join_lists(status, before, is_reset)
    recording_events.join(status, before, numbers, is_reset=is_reset)
    status.ended_at = status.ended_at or before.ended_at
    status.alarms_left_out += 0 if is_reset else before.alarms_left_out
    status.chunks_left_out = max(status.chunks_left_out, before.chunks_left_out)
    for recording in status.recordings:
        doubt(recording)
        refresh(status, recording)
    return True


def doubt(recording: RecordingStatus) -> None:
    """Have the state of a recording read from ACS, if it may be on."""
    is_on = recording.origin == "requested" and recording.actual is not Actual.STOPPED
    recording.needs_read = recording.needs_read or (is_on and recording.recording_id is not None)


def _join_recording(
    status: CallStatus, theirs: RecordingStatus, is_reset: bool, anew: set[datetime]
) -> int | None:
    """Join one recording; return its number from now on, None if it is not kept."""
    mine = _counterpart(status, theirs, is_reset)
    if mine is None:
        return _add(status, theirs)
    is_further = is_reset and not _began_since(mine, theirs)
    other = theirs
    if is_further or (mine.origin == "announced" and theirs.origin == "requested"):
        other = _replace(mine, theirs)
    if other.origin == "requested":
        mine.wanted = max(mine.wanted, other.wanted, key=_QUIET.index)
    _join_ends(mine, other)
    mine.session_end_reason = mine.session_end_reason or other.session_end_reason
    _join_pauses(mine, other, is_reset, anew)
    _join_evidence(mine, other)
    _join_chunks(mine, other)
    return mine.number


def _join_ends(mine: RecordingStatus, other: RecordingStatus) -> None:
    """Take it that a recording is over of which either state knows that."""
    ended = [each for each in (mine, other) if _is_known_over(each)]
    if not ended:
        return
    mine.actual, mine.wanted = Actual.STOPPED, Wanted.STOPPED
    mine.stopped_at = mine.stopped_at or other.stopped_at
    over_at = next((each.sound.over_at for each in ended if each.sound.over_at), mine.stopped_at)
    if over_at is not None:
        silence.ended(mine, over_at)


def _is_known_over(recording: RecordingStatus) -> bool:
    """Tell if ACS has recorded it, and does so no more."""
    # One that was only announced may go on, as its event tells. What was ended before any start of
    # it was answered may be on all the same, as only the other state knows.
    was_on = recording.recording_id is not None or recording.sound.over_at is not None
    is_requested = recording.origin == "requested"
    return is_requested and was_on and recording.actual is Actual.STOPPED


def _join_evidence(mine: RecordingStatus, other: RecordingStatus) -> None:
    """Add what the other state knows of silence, marks and announcements.

    A manifest that tells less of silence or marks is no longer its.
    """
    claimed = list(mine.silence.silent)
    silence.doubted(mine, other.silence.unconfirmed)
    marks = [mark for mark in other.marked if mark not in mine.marked]
    mine.marked += marks
    if marks or mine.silence.silent != claimed:
        mine.sealed = None
    late_joiners.join(mine, other)


def _began_since(mine: RecordingStatus, theirs: RecordingStatus) -> bool:
    """Tell if the start was answered here alone, since the reset: the other knows files at most."""
    is_told_by_files = (mine.origin, theirs.origin) == ("requested", "announced")
    return mine.recording_id is not None and (theirs.recording_id is None or is_told_by_files)


def _join_pauses(
    mine: RecordingStatus, other: RecordingStatus, is_reset: bool, anew: set[datetime]
) -> None:
    """Keep it paused for everybody who holds it in either state.

    ``anew`` are the times at which pauses were received that wait here for an answer of their own.
    """
    known = {_identity(pause, is_reset): pause for pause in mine.pauses}
    for pause in other.pauses:
        same = known.get(_identity(pause, is_reset))
        if same is None:
            mine.pauses.append(pause)
        elif pause.is_open and pause.received_at in anew:
            # It is that of the request which waits.
            same.received_at = pause.received_at
    pauses.review(mine)


def _identity(pause: PauseRecord, is_reset: bool) -> tuple[object, ...]:
    # After a reset Temporal delivers the same requests again, at another time. One that still holds
    # may be new: it is not dropped for an older one that was released.
    when = pause.is_open if is_reset else pause.requested_at
    return pause.requested_by, pause.authenticated_as, pause.reason, when


def _replace(mine: RecordingStatus, theirs: RecordingStatus) -> RecordingStatus:
    """Take over what theirs says, which knows more, but for the number; return what mine said."""
    other = mine.model_copy()
    _copy_fields(theirs, to=mine)
    mine.number = other.number
    for name in _TOLD:
        if getattr(mine, name) is None:
            setattr(mine, name, getattr(other, name))
    if mine.recording_id is None and mine.callback_recording_id is None:
        mine.callback_recording_id = other.callback_recording_id
        mine.is_callback_signed = other.is_callback_signed
    return other


def _copy_fields(theirs: Record, *, to: Record) -> None:
    """Make a record like another one, and keep its identity: others hold it."""
    for name in type(to).model_fields:
        setattr(to, name, getattr(theirs, name))


def _counterpart(
    status: CallStatus, theirs: RecordingStatus, is_reset: bool
) -> RecordingStatus | None:
    def is_same(mine: RecordingStatus) -> bool:
        if None not in (mine.recording_id, theirs.recording_id):
            return mine.recording_id == theirs.recording_id
        return is_reset and (mine.number, mine.origin) == (theirs.number, theirs.origin)

    return next(filter(is_same, status.recordings), None)


def _add(status: CallStatus, theirs: RecordingStatus) -> int | None:
    was_asked = any(each.origin == "requested" for each in status.recordings)
    is_asked_anew = theirs.recording_id is None and not theirs.chunks and was_asked
    if is_asked_anew and theirs.sound.begun_at is None:
        return None  # It never began, and a backend has asked anew since.
    if is_asked_anew:
        # ACS may have begun it all the same: settling has it looked for.
        theirs.wanted = Wanted.STOPPED
    if any(each.number == theirs.number for each in status.recordings):
        theirs.number = next_number(status)
    # The current recording is the last one: one that ACS may be recording must be controlled.
    is_on = theirs.actual is not Actual.STOPPED and not is_asked_anew
    status.recordings.insert(len(status.recordings) if is_on else 0, theirs)
    return theirs.number


def _absorb_announced(status: CallStatus, recording: RecordingStatus) -> None:
    """Give a recording the files that were announced for its id before the id was known here."""
    for early in list(status.recordings):
        is_same = (
            recording.recording_id is not None and early.recording_id == recording.recording_id
        )
        if early is not recording and early.origin == "announced" and is_same:
            _join_chunks(recording, early)
            recording.session_end_reason = recording.session_end_reason or early.session_end_reason
            status.recordings[:] = [each for each in status.recordings if each is not early]


def _join_chunks(better: RecordingStatus, other: RecordingStatus) -> None:
    known = {ChunkKey.of(chunk.chunk): chunk for chunk in better.chunks}
    for chunk in other.chunks:
        mine = known.get(ChunkKey.of(chunk.chunk))
        if mine is None:
            better.chunks.append(chunk)
            better.sealed = None
        elif _is_better(chunk, mine, better):
            better.chunks[better.chunks.index(mine)] = chunk


def _is_better(chunk: ChunkStatus, mine: ChunkStatus, recording: RecordingStatus) -> bool:
    is_here = chunk.archived is not None and chunk.archived.archive == recording.archive
    return is_here and mine.state is not ChunkState.ARCHIVED


def _pauses_asked_anew(status: CallStatus, before: CallStatus, is_reset: bool) -> set[datetime]:
    """Return when the pauses were received that no record of the dead run answers."""
    return {
        record.received_at
        for key, record in status.requests.items()
        if record.operation == Operation.PAUSE
        and (other := before.requests.get(key)) is not None
        and _is_asked_anew(key, record, other, is_reset)
    }


def _join_requests(
    status: CallStatus,
    before: CallStatus,
    numbers: dict[int, int | None],
    run_id: str,
    is_reset: bool,
) -> None:
    own = dict(status.requests)
    status.requests.clear()
    for key, record in before.requests.items():
        number = numbers.get(record.recording, record.recording)
        if number is None:
            continue
        record.recording = number
        if key not in own:
            status.requests[key] = record
        elif _is_same_request(key, own[key], record, is_reset):
            # An update may wait for this very record. What was settled here since stays so.
            if own[key].settled_at is None or record.settled_at is not None:
                _copy_fields(record, to=own[key])
            status.requests[key] = own[key]
        else:
            status.requests[f"{key} of run {run_id}"] = record
    for key, record in own.items():
        status.requests.setdefault(key, record)


def _is_same_request(key: str, mine: ControlRecord, theirs: ControlRecord, is_reset: bool) -> bool:
    if _is_asked_anew(key, mine, theirs, is_reset):
        return False
    return (mine.operation, mine.requested_by, mine.reason) == (
        theirs.operation,
        theirs.requested_by,
        theirs.reason,
    )


def _is_asked_anew(key: str, mine: ControlRecord, theirs: ControlRecord, is_reset: bool) -> bool:
    """Tell if a request without an id of its own is none of the dead run, as far as is known."""
    if not key.startswith(OWN_KEY) or mine.requested_at == theirs.requested_at:
        return False
    # What is sent again after a reset may have another time. But no pause is answered from memory.
    waits = mine.operation == Operation.PAUSE and mine.state is RequestState.PENDING
    return waits or not is_reset


def _join_lists(status: CallStatus, before: CallStatus, is_reset: bool) -> None:
    """Join what is but a list: the older first, and nothing twice."""
    _extend(before.alarms, status.alarms, lambda record: record.alarm.id)
    _extend(before.timeline, status.timeline, lambda entry: (entry.at, entry.what))
    before.timeline.sort(key=lambda entry: entry.at)

    def decision(record: ConsentRecord) -> tuple[object, ...]:
        # After a reset every message is sent again, and decides nothing anew.
        at = None if is_reset else record.decided_at
        return record.participant, record.given, record.method, record.request_id, at

    _extend(before.consents, status.consents, decision)
    if is_reset:
        before.consents += _refusals_again(before, status)
    presence.add_stays(before, status.participants)
    legal_holds.join(status.legal_holds, before.legal_holds)
    status.untimed += [signal for signal in before.untimed if signal not in status.untimed]
    # In place: others hold these lists.
    status.alarms[:], status.timeline[:] = before.alarms, before.timeline
    status.consents[:], status.participants[:] = before.consents, before.participants
    for name in ("consents_left_out", "refusals_left_out", "participants_left_out"):
        setattr(status, name, getattr(status, name) + getattr(before, name))
    # An agreement that came after a withdrawal of which only the run before knew.
    consent.recount(status)


def _refusals_again(joined: CallStatus, mine: CallStatus) -> list[ConsentRecord]:
    """Return the last words of people here who refuse, where an agreement stands by all others.

    Such a refusal is worded like one from before that agreement, and is no repetition of it: of
    what is sent again after a reset, the agreement would be the last.
    """
    standing = consent.standing(joined)
    last = {record.participant: record for record in mine.consents}
    return [each for each in last.values() if not each.given and standing.get(each.participant)]


def _extend(theirs: list[Each], mine: list[Each], key: Callable[[Each], object]) -> None:
    known = {key(each) for each in theirs}
    theirs += [each for each in mine if key(each) not in known]
