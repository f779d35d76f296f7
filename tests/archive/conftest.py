"""Both stores, each empty, and sources with scripted behaviour."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from callvault.archive.store import Archive, StoredObject
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.directory import DirectoryArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.local.azurite import Azurite


@dataclass
class Part:
    """An `Answer` whose pieces are made when read."""

    pieces: Iterator[bytes]
    size: int | None
    offset: int = 0
    length: int | None = None
    etag: str | None = '"1"'
    last_modified: str | None = None
    _rest: bytes = b""

    def readinto(self, buffer: memoryview) -> int:
        while not self._rest:
            piece = next(self.pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


@dataclass
class Source:
    """A file at a service without ranges; ``announced`` is the stated size."""

    make: Callable[[], Iterator[bytes]]
    announced: int | None
    offset: int = 0
    opened: int = field(default=0, init=False)

    def reader(self) -> "Source":
        return self

    def open(self, offset: int, length: int | None) -> Part:
        self.opened += 1
        return Part(self.make(), self.announced, self.offset, self.announced)

    def close(self) -> None:
        """Nothing is held open."""

    def abort(self) -> None:
        """Do nothing: no read hangs."""


@dataclass
class RangedSource:
    """A file at a service that serves ranges, to many threads; ``spoil`` may change any answer."""

    data: bytes
    etag: str | None = '"1"'
    spoil: Callable[[Part, int], Part] | None = None
    asked: list[tuple[int, int | None]] = field(default_factory=list)
    readers: int = 0
    aborted: int = 0

    def reader(self) -> "RangedSource":
        self.readers += 1
        return self

    def open(self, offset: int, length: int | None) -> Part:
        self.asked.append((offset, length))
        end = len(self.data) if length is None else min(offset + length, len(self.data))
        part = Part(iter([self.data[offset:end]]), len(self.data), offset, end - offset, self.etag)
        return self.spoil(part, len(self.asked)) if self.spoil else part

    @property
    def fetched(self) -> int:
        """Sum of all requested bytes."""
        return sum(min(length or 0, len(self.data) - offset) for offset, length in self.asked)

    def close(self) -> None:
        """Nothing is held open."""

    def abort(self) -> None:
        self.aborted += 1


@pytest.fixture(scope="session")
def ranged() -> type[RangedSource]:
    return RangedSource


@pytest.fixture(scope="session")
def source_of() -> Callable[..., Source]:
    def make(data: bytes, *, announced: int | None = -1, offset: int = 0) -> Source:
        size = len(data) if announced == -1 else announced
        return Source(lambda: iter([data]), size, offset)

    return make


@pytest.fixture(scope="session")
def streamed() -> type[Source]:
    return Source


@pytest.fixture(scope="session")
def write() -> Callable[..., StoredObject]:
    """Write an object through an upload's own methods, in blocks of ``block_size``."""

    def write(
        archive: Archive,
        object_name: str,
        data: bytes,
        *,
        block_size: int = 1024,
        metadata: dict[str, str] | None = None,
    ) -> StoredObject:
        with archive.begin(object_name, block_size=block_size) as upload:
            for start in range(0, len(data), block_size):
                upload.put(start // block_size, data[start : start + block_size])
            return upload.commit(
                size=len(data),
                content_type="video/mp4",
                metadata=metadata or {},
            )

    return write


@pytest.fixture
def blob_archive(azurite: Azurite) -> Iterator[BlobArchive]:
    archive = BlobArchive.open(
        "main",
        StorageAccess(connection_string=azurite.connection_string),
        f"test-{uuid.uuid4().hex}",
    )
    archive.make()
    yield archive
    archive.close()


@pytest.fixture
def directory_archive(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "archive")
    archive.make()
    return archive


@pytest.fixture(
    params=[pytest.param("blob_archive", marks=pytest.mark.server), "directory_archive"]
)
def archive(request: pytest.FixtureRequest) -> Archive:
    """Yield an archive; every test with this fixture runs for both stores."""
    found: Archive = request.getfixturevalue(request.param)
    return found
