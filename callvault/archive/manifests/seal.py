"""Sealing a recording: writing its manifest, signed, and linking it into the archive's chain.

Every step can be repeated after a crash, by any worker: the manifest names the order it came from
and the end of the chain as it was, so that a second attempt finds what the first one did.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version
from typing import NamedTuple

from callvault.archive.manifests.chain import append, head
from callvault.archive.manifests.documents import (
    canonical,
    read_document,
    reference_to,
    sha256,
    signed,
)
from callvault.archive.manifests.duties import duties_of
from callvault.archive.manifests.evidence import chunk_evidence
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.late_events import (
    adds_nothing,
    completed,
    is_files_only,
)
from callvault.archive.manifests.manifest import SealContext, build_manifest
from callvault.archive.names import key_object_name, manifest_object_name
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.manifest import Manifest, ObjectReference, SealInput
from callvault.errors import BrokenContent, ObjectExists


class StoredManifest(NamedTuple):
    """A manifest as it lies in the archive."""

    manifest: Manifest
    reference: ObjectReference


def seal(
    archive: Archive, input: SealInput, signer: Signer | None, now: Callable[[], datetime]
) -> SealedRecording:
    """Write and link the manifest; the same order again gives the manifest that is there.

    So does an order that comes from a late event, and adds no file to those sealed.

    Raises `ContentMissing` or `BrokenContent` where a chunk is not in the archive as the order
    says. Without a signer the manifest is unsigned, but linked all the same.
    """
    # First: a manifest must not lie there without the key that proves it.
    if signer:
        publish_key(archive, signer)
    manifest, reference = _find_or_write(archive, input, signer, now)
    link = append(archive, reference, signer, after=manifest.previous)
    return SealedRecording(
        archive=archive.name,
        object_name=reference.object_name,
        location=archive.location(reference.object_name),
        sequence=link.sequence,
        link_sha256=link.sha256,
        sha256=reference.sha256,
        key_id=manifest.signature.key_id if manifest.signature else None,
        findings=manifest.findings,
        silence=manifest.silence if manifest.contradictions else None,
        contradictions=manifest.contradictions,
        duties=len(duties_of(manifest)),
    )


def publish_key(archive: Archive, signer: Signer) -> None:
    """Store the public key beside what it proves, for readers without a copy of their own."""
    name = key_object_name(signer.public.key_id)
    if archive.stat(name) is None:
        _put(archive, name, signer.public.pem(), "application/x-pem-file")


def _find_or_write(
    archive: Archive, input: SealInput, signer: Signer | None, now: Callable[[], datetime]
) -> StoredManifest:
    """Find the order's manifest, or write a new one behind the recording's others."""
    input_sha256 = sha256(canonical(input))
    earlier: StoredManifest | None = None
    number = 1
    while found := find_manifest(archive, name := _name(input, number)):
        if found.manifest.input_sha256 == input_sha256:
            return found
        if _is_of_same_recording(found.manifest, input):
            earlier = found
        number += 1
    is_late = earlier is not None and is_files_only(input)
    if earlier and is_late and adds_nothing(input, earlier.manifest):
        return earlier
    manifest = build_manifest(
        input,
        [chunk_evidence(archive, input.recording, chunk) for chunk in input.recording.chunks],
        SealContext(
            object_name=name,
            input_sha256=input_sha256,
            sealed_at=now(),
            software=software(),
            earlier=earlier.reference if earlier else None,
            previous=head(archive),
        ),
    )
    if earlier and is_late:
        manifest = completed(manifest, input, earlier.manifest)
    with suppress(ObjectExists):  # another worker was faster: it may have had the same order
        _put(archive, name, signed(manifest, signer), "application/json")
    # looked up again rather than returned: the manifest under the name may be another worker's
    return _find_or_write(archive, input, signer, now)


def software() -> str:
    """Return name and version of this software, as the manifest states them."""
    return f"callvault {version('callvault')}"


def _name(input: SealInput, number: int) -> str:
    return manifest_object_name(
        recorded_on=input.recorded_on,
        call_id=input.recording.call_id,
        server_call_id=input.server_call_id,
        recording_id=input.recording.recording_id,
        number=number,
    )


def find_manifest(archive: Archive, object_name: str) -> StoredManifest | None:
    """Read a manifest; None where there is none, `BrokenContent` where it is damaged."""
    if archive.stat(object_name) is None:
        return None
    data = read_small(archive, object_name)
    try:
        manifest = read_document(Manifest, data)
    except BrokenContent as error:
        raise BrokenContent(
            f"{archive.location(object_name)} is no manifest any more: {error}. Find out who"
            " changes the archive, restore the file or move it away; then the recording is sealed",
            owner="archive",
        ) from error
    return StoredManifest(manifest, reference_to(object_name, data))


def _is_of_same_recording(manifest: Manifest, input: SealInput) -> bool:
    # compared by ids, not by folder: recordings whose id is not known share one
    sealed, ordered = manifest.recording, input.recording
    if sealed.recording_id != ordered.recording_id:
        return False
    # from events alone the recording's number is not known
    if not is_files_only(input) and sealed.number != ordered.number:
        return False
    return canonical_call_id(sealed.server_call_id) == canonical_call_id(input.server_call_id)


def _put(archive: Archive, object_name: str, data: bytes, content_type: str) -> None:
    put_bytes(archive, object_name, data, content_type=content_type, metadata={})
