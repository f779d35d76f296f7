"""Both stores, each empty, and sources that behave as they are told."""

import hashlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from callvault.archive.blob import BlobArchive
from callvault.archive.directory import DirectoryArchive
from callvault.archive.store import Archive, StoredObject
from callvault.local.azurite import Azurite


@dataclass
class Stream:
    """What `SourceStream` asks for, over pieces made on the way."""

    pieces: Iterator[bytes]
    size: int | None
    offset: int = 0
    etag: str | None = '"1"'
    content_type: str | None = "video/mp4"

    def iter_bytes(self, chunk_size: int) -> Iterator[bytes]:
        for piece in self.pieces:
            for start in range(0, len(piece), chunk_size):
                yield piece[start : start + chunk_size]


@dataclass
class Source:
    """A file at the service; ``announced`` is the size it claims."""

    make: Callable[[], Iterator[bytes]]
    announced: int | None
    offset: int = 0
    opened: int = field(default=0, init=False)

    @contextmanager
    def open(self, *, offset: int = 0) -> Iterator[Stream]:
        self.opened += 1
        yield Stream(self.make(), self.announced, self.offset + offset)


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
                sha256=hashlib.sha256(data).hexdigest(),
                content_type="video/mp4",
                metadata=metadata or {},
            )

    return write


@pytest.fixture
def blob_archive(azurite: Azurite) -> Iterator[BlobArchive]:
    archive = BlobArchive.from_connection_string(
        "main", azurite.connection_string, f"test-{uuid.uuid4().hex}"
    )
    archive.check()
    yield archive
    archive.close()


@pytest.fixture
def directory_archive(tmp_path: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", tmp_path / "archive")
    archive.check()
    return archive


@pytest.fixture(params=["blob_archive", "directory_archive"])
def archive(request: pytest.FixtureRequest) -> Archive:
    """Every test that asks for it runs over both stores."""
    found: Archive = request.getfixturevalue(request.param)
    return found
