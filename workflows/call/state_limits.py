"""The limits of a call's state, so that no sender can outgrow what Temporal carries: 2 MiB.

Counts are limited as things come. Bytes are limited by giving up, one kind after the other, what is
worth least; all that is given up is counted and said. Evidence comes last, and the newest stays.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from callvault.contracts.alarms import AlarmRecord
from callvault.contracts.base import shorten
from callvault.contracts.silence import UnconfirmedInterval
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import (
    CallStatus,
    ControlRecord,
    PauseRecord,
    RecordingStatus,
    TimelineEntry,
)
from workflows.call import intervals, pauses

MAX_CHUNKS = 500
"""Most files of a call.

The service ends a chunk after four hours at the latest, and its longest known recording, of 20.5
hours, had six. It documents no longest recording and no largest chunk. 500 files are 83 days of one
recording in chunks of four hours, or 20 days in chunks of one hour; or a file of each of the
recordings that may be started in a call, all doubled, as they may be after a fail-over, and 300 to
spare. An archived file takes some 2 KB of the state (measured, with addresses of own storage), so
that twice as many would not fit into what Temporal carries. What is beyond is counted, alarmed, and
stands in the history with its event.
"""

MAX_CHUNKS_SIZE = 256 * 1024
"""Most bytes of all their ids and addresses together."""

MAX_RECORDINGS = 100
"""Most recordings that may be started in a call, and most that events may announce beside them."""

MAX_END_REASON = 200
"""Longest reason for a session's end that is kept; those that are known are shorter."""

MAX_SIZE = 1_500_000
"""Most bytes of a state within a run: a seal's order and a status's answer are made of it."""

LEAST_ROOM = 128 * 1024
"""Bytes by which a state may grow without being measured."""

MAX_NOTE_SIZE = 24 * 1024
"""Bytes by which what leaves a note makes a state grow at most: a request with its texts."""

MAX_CHUNK_SIZE = 2 * 1024
MAX_NAME_SIZE = 300
"""Bytes by which a file, and a participant who is named or marked for, make it grow."""

MAX_KEPT_TIMELINE = 50
"""Entries of its timeline that a larger state keeps beside the first one: the newest."""

MAX_KEPT_REQUESTS = 250
"""Requests that a state keeps which is too large even so: the newest, and all pending ones."""

MAX_KEPT_ALARMS = 250
MAX_KEPT_PAUSES = 250
"""Pauses, holds, doubts, marks, silent times and announcements to late joiners that are kept, of
each kind: by each recording, and if that does not do by all of them together."""

MAX_KEPT_IDS = 100
_TEXTS = (200, 40, 16)
"""Lengths to which texts are cut, one after the other, in characters."""

Cut = Callable[[CallStatus], str]
"""Gives something up, and says in a few words what; empty if there was nothing to give up."""


class _Share(NamedTuple):
    """The recordings that are to keep no more than so much of each kind."""

    recordings: list[RecordingStatus]
    kept: int


ShareOf = Callable[[CallStatus], _Share]


def size_of(status: CallStatus) -> int:
    """Return the bytes of a state as it is carried: characters may have up to six."""
    return len(status.model_dump_json().encode())


def fit(status: CallStatus, limit: int, now: datetime) -> int:
    """Give up what is worth least until the state has no more than ``limit`` bytes, and say so.

    Returns the number of bytes that are left.
    """
    given_up: list[str] = []
    cuts = iter(_CUTS)
    while (left := limit - size_of(status)) < 0 and (cut := next(cuts, None)) is not None:
        given_up.append(cut(status))
    if said := "; ".join(filter(None, given_up)):
        what = shorten(f"more than a call can remember: {said}")
        status.timeline.append(TimelineEntry(at=now, what=what))
    return left


def _cut_timeline(status: CallStatus) -> str:
    cut = len(status.timeline[1:-MAX_KEPT_TIMELINE])
    del status.timeline[1:-MAX_KEPT_TIMELINE]
    return f"{cut} lines of the timeline were given up" if cut else ""


def _cut_requests(status: CallStatus, kept: int = MAX_KEPT_REQUESTS) -> str:
    requests = status.requests
    old = [key for key in list(requests)[:-kept] if requests[key].state is not RequestState.PENDING]
    for key in old:
        del requests[key]
    return f"{len(old)} old requests were given up" if old else ""


