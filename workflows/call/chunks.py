"""The files of a call's recordings: what was announced, what is archived, what is missing.

A recording's files arrive in one event or many, in any order, repeated, early, late or never. A
recording is whole when its chunk indices run from 0 without a gap up to a chunk that ends it; two
documents under one index (the service's fail-over case) are both kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from callvault.contracts.events import FileStatusUpdated, RecordingChunk, known_time
from callvault.contracts.media import MediaKind
from callvault.contracts.states import Actual, ChunkState, Wanted
from callvault.contracts.status import CallStatus, ChunkStatus, RecordingStatus
from workflows.call import deadlines
from workflows.call.recording_state import (
    awaited_until,
    describe_missing,
    refresh,
    session_has_ended,
)

_MAX_ARCHIVE_CHANGES = 2


@dataclass(frozen=True, order=True)
class ChunkKey:
    """The identity of a chunk within a call."""

    document_id: str
    index: int

    @classmethod
    def of(cls, chunk: RecordingChunk) -> "ChunkKey":
        """Return the key of an announced chunk."""
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
        # An event with an id knows better than one without, which was assigned by a guess.
        if holder is not recording and event.recording_id is not None:
            _move(status, ChunkKey.of(chunk), holder, recording)
            holder = recording
        _upsert(holder, event, chunk, now)
        refresh(status, holder)
    if recording.window_closed:
        recording.problem = describe_missing(recording)
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


def learn_kind(recording: RecordingStatus, kind: MediaKind | None) -> None:
    """Take over the kind of a recording that was not asked for; what was told first stays."""
    if recording.origin != "announced" or kind is None:
        return
    recording.told_kind = kind if recording.told_kind is None else recording.told_kind.or_else(kind)
    known = recording.told_kind.completed()
    recording.recording_content_type = known.content or recording.recording_content_type
    recording.recording_channel_type = known.channel or recording.recording_channel_type
    recording.recording_format_type = known.format or recording.recording_format_type


def is_kind_assumed(recording: RecordingStatus) -> bool:
    """Tell if a part of the recording's kind is known from nobody."""
    told = recording.told_kind or MediaKind()
    return recording.origin == "announced" and not told.completed().is_complete


def export_again(status: CallStatus, recording: RecordingStatus) -> None:
    """Export every file of the recording anew: it has got another archive."""
    for chunk in recording.chunks:
        if chunk.state is ChunkState.ARCHIVED:
            chunk.state = ChunkState.ANNOUNCED
            chunk.earlier_copy, chunk.archived = chunk.archived, None
    recording.sealed = None
    refresh(status, recording)


# Reading.


def chunks_of(status: CallStatus) -> Iterator[tuple[RecordingStatus, ChunkStatus]]:
    """Iterate over every announced chunk of the call, with its recording."""
    for recording in status.recordings:
        for chunk in recording.chunks:
            yield recording, chunk


def may_change_archive(status: CallStatus, recording: RecordingStatus) -> bool:
    """Tell if the recording may go to another archive: to the fallback, or once back from it."""
    policy = status.policy
    return (
        policy is not None
        and policy.fallback_archive not in (None, policy.archive)
        and recording.archive_changes < _MAX_ARCHIVE_CHANGES
    )


def next_number(status: CallStatus) -> int:
    """Return the number of the call's next recording: one more than the highest in use."""
    return max((recording.number for recording in status.recordings), default=0) + 1


def find_chunk(status: CallStatus, key: ChunkKey) -> tuple[RecordingStatus, ChunkStatus]:
    """Look a chunk up; its recording may have changed since it was announced."""
    return next(pair for pair in chunks_of(status) if ChunkKey.of(pair[1].chunk) == key)


def to_export(status: CallStatus) -> set[ChunkKey]:
    """Return the chunks that are neither archived nor lost."""
    return {
        ChunkKey.of(chunk.chunk)
        for _, chunk in chunks_of(status)
        if chunk.state is ChunkState.ANNOUNCED
    }


def to_seal(status: CallStatus) -> list[RecordingStatus]:
    """Return the recordings that have reached their end, hold a file and have no manifest."""
    return [
        recording
        for recording in status.recordings
        if recording.state.is_final
        and recording.sealed is None
        and any(chunk.state is ChunkState.ARCHIVED for chunk in recording.chunks)
    ]


def next_awaited(status: CallStatus) -> tuple[datetime, int] | None:
    """Return the nearest end of a wait for files, and the number of its recording.

    None if no files are awaited.
    """
    if status.policy is None:
        return None
    moments = (
        (awaited_until(recording, status.policy.export_window), recording.number)
        for recording in status.recordings
    )
    return min(((until, number) for until, number in moments if until), default=None)


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
    """Return the recording that a file is known to be of: a file is never counted twice."""
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
    """Take over what an event tells of the whole recording; known facts stay."""
    recording.call_id = recording.call_id or event.call_id
    recording.recording_start_time = recording.recording_start_time or known_time(
        event.recording_start_time
    )
    recording.recording_duration_ms = recording.recording_duration_ms or event.recording_duration_ms
    if not session_has_ended(recording):
        recording.session_end_reason = event.session_end_reason or recording.session_end_reason
    words = event.recording_content_type, event.recording_channel_type, event.recording_format_type
    learn_kind(recording, MediaKind.told(*words))


def _upsert(
    recording: RecordingStatus, event: FileStatusUpdated, chunk: RecordingChunk, now: datetime
) -> None:
    retention_starts_at, notified_at = (
        deadlines.retention_starts_at(event, chunk, now),
        deadlines.notified_at(event, now),
    )
    for known in recording.chunks:
        if ChunkKey.of(known.chunk) == ChunkKey.of(chunk):
            known.retention_starts_at = min(known.retention_starts_at, retention_starts_at)
            known.notified_at = min(known.notified_at or known.announced_at, notified_at)
            if known.chunk.content_location is None and chunk.content_location is not None:
                _take_location(known, chunk)
                # A manifest that was sealed before lacks this file: another one follows it.
                recording.sealed = None
            return
    recording.chunks.append(
        ChunkStatus(
            chunk=chunk,
            announced_at=now,
            retention_starts_at=retention_starts_at,
            notified_at=notified_at,
        )
    )
    recording.sealed = None


def _take_location(known: ChunkStatus, chunk: RecordingChunk) -> None:
    known.chunk = chunk
    if known.state is ChunkState.LOST:
        known.state, known.lost_reason = ChunkState.ANNOUNCED, ""
