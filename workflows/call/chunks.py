"""The files of a call's recordings: what was announced, what is archived, what is missing. Pure.

A recording's files arrive in one event or many, in any order, repeated, early, late or never. A
recording is whole when its chunk indices run from 0 without a gap up to a chunk that ends it; two
documents under one index (the service's fail-over case) are both kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.base import shorten
from callvault.contracts.events import FileStatusUpdated, RecordingChunk, known_time
from callvault.contracts.media import FormatType
from callvault.contracts.states import Actual, ChunkState, RecordingState, Wanted
from callvault.contracts.status import CallStatus, ChunkStatus, RecordingStatus
from workflows.call import deadlines as deadline

_NOT_BEGUN = (Actual.NONE, Actual.PAUSED)
_MOST_CHANGES = 2
_STILL_GOING = frozenset({"", "sessionstillongoing"})


@dataclass(frozen=True, order=True)
class ChunkKey:
    """What makes a chunk the same chunk within a call."""

    document_id: str
    index: int

    @classmethod
    def of(cls, chunk: RecordingChunk) -> "ChunkKey":
        return cls(chunk.document_id, chunk.index)


# Folding.


def announce(status: CallStatus, event: FileStatusUpdated, now: datetime) -> RecordingStatus:
    """Fold an event: the files it names belong to one recording, known before or not."""
    recording = _recording_of(status, event)
    if recording is None:
        recording = _announced_recording(status, event, now)
        status.recordings.append(recording)
    _learn(recording, event)
    for chunk in (chunk for chunk in event.chunks if chunk.is_written):
        holder = _holder(status, ChunkKey.of(chunk)) or recording
        if holder is not recording and event.recording_id is not None:
            _move(status, ChunkKey.of(chunk), holder, recording)
            holder = recording
        _upsert(holder, event, chunk, now)
        refresh(status, holder)
    if recording.window_closed:
        recording.problem = _describe_missing(recording)
    refresh(status, recording)
    return recording


def adopt_announced(status: CallStatus, recording: RecordingStatus) -> None:
    """Give a recording, whose id ACS has just told, the files that were announced before that."""
    for early in list(status.recordings):
        if early is not recording and early.recording_id == recording.recording_id:
            recording.chunks.extend(early.chunks)
            recording.call_id = early.call_id or recording.call_id
            recording.recording_start_time = (
                early.recording_start_time or recording.recording_start_time
            )
            recording.recording_duration_ms = (
                early.recording_duration_ms or recording.recording_duration_ms
            )
            if not session_has_ended(recording):
                recording.session_end_reason = early.session_end_reason
            status.recordings.remove(early)


def chunk_archived(status: CallStatus, key: ChunkKey, archived: ArchivedChunk) -> RecordingStatus:
    """Fold a verified copy."""
    recording, chunk = find_chunk(status, key)
    chunk.state = ChunkState.ARCHIVED
    chunk.archived = archived
    refresh(status, recording)
    return recording


def chunk_lost(status: CallStatus, key: ChunkKey, reason: str) -> RecordingStatus:
    """Fold the end of hope for a chunk."""
    recording, chunk = find_chunk(status, key)
    chunk.state = ChunkState.LOST
    chunk.lost_reason = shorten(reason)
    refresh(status, recording)
    return recording


def export_again(status: CallStatus, recording: RecordingStatus) -> None:
    """Export every file of the recording anew: it has got another archive."""
    for chunk in recording.chunks:
        if chunk.state is ChunkState.ARCHIVED:
            chunk.state = ChunkState.ANNOUNCED
            chunk.held, chunk.archived = chunk.archived, None
    recording.sealed = None
    refresh(status, recording)


def close_window(status: CallStatus, recording: RecordingStatus) -> None:
    """Fold the end of the export window of a recording whose files were not all announced."""
    recording.window_closed = True
    if recording.was_active or recording.chunks:
        recording.problem = _describe_missing(recording)
    refresh(status, recording)


def refresh(status: CallStatus, recording: RecordingStatus) -> None:
    """Derive a recording's state and deadlines from what is known of it."""
    window = status.policy.export_window if status.policy else None
    if status.policy is not None and not recording.archive:
        recording.archive = status.policy.archive
    for chunk in recording.chunks:
        chunk.expires_at = chunk.born_at + window if window is not None else None
    recording.state = state_of(recording)
    recording.expires_at = _nearest_deadline(recording, window)


# Reading.


