"""What every archive can do. The words of Azure Blob, because every store can be described in them.

An object is written in blocks, in any order, and appears only as a whole: `Upload.commit` either
makes all of it visible under its name or nothing at all, and never replaces what is there.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol, Self

from callvault.errors import ObjectExists, StateConflict

Block = bytes | memoryview


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it lies in an archive."""

    name: str
    size: int
    """Bytes."""
    sha256: str | None = None
    """Lower-case hexadecimal, as recorded at its commit; ``None`` where nobody did."""
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """As committed, after `metadata.bounded`."""


class Upload(Protocol):
    """One attempt at writing one object; leaving it without `commit` abandons the attempt."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def put(self, index: int, block: Block) -> None:
        """Store block ``index``, counted from 0; thread-safe, in any order, repeatable.

        Every block has the upload's block size, but the last may be shorter. The caller may
        reuse the block's memory once this returns.
        """

    def commit(
        self, *, size: int, sha256: str, content_type: str, metadata: Mapping[str, str]
    ) -> StoredObject:
        """Make the object visible, if exactly ``size`` bytes were put and its name is free.

        Where an object of the same size and SHA-256 is there already, that one is the result.
        Raises `ObjectExists` where a different one is, `BrokenContent` where bytes are missing.
        """


class Archive(Protocol):
    """A long-term store. Thread-safe. Every failure is a `callvault.errors` error."""

    @property
    def name(self) -> str:
        """The archive's name in the configuration."""

    def stat(self, object_name: str) -> StoredObject | None:
        """The object's properties without its bytes, or ``None`` where there is none."""

    def begin(self, object_name: str, *, block_size: int) -> Upload:
        """Begin an attempt at writing an object. Several may run for one name at one time."""

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """The object's bytes in pieces; nothing where ``offset`` lies at or after its end.

        Raises `ContentMissing` where there is no such object.
        """

    def names(self, prefix: str = "") -> Iterator[str]:
        """Names of all objects that begin with ``prefix``, in no particular order."""

    def location(self, object_name: str) -> str:
        """Where a person finds the object: a URL or a path, without credentials."""

    def check(self) -> None:
        """Prove that objects can be written, creating the container or directory if missing."""

    def close(self) -> None:
        """Release connections; the archive is of no use afterwards."""


def settle(archive: Archive, object_name: str, *, size: int, sha256: str) -> StoredObject:
    """Judge an object that was there before a commit: the same bytes are success.

    Its recorded SHA-256 is believed; where none was recorded the object is read.
    """
    found = archive.stat(object_name)
    if found is None:
        raise StateConflict(
            f"{object_name} in archive {archive.name} was there and is gone again: try again, and"
            " find out who deletes from the archive",
            owner="archive",
        )
    if found.size == size and (found.sha256 or _digest(archive, object_name)) == sha256:
        return replace(found, sha256=sha256)
    raise ObjectExists(
        f"{archive.location(object_name)} already holds a different object ({found.size} bytes,"
        f" ours has {size}); nothing was overwritten: compare the two and move one away"
    )


def _digest(archive: Archive, object_name: str) -> str:
    digest = hashlib.sha256()
    for piece in archive.read(object_name):
        digest.update(piece)
    return digest.hexdigest()
