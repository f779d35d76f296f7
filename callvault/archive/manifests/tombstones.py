"""Tombstones: what was erased is not archived again, whoever brings it.

Whether one stands is asked before anything is archived: mostly one request, which finds none. A
tombstone counts only if a believed key has signed it: whoever can write into an archive must not
keep recordings out of it.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.documents import Keyring, read_document
from callvault.archive.names import tombstone_name
from callvault.archive.store import Archive, read_small
from callvault.contracts.erasures import ErasedDocument, Tombstone
from callvault.errors import BrokenContent, RecordingErased

MAX_TOMBSTONES = 1_000
"""Tombstones of one recording that are read: more erasures than one can have."""


class Tombstones:
    """The tombstones of one recording in one archive."""

    def __init__(self, found: Iterable[Tombstone]) -> None:
        self._found = tuple(found)

    @property
    def whole(self) -> Tombstone | None:
        """The one that stands for all of the recording; None where there is none."""
        return next((each for each in self._found if not each.documents), None)

    @property
    def last_manifest(self) -> int:
        """The highest number of an erased manifest."""
        return max((each.last_manifest for each in self._found), default=0)

    @property
    def is_partial(self) -> bool:
        """True if some of its files were erased, and it was not."""
        return bool(self._found) and self.whole is None

    def of(self, document_id: str, index: int) -> Tombstone | None:
        """Return the one that stands for a file; None where it may be archived."""
        document = ErasedDocument(document_id=document_id, index=index)
        named = (each for each in self._found if document in each.documents)
        return self.whole or next(named, None)

    def refuse(self, *documents: tuple[str, int]) -> None:
        """Raise `RecordingErased` where one stands for any of these files."""
        found = {each: tombstone for each in documents if (tombstone := self.of(*each))}
        if found:
            error = RecordingErased(in_words(next(iter(found.values()))))
            error.documents = tuple(found)
            raise error


def in_words(tombstone: Tombstone) -> str:
    """Say that something was erased, and where that is recorded."""
    return (
        f"it was erased on {tombstone.recorded_at:%Y-%m-%d}, and is not archived again (erasure"
        f" {tombstone.erasure[:16]}, {tombstone.object_name})"
    )


def find_tombstones(
    archive: Archive, recording_id: str | None, server_call_id: str, keys: Keyring | None = None
) -> Tombstones:
    """Read the tombstones of a recording that are believed.

    ``keys`` are those that may have signed in the archive; by default those that lie in it.
    """
    return Tombstones(_believed(archive, recording_id, server_call_id, keys))


def _believed(
    archive: Archive, recording_id: str | None, server_call_id: str, keys: Keyring | None
) -> Iterator[Tombstone]:
    ring: Keyring | None = None
    for number in range(1, MAX_TOMBSTONES + 1):
        name = tombstone_name(recording_id, server_call_id, number)
        if archive.stat(name) is None:
            return
        ring = ring or believed_keys(archive, keys)
        with suppress(BrokenContent):
            data = read_small(archive, name)
            found = read_document(Tombstone, data)
            if found.object_name == name and not ring.objection(found, data):
                yield found
