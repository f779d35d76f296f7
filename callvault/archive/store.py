"""The protocol that every archive satisfies, in the words of Azure Blob.

An object is written in blocks, in any order, and appears only as a whole: `Upload.commit` either
makes all of it visible under its name or nothing at all, and never replaces an object.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import Protocol, Self

from callvault.archive.blocks import BLOCK_SIZE, Block, BlockDigests, Layout
from callvault.archive.object_metadata import bounded
from callvault.errors import (
    UNREADABLE,
    BrokenContent,
    CallvaultError,
    ObjectExists,
    StateConflict,
)

MAX_DOCUMENT = 8 * 1024**2
"""Bytes of a manifest, a record, a link or a key at most.

A manifest is made of an order below 2 MiB and of what the archive tells of 500 files, some 3 KB
each, and 8 KB with the longest ids there can be. A record of an erasure names 5,000 objects with
their hashes, in 3 MB."""

READERS = 16
"""Small objects that are read at the same time: each is a request of its own."""

_BATCH = 8 * READERS


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it lies in an archive."""

    name: str
    size: int
    """Bytes."""
    sha256: str | None = None
    """Lower-case hexadecimal, as known at its commit; None where only reading tells it."""
    etag: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    """As committed, after `object_metadata.bounded`."""
    immutable_until: datetime | None = None
    """Until then the store itself lets nobody delete it; None where it has no such policy."""
    has_legal_hold: bool = False
    """True if the store itself lets nobody delete it until its owner ends that."""


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """The terms of a link: until when it opens an object, and how a browser is to take it."""

    expires_at: datetime
    content_type: str
    content_disposition: str


class Upload(Protocol):
    """One attempt at writing one object; leaving it without `commit` abandons the attempt.

    Blocks of an attempt with a token are kept for the next one with the same token, for a week.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def resume(self, layout: Layout) -> Mapping[int, bytes]:
        """Take over blocks that earlier attempts with this layout have stored.

        Returns the SHA-256 of each by its index; only whole blocks that can be trusted.
        """

    def put(self, index: int, block: Block, *, sha256: bytes | None = None) -> None:
        """Store block ``index``, counted from 0; thread-safe, in any order, repeatable.

        Every block has the upload's block size, but the last may be shorter. ``sha256`` is the
        block's, where the caller knows it. The block's memory may be reused once this returns.
        """

    def write_whole(
        self,
        data: Block,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        sha256: bytes | None = None,
    ) -> StoredObject:
        """Store an object of one block, at most `BLOCK_SIZE`, and make it visible.

        The same as `put` and `commit`, in one request where the store has one for both.
        """
        self.put(0, data, sha256=sha256)
        return self.commit(size=len(data), content_type=content_type, metadata=metadata)

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
        """Return the object's properties without its bytes, None where there is no such object."""

    def recover(self, object_name: str) -> StoredObject | None:
        """Do the same as `stat`, after finishing what a process that was killed has begun.

        For those who write: it may read the whole object, and change what lies beside it.
        """

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> Upload:
        """Begin an attempt at writing an object. Several may run for one name at one time.

        ``token`` is that of a `Layout` of this block size, for attempts that can be resumed.
        """

    def digests(self, object_name: str) -> BlockDigests | None:
        """Return the SHA-256 of each of the object's blocks, as put; None where unknown."""

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Yield the object's bytes in pieces; none where ``offset`` lies at or after its end.

        Raises `ContentMissing` where there is no such object.
        """

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names of all objects that begin with ``prefix``, in no particular order."""

    def delete(self, object_name: str, *, etag: str) -> bool:
        """Delete the object that `stat` told of with this ``etag``, all its versions too.

        False where there is no such object any more. Raises `StateConflict` where it has changed
        since, or where the store keeps it: under an immutability policy, a legal hold or a lease.
        """

    @property
    def sets_legal_holds(self) -> bool:
        """True if the store has legal holds of its own, and the settings say to use them."""

    def set_legal_hold(self, object_name: str, *, held: bool) -> None:
        """Set or clear the store's own legal hold on an object, whatever it was before.

        Not an error if there is no such object. Only where `sets_legal_holds`.
        """

    def location(self, object_name: str) -> str:
        """Return the URL or path where a person finds the object, without credentials."""

    def link(self, object_name: str, terms: LinkTerms) -> str | None:
        """Return a URL with which anybody reads this one object until it expires.

        None where the store makes no links: then whoever asks must be sent the bytes.
        """

    def prove(self) -> str:
        """Read the archive's id from the archive itself, now.

        Raises `WrongArchive` where this place is no archive, or not the one that is expected.
        """

    def make(self) -> None:
        """Create the container or directory if it is missing, and check it."""

    def check(self) -> None:
        """Prove that objects can be written; creates nothing that stays."""

    def close(self) -> None:
        """Release connections; the archive is of no use afterwards."""


