"""The storage account's own legal holds, which follow those of Callvault where it has them.

The record of a hold is written first and stands whatever becomes of this; setting and clearing can
be repeated. A blob has one legal hold only: it is cleared once no hold of Callvault's is on it.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from callvault.archive.manifests.seal import StoredManifest, find_manifests
from callvault.archive.names import (
    RECORDINGS_PREFIX,
    folder_of,
    is_folder_of_call,
    is_folder_of_recording,
)
from callvault.archive.store import Archive
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.manifest import Manifest

WORKERS = 8
"""Objects whose legal hold is set at the same time."""

IsHeld = Callable[[Manifest], bool]
"""Tells if a hold is on the recording of a manifest."""


def hold_target(archive: Archive, target: HoldTarget) -> None:
    """Set the account's legal hold on all that lies there of what a hold is on."""
    if archive.sets_legal_holds:
        for folder in _folders(archive, target):
            _set(archive, _objects(archive, folder), held=True)


def release_target(archive: Archive, target: HoldTarget, is_held: IsHeld) -> None:
    """Clear it where no other hold is on; of what is not sealed nobody knows that yet."""
    if archive.sets_legal_holds:
        for folder in _folders(archive, target):
            sealed = find_manifests(archive, folder)
            if sealed and not any(is_held(each.manifest) for each in sealed):
                _set(archive, _objects(archive, folder, sealed), held=False)


def hold_sealed(archive: Archive, manifest: Manifest) -> None:
    """Set it on all that lies there of a recording."""
    _set(archive, _objects(archive, folder_of(manifest.object_name)), held=True)


def _set(archive: Archive, names: Iterable[str], *, held: bool) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(partial(archive.set_legal_hold, held=held), names))


def _folders(archive: Archive, target: HoldTarget) -> Iterator[str]:
    for folder in sorted(set(map(folder_of, archive.names(RECORDINGS_PREFIX)))):
        if _is_of(archive, folder, target):
            yield folder


def _is_of(archive: Archive, folder: str, target: HoldTarget) -> bool:
    if target.recording_id is not None:
        return is_folder_of_recording(f"{folder}/", target.recording_id)
    call_id = target.server_call_id or ""
    if is_folder_of_call(f"{folder}/", call_id):
        return True
    wanted = canonical_call_id(call_id)
    calls = (m.manifest.recording.server_call_id for m in find_manifests(archive, folder))
    return any(canonical_call_id(each) == wanted for each in calls)


def _objects(
    archive: Archive, folder: str, sealed: Iterable[StoredManifest] | None = None
) -> set[str]:
    """Return all that lies in a folder, or that a manifest in it names: files that ACS wrote."""
    manifests = find_manifests(archive, folder) if sealed is None else sealed
    chunks = (chunk for stored in manifests for chunk in stored.manifest.chunks)
    named = (each for chunk in chunks for each in (chunk.media, chunk.metadata) if each)
    return {*archive.names(f"{folder}/"), *(each.object_name for each in named)}
