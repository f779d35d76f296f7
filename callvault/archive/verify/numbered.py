"""Verification of objects that are numbered without a gap, each against the one before it."""

import re
from collections.abc import Callable

from callvault.archive.manifests.documents import sha256
from callvault.archive.store import Archive
from callvault.archive.verify.inspector import Inspector
from callvault.contracts.access import AccessRecord
from callvault.contracts.manifest import ChainLink, LinkReference
from callvault.errors import UNREADABLE

_NUMBER = re.compile(r"([0-9]{10,15})\.json")
MAX_LISTED = 20
"""Missing objects that are named one by one."""


def listed_numbers(
    archive: Archive, prefix: str, name_of: Callable[[int], str]
) -> tuple[list[int], list[str]]:
    """Return the numbers of the objects below a prefix, and the names of what has none."""
    numbers, strangers = [], []
    for name in archive.names(prefix):
        found = _NUMBER.fullmatch(name.removeprefix(prefix))
        if found and name_of(int(found[1])) == name and int(found[1]):
            numbers.append(int(found[1]))
        else:
            strangers.append(name)
    return sorted(numbers), strangers


def stranger(kind: str) -> str:
    """Write the sentence about what lies below a prefix and has no number."""
    return f"it is not a {kind}, but lies where {kind}s lie"


def has_come(archive: Archive, name: str) -> bool:
    """Tell if an object is there that was written while the list was read."""
    try:
        return archive.stat(name) is not None
    except UNREADABLE:  # reported as a gap
        return False


class NumberedObjects:
    """The numbered objects of one kind, as many as there are when this is made."""

    def __init__(
        self, inspector: Inspector, prefix: str, name_of: Callable[[int], str], kind: str
    ) -> None:
        """``kind`` is what people call one of them, as ``link``."""
        self._inspector = inspector
        self._name_of = name_of
        self._kind = kind
        self._seen: dict[int, str] = {}
        """SHA-256 of each that was seen, by its number."""
        self.numbers = self._listed(prefix)

    @property
    def head(self) -> LinkReference | None:
        """The newest one that was seen."""
        if not self._seen:
            return None
        newest = max(self._seen)
        return LinkReference(sequence=newest, sha256=self._seen[newest])

    def report_gaps(self) -> None:
        """Report the numbers that are missing below the highest one."""
        there = set(self.numbers)
        missing = (n for n in range(1, max(there, default=0)) if n not in there)
        for count, number in enumerate(missing):
            if count == MAX_LISTED:
                break
            name = self._name_of(number)
            if not has_come(self._inspector.archive, name):
                self._inspector.problem(name, f"the {self._kind} is missing: a gap")

    def read(self, number: int) -> bytes | None:
        """Read the object of a number; None, and a problem, where it cannot be read."""
        data = self._inspector.bytes_of(self._name_of(number))
        if data is not None:
            self._seen[number] = sha256(data)
        return data

    def check_place(self, number: int, document: ChainLink | AccessRecord) -> None:
        """Check that a document is the one of its number, and follows the one before it."""
        name = self._name_of(number)
        if document.sequence != number:
            self._inspector.problem(name, f"it says that it is {self._kind} {document.sequence}")
        before = number - 1
        if not self._follows(document.previous, before) and not self._inspector.has_problem(
            self._name_of(max(before, 1))
        ):
            self._inspector.problem(
                name,
                f"it does not follow {self._kind} {before} as it is: one of the two was replaced",
            )

    def sha256_of(self, number: int) -> str | None:
        """Return the SHA-256 of the object of a number; None where none was seen."""
        return self._seen.get(number)

    def was_seen(self, link: LinkReference) -> bool:
        """Tell if this very object is there, or one in its place that is reported already."""
        damaged = self._inspector.has_problem(self._name_of(link.sequence))
        return damaged or self._seen.get(link.sequence) == link.sha256

    def _listed(self, prefix: str) -> list[int]:
        numbers, strangers = listed_numbers(self._inspector.archive, prefix, self._name_of)
        for name in strangers:
            self._inspector.problem(name, stranger(self._kind))
        return numbers

    def _follows(self, previous: LinkReference | None, before: int) -> bool:
        expected = self._seen.get(before)
        if previous is None:
            return before == 0
        if expected is None:
            return previous.sequence == before  # the gap itself is reported elsewhere
        return previous == LinkReference(sequence=before, sha256=expected)
