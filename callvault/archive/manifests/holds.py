"""Legal holds of an archive: placed, released and listed, as signed records of its chain."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from callvault.archive.manifests.account_holds import hold_sealed, hold_target, release_target
from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.chain import head
from callvault.archive.manifests.documents import Keyring, read_document, sha256
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.records import find_record, keep_record
from callvault.archive.manifests.seal import software
from callvault.archive.names import (
    HOLDS_PREFIX,
    hold_record_name,
    is_hold_record_name,
)
from callvault.archive.store import Archive, read_small
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.holds import HoldAction, HoldRecord
from callvault.contracts.manifest import Manifest
from callvault.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a person who places or releases a hold."""

    requested_by: str
    reason: str
    authenticated_as: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold, and its release where there is one that counts."""

    placed: HoldRecord
    released: HoldRecord | None = None


def hold_id(target: HoldTarget, said: Said, number: int) -> str:
    """Return the id of the ``number``-th hold, from 0, that one person places for one reason.

    It is the same in every archive, so that one release ends it in all of them.
    """
    told = "\n".join((*_on(target), said.requested_by, said.reason, str(number)))
    return sha256(told.encode("utf-8", "surrogatepass"))[:16]


def free_number(
    archive: Archive,
    target: HoldTarget,
    said: Said,
    keys: Keyring | None = None,
    since: datetime | None = None,
) -> int:
    """Return the lowest number of such a hold that was not released in this archive.

    One that was placed after ``since`` counts, released or not: it is the one that was asked for.
    """
    keys, number = believed_keys(archive, keys), 0
    while not _is_free(
        find_hold(archive, hold_id(target, said, number), keys), target, said, since
    ):
        number += 1
    return number


def place_hold(
    archive: Archive,
    target: HoldTarget,
    said: Said,
    signer: Signer | None,
    now: Callable[[], datetime],
    keys: Keyring | None = None,
    *,
    number: int | None = None,
    resource: str | None = None,
) -> HoldRecord:
    """Place a hold; the same one that is not released yet is returned as it is.

    ``number`` is the highest `free_number` of several archives; by default that of this one.
    """
    number = free_number(archive, target, said, keys) if number is None else number
    return _record(
        archive,
        hold_id(target, said, number),
        HoldAction.PLACED,
        target,
        said,
        signer,
        now(),
        resource,
    )


def release_hold(
    archive: Archive,
    hold_id: str,
    said: Said,
    signer: Signer | None,
    now: Callable[[], datetime],
) -> HoldRecord:
    """Release a hold, for good; `InvalidRequest` where there is none of this id."""
    name = hold_record_name(hold_id, released=False)
    placed = find_record(archive, HoldRecord, name) if is_hold_record_name(name) else None
    if placed is None:
        raise InvalidRequest(
            f"{hold_id[:40]!r} is no hold of archive {archive.name}: `callvault holds list` lists"
            " them"
        )
    return _record(
        archive,
        placed.id,
        HoldAction.RELEASED,
        placed.target,
        said,
        signer,
        now(),
        placed.resource,
    )


def hold_account(archive: Archive, placed: HoldRecord, keys: Keyring | None = None) -> None:
    """Set the account's own legal hold on what lies there of a hold that was placed.

    Only where the archive's settings say so. Repeated after a crash, it goes on with what is left.
    """
    if archive.sets_legal_holds:
        hold = find_hold(archive, placed.id, keys)
        if hold is not None and hold.released is None:  # else somebody was faster to release it
            hold_target(archive, placed.target)


def release_account(archive: Archive, target: HoldTarget, keys: Keyring | None = None) -> None:
    """Clear the account's own legal hold on what no hold is on any more."""
    if archive.sets_legal_holds:
        holds = find_holds(archive, keys)
        release_target(archive, target, lambda manifest: bool(active_on(holds, manifest)))


def hold_what_is_sealed(archive: Archive, manifest: Manifest, keys: Keyring | None = None) -> None:
    """Set the account's own legal hold on a recording that was sealed, if a hold is on it."""
    if archive.sets_legal_holds and active_on(find_holds(archive, keys), manifest):
        hold_sealed(archive, manifest)


