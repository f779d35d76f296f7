"""Knowledge of an archive that is kept outside of it, and that the archive must agree with."""

import re
from dataclasses import dataclass
from typing import Self

from callvault.archive.manifests.documents import AnyDocument
from callvault.contracts.manifest import LinkReference
from callvault.errors import InvalidRequest

_HEAD = re.compile(r"([1-9][0-9]{0,14}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the caller knows of an archive; by default only that something is sealed in it."""

    archive: str | None = None
    """The name under which everything in it was sealed."""
    head: LinkReference | None = None
    """A link that was seen before, and must still be there; the archive may have grown since."""
    may_be_empty: bool = False
    access_head: LinkReference | None = None
    """A record of the access log that was seen before."""

    @classmethod
    def of(
        cls,
        archive: str | None,
        head: str | None,
        *,
        may_be_empty: bool,
        access_head: str | None = None,
    ) -> Self:
        """Read an expectation as people write it; `InvalidRequest` where a head is no link."""
        return cls(
            archive,
            None if head is None else _link(head),
            may_be_empty,
            None if access_head is None else _link(access_head),
        )

    def objection(self, document: AnyDocument) -> str | None:
        """Say that the document was sealed in another archive; None where it was not."""
        if self.archive is None or document.archive == self.archive:
            return None
        return f"it was sealed in archive {document.archive}, not in {self.archive}"


def spelt(link: LinkReference) -> str:
    """Write a link as `Expectation.of` reads it."""
    return f"{link.sequence}:{link.sha256}"


def _link(text: str) -> LinkReference:
    found = _HEAD.fullmatch(text)
    if found is None:
        raise InvalidRequest(
            f"{text[:200]!r} is no link: give SEQUENCE:SHA256, as an earlier verification told it"
        )
    return LinkReference(sequence=int(found[1]), sha256=found[2])