def chunks_of(status: CallStatus) -> Iterator[tuple[RecordingStatus, ChunkStatus]]:
    """Every announced chunk of the call with its recording."""
    for recording in status.recordings:
        for chunk in recording.chunks:
            yield recording, chunk


def may_change_archive(status: CallStatus, recording: RecordingStatus) -> bool:
    """Whether the recording may go to another archive: to the fallback, or once back from it."""
    policy = status.policy
    return (
        policy is not None
        and policy.fallback_archive not in (None, policy.archive)
        and recording.archive_changes < _MOST_CHANGES
    )


def next_number(status: CallStatus) -> int:
    """The number of the call's next recording: one more than the highest in use."""
    return max((recording.number for recording in status.recordings), default=0) + 1


def find_chunk(status: CallStatus, key: ChunkKey) -> tuple[RecordingStatus, ChunkStatus]:
    """Look a chunk up; its recording may have changed since it was announced."""
    return next(pair for pair in chunks_of(status) if ChunkKey.of(pair[1].chunk) == key)


def to_export(status: CallStatus) -> set[ChunkKey]:
    """The chunks that are neither archived nor lost."""
    return {
        ChunkKey.of(chunk.chunk)
        for _, chunk in chunks_of(status)
        if chunk.state is ChunkState.ANNOUNCED
    }


def to_seal(status: CallStatus) -> list[RecordingStatus]:
    """The recordings that have reached their end, hold a file, and have no manifest yet."""
    return [
        recording
        for recording in status.recordings
        if recording.state.is_final
        and recording.sealed is None
        and any(chunk.state is ChunkState.ARCHIVED for chunk in recording.chunks)
    ]


def next_awaited(status: CallStatus) -> tuple[datetime, int] | None:
    """Until when files may still be announced, and for which recording; None if none are awaited.

    The nearest such moment, with the recording's number.
    """
    if status.policy is None:
        return None
    moments = (
        (_awaited_until(recording, status.policy.export_window), recording.number)
        for recording in status.recordings
    )
    return min(((until, number) for until, number in moments if until), default=None)


def session_has_ended(recording: RecordingStatus) -> bool:
    """Tell whether an event said that the service has ended the recording."""
    return recording.session_end_reason.lower() not in _STILL_GOING


def is_whole(recording: RecordingStatus) -> bool:
    """Tell whether every chunk of the recording has been announced."""
    indices = {chunk.chunk.index for chunk in recording.chunks}
    last = [c.chunk.index for c in recording.chunks if deadline.ends_recording(c.chunk)]
    return bool(last) and indices >= set(range(max(last) + 1))


def state_of(recording: RecordingStatus) -> RecordingState:
    """Name the state of a recording: first what ACS does, then what the archive holds."""
    if recording.actual is Actual.STOPPED:
        return _state_of_files(recording)
    if recording.wanted is Wanted.STOPPED:
        return RecordingState.STOPPING
    if recording.is_held and not recording.consented_at and recording.actual in _NOT_BEGUN:
        return RecordingState.AWAITING_CONSENT
    return {
        Actual.NONE: RecordingState.STARTING,
        Actual.STARTING: RecordingState.STARTING,
        Actual.PAUSED: RecordingState.PAUSED,
    }.get(recording.actual, RecordingState.RECORDING)


def _state_of_files(recording: RecordingStatus) -> RecordingState:
    states = {chunk.state for chunk in recording.chunks}
    if not states and recording.declined and not recording.was_active:
        return RecordingState.DECLINED
    if not states and recording.recording_id is None:
        return RecordingState.FAILED_TO_START if recording.problem else RecordingState.EMPTY
    if not states:
        if not recording.window_closed:
            return RecordingState.PROCESSING
        return RecordingState.LOST if recording.was_active else RecordingState.EMPTY
    if ChunkState.ANNOUNCED in states or not (is_whole(recording) or recording.window_closed):
        return RecordingState.ARCHIVING
    if ChunkState.LOST in states or not is_whole(recording):
        return RecordingState.LOST
    return RecordingState.ARCHIVED


def _nearest_deadline(recording: RecordingStatus, window: timedelta | None) -> datetime | None:
    if window is None or recording.state.is_final:
        return None
    deadlines = [
        chunk.expires_at
        for chunk in recording.chunks
        if chunk.state is ChunkState.ANNOUNCED and chunk.expires_at is not None
    ]
    if (awaited := _awaited_until(recording, window)) is not None:
        deadlines.append(awaited)
    return min(deadlines, default=None)


