"""The open duties of an archive, and the records of what was done about them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain
from typing import NamedTuple, TypeVar

from callvault.archive.manifests.chain import append, head
from callvault.archive.manifests.documents import canonical, read_document, reference_to, signed
from callvault.archive.manifests.duties import duties_of, ends_of, reaches
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import (
    StoredManifest,
    find_manifest,
    listed_manifest,
    publish_key,
    software,
)
from callvault.archive.names import (
    CHAIN_PREFIX,
    RECORDINGS_PREFIX,
    duty_record_in,
    folder_of,
    is_duty_record_name,
    is_erasure_record_name,
    is_manifest_name,
)
from callvault.archive.store import Archive, put_bytes, read_each, read_small
from callvault.contracts.duties import Duty, DutyRecord, Outcome
from callvault.contracts.erasures import ErasureRecord
from callvault.contracts.manifest import ChainLink, Manifest, ObjectReference
from callvault.errors import (
    UNREADABLE,
    BrokenContent,
    CallvaultError,
    ContentMissing,
    InvalidRequest,
    ObjectExists,
)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Done:
    """An account of what was done, by the person who did it."""

    outcome: Outcome
    done_by: str
    reason: str
    erased: tuple[str, ...] = ()
    """Names of the objects that were deleted."""


class OpenDuties(NamedTuple):
    """The duties of one recording about which nothing is recorded."""

    manifest: Manifest
    duties: tuple[Duty, ...]


class Unread(NamedTuple):
    """A manifest, a record or a link that cannot be read: its duties are not known."""

    object_name: str
    text: str


OnUnread = Callable[[Unread], None]


def refuse(unread: Unread) -> None:
    """Raise `BrokenContent`: a list that leaves something out must not look complete."""
    raise BrokenContent(f"{unread.object_name}: {unread.text}", owner="archive")


def open_duties(archive: Archive, on_unread: OnUnread = refuse) -> Iterator[OpenDuties]:
    """Find every recording of the archive with duties that no record settles, in order of name.

    What cannot be read, or was taken away, is told to ``on_unread``; the rest is listed.
    """
    manifests: dict[str, list[str]] = {}
    records: dict[str, list[str]] = {}
    for name in archive.names(RECORDINGS_PREFIX):
        if is_manifest_name(name):
            manifests.setdefault(folder_of(name), []).append(name)
        elif is_duty_record_name(name):
            records.setdefault(folder_of(name), []).append(name)
    for folder in sorted(manifests):
        done = [*_all(partial(_read, archive), records.get(folder, ()), on_unread)]
        stored = [*_all(partial(listed_manifest, archive), manifests[folder], on_unread)]
        for manifest in _newest(stored):
            duties = duties_of(manifest)
            closed = settled(duties, done, stored)
            if left := tuple(duty for duty in duties if duty not in closed):
                yield OpenDuties(manifest, left)
    for unread in taken_away(archive, {*chain(*manifests.values(), *records.values())}):
        on_unread(unread)


def settled(
    duties: Iterable[Duty], records: Sequence[DutyRecord], stored: Iterable[StoredManifest]
) -> dict[Duty, DutyRecord]:
    """Find the newest record that settles each duty; none settles a longer time than it knew of.

    ``stored`` are the manifests that are there. How far a record without ends reaches is not known
    once its manifest is erased: what it was about is open again, rather than never done.
    """
    known = {(each.reference.object_name, each.reference.sha256): each.manifest for each in stored}
    ends = [_ends(record, known) for record in records]
    return {
        duty: record
        for duty in duties
        for record, until in zip(records, ends, strict=True)
        if reaches(until, duty)
    }


def _ends(
    record: DutyRecord, known: Mapping[tuple[str, str], Manifest]
) -> Mapping[str, datetime | None]:
    manifest = known.get((record.manifest.object_name, record.manifest.sha256))
    if record.ends or manifest is None:
        return record.ends
    return ends_of(duties_of(manifest), record.duties)


def taken_away(archive: Archive, listed: Set[str]) -> Iterator[Unread]:
    """Find manifests and records of duties that the chain names, and that are not ``listed``.

    What an erasure has deleted is none of them.
    """
    missing: dict[str, ObjectReference] = {}
    erasures: list[str] = []
    for found in _linked(archive):
        if isinstance(found, Unread):
            yield found
        elif is_erasure_record_name(found.object_name):
            erasures.append(found.object_name)
        elif _is_of_recording(found.object_name) and found.object_name not in listed:
            missing[found.object_name] = found
    erased = {(e.object_name, e.sha256) for e in _all_erased(archive, erasures if missing else ())}
    for name, reference in missing.items():
        # the second: it may have been written while the list was read
        if (name, reference.sha256) not in erased and archive.stat(name) is None:
            yield Unread(name, "a link of the chain names it, and it is not there")


def _linked(archive: Archive) -> Iterator[ObjectReference | Unread]:
    """Yield what each link of the chain names; a link that cannot be read is told."""
    for name, found in read_each(archive, sorted(archive.names(CHAIN_PREFIX))):
        try:
            yield read_document(ChainLink, _raised(found)).manifest
        except UNREADABLE as error:
            yield Unread(name, str(error))


def record_duties(
    archive: Archive,
    manifest_name: str,
    duties: Sequence[str],
    done: Done,
    signer: Signer | None,
    now: Callable[[], datetime],
) -> DutyRecord:
    """Record what was done about duties of a recording, signed and linked into the chain.

    Raises `InvalidRequest` where a duty or an erased object is none of the manifest's, or where an
    object that is said to be erased is still there. Nothing is written then.
    """
    stored = find_manifest(archive, manifest_name) if is_manifest_name(manifest_name) else None
    if stored is None:
        raise InvalidRequest(f"{manifest_name[:200]!r} is no manifest of archive {archive.name}")
    _check_duties(stored, duties)
    erased = tuple(_erased(archive, stored.manifest, name) for name in done.erased)
    if (done.outcome is Outcome.ERASED) is not bool(erased):
        raise InvalidRequest("name what was erased: each deleted object, or say that all was kept")
    if signer:
        publish_key(archive, signer)
    record = DutyRecord(
        object_name="",
        archive=archive.name,
        manifest=stored.reference,
        duties=tuple(duties),
        ends=ends_of(duties_of(stored.manifest), duties),
        outcome=done.outcome,
        erased=erased,
        done_by=done.done_by,
        reason=done.reason,
        recorded_at=now(),
        software=software(),
        previous=head(archive),
        signature=None,
    )
    return _write(archive, record, signer)


def _all(
    read: Callable[[str], Found | None], names: Iterable[str], on_unread: OnUnread
) -> Iterator[Found]:
    for name in names:
        try:
            found = read(name)
        except ContentMissing:  # erased since it was listed
            continue
        except UNREADABLE as error:
            on_unread(Unread(name, str(error)))
            continue
        if found is not None:
            yield found


def _raised(found: bytes | CallvaultError) -> bytes:
    if isinstance(found, CallvaultError):
        raise found
    return found


def _is_of_recording(object_name: str) -> bool:
    return is_manifest_name(object_name) or is_duty_record_name(object_name)


def _all_erased(archive: Archive, records: Sequence[str]) -> Iterator[ObjectReference]:
    for name in records:
        # A certificate, which lies beside its records, is none. `callvault verify` reports others.
        with suppress(*UNREADABLE):
            yield from read_document(ErasureRecord, read_small(archive, name)).erased


def _newest(stored: Sequence[StoredManifest]) -> list[Manifest]:
    """Return the manifests of a folder that no later one completes."""
    completed = {s.manifest.earlier.object_name for s in stored if s.manifest.earlier}
    return [s.manifest for s in stored if s.reference.object_name not in completed]


def _check_duties(stored: StoredManifest, duties: Sequence[str]) -> None:
    known = {duty.id for duty in duties_of(stored.manifest)}
    if unknown := sorted(set(duties) - known):
        there = ", ".join(sorted(known)) or "none"
        raise InvalidRequest(
            f"{unknown[0][:40]!r} is no duty of this recording: `callvault duties` lists them"
            f" ({there})"
        )
    if not duties:
        raise InvalidRequest("name the duties that this settles: `callvault duties` lists them")


def _erased(archive: Archive, manifest: Manifest, name: str) -> ObjectReference:
    objects = (each for chunk in manifest.chunks for each in (chunk.media, chunk.metadata) if each)
    found = next((each for each in objects if each.object_name == name), None)
    if found is None:
        raise InvalidRequest(f"{name[:200]!r} is no object that this manifest names")
    if archive.stat(name) is not None:
        raise InvalidRequest(
            f"{archive.location(name)} is still there: delete it first, as the archive's owner"
        )
    return ObjectReference(
        object_name=name, size=found.size, sha256=found.sha256, sha512=found.sha512
    )


def _write(archive: Archive, record: DutyRecord, signer: Signer | None) -> DutyRecord:
    number = 1
    while True:
        name = duty_record_in(folder_of(record.manifest.object_name), number)
        named = record.model_copy(update={"object_name": name})
        if archive.stat(name) is None:
            with suppress(ObjectExists):  # somebody else records something at the same time
                put_bytes(
                    archive,
                    name,
                    signed(named, signer),
                    content_type="application/json",
                    metadata={},
                )
        # Looked up again: it may be another's, or this one, written by an attempt before.
        data = read_small(archive, name)
        there = read_document(DutyRecord, data)
        if _is_same(there, named):
            append(archive, reference_to(name, data), signer, after=there.previous)
            return there
        number += 1


def _is_same(one: DutyRecord, other: DutyRecord) -> bool:
    """Tell if two records tell the same, perhaps at another time."""
    circumstances = ("recorded_at", "previous", "software", "signature")
    alike = {name: getattr(other, name) for name in circumstances}
    return canonical(one.model_copy(update=alike)) == canonical(other)


def _read(archive: Archive, name: str) -> DutyRecord:
    return read_document(DutyRecord, read_small(archive, name))
