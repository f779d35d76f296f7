"""Jobs for recordings that ended: their files are rendered, stored and announced."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event, Semaphore

from callvault.emulator.clock import EmulatorClock
from callvault.emulator.ids import IdFactory
from callvault.emulator.media.metadata import Source, metadata_file
from callvault.emulator.media.render import Abandoned, Chunk, Record, Renderer, chunks
from callvault.emulator.media.sparse import Share, usual_size
from callvault.emulator.media.timeline import Attendee, FrameGrid, Timeline, within
from callvault.emulator.model import MediaState, Participant, Recording
from callvault.emulator.request_log import Journal
from callvault.emulator.scheduler import Agenda
from callvault.emulator.settings import EmulatorSettings, MediaKind
from callvault.emulator.storage import (
    AnyFile,
    SparseFile,
    StoredChunk,
    StoredFile,
    TemporaryStorage,
)

_RENDERED_AT_ONCE = 2
_HASHED_AT_ONCE = 1 << 20


MAX_CHANNELS = 5
"""Of an unmixed recording; further participants are not recorded (assumed)."""


@dataclass(frozen=True, slots=True)
class _Task:
    """The input of a rendering, taken when the recording ended."""

    recording: Recording
    timeline: Timeline
    source: Source
    first_document_id: str

    def document_id(self, index: int) -> str:
        """Derive the id of a chunk from the first: the number of chunks is not known before."""
        if index == 0:
            return self.first_document_id
        place, _, _ = self.first_document_id.rpartition("-")
        follows = hashlib.sha256(f"{self.first_document_id} {index}".encode()).hexdigest()
        return f"{place}-{follows[:32]}"

    @property
    def container(self) -> str:
        return self.recording.order.media.container


class Production:
    """Renders in the background, and calls ``on_file`` once the file event is due."""

    def __init__(
        self,
        settings: EmulatorSettings,
        clock: EmulatorClock,
        ids: IdFactory,
        agenda: Agenda,
        storage: TemporaryStorage,
        journal: Journal,
        directory: Path,
        on_file: Callable[[Recording], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._agenda = agenda
        self._storage = storage
        self._journal = journal
        self._directory = directory
        self._on_file = on_file
        self._closed = Event()
        self._desks = Semaphore(_RENDERED_AT_ONCE)

    def take(self, recording: Recording) -> None:
        """Render an ended recording; without recorded media there is no file and no event."""
        timeline = timeline_of(recording, self._clock.now(), self._settings.fps)
        if not timeline.recorded:
            recording.media_state = MediaState.NONE
            return
        recording.media_state = MediaState.RENDERING
        source = self._source(recording, timeline)
        task = _Task(recording, timeline, source, self._ids.document_id())
        self._agenda.soon(lambda: self._produce(task))

    def close(self) -> None:
        """Abandon the renderings in progress."""
        self._closed.set()

    def _source(self, recording: Recording, timeline: Timeline) -> Source:
        order = recording.order
        unmixed = order.media.channel == "unmixed"
        channels = channel_plan(timeline, order.channels) if unmixed else None
        resource_id = str(self._settings.resource_uuid)
        return Source(resource_id, recording.call.call_id, order.media, channels)

    def _produce(self, task: _Task) -> None:
        recording = task.recording
        stored: list[StoredChunk] = []
        try:
            with self._desks:
                stored.extend(self._recorded(task))  # keeps the chunks before an error, to discard
        except Abandoned:
            _discard(stored)
            return
        except Exception as error:
            _discard(stored)
            # Noted for tests, and raised for the scheduler, which logs the traceback.
            recording.media_state = MediaState.FAILED
            self._journal.failure(f"rendering {task.first_document_id} failed: {error!r}")
            raise
        for chunk in stored:
            self._storage.add(chunk)
        recording.chunks = tuple(stored)
        recording.media_state = MediaState.READY
        due = (recording.ended_at or self._clock.now()) + self._settings.event_delay
        self._agenda.at(due, lambda: self._on_file(recording))

    def _recorded(self, task: _Task) -> Iterator[StoredChunk]:
        record, content = self._sparse(task) if self._is_sparse else self._real(task)
        for chunk in chunks(task.timeline, self._longest, record):
            yield self._stored(task, chunk, content(chunk))

    def _stored(self, task: _Task, chunk: Chunk, content: AnyFile) -> StoredChunk:
        return StoredChunk(
            document_id=task.document_id(chunk.index),
            index=chunk.index,
            end_reason=chunk.end_reason,
            view="video" if task.container == "mp4" else "audio",
            duration_ms=chunk.timeline.duration_ms,
            content=content,
            metadata=self._metadata(task, chunk),
            expires_at=(task.recording.ended_at or self._clock.now()) + self._settings.retention,
        )

    def _real(self, task: _Task) -> "_Medium":
        most, abandoned = self._settings.max_chunk_bytes, self._closed.is_set
        renderer = Renderer(task.container, task.source.channels, most, abandoned)

        def path(index: int) -> Path:
            return self._directory / f"{task.document_id(index)}.{task.container}"

        return (
            lambda index, timeline: renderer.render(timeline, path(index)),
            lambda chunk: _stored(path(chunk.index)),
        )

    def _sparse(self, task: _Task) -> "_Medium":
        channels = len(task.source.channels or ()) or 1
        wanted = task.recording.call.media_bytes
        total = usual_size(task.timeline, task.container, channels) if wanted is None else wanted
        share = Share(total, task.timeline.length, self._settings.max_chunk_bytes)
        return (
            lambda _, timeline: share.fitting(timeline),
            lambda chunk: SparseFile(task.document_id(chunk.index), share.size(chunk.timeline)),
        )

    def _metadata(self, task: _Task, chunk: Chunk) -> StoredFile:
        document_id, form = task.document_id(chunk.index), self._settings.metadata_form
        path = self._directory / f"{document_id}.json"
        path.write_bytes(metadata_file(task.source, chunk.timeline, document_id, chunk.index, form))
        return _stored(path)

    @property
    def _is_sparse(self) -> bool:
        return self._settings.media is MediaKind.SPARSE

    @property
    def _longest(self) -> int | None:
        """Frames of media that a chunk may have."""
        limit = self._settings.max_chunk_duration
        if limit is None:
            return None
        return max(1, int(limit.total_seconds() * self._settings.fps))


_Medium = tuple[Record, Callable[[Chunk], AnyFile]]
"""A function that records a chunk, and one that returns its file afterwards."""


def _discard(stored: list[StoredChunk]) -> None:
    for chunk in stored:
        chunk.content.remove()
        chunk.metadata.remove()


def _stored(path: Path) -> StoredFile:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return StoredFile(path, path.stat().st_size, digest.hexdigest())


def timeline_of(recording: Recording, now: datetime, fps: int) -> Timeline:
    """Collect what happened between a recording's first active moment and its end, or ``now``."""
    origin = recording.active_at
    end = max(recording.ended_at or now, origin)
    grid = FrameGrid(origin, end, fps)
    paused = grid.spans(recording.pause.spans(until=end))
    attendees = (_attendee(p, grid) for p in recording.call.participants.values())
    return Timeline(
        fps=fps,
        origin=origin,
        call_seconds_before=(origin - recording.call.started_at).total_seconds(),
        attendees=tuple(attendee for attendee in attendees if attendee.present),
        recorded=grid.without(paused),
        paused=paused,
    )


def channel_plan(timeline: Timeline, wanted: Sequence[str | None]) -> tuple[str | None, ...]:
    """Assign raw ids to channels; None is a channel of silence.

    Channels that ``wanted`` names are kept for those participants, even if they never come. The
    others are given out in the order of first words while recording, then of joining.
    """
    by_speech = sorted(timeline.attendees, key=lambda attendee: _first_word(attendee, timeline))
    others = iter([a.raw_id for a in by_speech if a.raw_id not in wanted])
    channels = [raw_id or next(others, None) for raw_id in wanted]
    return tuple([*channels, *others][:MAX_CHANNELS])


def _first_word(attendee: Attendee, timeline: Timeline) -> int:
    heard = (within(attendee.speaking, span) for span in timeline.recorded)
    return next((spans[0].first for spans in heard if spans), timeline.end)


def _attendee(participant: Participant, grid: FrameGrid) -> Attendee:
    return Attendee(
        raw_id=participant.raw_id,
        display_name=participant.display_name,
        voice=participant.voice,
        present=grid.spans(participant.presence.spans(until=grid.end)),
        speaking=grid.spans(participant.speech.spans(until=grid.end)),
    )