def _cut_alarms(status: CallStatus, is_told: bool = True) -> str:
    """Give up old alarms; those of which something is still to be told if nothing else helps."""
    kept = status.alarms[-MAX_KEPT_ALARMS:]
    old = status.alarms[:-MAX_KEPT_ALARMS]
    untold = [record for record in old if _is_open(record)] if is_told else []
    status.alarms[:] = [*untold, *kept]
    cut = len(old) - len(untold)
    status.alarms_left_out += cut
    return f"{cut} old alarms were given up" if cut else ""


def _is_open(record: AlarmRecord) -> bool:
    return record.is_unsent or record.is_unresolved


def _by_each(status: CallStatus) -> _Share:
    """Have each recording keep as much as one may."""
    return _Share(status.recordings, MAX_KEPT_PAUSES)


def _by_all(status: CallStatus) -> _Share:
    """Have all recordings together keep as much as one may: what one has fits, whatever it is."""
    return _Share(status.recordings, max(1, MAX_KEPT_PAUSES // max(1, len(status.recordings))))


def _by_all_sealed(status: CallStatus) -> _Share:
    """Have only those keep so little of which all stands in a manifest already."""
    sealed = [each for each in status.recordings if each.sealed is not None]
    return _Share(sealed, _by_all(status).kept)


def _is_over(recording: RecordingStatus) -> bool:
    """Tell if ACS records it no more; one that is looked for may begin still."""
    return recording.actual is Actual.STOPPED and recording.looked_for_until is None


def _cut_pauses(status: CallStatus, share_of: ShareOf = _by_each) -> str:
    """Give up the oldest pauses and holds of each recording, which is then amiss."""
    recordings, kept = share_of(status)
    cuts = [_cut_evidence(recording, kept) for recording in recordings]
    return "; ".join(filter(None, cuts))


def _cut_evidence(recording: RecordingStatus, kept: int) -> str:
    pauses, holds = recording.pauses, recording.holds
    # What is still held is never given up: it would record again.
    held = [] if _is_over(recording) else [pause for pause in pauses[:-kept] if pause.is_open]
    count = len(pauses[:-kept]) - len(held) + len(holds[:-kept])
    if count == 0:
        return ""
    pauses[:-kept] = held
    del holds[:-kept]
    recording.pauses_left_out += count
    # In the signed manifest, too: what is missing there must not look as if it had never been.
    left_out = f"{recording.pauses_left_out} of its oldest pauses and holds are not kept"
    recording.problem = recording.problem or left_out
    return f"recording {recording.number}: {left_out}"


def _cut_joiners(status: CallStatus, share_of: ShareOf) -> str:
    """Give up the oldest announcements to late joiners, but for those that still are to be heard.

    Whoever had not heard theirs still counts.
    """
    cut, (recordings, kept) = 0, share_of(status)
    for recording in recordings:
        told = recording.joiner_announcements
        unheard = [each for each in told[:-kept] if each.answered_at is None]
        awaited = [] if recording.wanted is Wanted.STOPPED else unheard
        count = len(told[:-kept]) - len(awaited)
        if count:
            told[:-kept] = awaited
            recording.joiners_left_out += len(unheard) - len(awaited)
            what = "the oldest announcements to those who joined later are not kept"
            recording.problem = recording.problem or what
        cut += count
    return f"{cut} old announcements to late joiners were given up" if cut else ""


def _cut_intervals(status: CallStatus, share_of: ShareOf = _by_each) -> str:
    """Join the oldest doubts and marks of each recording to one: it spans more, and hides none."""
    cut, (recordings, kept) = 0, share_of(status)
    for recording in recordings:
        account = recording.silence
        cut_until = [each.until for each in account.silent[:-kept]]
        old_marks = recording.marked[:-kept]
        joined = _join_doubts(account.unconfirmed, kept)
        joined_marks = _join(recording.marked, kept)
        # Silence that is claimed no more hides nothing.
        cut += joined + joined_marks + len(account.silent[:-kept])
        del account.silent[:-kept]
        if joined:
            # A doubt that spans more now may span what was proven.
            intervals.doubt(account, [])
            cut_until.append(account.unconfirmed[0].until)
        if joined_marks:
            cut_until += [mark.since for mark in old_marks]
        # What was given up here must not be marked again for want of it.
        known = filter(None, [recording.intervals_cut_until, *cut_until])
        recording.intervals_cut_until = max(known, default=None)
    return f"{cut} old doubts, marks and silent times were joined or given up" if cut else ""


def _join_doubts(doubts: list[UnconfirmedInterval], kept: int) -> int:
    is_finding = any(each.is_finding for each in doubts[:-kept])
    joined = _join(doubts, kept)
    if joined:
        doubts[0].is_finding = is_finding
    return joined


def _join(spans: list[Any], kept: int) -> int:
    old = spans[:-kept]
    if len(old) < 2:
        return 0
    # Marks are in the order in which they were made.
    old[0].since = min(each.since for each in old)
    ends = [each.until for each in old]
    old[0].until = None if None in ends else max(ends)
    del spans[1 : len(old)]
    return len(old) - 1


def _cut_texts(status: CallStatus, limit: int) -> str:
    records = [
        *status.requests.values(),
        *status.consents,
        *status.alarms,
        *status.recordings,
        *(pause for recording in status.recordings for pause in recording.pauses),
        *(hold for recording in status.recordings for hold in recording.holds),
        *(chunk for recording in status.recordings for chunk in recording.chunks),
        *(told for recording in status.recordings for told in recording.joiner_announcements),
    ]
    cut = sum(_cut_fields(record, limit) for record in records)
    for record in status.alarms:
        what = shorten(record.alarm.what, limit)
        record.alarm = record.alarm.model_copy(update={"what": what})
    status.timeline[:] = [
        entry.model_copy(update={"what": shorten(entry.what, limit)}) for entry in status.timeline
    ]
    return f"{cut} texts were cut to {limit} characters" if cut else ""


_FREE_TEXTS = frozenset(
    {
        "acknowledged_as",
        "acknowledged_by",
        "authenticated_as",
        "declined",
        "ended_by",
        "evidence",
        "jurisdiction",
        "lost_reason",
        "method",
        "problem",
        "reason",
        "released_by",
        "requested_by",
        "reported_by",
        "resolved_problem",
    }
)
"""Fields that hold words of people; none is an id, and none is decided by, once it is so long."""


_NAMES = frozenset({"requested_by", "authenticated_as"})
"""Whose a pause is: by these names its holder releases it, and its request is told from others."""


def _cut_fields(record: Any, limit: int) -> int:
    """Shorten a record's texts; return the number of those that were too long."""
    fields = _FREE_TEXTS.intersection(type(record).model_fields)
    if isinstance(record, PauseRecord) and record.is_open:
        # `pauses.holder_of` has made them short.
        fields -= _NAMES
    if isinstance(record, ControlRecord):
        fields -= _NAMES
        for name in _NAMES:
            setattr(record, name, pauses.short_name(getattr(record, name)))
    long = [name for name in fields if len(getattr(record, name)) > limit]
    for name in long:
        setattr(record, name, shorten(getattr(record, name), limit))
    return len(long)


def _cut_ids(status: CallStatus) -> str:
    """Forget the callers' ids of old decisions, and whom recordings that are over waited for."""
    old = [record for record in status.consents[:-MAX_KEPT_IDS] if record.request_id]
    for record in old:
        record.request_id = None
    for recording in status.recordings:
        if _is_over(recording):
            # One stays: terms that name nobody could not be read any more.
            few = {"consent_participants": recording.consent.consent_participants[:1]}
            recording.consent = recording.consent.model_copy(update=few)
    return f"the ids of {len(old)} old decisions were given up" if old else ""


_CUTS: tuple[Cut, ...] = (
    _cut_timeline,
    _cut_requests,
    _cut_alarms,
    partial(_cut_texts, limit=_TEXTS[0]),
    partial(_cut_requests, kept=50),
    partial(_cut_texts, limit=_TEXTS[1]),
    _cut_ids,
    _cut_intervals,
    _cut_pauses,
    partial(_cut_alarms, is_told=False),
    partial(_cut_texts, limit=_TEXTS[2]),
    *(
        partial(cut, share_of=share_of)
        for share_of in (_by_all_sealed, _by_all)
        for cut in (_cut_joiners, _cut_intervals, _cut_pauses)
    ),
)
"""What is given up first comes first."""