def protection(found: StoredObject, now: datetime) -> str:
    """Say what keeps an object in its store, whoever asks; empty where nothing does."""
    if found.has_legal_hold:
        return "the storage account has a legal hold on it: its owner must remove that first"
    if found.immutable_until is not None and found.immutable_until > now:
        return (
            "the storage account's immutability policy keeps it until"
            f" {found.immutable_until:%Y-%m-%d %H:%M} UTC"
        )
    return ""


def already_archived(
    archive: Archive, object_name: str, metadata: Mapping[str, str]
) -> StoredObject | None:
    """Return the object if an earlier attempt committed it for the chunk that ``metadata`` names.

    ``metadata`` may be a part of what was committed.
    """
    # asked before the source is opened: after a completed copy the source may be deleted or
    # expired, and a retry must succeed all the same
    found = archive.recover(object_name)
    if found is None:
        return None
    return found if bounded(metadata).items() <= found.metadata.items() else None


def is_bare(archive: Archive, object_name: str) -> bool:
    """Tell if an object is there without anything that an attempt at a copy keeps beside it."""
    found = archive.stat(object_name)
    return found is not None and not found.metadata and found.sha256 is None


def read_small(archive: Archive, object_name: str, limit: int = MAX_DOCUMENT) -> bytes:
    """Read an object that should be small; `BrokenContent` where it has more bytes than that."""
    data = bytearray()
    for piece in archive.read(object_name):
        data += piece
        # whoever can write into an archive must not decide how much memory its readers need
        if len(data) > limit:
            raise BrokenContent(
                f"{archive.location(object_name)} has more than {limit} bytes, which nothing of"
                " its kind has: it was changed",
                owner="archive",
            )
    return bytes(data)


def read_each(
    archive: Archive, names: Iterable[str]
) -> Iterator[tuple[str, bytes | CallvaultError]]:
    """Read small objects, many at a time; an error in place of one that cannot be read."""

    def read(name: str) -> bytes | CallvaultError:
        try:
            return read_small(archive, name)
        except UNREADABLE as error:
            return error

    left = iter(names)
    with ThreadPoolExecutor(READERS) as pool:
        while batch := list(islice(left, _BATCH)):
            yield from zip(batch, pool.map(read, batch), strict=True)


def put_bytes(
    archive: Archive,
    object_name: str,
    data: bytes,
    *,
    content_type: str,
    metadata: Mapping[str, str],
) -> StoredObject:
    """Archive a small object that is in memory, under the same conditions as a large one."""
    with archive.begin(object_name, block_size=BLOCK_SIZE) as upload:
        if 0 < len(data) <= BLOCK_SIZE:
            return upload.write_whole(data, content_type=content_type, metadata=metadata)
        for index, start in enumerate(range(0, len(data), BLOCK_SIZE)):
            upload.put(index, memoryview(data)[start : start + BLOCK_SIZE])
        return upload.commit(size=len(data), content_type=content_type, metadata=metadata)


def settle(archive: Archive, object_name: str, *, size: int, digests: BlockDigests) -> StoredObject:
    """Compare an object that was there before a commit with ours: the same bytes are success.

    The recorded SHA-256 of its blocks are believed; where none fit, the object is read.
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
