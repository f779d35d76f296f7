"""Failback: recordings of the fallback archive are copied, verified and sealed in the primary.

"Home" is the primary archive. A commit there can never be taken back: so a file's bytes are
compared with the SHA-256 of its manifest before they are copied, and again when they are read back.
The manifest is written last, so that an attempt after a crash finds the files and goes on. Nothing
is deleted from the fallback archive.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from callvault.archive.failback.candidates import FailbackCandidate
from callvault.archive.manifests.believed_keys import believed_keys
from callvault.archive.manifests.chain import append, head
from callvault.archive.manifests.documents import Keyring, signed
from callvault.archive.manifests.evidence import properties_of
from callvault.archive.manifests.holds import hold_what_is_sealed
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.leftovers import delete_unsealed
from callvault.archive.manifests.seal import (
    StoredManifest,
    find_manifest,
    find_manifests,
    next_manifest_name,
    publish_key,
    software,
    vouched_for,
)
from callvault.archive.manifests.tombstones import Tombstones, find_tombstones, in_words
from callvault.archive.names import RECORDINGS_PREFIX, folder_of, is_manifest_name
from callvault.archive.store import Archive, put_bytes
from callvault.archive.subjects.accounts import entries_of_recording
from callvault.archive.subjects.entries import Hash
from callvault.archive.subjects.index import write
from callvault.archive.transfer.buffers import BufferPool
from callvault.archive.transfer.copier import copy
from callvault.archive.transfer.readback import Digest, read_back
from callvault.archive.transfer.source import ObjectSource
from callvault.archive.verify.chain_end import ChainEnd
from callvault.archive.verify.verifier import verify_manifest
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.manifest import (
    ArchivedObject,
    Manifest,
    ManifestChunk,
    ManifestReference,
    ObjectReference,
)
from callvault.errors import (
    BrokenContent,
    ContentMissing,
    InvalidRequest,
    ObjectExists,
    RecordingErased,
)

OnStep = Callable[[str, int, int | None], None]
"""Called with the step and its file, the bytes done, and the bytes in all."""

_METADATA_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class FailbackResult:
    """The effort for one recording; no manifests where it had been in the primary already."""

    manifests: int
    files: int
    size: int
    """Bytes of the files."""


@dataclass(frozen=True)
class Failback:
    """Copies recordings from one fallback archive to one primary."""

    fallback: Archive
    primary: Archive
    keys: Keyring
    """Keys that are believed to have signed in the fallback archive."""
    signer: Signer | None
    """Signer of the primary."""
    now: Callable[[], datetime]
    on_step: OnStep = lambda what, done, total: None
    """May raise to end it."""
    buffers: BufferPool = field(default_factory=BufferPool)
    hash_of: Hash | None = None
    """Hides participants for the primary's index; without it, nobody is indexed."""
    primary_keys: Keyring | None = None
    """Keys that are believed to have signed in the primary; without, those that lie in it."""
    end: ChainEnd | None = None
    """The end of the fallback's chain, read once for many recordings."""

    def __post_init__(self) -> None:
        if self.fallback.location("x") == self.primary.location("x"):
            raise InvalidRequest(
                f"{self.fallback.name} and {self.primary.name} are the same archive: name two"
            )

    def fail_back(self, recording: FailbackCandidate) -> FailbackResult:
        """Fail one recording back, or finish what an earlier attempt began.

        Raises `BrokenContent` or `ContentMissing` where the fallback archive does not hold what
        was sealed there, `ObjectExists` where the primary holds something else under a name, and
        `RecordingErased` where an erasure's tombstone stands for it in the primary.
        """
        sealed: list[Manifest] = []
        for name in recording.manifests:
            theirs = _found(self.fallback, name)
            self._drop_if_erased(theirs)
            target = self._find_target(theirs)
            ours = target.manifest
            if ours is None:
                ours = self._fail_back(theirs)
                sealed.append(ours.manifest)
            # also where the manifest is there: an earlier attempt may have ended before the link
            append(self.primary, ours.reference, self.signer, after=ours.manifest.previous)
            self._refuse_erased(theirs.manifest, "It was sealed meanwhile: plan its erasure again.")
            hold_what_is_sealed(self.primary, ours.manifest)
            self._index(ours.manifest)
        files = {each.object_name: each.size for m in sealed for each in _objects(m)}
        return FailbackResult(len(sealed), len(files), sum(files.values()))

    def _index(self, manifest: Manifest) -> None:
        """Index the people of a recording that is sealed in the primary now."""
        if self.hash_of is not None:
            # A metadata file that cannot be read is told by `callvault index check`.
            people = entries_of_recording(self.primary, manifest, self.hash_of, lambda _: None)
            write(self.primary, people)

    def _fail_back(self, theirs: StoredManifest) -> StoredManifest:
        self._check(theirs)
        media_type = theirs.manifest.recording.recording_format_type.content_type
        chunks = tuple(self._chunk(chunk, media_type) for chunk in theirs.manifest.chunks)
        if self.signer:
            # Before the manifest, whose signature needs it to be proven.
            publish_key(self.primary, self.signer)
        self._drop_if_erased(theirs)
        while True:
            target = self._find_target(theirs)
            if target.manifest:
                return target.manifest
            ours = theirs.manifest.model_copy(
                update={
                    "object_name": target.name,
                    "archive": self.primary.name,
                    "chunks": chunks,
                    "software": software(),
                    "sealed_at": self.now(),
                    "earlier": target.earlier,
                    "failed_back_from": _origin(theirs),
                    "previous": head(self.primary),
                }
            )
            self._write(ours)

    def _tombstones(self, manifest: Manifest) -> Tombstones:
        of = manifest.recording
        return find_tombstones(self.primary, of.recording_id, of.server_call_id, self.primary_keys)

    def _refuse_erased(self, manifest: Manifest, also: str = "") -> None:
        """Raise `RecordingErased` where the recording, or one of these files, was erased.

        A copy in which the erased channel is silent may come.
        """
        found = self._tombstones(manifest)
        for chunk in manifest.chunks:
            tombstone = found.of(chunk.document_id, chunk.index)
            silenced = {each.erasure for each in chunk.silenced}
            if tombstone and tombstone.erasure not in silenced:
                raise RecordingErased(f"{in_words(tombstone)}. {also}".strip())

    def _drop_if_erased(self, theirs: StoredManifest) -> None:
        """Look once more: it may have been erased while it was copied, and the copies must go."""
        try:
            self._refuse_erased(theirs.manifest)
        except RecordingErased:
            # A manifest that proves nothing may name whatever lies in the primary.
            if not theirs.objection(believed_keys(self.fallback, self.keys)):
                names = (each.object_name for each in _objects(theirs.manifest))
                delete_unsealed(self.primary, filter(_is_of_recording, names))
            raise

    def _write(self, manifest: Manifest) -> None:
        data, name = signed(manifest, self.signer), manifest.object_name
        try:
            put_bytes(self.primary, name, data, content_type="application/json", metadata={})
        except ObjectExists:  # another process was faster: the next look shows its manifest
            return

    def _find_target(self, theirs: StoredManifest) -> "_Target":
        """Find the primary's manifest or, if missing, its place behind the recording's others."""
        origin, folder = _origin(theirs), folder_of(theirs.reference.object_name)
        earlier: ObjectReference | None = None
        known = find_manifests(self.primary, folder)
        for found in vouched_for(self.primary, known, self.signer, self.primary_keys):
            if found.manifest.failed_back_from == origin:
                return _Target(found.reference.object_name, earlier, found)
            if _identity(found.manifest) == _identity(theirs.manifest):
                earlier = found.reference
        erased = self._tombstones(theirs.manifest).last_manifest
        return _Target(next_manifest_name(folder, known, erased), earlier, None)

    def _check(self, theirs: StoredManifest) -> None:
        """Verify signature, link and properties; the bytes are proven file by file."""
        name = theirs.reference.object_name
        report = verify_manifest(self.fallback, name, self.keys, quick=True, end=self.end)
        problems = [f"{remark.location}: {remark.text}" for remark in report.problems]
        if problems:
            raise BrokenContent(
                f"{'; '.join(problems)}. Nothing of it was sealed in {self.primary.name}: find out"
                f" who changes archive {self.fallback.name} and restore what was sealed",
                owner="archive",
            )

    def _chunk(self, chunk: ManifestChunk, media_type: str) -> ManifestChunk:
        """Copy the chunk's files, and return the chunk as it lies in the primary."""
        media = self._object(chunk.media, media_type) if chunk.media else None
        metadata = self._object(chunk.metadata, _METADATA_TYPE) if chunk.metadata else None
        return chunk.model_copy(update={"media": media, "metadata": metadata})

    def _object(self, sealed: ArchivedObject, content_type: str) -> ArchivedObject:
        name = sealed.object_name
        if not _is_of_recording(name):
            raise BrokenContent(f"{name} is no file of a recording: forged", owner="archive")
        if self.primary.stat(name) is None:
            self._copy(sealed, content_type)
        found = self._read(self.primary, sealed, "reading back")
        if found is None:
            raise ObjectExists(
                f"{self.primary.location(name)} holds other bytes than were sealed in"
                f" {self.fallback.name}; nothing was overwritten: compare the two, move the wrong"
                " one away and try again"
            )
        properties = _properties(self.primary, name)
        return sealed.model_copy(update={"properties": properties, "sha512": found.sha512})

    def _copy(self, sealed: ArchivedObject, content_type: str) -> None:
        name = sealed.object_name
        if self._read(self.fallback, sealed, "checking") is None:
            raise BrokenContent(
                f"{self.fallback.location(name)} is not what was sealed: it was changed, and not"
                " copied. Restore it from a backup, and find out who changes the archive",
                owner="archive",
            )
        found = self.fallback.stat(name)
        copy(
            ObjectSource(self.fallback, name),
            self.primary,
            name,
            content_type=content_type,
            metadata=found.metadata if found else {},
            on_progress=self._step("copying", name),
            buffers=self.buffers,
        )

    def _read(self, archive: Archive, sealed: ArchivedObject, action: str) -> Digest | None:
        """Read an object whole; None where its bytes are not the sealed ones."""
        name = sealed.object_name
        try:
            found = read_back(archive, name, self._step(action, name), self.buffers)
        except BrokenContent:
            return None
        is_same = (found.size, found.sha256) == (sealed.size, sealed.sha256)
        return found if is_same and sealed.sha512 in {None, found.sha512} else None

    def _step(self, action: str, object_name: str) -> Callable[[int, int | None], None]:
        return partial(self.on_step, f"{action} {object_name.rpartition('/')[2]}")


class _Target(NamedTuple):
    """The place of a failed-back manifest in the primary."""

    name: str
    earlier: ObjectReference | None
    manifest: StoredManifest | None


def _found(archive: Archive, name: str) -> StoredManifest:
    found = find_manifest(archive, name)
    if found is None:
        raise ContentMissing(f"{archive.location(name)} has just vanished", owner="archive")
    return found


def _identity(manifest: Manifest) -> tuple[str, str | None, int]:
    # not the folder: recordings whose id is not known share one
    of = manifest.recording
    return canonical_call_id(of.server_call_id), of.recording_id, of.number


def _origin(theirs: StoredManifest) -> ManifestReference:
    return ManifestReference(archive=theirs.manifest.archive, **theirs.reference.model_dump())


def _objects(manifest: Manifest) -> Iterator[ArchivedObject]:
    for chunk in manifest.chunks:
        yield from filter(None, (chunk.media, chunk.metadata))


def _is_of_recording(name: str) -> bool:
    return name.startswith(RECORDINGS_PREFIX) and not is_manifest_name(name)


def _properties(archive: Archive, name: str) -> dict[str, str]:
    found = archive.stat(name)
    return properties_of(archive, found) if found else {}
