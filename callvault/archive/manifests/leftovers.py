"""Files that came while their recording was erased: they go, unless a manifest names them.

An erasure deletes what its record names, and its tombstone keeps the rest away. What was being
copied at that moment is in neither.
"""

from collections.abc import Iterable
from contextlib import suppress

from callvault.archive.manifests.seal import find_manifests
from callvault.archive.names import folder_of
from callvault.archive.store import Archive
from callvault.errors import StateConflict


def delete_unsealed(archive: Archive, names: Iterable[str]) -> None:
    """Delete those of the objects that no manifest of their folder names.

    One that the store keeps, under an immutability policy, stays: `callvault verify` tells it.
    """
    for name in names:
        found = archive.stat(name)
        if found is not None and not _is_sealed(archive, name):
            with suppress(StateConflict):
                archive.delete(name, etag=found.etag or "")


def _is_sealed(archive: Archive, name: str) -> bool:
    manifests = (stored.manifest for stored in find_manifests(archive, folder_of(name)))
    chunks = (chunk for manifest in manifests for chunk in manifest.chunks)
    objects = (each for chunk in chunks for each in (chunk.media, chunk.metadata))
    return any(each is not None and each.object_name == name for each in objects)
