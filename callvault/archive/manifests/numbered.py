"""Objects numbered from 1 without a gap, to which many writers append without a lock.

Each holds the SHA-256 of the one before it. Objects are never overwritten: of several writers that
want the same number one wins, and the others take the next one. That works on any store.
"""

from collections.abc import Callable

from callvault.archive.manifests.documents import sha256
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.manifest import LinkReference
from callvault.errors import ObjectExists

Build = Callable[[int, LinkReference | None], bytes]
"""Writes the document of a number, behind the one that is named."""


class Numbered:
    """The numbered objects of one kind in an archive."""

    def __init__(self, archive: Archive, name_of: Callable[[int], str]) -> None:
        """``name_of`` builds the name of the object of a number."""
        self._archive = archive
        self._name_of = name_of

    def head(self, known: LinkReference | None = None) -> LinkReference | None:
        """Find the newest object; None where there is none.

        ``known`` is one that was seen before: fewer requests find the newest one from there.
        """
        number = self._last(known.sequence if known else 0)
        if known and number == known.sequence:
            return known
        return self.reference(number, self.read(number)) if number else None

    def append(
        self, after: LinkReference | None, build: Build, is_same: Callable[[bytes], bool]
    ) -> LinkReference:
        """Append an object behind ``after`` and those that follow it by now.

        Where one that follows ``after`` `is_same`, that one is the result.
        """
        previous, number = after, after.sequence + 1 if after else 1
        while True:
            taken = self.read(number) if self._exists(number) else None
            if taken is None:
                data = build(number, previous)
                try:
                    self._write(number, data)
                except ObjectExists:  # another writer was faster: look at its object
                    continue
                return self.reference(number, data)
            if is_same(taken):
                return self.reference(number, taken)
            previous = self.reference(number, taken)
            number += 1

    def read(self, number: int) -> bytes:
        """Read the object of a number; `ContentMissing` where there is none."""
        return read_small(self._archive, self._name_of(number))

    def holds(self, known: LinkReference) -> bool:
        """Tell if this very object is there."""
        number = known.sequence
        return self._exists(number) and self.reference(number, self.read(number)) == known

    @staticmethod
    def reference(number: int, data: bytes) -> LinkReference:
        """Name an object by its number and bytes."""
        return LinkReference(sequence=number, sha256=sha256(data))

    def _last(self, known: int) -> int:
        """Find the highest number in use, 0 for none; ``known`` is one in use, or 0."""
        # numbers are given without a gap: doubling and halving take twice as many requests as the
        # number has binary digits
        step = 1
        while self._exists(known + step):
            step *= 2
        used, free = known + step // 2, known + step
        while free - used > 1:
            middle = (used + free) // 2
            used, free = (middle, free) if self._exists(middle) else (used, middle)
        return used

    def _exists(self, number: int) -> bool:
        return self._archive.stat(self._name_of(number)) is not None

    def _write(self, number: int, data: bytes) -> None:
        put_bytes(
            self._archive,
            self._name_of(number),
            data,
            content_type="application/json",
            metadata={},
        )
