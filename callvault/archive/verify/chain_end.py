"""The end of an archive's chain, read once for all recordings that are proven one by one."""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from threading import RLock
from typing import NamedTuple

from callvault.archive.manifests.documents import read_document, sha256
from callvault.archive.names import (
    CHAIN_PREFIX,
    folder_of,
    is_duty_record_name,
    is_erasure_record_name,
    is_manifest_name,
    link_object_name,
)
from callvault.archive.store import Archive, read_each, read_small
from callvault.archive.verify.numbered import MAX_LISTED, has_come, listed_numbers
from callvault.contracts.manifest import ChainLink, LinkReference
from callvault.errors import UNREADABLE, BrokenContent, CallvaultError

REPLACED = "it was replaced while the chain was read"

MAX_AGE = 3600.0
"""Seconds after which links are read again: their hashes tell what they were, and not that they are
the same still. A long chain takes a minute to read."""

_NONE_YET = 10**15
"""Above the number of every link."""


class Behind(NamedTuple):
    """What lies behind one link, up to the chain's end."""

    is_same: bool
    """False where the link itself is another one by now."""
    strangers: tuple[str, ...]
    """Names of what lies where links lie, and is none."""
    problems: dict[int, str]
    """Sentences about links that are not as they should be, by their numbers."""
    recording: list[LinkReference]
    """The links that name what is sealed in the recording's folder."""
    newest: tuple[ChainLink, bytes] | None
    """The newest link, whose signature proves all before it."""


class ChainEnd:
    """The links of an archive, from the lowest number on that was asked for. Thread-safe.

    Of each only what finds it again is kept, for chains are long; who needs it reads it again.
    """

    def __init__(self, archive: Archive, clock: Callable[[], float] = time.monotonic) -> None:
        self._archive = archive
        self._clock = clock
        self._lock = RLock()
        self._began_at = clock()
        self._numbers: list[int] = []
        self._gaps: list[int] = []
        self._strangers: list[str] = []
        self._first = _NONE_YET
        """The links from this number on were looked at."""
        self._hashes: dict[int, str] = {}
        self._problems: dict[int, str] = {}
        self._folders: dict[int, tuple[int, ...]] = {}
        """Numbers of links, by the hash of the folder that they tell of."""
        self._erasures: set[int] = set()
        self._newest: tuple[ChainLink, bytes] | None = None

    def refresh(self) -> None:
        """See what was written since the links were listed."""
        with self._lock:
            listed = listed_numbers(self._archive, CHAIN_PREFIX, link_object_name)
            numbers, self._strangers = listed
            self._gaps, come = self._missing(numbers)
            before, self._numbers = self._numbers, sorted({*numbers, *come})
            is_old = self._clock() - self._began_at > MAX_AGE
            if is_old or self._numbers[: len(before)] != before or not self._is_as_it_was():
                self._forget()
            new = self._numbers[len(before) :]
            self._look_at(new[bisect_left(new, self._first) :])

    def behind(self, own: LinkReference, folder: str) -> "Behind":
        """Look at the links behind this one; ``folder`` is that of its recording."""
        with self._lock:
            self._reach(own)
            found = dict.fromkeys(self._gaps, "the link is missing: a gap") | self._problems
            newest = self._newest
            return Behind(
                is_same=self._hashes.get(own.sequence) == own.sha256,
                strangers=tuple(self._strangers),
                problems={n: found[n] for n in sorted(found) if n > own.sequence},
                recording=self._references(self._folders.get(hash(folder), ()), own),
                newest=newest if newest and newest[0].sequence > own.sequence else None,
            )

    def erasures(self, own: LinkReference) -> list[LinkReference]:
        """Return the links behind this one that name records of erasures, as far as known."""
        with self._lock:
            return self._references(self._erasures, own)

    def link(self, reference: LinkReference) -> ChainLink:
        """Read a link; `BrokenContent` where it is another one by now."""
        data = read_small(self._archive, link_object_name(reference.sequence))
        if sha256(data) != reference.sha256:
            raise BrokenContent(REPLACED, owner="archive")
        return read_document(ChainLink, data)

    def _reach(self, own: LinkReference) -> None:
        """Look at all links from this one on."""
        if not self._numbers or self._numbers[-1] < own.sequence:
            self.refresh()
        if self._first <= own.sequence and self._hashes.get(own.sequence) != own.sha256:
            # a store that was set back has another chain, perhaps with as many links
            self._forget()
            self.refresh()
        if own.sequence < self._first:
            begin = bisect_left(self._numbers, own.sequence)
            # with the lowest known one: what that follows was not known
            self._look_at(self._numbers[begin : bisect_left(self._numbers, self._first + 1)])
            self._first = own.sequence

    def _references(self, numbers: Iterable[int], own: LinkReference) -> list[LinkReference]:
        return [
            LinkReference(sequence=number, sha256=self._hashes[number])
            for number in sorted(numbers)
            if number > own.sequence
        ]

    def _forget(self) -> None:
        self._began_at = self._clock()
        self._first = _NONE_YET
        self._hashes.clear()
        self._problems.clear()
        self._folders.clear()
        self._erasures.clear()
        self._newest = None

    def _is_as_it_was(self) -> bool:
        """Tell if the newest known link is the same, whose hash proves all before it."""
        if self._problems:  # perhaps mended by now
            return False
        if self._newest is None:
            return True
        link, data = self._newest
        try:
            return read_small(self._archive, link_object_name(link.sequence)) == data
        except UNREADABLE:
            return False

    def _look_at(self, numbers: Sequence[int]) -> None:
        read = read_each(self._archive, map(link_object_name, numbers))
        try:
            for number, (_, data) in zip(numbers, read, strict=True):
                if problem := self._look(number, data):
                    self._problems[number] = problem
        except BaseException:  # what was not looked at must not count as free of problems
            self._forget()
            raise

    def _look(self, number: int, data: bytes | CallvaultError) -> str | None:
        """Keep what finds a link again; return what is wrong with it."""
        if isinstance(data, CallvaultError):
            return str(data)
        self._hashes[number] = sha256(data)
        try:
            link = read_document(ChainLink, data)
        except BrokenContent as error:
            return str(error)
        if link.sequence != number:
            return f"it says that it is link {link.sequence}"
        self._note(link)
        if self._newest is None or self._newest[0].sequence < number:
            self._newest = link, data
        before = self._hashes.get(number - 1)
        # one that is missing, or cannot be read, is told itself
        if before and link.previous != LinkReference(sequence=number - 1, sha256=before):
            return f"it does not follow link {number - 1} as it is"
        return None

    def _note(self, link: ChainLink) -> None:
        name, number = link.manifest.object_name, link.sequence
        if is_erasure_record_name(name):
            self._erasures.add(number)
        elif is_manifest_name(name) or is_duty_record_name(name):
            folder = hash(folder_of(name))
            known = self._folders.get(folder, ())
            if number not in known:
                self._folders[folder] = (*known, number)

    def _missing(self, numbers: Sequence[int]) -> tuple[list[int], list[int]]:
        """Find the highest numbers that are missing, and those that came while it was listed."""
        missing, come = list[int](), list[int]()
        for upper, lower in pairwise([*reversed(numbers), 0]):
            for number in range(upper - 1, lower, -1):
                if len(missing) == MAX_LISTED:
                    return missing, come
                is_there = has_come(self._archive, link_object_name(number))
                (come if is_there else missing).append(number)
        return missing, come
