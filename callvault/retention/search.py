"""The recordings of an archive that an erasure is about."""

from collections.abc import Iterator

from callvault.archive.names import (
    RECORDINGS_PREFIX,
    folder_of,
    is_folder_of_recording,
    is_manifest_name,
)
from callvault.archive.store import Archive
from callvault.archive.subjects.search import find
from callvault.contracts.erasures import ErasureTarget


def folders(archive: Archive, target: ErasureTarget) -> list[str]:
    """Return the folders of the target's recordings, in order.

    A person's by the index alone: `BrokenContent` where that cannot be read.
    """
    return sorted(set(_folders(archive, target)))


def _folders(archive: Archive, target: ErasureTarget) -> Iterator[str]:
    if target.participant is not None:
        yield from (entry.folder for entry in find(archive, target.participant))
        return
    for name in archive.names(RECORDINGS_PREFIX):
        if target.recording_id is None:
            if is_manifest_name(name):
                yield folder_of(name)
        elif is_folder_of_recording(name, target.recording_id):
            yield folder_of(name)
