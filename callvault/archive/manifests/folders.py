"""The folders of recordings in an archive, found by whatever id people have, without a service."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from callvault.archive.manifests.seal import listed_manifest
from callvault.archive.names import (
    RECORDINGS_PREFIX,
    folder_of,
    is_folder_of_call,
    is_folder_of_recording,
    is_manifest_name,
    is_recording_folder,
)
from callvault.archive.store import Archive
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.manifest import Manifest
from callvault.errors import BrokenContent


def find_folders(
    archive: Archive, word: str, among: Iterable[str] | None = None, *, prefix: str = ""
) -> list[str]:
    """Find the folders of the recordings that ``word`` names, of the whole archive by default.

    It may be a ``recordingId``, a ``callId``, a ``serverCallId``, a workflow id, a folder or an
    object's name. The last two are not looked for, for they may have been erased. Folders tell the
    first two by their names; for the others manifests are read. ``prefix`` is what the names of
    folders begin with, as `names.day_prefix` tells it.
    """
    if is_place(word):
        return place_folders(word)
    folders = list(among if among is not None else _folders(archive, prefix or RECORDINGS_PREFIX))
    by_name = [folder for folder in folders if is_named_so(folder, word)]
    return by_name or [folder for folder in folders if _is_sealed_as(archive, folder, word)]


def is_place(word: str) -> bool:
    """Tell if this is the name of a folder or an object, and no id."""
    return word.startswith(RECORDINGS_PREFIX)


def place_folders(word: str) -> list[str]:
    """Return the recording's folder that this is, or in which the object of this name lies."""
    return [folder for folder in (word.rstrip("/"), folder_of(word)) if is_recording_folder(folder)]


def is_named_so(folder: str, word: str) -> bool:
    """Tell if a folder is that of a ``recordingId``, or of a call, by its name alone."""
    inside = f"{folder}/"
    return is_folder_of_recording(inside, word) or is_folder_of_call(inside, word)


def is_of(manifest: Manifest, word: str) -> bool:
    """Tell if an id is one that a manifest tells: of its recording, its call, or its workflow."""
    of = manifest.recording
    spelt = map(canonical_call_id, (of.server_call_id, of.recording_id or ""))
    if canonical_call_id(word) in filter(None, spelt):
        return True
    return word in {of.call_id, manifest.workflow.workflow_id}


def _folders(archive: Archive, prefix: str) -> Iterator[str]:
    yield from dict.fromkeys(sorted(map(folder_of, archive.names(prefix))))


def _is_sealed_as(archive: Archive, folder: str, word: str) -> bool:
    for name in filter(is_manifest_name, archive.names(f"{folder}/")):
        with suppress(BrokenContent):  # reported by `callvault verify`
            if (found := listed_manifest(archive, name)) and is_of(found.manifest, word):
                return True
    return False
