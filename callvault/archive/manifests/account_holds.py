"""The storage account's own legal holds, which follow those of Callvault where it has them.

The record of a hold is written first and stands whatever becomes of this; setting and clearing can
be repeated. A blob has one legal hold only: it is cleared once no hold of Callvault's is on it.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from callvault.archive.manifests.documents import read_document
from callvault.archive.manifests.seal import StoredManifest, find_manifests
from callvault.archive.names import (
    RECORDINGS_PREFIX,
    folder_of,
    is_folder_of_call,
    is_folder_of_recording,
    is_manifest_name,
)
from callvault.archive.store import Archive, read_each
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.hold_messages import HoldTarget
from callvault.contracts.manifest import Manifest
from callvault.errors import BrokenContent, CallvaultError, ContentMissing

WORKERS = 8
"""Objects whose legal hold is set at the same time."""

IsHeld = Callable[[Manifest], bool]
"""Tells if a hold is on the recording of a manifest."""


def hold_target(archive: Archive, target: HoldTarget) -> None:
    """Set the account's legal hold on all that lies there of what a hold is on."""
    for folder in _folders(archive, target):
        _set(archive, _objects(archive, folder), held=True)


def release_target(archive: Archive, target: HoldTarget, is_held: IsHeld) -> None:
    """Clear it where no other hold is on; of what is not sealed nobody knows that yet."""
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
    """Yield the folders of what a hold is on, each once.

    After all others an error is raised where a manifest cannot be read: it may be meant, too.
    """
    folders, to_read = set[str](), list[str]()
    for name in archive.names(RECORDINGS_PREFIX):
        if _is_named_so(name, target):
            folders.add(folder_of(name))
        elif target.recording_id is None and is_manifest_name(name):
            to_read.append(name)
    yield from sorted(folders)
    wanted, unread = canonical_call_id(target.server_call_id or ""), list[CallvaultError]()
    # most folders are named by the callId: which of them are the call's is told inside alone
    for name, call in _calls_of(archive, to_read):
        if isinstance(call, CallvaultError):
            unread.append(call)
        elif call == wanted and (folder := folder_of(name)) not in folders:
            folders.add(folder)
            yield folder
    if unread:
        raise unread[0]


def _is_named_so(object_name: str, target: HoldTarget) -> bool:
    if target.recording_id is not None:
        return is_folder_of_recording(object_name, target.recording_id)
    return is_folder_of_call(object_name, target.server_call_id or "")


def _calls_of(
    archive: Archive, manifests: Iterable[str]
) -> Iterator[tuple[str, str | CallvaultError]]:
    """Yield the call of each manifest; an error where one cannot be read."""
    for name, data in read_each(archive, manifests):
        if isinstance(data, ContentMissing):  # erased since
            continue
        if isinstance(data, CallvaultError):
            yield name, data
            continue
        try:
            manifest = read_document(Manifest, data)
        except BrokenContent as error:
            told = f"{archive.location(name)} is no manifest any more: {error}"
            yield name, BrokenContent(told, owner="archive")
        else:
            yield name, canonical_call_id(manifest.recording.server_call_id)


def _objects(
    archive: Archive, folder: str, sealed: Iterable[StoredManifest] | None = None
) -> set[str]:
    """Return all that lies in a folder, or that a manifest in it names: files that ACS wrote."""
    manifests = find_manifests(archive, folder) if sealed is None else sealed
    chunks = (chunk for stored in manifests for chunk in stored.manifest.chunks)
    named = (each for chunk in chunks for each in (chunk.media, chunk.metadata) if each)
    return {*archive.names(f"{folder}/"), *(each.object_name for each in named)}
