"""An object of one archive as the source of a copy into another."""

from collections.abc import Iterator
from dataclasses import dataclass

from callvault.archive.store import Archive
from callvault.errors import ContentMissing


class _Answer:
    """A part of an object on its way."""

    def __init__(
        self, pieces: Iterator[bytes], offset: int, length: int, size: int, etag: str | None
    ) -> None:
        self.offset = offset
        self.length: int | None = length
        self.size: int | None = size
        self.etag = etag
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


class _Reader:
    def __init__(self, archive: Archive, object_name: str) -> None:
        self._archive = archive
        self._name = object_name

    def open(self, offset: int, length: int | None) -> _Answer:
        found = self._archive.stat(self._name)
        if found is None:
            raise ContentMissing(
                f"{self._archive.location(self._name)} does not exist any more", owner="archive"
            )
        wanted = min(length or found.size, found.size - offset)
        pieces = self._archive.read(self._name, offset=offset, length=wanted)
        return _Answer(pieces, offset, wanted, found.size, found.etag)

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object of an archive, for `copier.copy`."""

    archive: Archive
    object_name: str

    def reader(self) -> _Reader:
        return _Reader(self.archive, self.object_name)
