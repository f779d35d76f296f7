"""Files that lie in an archive, and in no manifest: an export brought them, and nobody knows it.

So it is after Temporal was restored to a time before the export.
"""

import re
from collections.abc import Callable
from datetime import datetime

from activities.archived_chunk import archived_chunk
from activities.export_metadata import Archived, archived_metadata
from callvault.archive.manifests.lookup import names_of_recording
from callvault.archive.names import is_file_of_document, is_manifest_name
from callvault.archive.store import Archive
from callvault.archive.transfer.readback import read_back
from callvault.contracts.activity_io import FindSealed, FoundChunk, FoundRecording
from callvault.contracts.events import FileStatusUpdated, RecordingChunk
from callvault.errors import BrokenContent, ContentMissing

WITHOUT_METADATA = "its metadata file is not archived: no event told where the service has it"

_MEDIA = re.compile(r"[0-9]+-[^/]*\.(?:mp4|mp3|wav)")


def with_unsealed(
    archive: Archive, input: FindSealed, sealed: FoundRecording | None, now: Callable[[], datetime]
) -> FoundRecording | None:
    """Add to what was found sealed of a recording all that lies beside it; None if nothing does.

    Each file is read, and compared with what was put when it was copied; one that differs, or that
    does not say which chunk it is, is left out. So is one without its metadata, as an interrupted
    export leaves it, but for the last look: its event may come again, and brings both.
    """
    chunks = list(sealed.chunks) if sealed else []
    known = {each.archived.object_name for each in chunks}
    names = list(names_of_recording(archive, input.recording_id, input.since, input.until))
    if sealed is None and any(map(is_manifest_name, names)):
        return None  # that manifest is not believed: nor is what lies beside it
    for name in sorted(name for name in names if _MEDIA.fullmatch(name.rpartition("/")[2])):
        if name not in known and (found := _chunk(archive, name, input, now)) is not None:
            chunks.append(found)
    if not chunks:
        return None
    files = sealed.files if sealed else _no_event(input, chunks)
    return FoundRecording(
        archive=archive.name,
        manifest=sealed.manifest if sealed else "",
        files=files.model_copy(update={"chunks": tuple(each.chunk for each in chunks)}),
        chunks=tuple(chunks),
    )


def _no_event(input: FindSealed, chunks: list[FoundChunk]) -> FileStatusUpdated:
    """Make up for the event that announced these files: of it nothing else is known."""
    return FileStatusUpdated(
        event_time=input.until,
        server_call_id=input.server_call_id,
        recording_id=input.recording_id,
        recording_format_type=chunks[0].archived.object_name.rpartition(".")[2],
        chunks=tuple(each.chunk for each in chunks),
    )


def _chunk(
    archive: Archive, name: str, input: FindSealed, now: Callable[[], datetime]
) -> FoundChunk | None:
    known = archive.stat(name)
    told = known.metadata if known else {}
    document_id, index = told.get("document_id"), told.get("chunk_index", "")
    if told.get("recording_id") != input.recording_id or not document_id or not index.isdecimal():
        return None
    # An id that is too long for a header is cut there.
    if not is_file_of_document(name, int(index), document_id):
        return None
    try:
        digest = read_back(archive, name, _unwatched)
    except (BrokenContent, ContentMissing):
        return None
    metadata = archived_metadata(archive, name)
    if metadata.object_name is None:
        if not input.is_last:
            return None
        metadata = Archived(problem=WITHOUT_METADATA)
    archived = archived_chunk(archive, name, digest, metadata, now())
    end_reason = told.get("end_reason", "")
    chunk = RecordingChunk(document_id=document_id, index=int(index), end_reason=end_reason)
    return FoundChunk(chunk=chunk, archived=archived)


def _unwatched(done: int, total: int | None) -> None:
    """Let the heartbeat in the background tell that the worker lives."""
