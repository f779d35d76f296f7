"""Jobs for recordings that ended: their files are rendered, stored and announced."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Event, Semaphore

from callvault.emulator.clock import EmulatorClock
from callvault.emulator.ids import IdFactory
from callvault.emulator.media.metadata import MediaSource, metadata_file
from callvault.emulator.media.render import Abandoned, Chunk, Record, Renderer, chunks
from callvault.emulator.media.sparse import Share, default_size
from callvault.emulator.media.timeline import Attendee, FrameGrid, Timeline, within
from callvault.emulator.model import MediaState, Participant, Recording
from callvault.emulator.request_log import RequestLog
from callvault.emulator.scheduler import Scheduler
from callvault.emulator.settings import EmulatorSettings, MediaKind
from callvault.emulator.storage import (
    AnyFile,
    SparseFile,
    StoredChunk,
    StoredFile,
    TemporaryStorage,
)

_MAX_CONCURRENT_RENDERS = 2
_HASH_BLOCK = 1 << 20


MAX_CHANNELS = 5
"""Of an unmixed recording; further participants are not recorded (assumed)."""


@dataclass(frozen=True, slots=True)
class _RenderJob:
    """The input of a rendering, taken when the recording ended."""

    recording: Recording
    timeline: Timeline
    source: MediaSource
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
        return self.recording.options.media.container


class RenderJobs:
    """Renders in the background, and calls ``on_file`` once the file event is due."""

    def __init__(
        self,
        settings: EmulatorSettings,
        clock: EmulatorClock,
        ids: IdFactory,
        scheduler: Scheduler,
        storage: TemporaryStorage,
        request_log: RequestLog,
        directory: Path,
        on_file: Callable[[Recording], None],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._scheduler = scheduler
        self._storage = storage
        self._request_log = request_log
        self._directory = directory
        self._on_file = on_file
        self._closed = Event()
        self._slots = Semaphore(_MAX_CONCURRENT_RENDERS)

    def submit(self, recording: Recording) -> None:
        """Render an ended recording; without recorded media there is no file and no event."""
        timeline = timeline_of(recording, self._clock.now(), self._settings.fps)
        if not timeline.recorded:
            recording.media_state = MediaState.NONE
            return
        recording.media_state = MediaState.RENDERING
        source = self._source(recording, timeline)
        # The id is drawn here, in the order of requests: between threads chance would decide.
        job = _RenderJob(recording, timeline, source, self._ids.document_id())
        self._scheduler.soon(lambda: self._render(job))

    def close(self) -> None:
        """Abandon the renderings in progress."""
        self._closed.set()

    def _source(self, recording: Recording, timeline: Timeline) -> MediaSource:
        options = recording.options
        unmixed = options.media.channel == "unmixed"
        channels = channel_plan(timeline, options.channels) if unmixed else None
        resource_id = str(self._settings.resource_uuid)
        return MediaSource(resource_id, recording.call.call_id, options.media, channels)

    def _render(self, job: _RenderJob) -> None:
        recording = job.recording
        stored: list[StoredChunk] = []
        try:
            with self._slots:
                stored.extend(self._recorded(job))  # keeps the chunks before an error, to discard
        except Abandoned:
            _discard(stored)
            return
        except Exception as error:
            _discard(stored)
            # Noted for tests, and raised for the scheduler, which logs the traceback.
            recording.media_state = MediaState.FAILED
            self._request_log.failure(f"rendering {job.first_document_id} failed: {error!r}")
            raise
        # All together: no file can be fetched before the recording is complete.
        for chunk in stored:
            self._storage.add(chunk)
        # Before the state: another thread may save between the lines, and READY promises files.
        recording.chunks = tuple(stored)
        recording.media_state = MediaState.READY
        due = (recording.ended_at or self._clock.now()) + self._settings.event_delay
        self._scheduler.at(due, lambda: self._on_file(recording))

    def _recorded(self, job: _RenderJob) -> Iterator[StoredChunk]:
        record, content = self._sparse(job) if self._is_sparse else self._real(job)
        for chunk in chunks(job.timeline, self._longest, record):
            yield self._stored(job, chunk, content(chunk))

    def _stored(self, job: _RenderJob, chunk: Chunk, content: AnyFile) -> StoredChunk:
        return StoredChunk(
            document_id=job.document_id(chunk.index),
            index=chunk.index,
            end_reason=chunk.end_reason,
            view="video" if job.container == "mp4" else "audio",
            duration_ms=chunk.timeline.duration_ms,
            content=content,
            metadata=self._metadata(job, chunk),
            expires_at=(job.recording.ended_at or self._clock.now()) + self._settings.retention,
        )

    def _real(self, job: _RenderJob) -> "_Medium":
        limit, abandoned = self._settings.max_chunk_bytes, self._closed.is_set
        renderer = Renderer(job.container, job.source.channels, limit, abandoned)

        def path(index: int) -> Path:
            return self._directory / f"{job.document_id(index)}.{job.container}"

        return (
            lambda index, timeline: renderer.render(timeline, path(index)),
            lambda chunk: _stored(path(chunk.index)),
        )

    def _sparse(self, job: _RenderJob) -> "_Medium":
        channels = len(job.source.channels or ()) or 1
        wanted = job.recording.call.media_bytes
        total = default_size(job.timeline, job.container, channels) if wanted is None else wanted
        share = Share(total, job.timeline.length, self._settings.max_chunk_bytes)
        return (
            lambda _, timeline: share.fitting(timeline),
            lambda chunk: SparseFile(job.document_id(chunk.index), share.size(chunk.timeline)),
        )

    def _metadata(self, job: _RenderJob, chunk: Chunk) -> StoredFile:
        document_id, form = job.document_id(chunk.index), self._settings.metadata_form
        told = replace(chunk.timeline, origin=job.recording.call.told(chunk.timeline.origin))
        path = self._directory / f"{document_id}.json"
        path.write_bytes(metadata_file(job.source, told, document_id, chunk.index, form))
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
        while block := file.read(_HASH_BLOCK):
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
    spoken = (within(attendee.speaking, span) for span in timeline.recorded)
    return next((spans[0].first for spans in spoken if spans), timeline.end)


def _attendee(participant: Participant, grid: FrameGrid) -> Attendee:
    return Attendee(
        raw_id=participant.raw_id,
        display_name=participant.display_name,
        voice=participant.voice,
        present=grid.spans(participant.presence.spans(until=grid.end)),
        speaking=grid.spans(participant.speech.spans(until=grid.end)),
        tells_time=participant.tells_time,
    )
