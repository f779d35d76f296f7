"""Knowledge of an archive that is kept outside of it, and that the archive must agree with."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from callvault.archive.manifests.documents import AnyDocument
from callvault.archive.store import Archive
from callvault.archive.verify.told_links import ToldLink
from callvault.contracts.manifest import LinkReference
from callvault.errors import InvalidRequest

_HEAD = re.compile(r"([1-9][0-9]{0,14}):([0-9a-f]{64})")
_HEAD_IN_LINE = re.compile(rf"(?m)^[ \t]*{_HEAD.pattern}[ \t\r]*$")
_HEAD_IN_REPORT = re.compile(
    r'"head"\s*:\s*\{\s*"sequence"\s*:\s*([1-9][0-9]{0,14}),\s*"sha256"\s*:\s*"([0-9a-f]{64})"'
)

MAX_HEADS_FILE = 16 * 1024**2
"""Bytes that are read of a file with heads."""


@dataclass(frozen=True, slots=True)
class Place:
    """A store that keeps checkpoints."""

    name: str
    store: Archive


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the caller knows of an archive; by default only that something is sealed in it."""

    archive: str | None = None
    """The name under which everything in it was sealed."""
    told: tuple[ToldLink, ...] = ()
    """Links that were seen before, and must still be there; the archive may have grown since."""
    places: tuple[Place, ...] = ()
    """Where checkpoints of the archive are kept."""
    may_be_empty: bool = False
    access_head: LinkReference | None = None
    """A record of the access log that was seen before."""

    @classmethod
    def of(
        cls,
        archive: str | None,
        heads: Sequence[str],
        *,
        may_be_empty: bool,
        access_head: str | None = None,
    ) -> Self:
        """Read an expectation as people write it; `InvalidRequest` where a head is no link.

        A head is ``SEQUENCE:SHA256``, or a file or glob of files: with such lines, or reports of
        earlier verifications. That of the access log is one link.
        """
        return cls(
            archive,
            told=tuple(link for text in heads for link in _told(text)),
            may_be_empty=may_be_empty,
            access_head=None if access_head is None else _one_link(access_head),
        )

    @property
    def is_known(self) -> bool:
        """True if something is known that only a whole archive can show."""
        return bool(self.told or self.places or self.access_head or self.may_be_empty)

    def objection(self, document: AnyDocument) -> str | None:
        """Say that the document was sealed in another archive; None where it was not."""
        if self.archive is None or document.archive == self.archive:
            return None
        return f"it was sealed in archive {document.archive}, not in {self.archive}"


def spelt(link: LinkReference) -> str:
    """Write a link as `Expectation.of` reads it."""
    return f"{link.sequence}:{link.sha256}"


def _one_link(text: str) -> LinkReference:
    found = _HEAD.fullmatch(text)
    if found is None:
        raise InvalidRequest(
            f"{text[:200]!r} is no link: give SEQUENCE:SHA256, as an earlier verification told it"
        )
    return _link(found)


def _told(text: str) -> Iterator[ToldLink]:
    if found := _HEAD.fullmatch(text):
        yield ToldLink(_link(found), "the given head")
        return
    heads = [head for file in _files(text) for head in _heads_in(file)]
    if not heads:
        raise InvalidRequest(
            f"{text[:200]!r} is no link: give SEQUENCE:SHA256, as an earlier verification told it,"
            " or a file with such lines or reports"
        )
    yield from heads


def _files(pattern: str) -> list[Path]:
    root = Path(pattern).anchor
    try:
        found = Path(root).glob(pattern.removeprefix(root))
        return sorted(each for each in found if each.is_file())
    except (OSError, ValueError):  # no name that a file can have
        return []


def _heads_in(file: Path) -> Iterator[ToldLink]:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_HEADS_FILE).decode(errors="replace")
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None
    for pattern in (_HEAD_IN_LINE, _HEAD_IN_REPORT):
        for found in pattern.finditer(content):
            yield ToldLink(_link(found), f"a head in {file}")


def _link(found: re.Match[str]) -> LinkReference:
    return LinkReference(sequence=int(found[1]), sha256=found[2])
