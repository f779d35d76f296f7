"""The inventory of one recording in one archive: every object that is of it."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from callvault.archive.identity import IDENTITY_OBJECT
from callvault.archive.manifests.documents import Keyring, sha256
from callvault.archive.manifests.holds import Hold, active_on
from callvault.archive.manifests.seal import StoredManifest, find_manifests, listed_manifest
from callvault.archive.names import (
    DOCUMENT_PREFIXES,
    RECORDINGS_PREFIX,
    folder_of,
    is_manifest_name,
)
from callvault.archive.store import Archive, StoredObject
from callvault.archive.subjects.accounts import IndexProblem, entries_of_recording
from callvault.archive.subjects.entries import Hash, IndexedRecording
from callvault.archive.subjects.index import entry_name
from callvault.contracts.call_ids import canonical_call_id
from callvault.contracts.holds import HoldRecord
from callvault.contracts.manifest import ArchivedObject, Manifest, ObjectReference
from callvault.contracts.subjects import SubjectEntry

_NO_RECORDINGS = (*DOCUMENT_PREFIXES, IDENTITY_OBJECT)


@dataclass(frozen=True, slots=True)
class Inventory:
    """A recording's folder in one archive."""

    archive: str
    folder: str
    manifests: tuple[StoredManifest, ...]
    """Of all recordings in it, the first one sealed first; those without an id share a folder.
    Those alone that a believed key has signed: nothing else may say what is erased, or when."""
    objects: tuple[StoredObject, ...]
    """In the order in which they are deleted: manifests last, since they tell of the others."""
    entries: tuple[SubjectEntry, ...]
    """The entries of everybody who was in it, as the index has them."""
    is_whole: bool = True
    """False if only its manifests were looked at."""
    doubt: str = ""
    """Why what its manifests say cannot be followed, in a sentence; empty where it can."""
    sealed_in: str = ""
    """The other archive whose manifests tell of it, where these objects are not sealed."""

    @property
    def content(self) -> str:
        """The digest over names, sizes and hashes of its objects."""
        told = (f"{each.name}\n{each.size}\n{each.sha256 or ''}\n" for each in self.objects)
        return sha256("".join(sorted(told)).encode())

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(each.size for each in self.objects)

    @property
    def workflows(self) -> tuple[str, ...]:
        """Ids of the workflows that kept it."""
        return tuple(sorted({each.manifest.workflow.workflow_id for each in self.manifests}))

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the recording and its call."""
        of = (each.manifest.recording for each in self.manifests)
        told = (each for one in of for each in (one.recording_id, one.server_call_id, one.call_id))
        return tuple(sorted({each for each in told if each}))

    @property
    def told(self) -> dict[str, ObjectReference]:
        """What its manifests tell of each object, and what they are themselves, by name."""
        named = {each.object_name: each for m in self.manifests for each in _named(m.manifest)}
        return named | {m.reference.object_name: m.reference for m in self.manifests}

    def without(self, names: Collection[str]) -> "Inventory":
        """Return the inventory without the objects of these names, manifests too."""
        manifests = (m for m in self.manifests if m.reference.object_name not in names)
        objects = (each for each in self.objects if each.name not in names)
        return replace(self, manifests=tuple(manifests), objects=tuple(objects))

    def holds(self, holds: Iterable[Hold]) -> list[HoldRecord]:
        """Return the holds on any recording of the folder."""
        known = list(holds)
        found = (hold for each in self.manifests for hold in active_on(known, each.manifest))
        return list({hold.id: hold for hold in found}.values())


def take(archive: Archive, folder: str, hash_of: Hash, keys: Keyring) -> Inventory:
    """Look at everything that is of the recording with this folder; ``keys`` are believed.

    `BrokenContent` where a manifest is damaged: then nobody knows what else is of it.
    """
    names = set(archive.names(f"{folder}/"))
    read = _manifests(archive, names, keys)
    manifests, doubt = _believed(read), _doubt(read)
    named = {each.object_name for m in manifests for each in _named(m.manifest)}
    doubt = doubt or _of_others(archive, manifests, named - names)
    names |= named
    found = (archive.stat(name) for name in sorted(names, key=_deletion_order))
    return Inventory(
        archive.name,
        folder,
        manifests,
        tuple(each for each in found if each is not None),
        tuple(_index(archive, manifests, hash_of)),
        doubt=doubt,
    )


def take_unsealed(archive: Archive, sealed: Inventory, hash_of: Hash) -> Inventory:
    """Look at what another archive than that of its manifests holds of a recording."""
    names = sorted(archive.names(f"{sealed.folder}/"))
    found = (archive.stat(name) for name in names)
    return Inventory(
        archive.name,
        sealed.folder,
        sealed.manifests,
        tuple(each for each in found if each is not None),
        tuple(_index(archive, sealed.manifests, hash_of)),
        doubt=sealed.doubt,
        sealed_in=sealed.archive,
    )


def has_unsealed(archive: Archive, folder: str) -> bool:
    """Tell if an archive holds files of a recording, and no manifest of it."""
    names = list(archive.names(f"{folder}/"))
    return bool(names) and not any(map(is_manifest_name, names))


def glance(archive: Archive, folder: str, keys: Keyring) -> Inventory:
    """Look at the manifests of a recording alone: enough to know that it is not due."""
    read = _manifests(archive, archive.names(f"{folder}/"), keys)
    objects = (each.reference for each, _ in read)
    known = tuple(StoredObject(each.object_name, each.size, each.sha256) for each in objects)
    return Inventory(
        archive.name, folder, _believed(read), known, (), is_whole=False, doubt=_doubt(read)
    )


_Read = Sequence[tuple[StoredManifest, str | None]]
"""Manifests as they lie there, each with why it proves nothing; None where it is proven."""


def _manifests(archive: Archive, names: Iterable[str], keys: Keyring) -> _Read:
    listed = (listed_manifest(archive, name) for name in sorted(names) if is_manifest_name(name))
    return [(each, each.objection(keys)) for each in listed if each is not None]


def _believed(read: _Read) -> tuple[StoredManifest, ...]:
    believed = (each for each, objection in read if objection is None)
    return tuple(sorted(believed, key=lambda each: each.manifest.sealed_at))


def _doubt(read: _Read) -> str:
    doubted = ((each.reference, objection) for each, objection in read if objection is not None)
    return next((f"{of.object_name} proves nothing: {why}" for of, why in doubted), "")


def _of_others(
    archive: Archive, manifests: Iterable[StoredManifest], elsewhere: Collection[str]
) -> str:
    """Say which of the objects in other places are another recording's, or none's; empty if none.

    Whether the manifests of those places are believed is no matter: what they name is kept.
    """
    own = {_identity(each.manifest) for each in manifests}
    of_recordings = {folder_of(each) for each in elsewhere if each.startswith(RECORDINGS_PREFIX)}
    for folder in sorted(of_recordings):
        sealed = find_manifests(archive, folder)
        if any(_identity(each.manifest) not in own for each in sealed):
            return f"a manifest of it names files in {folder}, which are another recording's"
    strange = sorted(each for each in elsewhere if each.startswith(_NO_RECORDINGS))
    return f"a manifest of it names {strange[0]}, which is no file of it" if strange else ""


def _identity(manifest: Manifest) -> tuple[str, str | None]:
    of = manifest.recording
    return canonical_call_id(of.server_call_id), of.recording_id


def _named(manifest: Manifest) -> Iterator[ArchivedObject]:
    # Files that ACS wrote itself lie elsewhere, as do chunks that came before the call's id.
    for chunk in manifest.chunks:
        yield from filter(None, (chunk.media, chunk.metadata))


def _deletion_order(name: str) -> tuple[bool, str]:
    return is_manifest_name(name), name


def _index(
    archive: Archive, manifests: Iterable[StoredManifest], hash_of: Hash
) -> Iterator[SubjectEntry]:
    # Manifests that complete one another tell the same of a file.
    entries = (entry for each in manifests for entry in _entries(archive, each.manifest, hash_of))
    for name, entry in {entry_name(entry): entry for entry in entries}.items():
        if archive.stat(name) is not None:
            yield entry


def _entries(archive: Archive, manifest: Manifest, hash_of: Hash) -> Iterator[SubjectEntry]:
    """Yield all entries that an export, a seal or a rebuilding can have written."""
    folder = IndexedRecording.of(manifest).folder
    for entry in entries_of_recording(archive, manifest, hash_of, _ignore):
        yield entry
        # An export knows no other folder than that of the file.
        own = folder_of(entry.evidence[0])
        if own != folder:
            yield entry.model_copy(update={"folder": own})


def _ignore(problem: IndexProblem) -> None:
    """Go on: a metadata file that cannot be read has indexed nobody."""
