"""Evidence of a chunk: its objects as the archive itself describes them."""

from callvault.archive.digests import WholeDigest
from callvault.archive.manifests.documents import sha256
from callvault.archive.manifests.manifest import ChunkEvidence
from callvault.archive.media.check import Expected, check_media
from callvault.archive.object_metadata import SHA256
from callvault.archive.store import Archive, StoredObject
from callvault.contracts.activity_io import ArchivedChunk, SealedRecording
from callvault.contracts.manifest import ArchivedObject
from callvault.contracts.status import ChunkStatus, RecordingStatus
from callvault.errors import BrokenContent, ContentMissing, InvalidRequest, WrongArchive

BLOCKS = "block_digests_sha256"
"""Key of the hash over the digests of its blocks, in an object's properties."""


def chunk_evidence(
    archive: Archive, recording: RecordingStatus, status: ChunkStatus
) -> ChunkEvidence | None:
    """Look at the chunk's objects; None where it is not archived.

    Raises `ContentMissing` or `BrokenContent` where the archive no longer holds what was verified.
    """
    # the bytes were read back when the chunk was verified; they are read again only where the
    # media has not been checked yet
    chunk = status.archived
    if chunk is None:
        return None
    if chunk.archive != archive.name:
        raise InvalidRequest(
            f"{chunk.object_name} lies in archive {chunk.archive}, not in {archive.name}: seal the"
            " recording where its chunks are"
        )
    found = require_chunk(archive, chunk)
    media = ArchivedObject(
        object_name=found.name,
        size=chunk.size,
        sha256=chunk.sha256,
        sha512=chunk.sha512,
        properties=properties_of(archive, found),
    )
    check = chunk.media or check_media(
        archive, found.name, found.size, expected_of(recording, chunk)
    )
    return ChunkEvidence(media, _metadata(archive, chunk), check)


def require_chunk(archive: Archive, chunk: ArchivedChunk) -> StoredObject:
    """Look the chunk's file up; its bytes are not read.

    Raises `ContentMissing` or `BrokenContent` where the archive does not hold it as verified.
    """
    found = _stored(archive, chunk.object_name)
    if found.size != chunk.size or found.sha256 not in {None, chunk.sha256}:
        raise BrokenContent(
            f"{archive.location(chunk.object_name)} is not what was verified: find out who changes"
            " the archive, move the object away, and the chunk is archived again",
            owner="archive",
        )
    if chunk.metadata_object_name is not None:
        _stored(archive, chunk.metadata_object_name)
    return found


def not_held(archive: Archive, recording: RecordingStatus) -> dict[tuple[str, int], str]:
    """Say what is wrong with each archived chunk that the archive does not hold as verified."""
    wrong: dict[tuple[str, int], str] = {}
    for each in recording.chunks:
        if each.archived is not None:
            try:
                require_chunk(archive, each.archived)
            except (ContentMissing, BrokenContent) as error:
                wrong[each.chunk.document_id, each.chunk.index] = str(error)
    return wrong


def require_sealed(archive: Archive, chunk: ArchivedChunk, sealed: SealedRecording) -> None:
    """Raise `ContentMissing` or `BrokenContent` unless the chunk and its manifest are there.

    `WrongArchive` where the archive is not the one that the chunk was verified in.
    """
    require_same(archive, chunk)
    require_chunk(archive, chunk)
    _stored(archive, sealed.object_name)


def require_same(archive: Archive, chunk: ArchivedChunk) -> None:
    """Raise `WrongArchive` unless the chunk was verified in this very archive, asked now."""
    found = archive.prove()
    if chunk.archive_id not in ("", found):
        raise WrongArchive(
            f"{chunk.object_name} was archived in {chunk.archive_id}, and archive {archive.name} of"
            f" this worker is {found}: give all workers the same place for this name"
        )


def expected_of(recording: RecordingStatus, chunk: ArchivedChunk) -> Expected:
    """Describe what the chunk's file should be."""
    # the event tells the length of the whole recording: usable where there is only one chunk
    duration = chunk.duration_ms
    if duration is None and len(recording.chunks) == 1:
        duration = recording.recording_duration_ms
    return Expected(
        recording.recording_format_type,
        recording.recording_content_type,
        recording.recording_channel_type,
        duration,
        sum(pause.duration_ms for pause in chunk.pauses),
    )


def properties_of(archive: Archive, found: StoredObject) -> dict[str, str]:
    """Collect what the store keeps beside an object: ids, and its own record of the bytes.

    That record is the SHA-256 of the whole or, of an object in many blocks, one hash over the
    SHA-256 of all of them.
    """
    if found.sha256 is not None:
        return {**found.metadata, SHA256: found.sha256}
    digests = archive.digests(found.name)
    if digests is None:
        return dict(found.metadata)
    blocks = sha256(digests.block_size.to_bytes(8) + b"".join(digests.sha256))
    return {**found.metadata, BLOCKS: blocks}


def _metadata(archive: Archive, chunk: ArchivedChunk) -> ArchivedObject | None:
    if chunk.metadata_object_name is None:
        return None
    found = _stored(archive, chunk.metadata_object_name)
    # piece by piece: whoever can write into an archive must not decide how much memory this needs
    with WholeDigest() as digest:
        for piece in archive.read(found.name):
            digest.update(piece)
    return ArchivedObject(
        object_name=found.name,
        size=digest.size,
        sha256=digest.sha256,
        sha512=digest.sha512,
        properties=properties_of(archive, found),
    )


def _stored(archive: Archive, object_name: str) -> StoredObject:
    found = archive.stat(object_name)
    if found is None:
        raise ContentMissing(
            f"{archive.location(object_name)} was archived and is gone: find out who deletes from"
            " the archive",
            owner="archive",
        )
    return found
