"""Bringing bytes into an archive, and reading them back to prove it. Knows no Temporal.

One stream, one block in memory, hashed on the way. Nothing becomes visible before every byte is
accounted for; errors of the source and of the archive pass through as they are.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from callvault.errors import BrokenContent, ContentMissing

from .metadata import bounded
from .store import Archive, StoredObject, Upload

BLOCK_SIZE = 8 * 1024 * 1024
"""Bytes. Larger blocks brought no speed; 50,000 of these, the most a blob can have, are 390 GiB."""

_PIECE = 1024 * 1024

OnProgress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all, ``None`` where nobody announced them."""


class SourceStream(Protocol):
    """A file being read, as the recording service serves it."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole file as announced, whatever part of it this stream delivers."""

    @property
    def offset(self) -> int:
        """Where in the file this stream begins."""

    @property
    def etag(self) -> str | None: ...

    @property
    def content_type(self) -> str | None: ...

    def iter_bytes(self, chunk_size: int) -> Iterator[bytes]:
        """The bytes, in pieces of about ``chunk_size``."""


class Source(Protocol):
    """A file that can be opened, and opened again."""

    def open(self, *, offset: int = 0) -> AbstractContextManager[SourceStream]: ...


@dataclass(frozen=True, slots=True)
class Copied:
    """What was read from the source and lies in the archive."""

    size: int
    sha256: str
    etag_of_source: str | None
    stored: StoredObject


@dataclass(frozen=True, slots=True)
class Digest:
    """What an archive returned when an object was read back."""

    size: int
    sha256: str


def already_archived(
    archive: Archive, object_name: str, metadata: Mapping[str, str]
) -> StoredObject | None:
    """The object, if an earlier attempt committed it for the chunk that ``metadata`` identifies.

    Ask before opening the source: after a completed copy the source may be deleted or expired,
    and a retry must succeed all the same. ``metadata`` may be a part of what was committed.
    """
    found = archive.stat(object_name)
    if found is None or found.sha256 is None:
        return None
    return found if bounded(metadata).items() <= found.metadata.items() else None


def copy(
    source: Source,
    archive: Archive,
    object_name: str,
    *,
    content_type: str,
    metadata: Mapping[str, str],
    on_progress: OnProgress,
    block_size: int = BLOCK_SIZE,
) -> Copied:
    """Copy a whole file into the archive under ``object_name``.

    Raises `BrokenContent` where no bytes came or not as many as announced (the service is known
    to serve empty files right after the event), `ObjectExists` where a different object is there.
    Progress counts the bytes read from the source.
    """
    with source.open() as stream, archive.begin(object_name, block_size=block_size) as upload:
        _check_beginning(stream, object_name)
        meter = _Meter(stream.size, on_progress)
        _stage(stream, upload, meter, block_size)
        came = meter.digest()
        _check_size(came.size, stream.size, object_name)
        stored = upload.commit(
            size=came.size, sha256=came.sha256, content_type=content_type, metadata=metadata
        )
        return Copied(came.size, came.sha256, stream.etag, stored)


def put_bytes(
    archive: Archive,
    object_name: str,
    data: bytes,
    *,
    content_type: str,
    metadata: Mapping[str, str],
) -> StoredObject:
    """Archive a small object that is already in memory, under the same conditions as `copy`."""
    with archive.begin(object_name, block_size=BLOCK_SIZE) as upload:
        for index, start in enumerate(range(0, len(data), BLOCK_SIZE)):
            upload.put(index, memoryview(data)[start : start + BLOCK_SIZE])
        return upload.commit(
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            content_type=content_type,
            metadata=metadata,
        )


def read_back(archive: Archive, object_name: str, on_progress: OnProgress) -> Digest:
    """Read an object from the archive and digest it; `ContentMissing` where there is none."""
    found = archive.stat(object_name)
    if found is None:
        raise ContentMissing(
            f"{archive.location(object_name)} does not exist: copy it again", owner="archive"
        )
    meter = _Meter(found.size, on_progress)
    for _ in meter.through(archive.read(object_name)):
        pass
    return meter.digest()


class _Meter:
    """Counts and digests the bytes that pass."""

    def __init__(self, expected: int | None, on_progress: OnProgress) -> None:
        self._expected = expected
        self._on_progress = on_progress
        self._sha256 = hashlib.sha256()
        self._size = 0

    def through(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Pass ``pieces`` on, and none after more than the expected bytes came.

        An endless answer must fill neither the archive nor the time.
        """
        for piece in pieces:
            self._sha256.update(piece)
            self._size += len(piece)
            self._on_progress(self._size, self._expected)
            yield piece
            if self._expected is not None and self._size > self._expected:
                return

    def digest(self) -> Digest:
        return Digest(self._size, self._sha256.hexdigest())


def _stage(stream: SourceStream, upload: Upload, meter: _Meter, block_size: int) -> None:
    pieces = meter.through(stream.iter_bytes(min(_PIECE, block_size)))
    for index, block in enumerate(_blocks(pieces, block_size)):
        upload.put(index, block)


def _blocks(pieces: Iterator[bytes], block_size: int) -> Iterator[memoryview]:
    """Cut ``pieces`` into blocks, all in the same memory: each is valid until the next."""
    block, filled = memoryview(bytearray(block_size)), 0
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken = min(len(rest), block_size - filled)
            block[filled : filled + taken] = rest[:taken]
            filled, rest = filled + taken, rest[taken:]
            if filled == block_size:
                yield block
                filled = 0
    if filled:
        yield block[:filled]


def _check_beginning(stream: SourceStream, object_name: str) -> None:
    if stream.offset:
        raise BrokenContent(
            f"the source of {object_name} was asked for the whole file and began at byte"
            f" {stream.offset}: try again"
        )


def _check_size(came: int, announced: int | None, object_name: str) -> None:
    if not came:
        raise BrokenContent(
            f"the source of {object_name} delivered no bytes: the service does so while a file is"
            " being written; try again later"
        )
    if announced is not None and came != announced:
        amount = "more than" if came > announced else f"{came} of"
        raise BrokenContent(
            f"the source of {object_name} delivered {amount} the {announced} bytes it announced:"
            " try again"
        )
