"""What happens when a recording ends: its file is rendered, stored and announced."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore

from .agenda import Agenda
from .clock import EmulatorClock
from .cutting import channel_order, timeline_of
from .ids import IdFactory
from .journal import Journal
from .media import render
from .media.metadata import metadata_file
from .media.timeline import Timeline
from .recordings import MediaState, Recording
from .settings import EmulatorSettings
from .storage import StoredChunk, StoredFile, TemporaryStorage

_CHUNK_END = "SessionEnded"
_RENDERED_AT_ONCE = 2
_HASHED_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class _Task:
    """All that a rendering needs, taken when the recording ended."""

    recording: Recording
    timeline: Timeline
    document_id: str
    channels: tuple[str, ...] | None
    """Raw ids by channel; None where all are mixed."""


class Production:
    """Renders in the background; ``on_file`` is called once the file event is due."""

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
        self._desks = Semaphore(_RENDERED_AT_ONCE)

    def take(self, recording: Recording) -> None:
        """A recording has ended. Where nothing was recorded there is no file and no event."""
        timeline = timeline_of(recording, self._clock.now(), self._settings.fps)
        if not timeline.recorded:
            recording.media_state = MediaState.NONE
            return
        recording.media_state = MediaState.RENDERING
        task = _Task(recording, timeline, self._ids.document_id(), _channels(recording, timeline))
        self._agenda.soon(lambda: self._produce(task))

    def _produce(self, task: _Task) -> None:
        recording = task.recording
        try:
            with self._desks:
                chunk = self._chunk(task)
        except Exception as error:
            recording.media_state = MediaState.FAILED
            self._journal.failure(f"rendering {task.document_id} failed: {error!r}")
            raise
        self._storage.add(chunk)
        recording.chunks = (chunk,)
        recording.media_state = MediaState.READY
        due = (recording.ended_at or self._clock.now()) + self._settings.event_delay
        self._agenda.at(due, lambda: self._on_file(recording))

    def _chunk(self, task: _Task) -> StoredChunk:
        recording = task.recording
        media = recording.order.media
        content = self._directory / f"{task.document_id}.{media.container}"
        _render(task, content)
        return StoredChunk(
            document_id=task.document_id,
            index=0,
            end_reason=_CHUNK_END,
            view="video" if media.container == "mp4" else "audio",
            duration_ms=task.timeline.duration_ms,
            content=_stored(content),
            metadata=self._metadata(task),
            expires_at=(recording.ended_at or self._clock.now()) + self._settings.retention,
        )

    def _metadata(self, task: _Task) -> StoredFile:
        path = self._directory / f"{task.document_id}.json"
        path.write_bytes(
            metadata_file(
                task.timeline,
                resource_id=str(self._settings.resource_uuid),
                call_id=task.recording.call.call_id,
                document_id=task.document_id,
                media=task.recording.order.media,
                channels=task.channels,
            )
        )
        return _stored(path)


def _channels(recording: Recording, timeline: Timeline) -> tuple[str, ...] | None:
    if recording.order.media.channel == "mixed":
        return None
    return channel_order(timeline, recording.order.channels)


def _render(task: _Task, path: Path) -> None:
    if task.channels is not None:
        render.render_unmixed_wav(task.timeline, path, task.channels)
        return
    mixed = {"mp4": render.render_mp4, "mp3": render.render_mp3, "wav": render.render_wav}
    mixed[task.recording.order.media.container](task.timeline, path)


def _stored(path: Path) -> StoredFile:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return StoredFile(path, path.stat().st_size, digest.hexdigest())
