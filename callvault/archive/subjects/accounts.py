"""The accounts of who was in a recording: its metadata files and manifests, read as entries."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from callvault.archive.store import Archive, read_small
from callvault.archive.subjects.entries import (
    Hash,
    IndexedRecording,
    entries_of_manifest,
    entries_of_metadata,
)
from callvault.contracts.chunk_metadata import parse_chunk_metadata
from callvault.contracts.manifest import Manifest
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import UNREADABLE


class IndexProblem(NamedTuple):
    """A fault of the index, or of what it is made of."""

    object_name: str
    text: str


OnProblem = Callable[[IndexProblem], None]


def entries_of_recording(
    archive: Archive, manifest: Manifest, hash_of: Hash, on_problem: OnProblem
) -> Iterator[SubjectEntry]:
    """Yield the entries of a sealed recording: by its manifest, and by each metadata file."""
    yield from entries_of_manifest(manifest)
    recording = IndexedRecording.of(manifest)
    for chunk in manifest.chunks:
        if chunk.metadata and chunk.media:
            name = chunk.metadata.object_name
            media = chunk.media.object_name
            yield from read_metadata(archive, recording, name, media, hash_of, on_problem)


def read_metadata(
    archive: Archive,
    recording: IndexedRecording,
    metadata_name: str,
    media_name: str | None,
    hash_of: Hash,
    on_problem: OnProblem,
) -> Iterator[SubjectEntry]:
    """Yield the entries of one metadata file; a problem is told where it does not tell all."""
    try:
        facts = parse_chunk_metadata(read_small(archive, metadata_name))
    except UNREADABLE as error:
        on_problem(IndexProblem(metadata_name, f"nobody is indexed by it: {error}"))
        return
    if unread := [each for each in facts.unread if each.startswith("participants")]:
        told = ", ".join(unread[:5])
        on_problem(IndexProblem(metadata_name, f"somebody in it is not indexed: {told}"))
    yield from entries_of_metadata(
        recording, metadata_name, media_name, facts.participants, hash_of
    )
