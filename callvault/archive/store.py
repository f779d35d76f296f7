"""What every archive can do. The words of Azure Blob, because every store can be described in them.

An object is written in blocks, in any order, and appears only as a whole: `Upload.commit` either
makes all of it visible under its name or nothing at all, and never replaces what is there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol, Self

from callvault.archive.blocks import Block, BlockDigests
from callvault.archive.plan import Plan
from callvault.errors import ObjectExists, StateConflict


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it lies in an archive."""

    name: str
    size: int
    """Bytes."""
    sha256: str | None = None
    """Lower-case hexadecimal, as known at its commit; ``None`` where only reading it will tell."""
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """As committed, after `metadata.bounded`."""


class Upload(Protocol):
    """One attempt at writing one object; leaving it without `commit` abandons the attempt.

    What an attempt with a plan has stored is kept for the next one with the same plan, for a week.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def resume(self, plan: Plan) -> Mapping[int, bytes]:
        """Take over what earlier attempts with this plan have stored.

        The SHA-256 of every such block, by its index; only whole blocks that can be trusted.
        """

    def put(self, index: int, block: Block, *, sha256: bytes | None = None) -> None:
        """Store block ``index``, counted from 0; thread-safe, in any order, repeatable.

        Every block has the upload's block size, but the last may be shorter. ``sha256`` is the
        block's, where the caller knows it. The block's memory may be reused once this returns.
        """

    def commit(self, *, size: int, content_type: str, metadata: Mapping[str, str]) -> StoredObject:
        """Make the object visible, if exactly ``size`` bytes were put and its name is free.

        Where an object of the same bytes is there already, that one is the result.
        Raises `ObjectExists` where a different one is, `BrokenContent` where bytes are missing.
        """


class Archive(Protocol):
    """A long-term store. Thread-safe. Every failure is a `callvault.errors` error."""

    @property
    def name(self) -> str:
        """The archive's name in the configuration."""

    def stat(self, object_name: str) -> StoredObject | None:
        """The object's properties without its bytes, or ``None`` where there is none."""

    def begin(self, object_name: str, *, block_size: int, plan: str = "") -> Upload:
        """Begin an attempt at writing an object. Several may run for one name at one time.

        ``plan`` is the token of a `Plan` of this block size, for attempts that can be resumed.
        """

    def digests(self, object_name: str) -> BlockDigests | None:
        """The SHA-256 of each of the object's blocks, as it was put; ``None`` where unknown."""

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


def settle(archive: Archive, object_name: str, *, size: int, digests: BlockDigests) -> StoredObject:
    """Judge an object that was there before a commit: the same bytes are success.

    The recorded SHA-256 of its blocks are believed; where none fit the object is read.
    """
    found = archive.stat(object_name)
    if found is None:
        raise StateConflict(
            f"{object_name} in archive {archive.name} was there and is gone again: try again, and"
            " find out who deletes from the archive",
            owner="archive",
        )
    if found.size == size and _same(archive, found, digests):
        return replace(found, sha256=found.sha256 or digests.whole)
    raise ObjectExists(
        f"{archive.location(object_name)} already holds a different object ({found.size} bytes,"
        f" ours has {size}); nothing was overwritten: compare the two and move one away"
    )


def _same(archive: Archive, found: StoredObject, ours: BlockDigests) -> bool:
    if found.sha256 and ours.whole:
        return found.sha256 == ours.whole
    theirs = archive.digests(found.name)
    if theirs is None or theirs.block_size != ours.block_size:
        theirs = BlockDigests.of(archive.read(found.name), ours.block_size)
    return theirs == ours
