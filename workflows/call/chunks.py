"""The files of a call's recordings: what was announced, what is archived, what is missing.

A recording's files arrive in one event or many, in any order, repeated, early, late or never. A
recording is whole when its chunk indices run from 0 without a gap up to a chunk that ends it; two
documents under one index (the service's fail-over case) are both kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from callvault.contracts.base import shorten
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
from workflows.call.state_limits import (
    MAX_CHUNKS,
    MAX_CHUNKS_SIZE,
    MAX_END_REASON,
    MAX_RECORDINGS,
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


class _Known:
    """The known files of a call by their keys, and the room that is left for more."""

    def __init__(self, status: CallStatus) -> None:
        self._by_key: dict[ChunkKey, tuple[RecordingStatus, ChunkStatus]] = {}
        self._count, self._size = 0, 0
        for recording, chunk in chunks_of(status):
            self.add(recording, chunk)

    def find(self, chunk: RecordingChunk) -> tuple[RecordingStatus, ChunkStatus] | None:
        return self._by_key.get(ChunkKey.of(chunk))

    def found(self, chunks: Iterable[RecordingChunk]) -> list[tuple[RecordingStatus, ChunkStatus]]:
        return [found for chunk in chunks if (found := self.find(chunk)) is not None]

    def has_room_for(self, chunk: RecordingChunk, more: int = 1) -> bool:
        is_too_large = self._size + _size(chunk) > MAX_CHUNKS_SIZE
        return self._count + more <= MAX_CHUNKS and not is_too_large

    def add(self, recording: RecordingStatus, chunk: ChunkStatus) -> None:
        self._by_key.setdefault(ChunkKey.of(chunk.chunk), (recording, chunk))
        self._count += 1
        self.grows_by(chunk.chunk)

    def grows_by(self, chunk: RecordingChunk) -> None:
        self._size += _size(chunk)

    def moved(self, recording: RecordingStatus, chunk: ChunkStatus) -> None:
        self._by_key[ChunkKey.of(chunk.chunk)] = recording, chunk


class Announced(NamedTuple):
    """The outcome of an event."""

    recording: RecordingStatus | None
    """None if the call has more recordings already than it may have."""
    left_out: int = 0
    """Number of files that are one too many for the call."""


def announce(status: CallStatus, event: FileStatusUpdated, now: datetime) -> Announced:
    """Fold an event: the files it names belong to one recording, known before or not.

    In time that grows with the number of files, and no faster.
    """
    written = [chunk for chunk in event.chunks if chunk.is_written]
    known = _Known(status)
    recording = _recording_of(status, event, known)
    if recording is None and _has_no_room_for_another(status):
        return Announced(None, len(written))
    if recording is None:
        recording = _announced_recording(status, event, now)
        status.recordings.append(recording)
    _learn(recording, event)
    if event.recording_id is not None:
        # An event with an id knows better than one without, which was assigned by a guess.
        _move(status, known, written, recording)
    left_out = sum(not _fold(known, recording, event, chunk, now) for chunk in written)
    for each in {id(r): r for r, _ in known.found(written)}.values():
        refresh(status, each)
    if recording.window_closed:
        recording.problem = describe_missing(recording)
    return Announced(recording, left_out)


def _fold(
    known: _Known,
    recording: RecordingStatus,
    event: FileStatusUpdated,
    chunk: RecordingChunk,
    now: datetime,
) -> bool:
    """Fold one file of an event; False if it is left out."""
    if (found := known.find(chunk)) is not None:
        _update(found[1], event, chunk, now)
        if event.again:
            _export_anew(*found)
        if found[1].chunk.content_location is None and known.has_room_for(chunk, more=0):
            _take_location(*found, chunk)
            known.grows_by(chunk)
    elif known.has_room_for(chunk):
        known.add(recording, _add(recording, event, chunk, now))
    else:
        return False
    return True


def _has_no_room_for_another(status: CallStatus) -> bool:
    # Apart from those that were asked for: no event may keep a backend from recording.
    return sum(r.origin == "announced" for r in status.recordings) >= MAX_RECORDINGS


def _size(chunk: RecordingChunk) -> int:
    """Return the bytes of a chunk's texts, which are the service's and may be long."""
    texts = chunk.model_dump(exclude_none=True, exclude={"index"}).values()
    return sum(len(text.encode()) for text in texts)


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
    recording.declared_kind = (
        kind if recording.declared_kind is None else recording.declared_kind.or_else(kind)
    )
    known = recording.declared_kind.completed()
    recording.recording_content_type = known.content or recording.recording_content_type
    recording.recording_channel_type = known.channel or recording.recording_channel_type
    recording.recording_format_type = known.format or recording.recording_format_type


def is_kind_assumed(recording: RecordingStatus) -> bool:
    """Tell if a part of the recording's kind is known from nobody."""
    told = recording.declared_kind or MediaKind()
    return recording.origin == "announced" and not told.completed().is_complete


def export_again(status: CallStatus, recording: RecordingStatus) -> None:
    """Export every file of the recording anew: it has got another archive."""
    for chunk in recording.chunks:
        if chunk.state is ChunkState.ARCHIVED:
            chunk.state = ChunkState.ANNOUNCED
            chunk.earlier_copy, chunk.archived = chunk.archived, None
    recording.sealed = None
    refresh(status, recording)


