"""The export for a person from several archives: search, gather, write one package, and note it."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from callvault.archive.manifests.seal import software
from callvault.archive.subjects.lookup import hashes_of, look_up
from callvault.archive.subjects.search import ALL_DAYS, Days
from callvault.contracts.access import MAX_NAMED, Access, AccessAction, AccessRecord
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import InvalidRequest, NotDone
from callvault.evidence.subject_export import Exported, ExportOrder, export, recordings_of
from callvault.evidence.subject_folder import FoundRecording, Person
from callvault.logged_archives import LoggedArchive

MAX_READERS = 16
"""Records of an access log that are read at the same time: each is a request."""

DAMAGED = "index_damaged"
NOTHING_FOUND = "nothing_found"
TOO_LARGE = "too_large"
"""Codes of the errors: nothing was exported, and nothing is left."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest export that is made."""

    recordings: int
    size: int
    """Bytes of media."""
    access_records: int
    """Records of an access log, which is read whole for what it tells of the recordings."""
    instead: str
    """Clause on what to do where there is more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The person whose recordings are exported, for whom and why."""

    participant: str
    keys: Sequence[str]
    """Keys of participants, the newest first."""
    by: str
    authenticated_as: str
    reason: str
    days: Days = ALL_DAYS
    sees: Callable[[str | None], bool] = lambda resource: True
    """Tells of a resource if its recordings are exported."""
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was exported, and what was not."""

    exported: Exported
    recordings: int
    left_out: list[str]

    @property
    def is_whole(self) -> bool:
        """True if nothing was left out, and everything is as it was sealed."""
        return not self.left_out and not self.exported.problems


def export_person(opened: Sequence[LoggedArchive], asked: Asked, target: Path) -> Outcome:
    """Write all that these archives hold of a person into one package.

    The access logs have the search, and the export before the package appears. Raises `NotDone`
    where the index of an archive is damaged, or nothing is found, `InvalidRequest` beyond the
    limits: nothing is written then.
    """
    person = Person(hashes_of(asked.participant, asked.keys), partial(hashes_of, keys=asked.keys))
    access = Access(
        action=AccessAction.FOUND,
        by=asked.by,
        authenticated_as=asked.authenticated_as,
        participant=person.hashes[0],
        reason=asked.reason,
    )
    found: list[FoundRecording] = []
    left_out: list[str] = []
    for each in opened:
        each.log.record(access)
        for entry in _entries(each, asked):
            sealed = list(recordings_of(each.archive, entry, person))
            found += sealed
            if not sealed:
                left_out.append(
                    f"{each.archive.name}: {entry.folder} is not sealed yet: export again later"
                )
            _refuse_beyond(asked.limits, found)
    if not found:
        more = "; ".join(left_out)
        said = f"no sealed recording of this person was found{more and f' ({more})'}"
        raise NotDone(said, status=404, code=NOTHING_FOUND)
    order = ExportOrder(
        person=person,
        keys={each.archive.name: each.keys() for each in opened},
        ends={each.archive.name: each.end() for each in opened},
        logs={each.archive.name: _log(each, asked.limits) for each in opened},
        made_at=datetime.now(UTC),
        software=software(),
    )

    def note() -> None:
        for each in opened:
            _note(each, [one for one in found if one.archive is each.archive], access)

    return Outcome(export(target, order, found, left_out, note), len(found), left_out)


def _entries(opened: LoggedArchive, asked: Asked) -> list[SubjectEntry]:
    told = look_up(opened.archive, asked.participant, asked.keys, asked.days)
    if told.faults:
        first = told.faults[0]
        raise NotDone(
            f"the index of archive {opened.archive.name} is damaged ({first.object_name}:"
            f" {first.text}): recordings may be missing. Run `callvault index rebuild`, then"
            " repeat; nothing was exported",
            status=409,
            code=DAMAGED,
        )
    return [each for each in told.recordings if asked.sees(each.resource)]


def _refuse_beyond(limits: Limits | None, found: Sequence[FoundRecording]) -> None:
    if limits is None:
        return
    size = sum(each.needed for each in found)
    if len(found) > limits.recordings or size > limits.size:
        raise InvalidRequest(
            f"these are more than {limits.recordings} recordings, or more than {limits.size:,}"
            f" bytes: {limits.instead}; nothing was exported",
            status=409,
            code=TOO_LARGE,
        )


def _log(opened: LoggedArchive, limits: Limits | None) -> list[AccessRecord]:
    head = opened.log.head()
    count = head.sequence if head else 0
    if limits is not None and count > limits.access_records:
        raise InvalidRequest(
            f"the access log of archive {opened.archive.name} has {count} records, more than an"
            f" export reads over HTTP: {limits.instead}; nothing was exported",
            status=409,
            code=TOO_LARGE,
        )
    with ThreadPoolExecutor(MAX_READERS, "access-log") as readers:
        entries = readers.map(opened.log.entry, range(1, count + 1))
        return [entry.record for entry in entries if entry.record is not None]


def _note(opened: LoggedArchive, found: Sequence[FoundRecording], access: Access) -> None:
    folders = list(dict.fromkeys(each.entry.folder for each in found))
    for part in _parts(folders):
        told = {"action": AccessAction.EXPORTED, "recordings": part}
        opened.log.record(access.model_copy(update=told))


def _parts(folders: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(folders), MAX_NAMED):
        yield tuple(folders[start : start + MAX_NAMED])
