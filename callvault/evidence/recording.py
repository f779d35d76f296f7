"""All that a page tells of one recording: its manifest, its proof, its duties, its sound."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from callvault.archive.manifests.documents import Keyring, read_document, sha256
from callvault.archive.manifests.duties import duties_of
from callvault.archive.manifests.duty_records import settled
from callvault.archive.manifests.seal import find_manifests
from callvault.archive.media.waveform import NoWaveform, Waveform, object_waveform
from callvault.archive.names import duty_record_in, folder_of
from callvault.archive.store import Archive, read_small
from callvault.archive.verify.chain_end import ChainEnd
from callvault.archive.verify.inspector import Report
from callvault.archive.verify.verifier import verify_manifest
from callvault.contracts.chunk_metadata import parse_chunk_metadata
from callvault.contracts.duties import Duty, DutyRecord
from callvault.contracts.manifest import Manifest, ManifestChunk
from callvault.errors import UNREADABLE, ContentMissing

Picture = Waveform | NoWaveform

Hashes = Callable[[str], Sequence[str]]
"""From a ``rawId`` to its keyed hashes: by the key of participants, and by earlier ones."""


@dataclass(frozen=True, slots=True)
class Member:
    """A participant of a file, by the service's own account."""

    participant: str
    """Keyed hash."""
    raw_id: str = field(repr=False)
    object_name: str
    """The media file."""
    index: int
    """Of the chunk."""
    channel: int | None = None
    """Channel of an unmixed file, from 0."""


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """One recording, as a page shows it."""

    manifest: Manifest
    place: str
    """The URL or path where a person finds the manifest; empty where nothing is sealed."""
    sha256: str = ""
    """SHA-256 of the manifest, byte for byte; empty where nothing is sealed."""
    report: Report | None = None
    """The proof of this recording; none where nothing is sealed."""
    duties: tuple[Duty, ...] = ()
    records: tuple[DutyRecord, ...] = ()
    """What was done about duties."""
    settled: Mapping[Duty, DutyRecord] = field(default_factory=dict)
    """Those of the duties that are not open, each with the newest record about it."""
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    """The sound of each file, by its object name."""
    channels: frozenset[int] | None = None
    """The channels of which a page shows the sound; None for all."""
    members: tuple[Member, ...] = ()
    """The participants whom the service's metadata files name."""


def sealed_recording(
    archive: Archive,
    manifest_name: str,
    keys: Keyring,
    hashes_of: Hashes,
    end: ChainEnd | None = None,
) -> RecordingFacts:
    """Gather the facts of a sealed recording from its archive, and prove them.

    Of several manifests of the recording the newest one counts. ``end`` is that of the archive's
    chain. Raises `ContentMissing` where there is none.
    """
    name = newest_manifest(archive, manifest_name)
    folder = folder_of(name)
    data = read_small(archive, name)
    manifest = read_document(Manifest, data)
    report = verify_manifest(archive, name, keys, end=end)
    return RecordingFacts(
        manifest=manifest,
        place=archive.location(name),
        sha256=sha256(data),
        report=report,
        duties=(duties := duties_of(manifest)),
        records=(records := tuple(_records(archive, folder))),
        settled=settled(duties, records, find_manifests(archive, folder)),
        pictures={
            chunk.media.object_name: _picture(archive, chunk)
            for chunk in manifest.chunks
            if chunk.media
        },
        members=tuple(_members(archive, manifest, hashes_of)),
    )


def newest_manifest(archive: Archive, manifest_name: str) -> str:
    """Return the name of the newest manifest that completes the one of this name."""
    newest = manifest_name
    for manifest in _manifests(archive, folder_of(manifest_name)):
        if manifest.earlier and manifest.earlier.object_name == newest:
            newest = manifest.object_name
    return newest


def newest_manifests(archive: Archive, folder: str) -> list[str]:
    """Return the manifests of a folder that no later one completes, each of another recording.

    There are several where the ids of the recordings are not known.
    """
    found = list(_manifests(archive, folder))
    completed = {each.earlier.object_name for each in found if each.earlier}
    return [each.object_name for each in found if each.object_name not in completed]


def _manifests(archive: Archive, folder: str) -> Iterator[Manifest]:
    return (stored.manifest for stored in find_manifests(archive, folder))


def _records(archive: Archive, folder: str) -> list[DutyRecord]:
    found: list[DutyRecord] = []
    while archive.stat(name := duty_record_in(folder, len(found) + 1)) is not None:
        found.append(read_document(DutyRecord, read_small(archive, name)))
    return found


def _members(archive: Archive, manifest: Manifest, hashes_of: Hashes) -> Iterator[Member]:
    told_of = manifest.model_dump_json()
    for chunk in manifest.chunks:
        if chunk.media is None or chunk.metadata is None:
            continue
        with suppress(*UNREADABLE):  # the proof tells of it
            told = parse_chunk_metadata(read_small(archive, chunk.metadata.object_name))
            for each in told.participants:
                name = chunk.media.object_name
                # by the key that was in use when it was sealed, so that nobody is two people
                hashes = hashes_of(each.raw_id)
                known = next((one for one in hashes if one in told_of), hashes[0])
                yield Member(known, each.raw_id, name, chunk.index, each.channel)


def _picture(archive: Archive, chunk: ManifestChunk) -> Picture:
    media = chunk.media
    if media is None:
        return NoWaveform("it is not archived")
    try:
        return object_waveform(archive, media.object_name, media.size)
    except ContentMissing:
        return NoWaveform("the file is not in the archive")
    except UNREADABLE as error:
        return NoWaveform(str(error))
