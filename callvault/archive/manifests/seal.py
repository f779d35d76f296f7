"""Sealing a recording: writing its manifest, signed, and linking it into the archive's chain.

Every step can be repeated after a crash, by any worker: the manifest names the order it came from
and the end of the chain as it was, so that a second attempt finds what the first one did.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.chain import append, head
from callvault.archive.manifests.documents import (
    Keyring,
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
from callvault.archive.manifests.tombstones import Tombstones, find_tombstones
from callvault.archive.names import (
    folder_of,
    is_manifest_name,
    key_object_name,
    manifest_in,
    manifest_number,
    manifest_object_name,
)
from callvault.archive.store import Archive, put_bytes, read_small
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.manifest import Manifest, ObjectReference, SealInput
from callvault.errors import BrokenContent, ObjectExists


class StoredManifest(NamedTuple):
    """A manifest as it lies in the archive."""

    manifest: Manifest
    reference: ObjectReference
    data: bytes

    def objection(self, keys: Keyring) -> str | None:
        """Say why no believed key vouches for it in this place; None if one does."""
        if self.manifest.object_name != self.reference.object_name:
            return f"it was sealed as {self.manifest.object_name}"
        return keys.objection(self.manifest, self.data)


class _Order(NamedTuple):
    """An order to seal, and what its manifest names it by."""

    input: SealInput
    sha256: str


def seal(
    archive: Archive,
    input: SealInput,
    signer: Signer | None,
    now: Callable[[], datetime],
    keys: Keyring | None = None,
) -> SealedRecording:
    """Write and link the manifest; the same order again gives the manifest that is there.

    So does an order that comes from a late event, and adds no file to those sealed.

    Raises `ContentMissing` or `BrokenContent` where a chunk is not in the archive as the order
    says, `RecordingErased` where a tombstone stands for one; ``keys`` are those that may have
    signed that, by default the archive's own. Without a signer the manifest is unsigned, but
    linked all the same.
    """
    of = input.recording
    tombstones = find_tombstones(archive, of.recording_id, input.server_call_id, keys)
    tombstones.refuse(*((c.chunk.document_id, c.chunk.index) for c in of.chunks if c.archived))
    # First: a manifest must not lie there without the key that proves it.
    if signer:
        publish_key(archive, signer)
    order = _Order(input, sha256(canonical(input)))
    manifest, reference, data = _find_or_write(archive, order, signer, now, tombstones, keys)
    link = append(archive, reference, signer, after=manifest.previous)
    if archive.stat(reference.object_name) is None:
        # The archive went back between the two. The link would name what is not there, for good:
        # the recording's next manifest would get this name, and be sealed twice.
        with suppress(ObjectExists):
            _put(archive, reference.object_name, data, "application/json")
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
    archive: Archive,
    order: _Order,
    signer: Signer | None,
    now: Callable[[], datetime],
    tombstones: Tombstones,
    keys: Keyring | None,
) -> StoredManifest:
    """Find the order's manifest, or write a new one behind the recording's others."""
    input, input_sha256 = order
    earlier: StoredManifest | None = None
    folder = _folder(input)
    known = find_manifests(archive, folder)
    for found in vouched_for(archive, known, signer, keys):
        if found.manifest.input_sha256 == input_sha256:
            return found
        if _is_of_same_recording(found.manifest, input):
            earlier = found
    # An order from before an erasure knows a person whom the sealed manifest knows no more.
    is_late = is_files_only(input) or tombstones.is_partial
    if is_late and earlier is None:
        _refuse_to_forget(archive, known, input)
    if earlier and is_late and adds_nothing(input, earlier.manifest):
        return earlier
    if earlier:
        # Its sealing may have been interrupted, as by a backup, before it was linked. Nearly always
        # it is linked, right behind what was the newest link then.
        append(archive, earlier.reference, signer, after=earlier.manifest.previous)
    manifest = build_manifest(
        input,
        [chunk_evidence(archive, input.recording, chunk) for chunk in input.recording.chunks],
        SealContext(
            object_name=(name := next_manifest_name(folder, known, tombstones.last_manifest)),
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
    return _find_or_write(archive, order, signer, now, tombstones, keys)


def _refuse_to_forget(
    archive: Archive, disbelieved: Iterable[StoredManifest], input: SealInput
) -> None:
    """Raise `BrokenContent` where a manifest of the recording lies there that nobody vouches for.

    What it tells (pauses, consents, marks) is not known otherwise, and must not be left out of a
    newer one that is signed. A later link that is signed is no proof of it: a link that somebody
    added to the chain's end is followed by the next sealing's as any other is.
    """
    for each in disbelieved:
        if _is_of_same_recording(each.manifest, input):
            raise BrokenContent(
                f"{archive.location(each.reference.object_name)} is a manifest of this recording"
                " that no key of the archive's settings has signed, and a late event alone does not"
                " replace it. If a key of old signed it, name that in public_keys. Else look who"
                " wrote it, and keep it elsewhere if it is to be sealed from the late event alone",
                owner="archive",
            )


def vouched_for(
    archive: Archive,
    known: Sequence[StoredManifest],
    signer: Signer | None,
    keys: Keyring | None,
) -> list[StoredManifest]:
    """Return the manifests that a believed key, or this signer's, has signed for their place.

    On others nothing signed may be built, and no link may name them: who can write into an archive
    must not have this signer vouch for it. Without a signer nobody vouches for anything.
    """
    if signer is None or not known:
        return list(known)
    believed, own = believed_keys(archive, keys), Keyring([signer.public])
    # Its own always: not to find what was just written would mean to write it again, without end.
    return [each for each in known if not (each.objection(believed) and each.objection(own))]


@cache
def software() -> str:
    """Return name and version of this software, as the manifest states them."""
    return f"callvault {version('callvault')}"


def _folder(input: SealInput) -> str:
    first = manifest_object_name(
        recorded_on=input.recorded_on,
        call_id=input.recording.call_id,
        server_call_id=input.server_call_id,
        recording_id=input.recording.recording_id,
        number=1,
    )
    return folder_of(first)


def find_manifests(archive: Archive, folder: str) -> list[StoredManifest]:
    """Read the manifests of a recording's folder, in the order of their numbers.

    The first ones may be gone: an erasure of one channel leaves the newest alone.
    """
    names = filter(is_manifest_name, archive.names(f"{folder}/"))
    found = (listed_manifest(archive, name) for name in sorted(names, key=manifest_number))
    return [each for each in found if each is not None]


def next_manifest_name(folder: str, known: Iterable[StoredManifest], erased: int = 0) -> str:
    """Build the name of the manifest behind those that are known in a folder.

    ``erased`` is the highest number of one that was erased.
    """
    numbers = (manifest_number(each.reference.object_name) for each in known)
    return manifest_in(folder, 1 + max((erased, *numbers)))


def listed_manifest(archive: Archive, object_name: str) -> StoredManifest | None:
    """Read a manifest that a listing told of; None where it was erased since.

    Raises `BrokenContent` where it is damaged, and where something else lies in its place.
    """
    found = find_manifest(archive, object_name)
    if found is None and object_name in archive.names(object_name):
        raise BrokenContent(
            f"{archive.location(object_name)} is no file of its own, but a link, a pipe or the"
            " like: find out who changes the archive, and restore the file",
            owner="archive",
        )
    return found


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
    return StoredManifest(manifest, reference_to(object_name, data), data)


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
