"""Checkpoints of an archive, read from the places where its owner keeps them, and judged."""

from collections.abc import Iterator
from typing import NamedTuple

from callvault.archive.checkpoints.checkpoint import (
    FoundCheckpoint,
    UnreadCheckpoint,
    read_checkpoints,
)
from callvault.archive.identity import IDENTITY_OBJECT, find_identity
from callvault.archive.manifests.documents import read_document
from callvault.archive.names import is_object_name, link_object_name
from callvault.archive.store import read_small
from callvault.archive.verify.expectation import Place
from callvault.archive.verify.inspector import Inspector
from callvault.archive.verify.told_links import ToldLink
from callvault.contracts.manifest import ChainLink, LinkReference
from callvault.errors import UNREADABLE, WrongArchive


class TrustedCheckpoint(NamedTuple):
    """A checkpoint of this archive that was signed with a known key."""

    told: ToldLink
    access: LinkReference | None
    """The record of the access log that it names."""


def trusted_checkpoints(inspector: Inspector) -> Iterator[TrustedCheckpoint]:
    """Yield every checkpoint of this archive; what is wrong with one is a problem.

    Errors of a place itself pass through: without it nothing was checked.
    """
    for place in inspector.expected.places:
        yield from _OfPlace(inspector, place).trusted()


class _OfPlace:
    """The checkpoints of one place."""

    def __init__(self, inspector: Inspector, place: Place) -> None:
        self._inspector = inspector
        self._place = place
        self._name = inspector.expected.archive or _sealed_as(inspector)
        self._id = _archive_id(inspector)
        self._of_others: set[str] = set()

    def trusted(self) -> Iterator[TrustedCheckpoint]:
        seen, count = 0, 0
        for found in read_checkpoints(self._place.store):
            count += 1
            if isinstance(found, UnreadCheckpoint):
                self._problem(found.object_name, found.problem)
            elif self._is_ours(found):
                seen += 1
                if self._is_believed(found):
                    yield _told(found, self._place)
        if not seen:
            self._nothing(count)

    def _is_ours(self, found: FoundCheckpoint) -> bool:
        if found.checkpoint.archive == self._name:
            return True
        self._of_others.add(found.checkpoint.archive)
        return False

    def _is_believed(self, found: FoundCheckpoint) -> bool:
        """Judge signature and identity; a checkpoint that proves nothing is a problem."""
        checkpoint = found.checkpoint
        if objection := self._inspector.keys.objection(checkpoint, found.data):
            self._problem(found.object_name, objection)
            return False
        if checkpoint.archive_id != self._id:
            self._problem(
                found.object_name,
                f"it is of archive {checkpoint.archive} with the id {checkpoint.archive_id or '-'},"
                f" and the one that was verified has {self._id or 'no id'}: another archive, signed"
                " with the same key, is in its place",
            )
            return False
        if checkpoint.signature is None:
            self._warning(found.object_name, "it is unsigned: anybody could have written it")
        return True

    def _nothing(self, count: int) -> None:
        others = ", ".join(sorted(self._of_others)[:5])
        what = f"none of its {count} checkpoints is" if count else "there is no checkpoint"
        of = f" of archive {self._name}" if self._name else ""
        self._problem(
            "",
            f"{what}{of}{f', but of {others}' if others else ''}: nothing was compared. Look if the"
            " right place was named, who deletes there, and whether this is the right archive",
        )

    def _problem(self, object_name: str, text: str) -> None:
        self._inspector.problem_at(self._where(object_name), text)

    def _warning(self, object_name: str, text: str) -> None:
        self._inspector.warning_at(self._where(object_name), text)

    def _where(self, object_name: str) -> str:
        if is_object_name(object_name):
            return self._place.store.location(object_name)
        # the place itself, or a file of another program
        return f"{self._place.name}/{object_name}".rstrip("/")


def _told(found: FoundCheckpoint, place: Place) -> TrustedCheckpoint:
    at = found.checkpoint.published_at
    source = f"the checkpoint of {at:%Y-%m-%d %H:%M:%S} UTC in {place.name}"
    return TrustedCheckpoint(ToldLink(found.checkpoint.head, source, at), found.checkpoint.access)


def _sealed_as(inspector: Inspector) -> str:
    """Read the name under which the archive was sealed, from its first link."""
    try:
        data = read_small(inspector.archive, link_object_name(1))
        return read_document(ChainLink, data).archive
    except UNREADABLE:
        return ""


def _archive_id(inspector: Inspector) -> str:
    try:
        identity = find_identity(inspector.archive)
    except WrongArchive as error:
        inspector.problem(IDENTITY_OBJECT, str(error))
        return ""
    return identity.id if identity else ""
