"""The service's temporary storage: recorded files on disk, gone after the retention time."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock

from .clock import EmulatorClock

METADATA_VIEW = "acsmetadata"


@dataclass(frozen=True, slots=True)
class StoredFile:
    path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """One media file of a recording and the metadata file beside it."""

    document_id: str
    index: int
    end_reason: str
    view: str
    """``video`` or ``audio``: the last part of the content's path."""
    duration_ms: int
    content: StoredFile
    metadata: StoredFile
    expires_at: datetime


class TemporaryStorage:
    """Chunks by document id; written by renderings, read by the server."""

    def __init__(self, clock: EmulatorClock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._chunks: dict[str, StoredChunk] = {}

    def add(self, chunk: StoredChunk) -> None:
        with self._lock:
            self._chunks[chunk.document_id] = chunk

    def find(self, document_id: str, view: str) -> StoredFile | None:
        """The file of this view, unless it never was, was deleted or outlived its time."""
        chunk = self._living(document_id)
        if chunk is None:
            return None
        return {chunk.view: chunk.content, METADATA_VIEW: chunk.metadata}.get(view)

    def delete(self, document_id: str) -> bool:
        """Delete media and metadata; whether there was anything to delete."""
        chunk = self._living(document_id)
        if chunk:
            self._drop(chunk)
        return chunk is not None

    def _living(self, document_id: str) -> StoredChunk | None:
        with self._lock:
            chunk = self._chunks.get(document_id)
        if chunk and chunk.expires_at <= self._clock.now():
            self._drop(chunk)
            return None
        return chunk

    def _drop(self, chunk: StoredChunk) -> None:
        with self._lock:
            self._chunks.pop(chunk.document_id, None)
        chunk.content.path.unlink(missing_ok=True)
        chunk.metadata.path.unlink(missing_ok=True)
