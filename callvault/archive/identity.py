"""The identity of an archive: a small object in it, written once, when the archive is made.

An empty directory where a volume should be mounted, or a container that was made anew, looks like
an archive in which nothing was kept yet. So an archive is known by its identity, never by its place
alone: what is not there is believed, and anything is written, only in a place that has just shown
the identity that is expected of it.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError

from callvault.archive.blocks import BlockDigests
from callvault.archive.names import link_object_name
from callvault.archive.store import (
    Archive,
    LinkTerms,
    StoredObject,
    Upload,
    put_bytes,
    read_small,
)
from callvault.contracts.base import Message
from callvault.errors import ConfigurationError, ContentMissing, WrongArchive

IDENTITY_OBJECT = "archive.json"

MAX_IDENTITY = 4096
"""Bytes of an identity at most."""

_ADVICE = (
    "nothing is written, believed to be missing or deleted because of it: mount or name the right"
    " place (docs/operations.md, The archive is not the one it was)"
)


class ArchiveIdentity(Message):
    """The identity of an archive, as it lies in it under `IDENTITY_OBJECT`."""

    id: str
    """Never the same for two archives, and never changed."""
    name: str
    """The name in the configuration under which it was made; it may have another one by now."""
    made_at: datetime


def find_identity(archive: Archive) -> ArchiveIdentity | None:
    """Read the archive's identity; None where there is none.

    Raises `WrongArchive` where it cannot be understood: it was changed.
    """
    try:
        return ArchiveIdentity.model_validate_json(
            read_small(archive, IDENTITY_OBJECT, MAX_IDENTITY)
        )
    except ContentMissing:
        return None
    except ValidationError:
        raise WrongArchive(
            f"{archive.location(IDENTITY_OBJECT)} is not what `callvault setup` wrote: it was"
            f" changed; restore it; {_ADVICE}"
        ) from None


def make_identity(archive: Archive, wanted: str | None, now: datetime) -> ArchiveIdentity:
    """Make the archive's place if it is missing, and write its identity if it has none.

    ``wanted`` is the id that it is to have, a new one by default. Returns the identity that is
    there, which may be another one.
    """
    archive.make()
    found = find_identity(archive)
    if found is not None:
        return found
    identity = ArchiveIdentity(id=wanted or uuid.uuid4().hex, name=archive.name, made_at=now)
    put_bytes(
        archive,
        IDENTITY_OBJECT,
        identity.model_dump_json(indent=2).encode(),
        content_type="application/json",
        metadata={},
    )
    return identity


def has_manifests(archive: Archive) -> bool:
    """Tell if a recording was sealed in this place."""
    return archive.stat(link_object_name(1)) is not None


class ProvenArchive:
    """An archive that is believed and written to only while it shows the expected identity.

    Satisfies `callvault.archive.store.Archive`.
    """

    def __init__(self, archive: Archive, expected: str | None = None) -> None:
        """Without ``expected``, the identity that is seen first is expected from then on."""
        self._archive = archive
        self._expected = expected

    @property
    def name(self) -> str:
        return self._archive.name

    def prove(self) -> str:
        found = self._archive.prove()
        if self._expected is None:
            self._expected = found
        if found != self._expected:
            raise WrongArchive(
                f"archive {self.name} is expected to be {self._expected}, and the one at"
                f" {self._archive.location(IDENTITY_OBJECT)} is {found}: {_ADVICE}"
            )
        return found

    def stat(self, object_name: str) -> StoredObject | None:
        found = self._archive.stat(object_name)
        if found is None:
            self.prove()
        return found

    def recover(self, object_name: str) -> StoredObject | None:
        found = self._archive.recover(object_name)
        if found is None:
            self.prove()
        return found

    def begin(self, object_name: str, *, block_size: int, token: str = "") -> Upload:
        self.prove()
        return self._archive.begin(object_name, block_size=block_size, token=token)

    def digests(self, object_name: str) -> BlockDigests | None:
        return self._archive.digests(object_name)

    def read(
        self, object_name: str, *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        try:
            yield from self._archive.read(object_name, offset=offset, length=length)
        except ContentMissing:
            self.prove()
            raise

    def names(self, prefix: str = "") -> Iterator[str]:
        self.prove()
        yield from self._archive.names(prefix)

    def delete(self, object_name: str, *, etag: str) -> bool:
        self.prove()
        return self._archive.delete(object_name, etag=etag)

    @property
    def sets_legal_holds(self) -> bool:
        return self._archive.sets_legal_holds

    def set_legal_hold(self, object_name: str, *, held: bool) -> None:
        self.prove()
        self._archive.set_legal_hold(object_name, held=held)

    def location(self, object_name: str) -> str:
        return self._archive.location(object_name)

    def link(self, object_name: str, terms: LinkTerms) -> str | None:
        self.prove()
        return self._archive.link(object_name, terms)

    def make(self) -> None:
        raise ConfigurationError(f"archive {self.name} is made by `callvault setup` alone")

    def check(self) -> None:
        self.prove()
        self._archive.check()

    def close(self) -> None:
        self._archive.close()


def read_identity(archive: Archive) -> str:
    """Read the id of the archive; `WrongArchive` where there is none, or none to be understood."""
    found = find_identity(archive)
    if found is None:
        raise WrongArchive(
            f"there is no archive here: {archive.location(IDENTITY_OBJECT)} is missing."
            " If the archive is new, let `callvault setup` make it; if it is not, its place is not"
            f" mounted, or was emptied, and {_ADVICE}"
        )
    return found.id
