"""Sources of a copy: the protocol that each satisfies, and an archive's object as one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from callvault.archive.store import Archive
from callvault.errors import ContentMissing


class Answer(Protocol):
    """A part of the file on its way."""

    @property
    def offset(self) -> int:
        """The byte of the file at which the part begins."""

    @property
    def length(self) -> int | None:
        """Bytes that were announced; None where the source announced none."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole file, as far as announced."""

    @property
    def etag(self) -> str | None:
        """The version of the file, where the source tells it."""

    @property
    def last_modified(self) -> str | None:
        """When the file was changed last, as the source words it; the version without an ETag."""

    def readinto(self, buffer: memoryview) -> int:
        """Read up to ``len(buffer)`` bytes; 0 at the end, which may have come too early."""


def version_of(answer: Answer) -> str | None:
    """Return what tells this version of the file from every other; None where nothing does."""
    if answer.etag:
        return answer.etag
    return f"modified {answer.last_modified}" if answer.last_modified else None


class Reader(Protocol):
    """Asks for one part after the other; for one thread, except `abort`."""

    def open(self, offset: int, length: int | None) -> Answer:
        """Ask for ``length`` bytes from ``offset``, or for all that follow.

        Fewer come where the file ends before; the whole file where ranges are ignored.
        """

    def close(self) -> None:
        """Release the connection."""

    def abort(self) -> None:
        """End the request that is under way, from another thread."""


class Source(Protocol):
    """A file that can be read by many threads."""

    def reader(self) -> Reader:
        """Make a reader for one thread."""


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """An object of an archive; satisfies `Source`."""

    archive: Archive
    object_name: str

    def reader(self) -> "_StoredReader":
        return _StoredReader(self.archive, self.object_name)


class _StoredReader:
    """Satisfies `Reader`."""

    def __init__(self, archive: Archive, object_name: str) -> None:
        self._archive = archive
        self._name = object_name

    def open(self, offset: int, length: int | None) -> "_StoredAnswer":
        found = self._archive.stat(self._name)
        if found is None:
            raise ContentMissing(
                f"{self._archive.location(self._name)} does not exist any more", owner="archive"
            )
        wanted = min(length or found.size, found.size - offset)
        pieces = self._archive.read(self._name, offset=offset, length=wanted)
        return _StoredAnswer(pieces, offset, wanted, found.size, found.etag)

    def close(self) -> None:
        """Nothing is held open."""

    def abort(self) -> None:
        """Requests end by the time-outs of the archive's client."""


class _StoredAnswer:
    """A part of an object on its way; satisfies `Answer`."""

    def __init__(
        self, pieces: Iterator[bytes], offset: int, length: int, size: int, etag: str | None
    ) -> None:
        self.offset = offset
        self.length: int | None = length
        self.size: int | None = size
        self.etag = etag
        self.last_modified: str | None = None
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readinto(self, buffer: memoryview) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken
