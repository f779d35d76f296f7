"""A long access log, read from its newest record backwards, a part at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from callvault.archive.access_log.log import AccessLog
from callvault.archive.access_log.search import Wanted, folders_in
from callvault.contracts.access import AccessRecord

MAX_READ = 1_000
"""Records that are read for one page: each is a request to the archive."""

FoldersOf = Callable[[Sequence[str]], frozenset[str] | None]
"""From the folders that records name to those that are wanted; None where all are."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of an access log, the newest record first."""

    records: tuple[AccessRecord, ...]
    problems: tuple[str, ...]
    """A sentence about each record that cannot be read."""
    next_before: int | None
    """The sequence that the next page begins below; None at the beginning of the log."""


def read_page(
    log: AccessLog, wanted: Wanted, folders: FoldersOf, before: int | None, limit: int
) -> Page:
    """Read backwards until ``limit`` records fit, or `MAX_READ` were looked at."""
    head = log.head()
    newest = head.sequence if head else 0
    number = newest if before is None else min(before - 1, newest)
    last = max(0, number - MAX_READ)
    records: list[AccessRecord] = []
    problems: list[str] = []
    while number > last and len(records) < limit:
        entry = log.entry(number)
        if entry.record is None:
            problems.append(f"{entry.object_name} cannot be read: {entry.problem}")
        elif _fits(entry.record, wanted, folders):
            records.append(entry.record)
        number -= 1
    return Page(tuple(records), tuple(problems), number + 1 if number > 0 else None)


def _fits(record: AccessRecord, wanted: Wanted, folders: FoldersOf) -> bool:
    if not wanted.fits(record):
        return False
    named = folders_in([record])
    chosen = folders(named)
    return chosen is None or not chosen.isdisjoint(named)
