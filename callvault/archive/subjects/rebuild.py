"""The check of an archive's index by person, and making it anew: from the archive alone.

First every recording is read, day by day, and compared with the entries that it should have; then
every other entry, with its evidence. Both hold few things in memory, may run while recordings are
archived, and may be ended at any time: what was mended stays mended.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import islice
from typing import NamedTuple, TypeVar

from callvault.archive.names import SUBJECTS_PREFIX, is_object_name
from callvault.archive.store import Archive
from callvault.archive.subjects.accounts import IndexProblem, OnProblem
from callvault.archive.subjects.entries import Hash
from callvault.archive.subjects.index import entry_name, put, remove
from callvault.archive.subjects.proof import is_same, objection
from callvault.archive.subjects.recordings import Folder, days, entries_of_folder, folders
from callvault.archive.subjects.search import read_entry
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import UNREADABLE, ContentMissing, ObjectExists

WORKERS = 16
"""Recordings, and entries, that are looked at at the same time."""

MAX_KNOWN = 500_000
"""Entries that are remembered, in some 40 MB; of more, the evidence is asked once more each."""

_BATCH = 8 * WORKERS

Item = TypeVar("Item")


class Verdict(StrEnum):
    """The state in which an entry was found or left."""

    RIGHT = "right"
    WRITTEN = "written"
    REPLACED = "replaced"
    REMOVED = "removed"
    MISSING = "missing"
    WRONG = "wrong"


class Seen(NamedTuple):
    """The outcome of one recording, or of one entry."""

    verdicts: list[Verdict]
    problems: list[IndexProblem]


@dataclass(frozen=True)
class IndexPass:
    """One pass over an archive's index, which mends what is wrong, or only tells it."""

    archive: Archive
    hash_of: Hash
    mends: bool
    on_problem: OnProblem
    """Called for what is wrong and was not mended."""
    on_day: Callable[[date], None] = lambda day: None
    """Called once all recordings of a day were seen."""
    counts: Counter[Verdict] = field(default_factory=Counter)
    known: set[bytes] = field(default_factory=set)
    """Keys of entries that their recording has proven: their evidence need not be asked again."""

    def run(self, since: date | None = None) -> None:
        """Compare recordings with entries, those since a day, then all entries with recordings."""
        of_days = ((d, f) for d in days(self.archive, since) for f in folders(self.archive, d))
        latest: date | None = None
        for day, _ in self._all(self._recording, of_days):
            if latest is not None and latest != day:
                self.on_day(latest)
            latest = day
        if latest is not None:
            self.on_day(latest)
        names = (
            name for name in self.archive.names(SUBJECTS_PREFIX) if _key(name) not in self.known
        )
        for _ in self._all(self._entry, names):
            pass

    def _all(self, look: Callable[[Item], Seen], items: Iterable[Item]) -> Iterator[Item]:
        """Look at all items, many at the same time; yield each, in order, once it was counted."""
        with ThreadPoolExecutor(WORKERS) as pool:
            for batch in _batches(items):
                for item, seen in zip(batch, pool.map(look, batch), strict=True):
                    self.counts.update(seen.verdicts)
                    for problem in seen.problems:
                        self.on_problem(problem)
                    yield item

    def _recording(self, found: tuple[date, Folder]) -> Seen:
        """Compare what a recording's objects say with the entries that there are."""
        seen, (_, folder) = Seen([], []), found
        for entry in entries_of_folder(self.archive, folder, self.hash_of, seen.problems.append):
            verdict = self._expected(entry, seen.problems.append)
            seen.verdicts.append(verdict)
            if verdict is not Verdict.WRONG and len(self.known) < MAX_KNOWN:
                self.known.add(_key(entry_name(entry)))
        return seen

    def _expected(self, entry: SubjectEntry, tell: OnProblem) -> Verdict:
        name = entry_name(entry)
        try:
            found = read_entry(self.archive, name)
        except ContentMissing:
            return self._missing(name, entry, tell)
        except UNREADABLE as error:
            return self._wrong(name, str(error), tell, entry)
        if is_same(found, entry):
            return Verdict.RIGHT
        return self._wrong(name, "it does not say what its evidence says", tell, entry)

    def _missing(self, name: str, entry: SubjectEntry, tell: OnProblem) -> Verdict:
        if self.mends:
            # A seal may have been faster, and knew more ids.
            with suppress(ObjectExists):
                put(self.archive, name, entry)
            return Verdict.WRITTEN
        tell(IndexProblem(name, f"it is missing: somebody in {entry.evidence[0]} is not found"))
        return Verdict.MISSING

    def _wrong(self, name: str, text: str, tell: OnProblem, right: SubjectEntry | None) -> Verdict:
        """Put the right entry in the place of a wrong one, or nothing, where it should not be."""
        if not self.mends:
            tell(IndexProblem(name, text))
            return Verdict.WRONG
        try:
            remove(self.archive, name)
            if right is None:
                return Verdict.REMOVED
            put(self.archive, name, right)
        except (*UNREADABLE, ObjectExists) as error:
            tell(IndexProblem(name, f"{text}; it cannot be mended: {error}"))
            return Verdict.WRONG
        return Verdict.REPLACED

    def _entry(self, name: str) -> Seen:
        """Compare an entry with its evidence; what it should say was looked at before."""
        seen = Seen([], [])
        if not is_object_name(name):
            seen.problems.append(IndexProblem(name, "no object of ours has such a name: move it"))
            return seen
        try:
            entry = read_entry(self.archive, name)
            text = objection(self.archive, entry, self.hash_of)
        except ContentMissing:  # erased since it was listed
            return seen
        except UNREADABLE as error:
            text = str(error)
        if text is not None:
            seen.verdicts.append(self._wrong(name, text, seen.problems.append, None))
        return seen


def _key(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:12]


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    yield from iter(lambda: list(islice(rest, _BATCH)), [])
