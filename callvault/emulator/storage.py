"""The service's temporary storage of recorded files, which are deleted after the retention."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from shutil import copyfile
from threading import Lock

from callvault.emulator.clock import EmulatorClock
from callvault.emulator.media import sparse

METADATA_VIEW = "acsmetadata"
_METADATA = ".json"

_BLOCK = 1 << 20
"""Smaller blocks halve the speed at which sparse files are served."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file on disk."""

    path: Path
    size: int
    sha256: str

    @property
    def etag(self) -> str:
        return f'"{self.sha256[:32]}"'

    def blocks(self, first: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from ``first`` up to, but not including, ``end``."""
        with self.path.open("rb") as file:
            file.seek(first)
            while first < end and (block := file.read(min(_BLOCK, end - first))):
                first += len(block)
                yield block

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def renamed(self, old: str, new: str) -> "StoredFile":
        """Copy the file under another document id, which is replaced in metadata, too."""
        path = self.path.with_name(self.path.name.replace(old, new))
        if path.suffix != _METADATA:
            copyfile(self.path, path)
            return replace(self, path=path)
        content = self.path.read_bytes().replace(old.encode(), new.encode())
        path.write_bytes(content)
        return StoredFile(path, len(content), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class SparseFile:
    """A file whose bytes are computed when they are read."""

    seed: str
    """The document id; a copy keeps that of its original, and so the same bytes."""
    size: int
    sha256: None = None
    """Not computed, since that takes a second for each gigabyte: see `sparse.sha256`."""

    @property
    def etag(self) -> str:
        return f'"{sparse.read(self.seed, 0, 16).hex()}{self.size:x}"'

    def blocks(self, first: int, end: int) -> Iterator[bytes]:
        """Yield the bytes from ``first`` up to, but not including, ``end``."""
        for offset in range(first, end, _BLOCK):
            yield sparse.read(self.seed, offset, min(_BLOCK, end - offset))

    def remove(self) -> None:
        """Do nothing: no file exists."""

    def renamed(self, old: str, new: str) -> "SparseFile":
        """Return the same bytes for another document."""
        return self


AnyFile = StoredFile | SparseFile


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """One media file of a recording and the metadata file beside it."""

    document_id: str
    index: int
    end_reason: str
    view: str
    """``video`` or ``audio``: the last part of the content's path."""
    duration_ms: int
    content: AnyFile
    metadata: AnyFile
    expires_at: datetime


def failover_duplicate(chunk: StoredChunk, document_id: str) -> StoredChunk:
    """Copy a chunk as another document under the same index, as a fail-over leaves it."""
    return replace(
        chunk,
        document_id=document_id,
        content=chunk.content.renamed(chunk.document_id, document_id),
        metadata=chunk.metadata.renamed(chunk.document_id, document_id),
    )


class TemporaryStorage:
    """Chunks by document id, written by render jobs and read by the server."""

    def __init__(self, clock: EmulatorClock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._chunks: dict[str, StoredChunk] = {}

    def add(self, chunk: StoredChunk) -> None:
        with self._lock:
            self._chunks[chunk.document_id] = chunk

    def available(self) -> list[StoredChunk]:
        """List the chunks that can still be fetched."""
        with self._lock:
            chunks = list(self._chunks.values())
        return [chunk for chunk in chunks if chunk.expires_at > self._clock.now()]

    def find(self, document_id: str, view: str) -> AnyFile | None:
        """Return the file of this view; None if it is unknown, deleted or expired."""
        chunk = self._available(document_id)
        if chunk is None:
            return None
        return {chunk.view: chunk.content, METADATA_VIEW: chunk.metadata}.get(view)

    def expiry(self, document_id: str) -> datetime:
        """Return the moment at which a document is deleted; that of one deleted already is now."""
        chunk = self._available(document_id)
        return chunk.expires_at if chunk else self._clock.now()

    def delete(self, document_id: str) -> bool:
        """Delete media and metadata; return False if there was nothing to delete."""
        chunk = self._available(document_id)
        if chunk:
            self._drop(chunk)
        return chunk is not None

    def _available(self, document_id: str) -> StoredChunk | None:
        with self._lock:
            chunk = self._chunks.get(document_id)
        if chunk and chunk.expires_at <= self._clock.now():
            self._drop(chunk)
            return None
        return chunk

    def _drop(self, chunk: StoredChunk) -> None:
        with self._lock:
            # Two requests may find it expired at the same time.
            self._chunks.pop(chunk.document_id, None)
        chunk.content.remove()
        chunk.metadata.remove()
