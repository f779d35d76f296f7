"""Index entries of the people whom a metadata file or a manifest names. Pure: nothing is read."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from callvault.archive.names import day_of, folder_of
from callvault.contracts.chunk_metadata import ChunkParticipant
from callvault.contracts.manifest import Manifest, ManifestChunk
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.contracts.subjects import SubjectChunk, SubjectEntry, SubjectSource

Hash = Callable[[str], str]
"""From a ``rawId`` to its keyed hash: `callvault.contracts.participants.hiding`."""


@dataclass(frozen=True, slots=True)
class IndexedRecording:
    """The recording that entries are about, as far as it is known."""

    archive: str
    folder: str
    resource: str | None = None
    recording_id: str | None = None
    call_id: str | None = None
    server_call_id: str | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> "IndexedRecording":
        """Return the recording of a manifest."""
        of = manifest.recording
        folder = folder_of(manifest.object_name)
        ids = (of.recording_id, of.call_id, of.server_call_id)
        return cls(manifest.archive, folder, of.resource, *ids)

    def entry(
        self,
        participant: str,
        evidence: str,
        sources: Iterable[SubjectSource],
        chunks: Iterable[SubjectChunk],
    ) -> SubjectEntry:
        """Build the entry of a person, by one account."""
        return SubjectEntry(
            participant=participant,
            archive=self.archive,
            folder=self.folder,
            recorded_on=day_of(self.folder),
            resource=self.resource,
            recording_id=self.recording_id,
            call_id=self.call_id,
            server_call_id=self.server_call_id,
            chunks=tuple(chunks),
            sources=tuple(sources),
            evidence=(evidence,),
        )


def entries_of_metadata(
    recording: IndexedRecording,
    metadata_name: str,
    media_name: str | None,
    participants: Iterable[ChunkParticipant],
    hash_of: Hash,
) -> Iterator[SubjectEntry]:
    """Yield one entry for each person whom a chunk's metadata file names.

    Without ``media_name`` the media file is gone: the person is still named, in no chunk.
    """
    channels: dict[str, dict[int | None, None]] = {}
    for each in participants:
        channels.setdefault(hash_of(each.raw_id), {})[each.channel] = None
    for participant, told in channels.items():
        chunks = [
            SubjectChunk(object_name=media_name, channel=channel) for channel in told if media_name
        ]
        yield recording.entry(participant, metadata_name, [SubjectSource.METADATA], chunks)


def entries_of_manifest(manifest: Manifest) -> Iterator[SubjectEntry]:
    """Yield one entry for each person whom a manifest names by hash."""
    recording = IndexedRecording.of(manifest)
    chunks = [
        SubjectChunk(object_name=chunk.media.object_name)
        for chunk in manifest.chunks
        if chunk.media and not _tells_participants(chunk)
    ]
    for participant, sources in _people(manifest).items():
        yield recording.entry(participant, manifest.object_name, sources, chunks)


def _tells_participants(chunk: ManifestChunk) -> bool:
    return chunk.metadata is not None and not chunk.metadata_problem


def _people(manifest: Manifest) -> dict[str, dict[SubjectSource, None]]:
    """Collect the people of a manifest, with every source that names them."""
    consent = manifest.consent
    named = chain(
        ((each.participant, SubjectSource.PRESENCE) for each in consent.participants),
        ((each.participant, SubjectSource.PRESENCE) for each in consent.joiner_announcements),
        ((each.participant, SubjectSource.CONSENT) for each in manifest.consents),
        ((each.participant, SubjectSource.CONSENT) for each in manifest.marked),
        ((each, SubjectSource.NAMED) for each in consent.terms.consent_participants),
    )
    people: dict[str, dict[SubjectSource, None]] = {}
    for participant, source in named:
        if participant != UNKNOWN_PARTICIPANT:
            people.setdefault(participant, {})[source] = None
    return people
