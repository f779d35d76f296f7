"""A chunk that lies in an archive, as it was read back."""

from datetime import datetime

from activities.export_metadata import Archived
from callvault.archive.store import Archive
from callvault.archive.transfer.readback import Digest
from callvault.contracts.activity_io import ArchivedChunk


def archived_chunk(
    archive: Archive, name: str, digest: Digest, metadata: Archived, verified_at: datetime
) -> ArchivedChunk:
    """Describe a chunk that was read back, and its metadata file."""
    return ArchivedChunk(
        archive=archive.name,
        # Last of all: the place may have become another one since the copy began.
        archive_id=archive.prove(),
        object_name=name,
        location=archive.location(name),
        size=digest.size,
        sha256=digest.sha256,
        sha512=digest.sha512,
        metadata_object_name=metadata.object_name,
        metadata_problem=metadata.problem,
        start_time=metadata.facts.chunk_start_time,
        duration_ms=metadata.facts.chunk_duration,
        pauses=metadata.pauses,
        verified_at=verified_at,
    )
