"""The recordings of an archive, day by day, with the entries that their objects give."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from itertools import groupby
from typing import NamedTuple

from callvault.archive.manifests.seal import listed_manifest
from callvault.archive.names import (
    RECORDINGS_PREFIX,
    day_of,
    day_prefix,
    folder_of,
    is_manifest_name,
    is_metadata_name,
    metadata_object_name,
)
from callvault.archive.store import Archive
from callvault.archive.subjects.accounts import (
    IndexProblem,
    OnProblem,
    entries_of_recording,
    read_metadata,
)
from callvault.archive.subjects.entries import Hash, IndexedRecording
from callvault.contracts.manifest import Manifest
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import UNREADABLE, InvalidRequest


class Folder(NamedTuple):
    """A recording's folder, with the names of its objects."""

    name: str
    objects: tuple[str, ...]


def days(archive: Archive, since: date | None = None) -> list[date]:
    """Return the days on which the archive has recordings, in order."""
    found = set()
    for name in archive.names(RECORDINGS_PREFIX):
        with suppress(InvalidRequest):  # not one of ours
            found.add(day_of(folder_of(name)))
    return sorted(day for day in found if since is None or day >= since)


def folders(archive: Archive, day: date) -> Iterator[Folder]:
    """Yield the recordings of a day."""
    # Both stores list the objects of a folder together. Where one does not, a folder comes twice.
    moment = datetime.combine(day, time(), UTC)
    for folder, names in groupby(archive.names(day_prefix(moment)), folder_of):
        with suppress(InvalidRequest):
            day_of(folder)
            yield Folder(folder, tuple(names))


def entries_of_folder(
    archive: Archive, folder: Folder, hash_of: Hash, on_problem: OnProblem
) -> Iterator[SubjectEntry]:
    """Yield every entry that a recording's folder gives: by its manifests and metadata files."""
    told: set[str] = set()
    for name in filter(is_manifest_name, folder.objects):
        if manifest := _manifest(archive, name, on_problem):
            told |= {chunk.metadata.object_name for chunk in manifest.chunks if chunk.metadata}
            yield from entries_of_recording(archive, manifest, hash_of, on_problem)
    for name in filter(is_metadata_name, folder.objects):
        if name not in told:
            media = _media_of(archive, folder, name)
            recording = _unsealed(archive, folder.name, media)
            yield from read_metadata(archive, recording, name, media, hash_of, on_problem)


def _manifest(archive: Archive, name: str, on_problem: OnProblem) -> Manifest | None:
    try:
        found = listed_manifest(archive, name)
    except UNREADABLE as error:
        on_problem(IndexProblem(name, f"nobody is indexed by it: {error}"))
        return None
    return found.manifest if found else None


def _media_of(archive: Archive, folder: Folder, metadata_name: str) -> str | None:
    """Find the media file of a metadata file; None where it is gone."""
    names = (name for name in folder.objects if name != metadata_name)
    return next((name for name in names if metadata_object_name(name) == metadata_name), None)


def _unsealed(archive: Archive, folder: str, media_name: str | None) -> IndexedRecording:
    """Return what the archive knows of a recording that is not sealed yet."""
    found = archive.stat(media_name) if media_name else None
    recording_id = found.metadata.get("recording_id") if found else None
    return IndexedRecording(archive.name, folder, recording_id=recording_id or None)
