"""The proof of an index entry: what the object that it names as evidence says of the person."""

from collections.abc import Iterator

from callvault.archive.manifests.seal import find_manifest
from callvault.archive.names import (
    RECORDINGS_PREFIX,
    folder_of,
    is_manifest_name,
    is_object_name,
    media_names,
    metadata_object_name,
)
from callvault.archive.store import Archive
from callvault.archive.subjects.accounts import IndexProblem, read_metadata
from callvault.archive.subjects.entries import Hash, IndexedRecording, entries_of_manifest
from callvault.contracts.subjects import SubjectEntry
from callvault.errors import BrokenContent

NOT_NAMED = (
    "no object of the archive says so: it was planted or changed, what said so is gone, or the key"
    " of participants is another one now"
)


def objection(archive: Archive, entry: SubjectEntry, hash_of: Hash) -> str | None:
    """Say why an account of a person is not believed; None if its evidence says what it says."""
    problems: list[IndexProblem] = []
    try:
        said = list(_said(archive, entry, hash_of, problems))
    except BrokenContent as error:
        return str(error)
    if any(is_same(entry, each) for each in said):
        return None
    return problems[0].text if problems else NOT_NAMED


def is_same(found: SubjectEntry, expected: SubjectEntry) -> bool:
    """Tell if an entry says of a person what it should; ids may have been unknown at its time."""
    facts = ("participant", "folder", "recorded_on", "evidence", "chunks")
    if any(getattr(found, each) != getattr(expected, each) for each in facts):
        return False
    return set(found.sources) == set(expected.sources) and _has_ids_of(found, expected)


def _has_ids_of(found: SubjectEntry, expected: SubjectEntry) -> bool:
    pairs = (
        (getattr(found, each), getattr(expected, each))
        for each in ("resource", "recording_id", "call_id", "server_call_id")
    )
    return all(None in pair or pair[0] == pair[1] for pair in pairs)


def _said(
    archive: Archive, entry: SubjectEntry, hash_of: Hash, problems: list[IndexProblem]
) -> Iterator[SubjectEntry]:
    """Yield what the evidence of one account says, of everybody whom it names."""
    evidence = entry.evidence[0]
    if not is_object_name(evidence):
        return
    if is_manifest_name(evidence):
        if found := find_manifest(archive, evidence):
            yield from entries_of_manifest(found.manifest)
        return
    media = entry.chunks[0].object_name if entry.chunks else None
    if _is_its_file(archive, evidence, media) and _belongs(archive, evidence, entry.folder):
        recording = IndexedRecording(archive.name, entry.folder)
        yield from read_metadata(archive, recording, evidence, media, hash_of, problems.append)


def _is_its_file(archive: Archive, metadata_name: str, media_name: str | None) -> bool:
    """Tell if a metadata file is that of a media file; with None, if its media file is gone."""
    if media_name is not None:
        return metadata_object_name(media_name) == metadata_name
    return not any(archive.stat(name) for name in media_names(metadata_name))


def _belongs(archive: Archive, metadata_name: str, folder: str) -> bool:
    """Tell if a metadata file is one of the recording in this folder."""
    if folder_of(metadata_name) == folder:
        return True
    # ACS itself wrote it there, and the folder is only where the manifest will lie.
    if not metadata_name.startswith(RECORDINGS_PREFIX):
        return True
    # It was archived before its call's id was known: then the manifest in this folder names it.
    for name in filter(is_manifest_name, archive.names(f"{folder}/manifest")):
        found = find_manifest(archive, name)
        chunks = found.manifest.chunks if found else ()
        if any(each.metadata and each.metadata.object_name == metadata_name for each in chunks):
            return True
    return False
