"""The access log of an archive: who opened, exported, held or erased what, and when.

A record is written before what it tells of is granted. Where it cannot be written, nothing is:
whoever asks gets an error instead.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from callvault.archive.manifests.documents import read_document, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.numbered import Numbered
from callvault.archive.manifests.seal import publish_key, software
from callvault.archive.names import ACCESS_PREFIX, access_object_name
from callvault.archive.store import Archive, read_small
from callvault.contracts.access import Access, AccessRecord
from callvault.contracts.manifest import LinkReference
from callvault.errors import UNREADABLE, CallvaultError, Unavailable


class Recorded(NamedTuple):
    """A record as it lies in the log."""

    record: AccessRecord
    link: LinkReference
    """Its number and SHA-256: kept elsewhere, they show later that the log was not cut off."""


class Entry(NamedTuple):
    """An object of the log, read; ``record`` is None where it cannot be, ``problem`` says why."""

    object_name: str
    record: AccessRecord | None
    problem: str = ""


class AccessLog:
    """The access log of one archive. Thread-safe; many processes may write at the same time."""

    def __init__(
        self,
        archive: Archive,
        signer: Signer | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Without a signer, records are unsigned, but linked all the same."""
        self._archive = archive
        self._signer = signer
        self._now = now
        self._numbered = Numbered(archive, access_object_name)
        self._known: LinkReference | None = None
        """The newest record that this process has seen."""

    def record(self, access: Access) -> Recorded:
        """Write one access into the log, and only then return.

        Raises `Unavailable` where the log cannot be written: then the access must not be granted.
        """
        try:
            return self._append(access)
        except CallvaultError as error:
            raise Unavailable(
                f"nothing was {access.action.value}, because it cannot be written into the access"
                f" log of archive {self._archive.name} ({error}): make the archive writable, then"
                " repeat the request",
                owner="archive",
                cause=error.cause,
            ) from error

    def entries(self) -> Iterator[Entry]:
        """Read the whole log, oldest first; a record that cannot be read does not hide others."""
        for name in sorted(self._archive.names(ACCESS_PREFIX)):
            yield self._entry(name)

    def records(self) -> Iterator[AccessRecord]:
        """Read every record that can be read, oldest first."""
        return (entry.record for entry in self.entries() if entry.record is not None)

    def entry(self, sequence: int) -> Entry:
        """Read the record of a number."""
        return self._entry(access_object_name(sequence))

    def head(self) -> LinkReference | None:
        """Find the newest record; None where there is none."""
        return self._numbered.head()

    def _append(self, access: Access) -> Recorded:
        if self._signer:
            publish_key(self._archive, self._signer)
        record_id, at = uuid.uuid4().hex, self._now()

        def build(sequence: int, previous: LinkReference | None) -> bytes:
            record = AccessRecord(
                **dict(access),
                archive=self._archive.name,
                sequence=sequence,
                id=record_id,
                at=at,
                software=software(),
                previous=previous,
                signature=None,
            )
            return signed(record, self._signer)

        # Not behind the one that is there, but behind the one that was seen: a log that was cut off
        # meanwhile has a gap, which `callvault verify` finds.
        after = self._numbered.head(self._known)
        link = self._numbered.append(after, build, is_same=lambda data: False)
        self._known = link
        return Recorded(read_document(AccessRecord, self._numbered.read(link.sequence)), link)

    def _entry(self, object_name: str) -> Entry:
        try:
            data = read_small(self._archive, object_name)
            return Entry(object_name, read_document(AccessRecord, data))
        except UNREADABLE as error:
            return Entry(object_name, None, str(error))
