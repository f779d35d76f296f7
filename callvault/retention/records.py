"""The signed records of an erasure in an archive: written before, carried out, certified after."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from callvault.archive.digests import WholeDigest
from callvault.archive.manifests.chain import head
from callvault.archive.manifests.documents import reference_to
from callvault.archive.manifests.evidence import BLOCKS, properties_of
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.records import find_record, keep_record
from callvault.archive.manifests.seal import software
from callvault.archive.names import (
    ERASURES_PREFIX,
    erasure_certificate_name,
    erasure_record_name,
    is_erasure_record_name,
)
from callvault.archive.store import Archive, StoredObject, read_small
from callvault.contracts.base import shorten
from callvault.contracts.erasures import (
    EraseRecording,
    ErasureCertificate,
    ErasureRecord,
)
from callvault.contracts.manifest import ArchivedObject, ObjectReference
from callvault.errors import StateConflict

OnProgress = Callable[[], None]


def find_erasure(archive: Archive, erasure: str, number: int) -> ErasureRecord | None:
    """Read the record of a recording's erasure; None where it is not decided yet."""
    return find_record(archive, ErasureRecord, erasure_record_name(erasure, number))


def record_erasure(
    archive: Archive,
    objects: Iterable[StoredObject],
    told: Mapping[str, ObjectReference],
    order: EraseRecording,
    reason: str,
    signer: Signer | None,
    now: Callable[[], datetime],
) -> ErasureRecord:
    """Write down what is erased, signed and linked; from here on it is erased.

    ``told`` is what manifests tell of the objects, by name. The same again, after a crash, gives
    the record that is there.
    """
    asked = order.order
    record = ErasureRecord(
        object_name=erasure_record_name(order.erasure, order.number),
        archive=archive.name,
        erasure=order.erasure,
        cause=asked.target.cause,
        decision=shorten(reason),
        erased=tuple(_reference(archive, each, told.get(each.name)) for each in objects),
        workflows=() if asked.target.channel_only else order.recording.workflows,
        requested_by=asked.requested_by,
        authenticated_as=asked.authenticated_as,
        reason=asked.reason,
        recorded_at=now(),
        software=software(),
        previous=head(archive),
        signature=None,
    )
    return keep_record(archive, record, signer)


def delete_recorded(archive: Archive, record: ErasureRecord, on_progress: OnProgress) -> int:
    """Delete what the record names, as far as it is still there; return how many objects were.

    Raises `StateConflict` where another object has taken a name: it is not in the record.
    """
    count = 0
    for each in record.erased:
        on_progress()
        found = archive.stat(each.object_name)
        if found is not None:
            _refuse_another(archive, each, found)
            count += archive.delete(each.object_name, etag=found.etag or "")
    return count


def certify(
    archive: Archive, erasure: str, signer: Signer | None, now: Callable[[], datetime]
) -> ErasureCertificate | None:
    """Look for everything that the erasure's records name, and certify that it is gone.

    None where the erasure has no record in this archive; `StateConflict` where something is there.
    """
    name = erasure_certificate_name(erasure)
    if (there := find_record(archive, ErasureCertificate, name)) is not None:
        return keep_record(archive, there, signer)
    records = list(_records(archive, erasure))
    for _, record in records:
        _refuse_present(archive, record)
    if not records:
        return None
    certificate = ErasureCertificate(
        object_name=name,
        archive=archive.name,
        erasure=erasure,
        records=tuple(reference for reference, _ in records),
        objects=sum(len(record.erased) for _, record in records),
        recorded_at=now(),
        software=software(),
        previous=head(archive),
        signature=None,
    )
    return keep_record(archive, certificate, signer)


def _records(archive: Archive, erasure: str) -> list[tuple[ObjectReference, ErasureRecord]]:
    found = []
    for name in sorted(archive.names(f"{ERASURES_PREFIX}{erasure}/")):
        if is_erasure_record_name(name) and name != erasure_certificate_name(erasure):
            record = find_record(archive, ErasureRecord, name)
            if record is not None:
                found.append((reference_to(name, read_small(archive, name)), record))
    return found


def _refuse_present(archive: Archive, record: ErasureRecord) -> None:
    for each in record.erased:
        if archive.stat(each.object_name) is not None:
            raise StateConflict(
                f"{archive.location(each.object_name)} is there again, though it was erased: find"
                " out who writes into the archive, and delete it",
                owner="archive",
            )


def _refuse_another(archive: Archive, named: ObjectReference, found: StoredObject) -> None:
    if found.size != named.size or found.sha256 not in (None, named.sha256):
        raise StateConflict(
            f"{archive.location(named.object_name)} is not what was to be erased: find out who"
            " writes into the archive, and plan its erasure anew",
            owner="archive",
        )


def _reference(
    archive: Archive, found: StoredObject, told: ObjectReference | None
) -> ObjectReference:
    """Name an object with both of its hashes; it is read where the archive does not prove them."""
    if told is not None and told.sha512 is not None and _is_as_told(archive, found, told):
        digest: ObjectReference | WholeDigest = told
    else:
        digest = _digest(archive, found.name)
    return ObjectReference(
        object_name=found.name, size=found.size, sha256=digest.sha256, sha512=digest.sha512
    )


def _is_as_told(archive: Archive, found: StoredObject, told: ObjectReference) -> bool:
    if found.size != told.size:
        return False
    if found.sha256 is not None or not isinstance(told, ArchivedObject):
        return found.sha256 == told.sha256
    # Of an object in many blocks the store proves the blocks.
    return BLOCKS in told.properties and properties_of(archive, found) == told.properties


def _digest(archive: Archive, object_name: str) -> WholeDigest:
    with WholeDigest() as digest:
        for piece in archive.read(object_name):
            digest.update(piece)
    return digest