def export_anew(status: CallStatus, recording: RecordingStatus, keys: set[ChunkKey]) -> None:
    """Export these archived files once more: the archive does not hold them any more."""
    for chunk in recording.chunks:
        if ChunkKey.of(chunk.chunk) in keys:
            _export_anew(recording, chunk)
    recording.sealed = None
    refresh(status, recording)


def _export_anew(recording: RecordingStatus, chunk: ChunkStatus) -> None:
    if chunk.state is ChunkState.ARCHIVED:
        chunk.state = ChunkState.ANNOUNCED
        chunk.gone, chunk.archived = chunk.archived, None
        recording.sealed = None


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
    """Return the number of the call's next recording: one more than the highest ever told."""
    numbers = (recording.number for recording in status.recordings)
    return max((*numbers, *status.told), default=0) + 1


def find_chunk(status: CallStatus, key: ChunkKey) -> tuple[RecordingStatus, ChunkStatus]:
    """Look a chunk up; its recording may have changed since it was announced."""
    # Compared field by field: every export asks for its chunk whenever anything has happened.
    return next(
        (recording, chunk)
        for recording, chunk in chunks_of(status)
        if chunk.chunk.document_id == key.document_id and chunk.chunk.index == key.index
    )


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

    None if no files are awaited, or an archive alone could tell of them.
    """
    if status.policy is None:
        return None
    moments = (
        (awaited_until(recording, status.policy.export_window), recording.number)
        for recording in status.recordings
        if recording.undecided_since is None
    )
    return min(((until, number) for until, number in moments if until), default=None)


# Folding, the parts.


def _recording_of(
    status: CallStatus, event: FileStatusUpdated, known: _Known
) -> RecordingStatus | None:
    """Find whose files these are: by id, or, where older events carry none, by file or by time."""
    if event.recording_id is not None:
        return next(
            (r for r in status.recordings if r.recording_id == event.recording_id),
            None,
        )
    # A file is never counted twice.
    for holder, _ in known.found(event.chunks):
        return holder
    started = known_time(event.recording_start_time) or event.event_time
    return min(
        status.recordings,
        key=lambda r: abs((r.recording_start_time or r.started_at or r.requested_at) - started),
        default=None,
    )


def _move(
    status: CallStatus, known: _Known, chunks: list[RecordingChunk], recording: RecordingStatus
) -> None:
    """Correct guesses: events without an id came first, and one with an id knows better."""
    moving = {id(c): (r, c) for r, c in known.found(chunks) if r is not recording}
    for guessed in {id(r): r for r, _ in moving.values()}.values():
        guessed.chunks[:] = [chunk for chunk in guessed.chunks if id(chunk) not in moving]
        if not guessed.chunks and guessed.origin == "announced" and guessed.recording_id is None:
            status.recordings.remove(guessed)
        refresh(status, guessed)
    for _, chunk in moving.values():
        recording.chunks.append(chunk)
        known.moved(recording, chunk)


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
    if event.recording_id is None and _may_be_on(recording):
        # The files are perhaps of another one, which is over. ACS knows if this one is.
        recording.needs_read = recording.needs_read or recording.recording_id is not None
    elif not session_has_ended(recording):
        reason = shorten(event.session_end_reason, MAX_END_REASON)
        recording.session_end_reason = reason or recording.session_end_reason
    words = event.recording_content_type, event.recording_channel_type, event.recording_format_type
    learn_kind(recording, MediaKind.declared(*words))


def _may_be_on(recording: RecordingStatus) -> bool:
    return recording.origin == "requested" and recording.actual is not Actual.STOPPED


def _add(
    recording: RecordingStatus, event: FileStatusUpdated, chunk: RecordingChunk, now: datetime
) -> ChunkStatus:
    retention_starts_at, notified_at = (
        deadlines.retention_starts_at(event, chunk, now),
        deadlines.notified_at(event, now),
    )
    added = ChunkStatus(
        chunk=chunk,
        announced_at=now,
        retention_starts_at=retention_starts_at,
        notified_at=notified_at,
    )
    recording.chunks.append(added)
    recording.sealed = None
    return added


def _update(
    known: ChunkStatus,
    event: FileStatusUpdated,
    chunk: RecordingChunk,
    now: datetime,
) -> None:
    known.retention_starts_at = min(
        known.retention_starts_at, deadlines.retention_starts_at(event, chunk, now)
    )
    known.notified_at = min(
        known.notified_at or known.announced_at, deadlines.notified_at(event, now)
    )


def _take_location(recording: RecordingStatus, known: ChunkStatus, chunk: RecordingChunk) -> None:
    if chunk.content_location is None:
        return
    # An archive that is being looked into for it need not be: there is something to be copied.
    known.chunk, known.lost_reason = chunk, ""
    # A manifest that was sealed before lacks this file: another one follows it.
    recording.sealed = None
    if known.state is ChunkState.LOST:
        known.state = ChunkState.ANNOUNCED