def find_holds(archive: Archive, keys: Keyring | None = None) -> list[Hold]:
    """Find all holds, the oldest first.

    A release counts only if a key of ``keys`` has signed it, or without any, one that lies in the
    archive; a hold counts in any case, for nothing is lost by it. `BrokenContent` where a record
    is damaged.
    """
    keys = believed_keys(archive, keys)
    names = sorted(name for name in archive.names(HOLDS_PREFIX) if is_hold_record_name(name))
    placed = {name: _read(archive, name)[0] for name in names if not _is_release(name)}
    found = [Hold(hold, _release(archive, hold, keys)) for hold in placed.values()]
    return sorted(found, key=lambda hold: (hold.placed.recorded_at, hold.placed.id))


def active_on(holds: Iterable[Hold], manifest: Manifest) -> list[HoldRecord]:
    """Return the holds on a recording that are not released."""
    return [hold.placed for hold in holds if hold.released is None and _is_on(hold, manifest)]


def find_hold(archive: Archive, hold_id: str, keys: Keyring | None = None) -> Hold | None:
    """Find the hold of this id; None where the archive has none."""
    name = hold_record_name(hold_id, released=False)
    placed = find_record(archive, HoldRecord, name) if is_hold_record_name(name) else None
    return (
        None
        if placed is None
        else Hold(placed, _release(archive, placed, believed_keys(archive, keys)))
    )


def _is_free(hold: Hold | None, target: HoldTarget, said: Said, since: datetime | None) -> bool:
    """Tell if there is no such hold, or it is this very one and not released before."""
    if hold is None:
        return True
    # Another one under its id was planted: this one goes beside it.
    placed = (_on(hold.placed.target), hold.placed.requested_by, hold.placed.reason)
    is_new = since is not None and hold.placed.recorded_at >= since
    stands = hold.released is None or is_new
    return stands and placed == (_on(target), said.requested_by, said.reason)


def _on(target: HoldTarget) -> tuple[str, str]:
    """Return what is held, in whatever spelling it was told: the call, the recording."""
    call, recording = target.server_call_id or "", target.recording_id or ""
    return canonical_call_id(call), canonical_call_id(recording)


def _is_on(hold: Hold, manifest: Manifest) -> bool:
    (call, recording), of = _on(hold.placed.target), manifest.recording
    if recording:
        return recording == canonical_call_id(of.recording_id or "")
    return call == canonical_call_id(of.server_call_id)


def _is_release(object_name: str) -> bool:
    return object_name.endswith("-released.json")


def _release(archive: Archive, placed: HoldRecord, keys: Keyring) -> HoldRecord | None:
    name = hold_record_name(placed.id, released=True)
    if archive.stat(name) is None:
        return None
    record, data = _read(archive, name)
    # Whoever can write into the archive must not end a hold by that, be it by another's release.
    is_its_own = (record.object_name, record.archive) == (name, placed.archive)
    is_downgraded = placed.signature is not None and record.signature is None
    is_believed = is_its_own and not is_downgraded and not keys.objection(record, data)
    return record if is_believed else None


def _read(archive: Archive, name: str) -> tuple[HoldRecord, bytes]:
    data = read_small(archive, name)
    return read_document(HoldRecord, data), data


def _record(
    archive: Archive,
    hold_id: str,
    action: HoldAction,
    target: HoldTarget,
    said: Said,
    signer: Signer | None,
    at: datetime,
    resource: str | None,
) -> HoldRecord:
    record = HoldRecord(
        object_name=hold_record_name(hold_id, released=action is HoldAction.RELEASED),
        archive=archive.name,
        id=hold_id,
        action=action,
        target=target,
        requested_by=said.requested_by,
        authenticated_as=said.authenticated_as,
        resource=resource,
        reason=said.reason,
        recorded_at=at,
        software=software(),
        previous=head(archive),
        signature=None,
    )
    return keep_record(archive, record, signer)
