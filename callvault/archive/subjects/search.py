"""The search for a person's recordings: it reads what lies under the person's hash, and no more."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby

from pydantic import ValidationError

from callvault.archive.names import (
    day_of,
    folder_of,
    is_subject_entry_name,
    subjects_prefix,
)
from callvault.archive.store import Archive, read_small
from callvault.archive.subjects.accounts import IndexProblem, OnProblem
from callvault.archive.subjects.index import entry_name
from callvault.contracts.base import explain
from callvault.contracts.subjects import SubjectChunk, SubjectEntry
from callvault.errors import UNREADABLE, BrokenContent, ContentMissing, InvalidRequest

MAX_ENTRY = 4 * 1024**2
"""Bytes of an entry at most; most have below one thousand."""

READERS = 16
"""Entries that are read at the same time: each is a request of its own."""

Objection = Callable[[SubjectEntry], str | None]
"""Says why an account of a person is not believed; None if it is."""


@dataclass(frozen=True, slots=True)
class Days:
    """A range of days, in UTC; both ends belong to it. `InvalidRequest` for one without any day."""

    since: date | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        # To find nothing in it would look like an answer.
        if self.since and self.until and self.until < self.since:
            raise InvalidRequest(
                f"until: {self.until} is before {self.since} (since), so that no day is between:"
                " exchange them"
            )

    def may_have(self, entry_name: str) -> bool:
        """Tell if an entry is of these days, by its name; what is no entry may be of any."""
        if not is_subject_entry_name(entry_name):
            return True
        day = entry_name.rpartition("/")[2][:8]
        return _spelt(self.since or date.min) <= day <= _spelt(self.until or date.max)


def _spelt(day: date) -> str:
    return day.isoformat().replace("-", "")


ALL_DAYS = Days()

MEND = "run `callvault index rebuild`"


def refuse(problem: IndexProblem) -> None:
    """Raise `BrokenContent`: a search that leaves something out must not look complete."""
    raise BrokenContent(f"{problem.object_name}: {problem.text}; {MEND}", owner="archive")


def find(
    archive: Archive,
    participant: str,
    on_problem: OnProblem = refuse,
    objection: Objection = lambda account: None,
    days: Days = ALL_DAYS,
) -> Iterator[SubjectEntry]:
    """Yield every recording of these days in which a person was, each once, the oldest first.

    ``participant`` is the keyed hash; `InvalidRequest` where it is none. An account of the person
    that is damaged, or that ``objection`` speaks against, is told to ``on_problem`` and left out.
    """
    listed = archive.names(subjects_prefix(participant))
    names = sorted(name for name in listed if days.may_have(name))
    read = _read_all(partial(_try, archive, objection), names, on_problem)
    for _, day in groupby(read, lambda entry: entry.recorded_on):
        yield from _recordings(list(day))


def read_entry(archive: Archive, name: str) -> SubjectEntry:
    """Read one account of a person; `BrokenContent` where it is not what was written there."""
    if not is_subject_entry_name(name):
        raise BrokenContent("it is no entry, but lies where entries lie", owner="archive")
    try:
        entry = SubjectEntry.model_validate_json(read_small(archive, name, MAX_ENTRY))
    except ValidationError as error:
        raise BrokenContent(
            f"it is no entry any more ({explain(error)})", owner="archive"
        ) from None
    if len(entry.evidence) != 1 or not _is_at(entry, name):
        raise BrokenContent("it speaks of another person or recording", owner="archive")
    return entry


def _is_at(entry: SubjectEntry, name: str) -> bool:
    try:
        return entry_name(entry) == name and entry.recorded_on == day_of(entry.folder)
    except InvalidRequest:
        return False


def _read_all(
    read: Callable[[str], SubjectEntry | IndexProblem | None],
    names: Sequence[str],
    on_problem: OnProblem,
) -> Iterator[SubjectEntry]:
    """Read the entries in the order of their names, which is that of their days."""
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(names), READERS):
            for found in pool.map(read, names[start : start + READERS]):
                if isinstance(found, IndexProblem):
                    on_problem(found)
                elif found is not None:
                    yield found


def _try(archive: Archive, objection: Objection, name: str) -> SubjectEntry | IndexProblem | None:
    try:
        account = read_entry(archive, name)
        text = objection(account)
        return IndexProblem(name, text) if text else account
    except ContentMissing:  # erased since it was listed
        return None
    except UNREADABLE as error:
        return IndexProblem(name, str(error))


def _recordings(accounts: Sequence[SubjectEntry]) -> Iterator[SubjectEntry]:
    """Put the accounts of each recording of one day together."""
    for _, group in groupby(_without_moved(accounts), lambda each: each.folder):
        yield merged(list(group))


def _without_moved(accounts: Sequence[SubjectEntry]) -> Sequence[SubjectEntry]:
    """Leave out what was indexed under a folder that turned out not to be the recording's.

    A chunk that is archived before its call's id is known lies in another folder than the manifest.
    """
    sealed_elsewhere = {
        evidence
        for each in accounts
        for evidence in each.evidence
        if each.folder != folder_of(evidence)
    }
    return [
        each
        for each in accounts
        if each.folder != folder_of(each.evidence[0]) or each.evidence[0] not in sealed_elsewhere
    ]


def merged(accounts: Sequence[SubjectEntry]) -> SubjectEntry:
    """Put the accounts of one recording together: what any of them tells."""
    return accounts[0].model_copy(
        update={
            "resource": _first(each.resource for each in accounts),
            "recording_id": _first(each.recording_id for each in accounts),
            "call_id": _first(each.call_id for each in accounts),
            "server_call_id": _first(each.server_call_id for each in accounts),
            "chunks": _chunks(accounts),
            "sources": tuple(dict.fromkeys(one for each in accounts for one in each.sources)),
            "evidence": tuple(one for each in accounts for one in each.evidence),
        }
    )


def _first(values: Iterable[str | None]) -> str | None:
    return next(filter(None, values), None)


def _chunks(accounts: Sequence[SubjectEntry]) -> tuple[SubjectChunk, ...]:
    told = dict.fromkeys(chunk for each in accounts for chunk in each.chunks)
    with_channel = {chunk.object_name for chunk in told if chunk.channel is not None}
    return tuple(
        chunk
        for chunk in sorted(told, key=lambda chunk: (chunk.object_name, chunk.channel or 0))
        if chunk.channel is not None or chunk.object_name not in with_channel
    )
