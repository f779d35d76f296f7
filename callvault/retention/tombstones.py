"""The tombstones that an erasure writes: into every archive, before anything is deleted."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from callvault.archive.manifests.documents import is_proven_by, read_document, signed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import publish_key, software
from callvault.archive.manifests.tombstones import MAX_TOMBSTONES
from callvault.archive.names import manifest_number, tombstone_name
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.erasures import ErasedDocument, Tombstone
from callvault.contracts.manifest import Manifest, ManifestChunk
from callvault.errors import BrokenContent, ObjectExists
from callvault.retention.inventory import Inventory


class Buried(NamedTuple):
    """A recording, or files of it, that must not come again."""

    recording_id: str | None
    server_call_id: str
    documents: tuple[ErasedDocument, ...]
    """None for all of it."""
    last_manifest: int


def buried_by(inventory: Inventory, channels: Mapping[str, int]) -> Iterator[Buried]:
    """Yield what must not come again once this is erased, or only these channels of it.

    Of a recording whose id is not known its files are named, for others may come into its folder.
    """
    numbers = (manifest_number(each.name) for each in inventory.objects)
    last = max(numbers, default=0)
    found: dict[tuple[str | None, str], dict[ErasedDocument, None]] = {}
    for stored in inventory.manifests:
        of = stored.manifest.recording
        documents = found.setdefault((of.recording_id, of.server_call_id), {})
        documents |= dict.fromkeys(_documents(stored.manifest, channels))
    for (recording_id, call_id), documents in found.items():
        is_named = bool(channels) or recording_id is None
        # A second attempt may find none of them any more: then the tombstone stands already.
        if documents or not is_named:
            yield Buried(recording_id, call_id, tuple(documents) if is_named else (), last)


def bury(
    archive: Archive,
    buried: Buried,
    erasure: str,
    signer: Signer | None,
    now: Callable[[], datetime],
) -> None:
    """Write the tombstone of an erasure unless it is there; a later one beside those of others."""
    if signer:
        publish_key(archive, signer)
    for number in range(1, MAX_TOMBSTONES + 1):
        tombstone = Tombstone(
            object_name=tombstone_name(buried.recording_id, buried.server_call_id, number),
            archive=archive.name,
            erasure=erasure,
            documents=buried.documents,
            last_manifest=buried.last_manifest,
            recorded_at=now(),
            software=software(),
            signature=None,
        )
        if archive.stat(tombstone.object_name) is None:
            with suppress(ObjectExists):  # another erasure was faster: the next number is taken
                _put(archive, tombstone, signer)
        if _lies_there(archive, tombstone, signer):
            return


def _documents(manifest: Manifest, channels: Mapping[str, int]) -> Iterator[ErasedDocument]:
    for chunk in manifest.chunks:
        if not channels or _is_among(chunk, channels):
            yield ErasedDocument(document_id=chunk.document_id, index=chunk.index)


def _is_among(chunk: ManifestChunk, channels: Mapping[str, int]) -> bool:
    return chunk.media is not None and chunk.media.object_name in channels


def _put(archive: Archive, tombstone: Tombstone, signer: Signer | None) -> None:
    data, name = signed(tombstone, signer), tombstone.object_name
    put_bytes(archive, name, data, content_type="application/json", metadata={})


def _lies_there(archive: Archive, wanted: Tombstone, signer: Signer | None) -> bool:
    """Tell if what lies under the name is of the same erasure, says as much, and is proven."""
    with suppress(BrokenContent):  # damaged, or planted
        data = read_small(archive, wanted.object_name)
        there = read_document(Tombstone, data)
        circumstances = ("archive", "recorded_at", "software", "signature")
        alike = {name: getattr(wanted, name) for name in circumstances}
        is_same = there.model_copy(update=alike) == wanted
        return is_same and (signer is None or is_proven_by(signer.public, there, data))
    return False