def is_awaiting(recording: RecordingStatus) -> bool:
    """Tell whether the recording is over and files of it are still to be announced."""
    return (
        recording.actual is Actual.STOPPED
        and not recording.state.is_final
        and not recording.window_closed
        and not is_whole(recording)
    )


def _awaited_until(recording: RecordingStatus, window: timedelta) -> datetime | None:
    if not is_awaiting(recording):
        return None
    last_sign = recording.stopped_at or max(
        (chunk.born_at for chunk in recording.chunks), default=recording.requested_at
    )
    return last_sign + window


def _describe_missing(recording: RecordingStatus) -> str:
    if is_whole(recording):
        return ""
    if not recording.chunks:
        return "no file was announced before the export window closed"
    known = ", ".join(str(index) for index in sorted({c.chunk.index for c in recording.chunks}))
    return shorten(f"only chunks {known} were announced before the export window closed")


# Folding, the parts.


def _recording_of(status: CallStatus, event: FileStatusUpdated) -> RecordingStatus | None:
    """Find whose files these are: by id, or, where older events carry none, by file or by time."""
    if event.recording_id is not None:
        return next(
            (r for r in status.recordings if r.recording_id == event.recording_id),
            None,
        )
    holders = (_holder(status, ChunkKey.of(chunk)) for chunk in event.chunks)
    if (holder := next(filter(None, holders), None)) is not None:
        return holder
    started = known_time(event.recording_start_time) or event.event_time
    return min(
        status.recordings,
        key=lambda r: abs((r.recording_start_time or r.started_at or r.requested_at) - started),
        default=None,
    )


def _holder(status: CallStatus, key: ChunkKey) -> RecordingStatus | None:
    """The recording that a file is known to be of: a file is never counted twice."""
    return next((r for r, chunk in chunks_of(status) if ChunkKey.of(chunk.chunk) == key), None)


def _move(
    status: CallStatus, key: ChunkKey, guessed: RecordingStatus, known: RecordingStatus
) -> None:
    """Correct a guess: an event without an id came first, and one with an id knows better."""
    _, chunk = find_chunk(status, key)
    guessed.chunks.remove(chunk)
    known.chunks.append(chunk)
    if not guessed.chunks and guessed.origin == "announced" and guessed.recording_id is None:
        status.recordings.remove(guessed)
    refresh(status, guessed)


def _announced_recording(
    status: CallStatus, event: FileStatusUpdated, now: datetime
) -> RecordingStatus:
    return RecordingStatus(
        number=next_number(status),
        origin="announced",
        requested_at=now,
        wanted=Wanted.STOPPED,
        actual=Actual.STOPPED,
        recording_id=event.recording_id,
        was_active=True,
    )


def _learn(recording: RecordingStatus, event: FileStatusUpdated) -> None:
    """Take over what an event tells of the whole recording; what is known already stays."""
    recording.call_id = recording.call_id or event.call_id
    recording.recording_start_time = recording.recording_start_time or known_time(
        event.recording_start_time
    )
    recording.recording_duration_ms = recording.recording_duration_ms or event.recording_duration_ms
    if not session_has_ended(recording):
        recording.session_end_reason = event.session_end_reason or recording.session_end_reason
    format_type = (event.recording_format_type or "").lower()
    if recording.origin == "announced" and format_type in set(FormatType):
        recording.recording_format_type = FormatType(format_type)


def _upsert(
    recording: RecordingStatus, event: FileStatusUpdated, chunk: RecordingChunk, now: datetime
) -> None:
    born_at, told_at = deadline.born_at(event, chunk, now), deadline.told_at(event, now)
    for known in recording.chunks:
        if ChunkKey.of(known.chunk) == ChunkKey.of(chunk):
            known.born_at = min(known.born_at, born_at)
            known.told_at = min(known.told_at or known.announced_at, told_at)
            if known.chunk.content_location is None and chunk.content_location is not None:
                _has_a_file_now(known, chunk)
                recording.sealed = None
            return
    recording.chunks.append(
        ChunkStatus(chunk=chunk, announced_at=now, born_at=born_at, told_at=told_at)
    )
    recording.sealed = None


def _has_a_file_now(known: ChunkStatus, chunk: RecordingChunk) -> None:
    known.chunk = chunk
    if known.state is ChunkState.LOST:
        known.state, known.lost_reason = ChunkState.ANNOUNCED, ""
