"""What a late event brings of a recording that was sealed before. Pure.

Event Grid may repeat an event, or deliver it a day late, when the workflow that kept the call has
ended. Another run then archives what the event names, and knows nothing of who asked, paused and
consented: that stands in the manifest which is there.
"""

from callvault.archive.manifests.manifest import findings
from callvault.contracts.manifest import Manifest, ManifestChunk, ManifestOrder
from callvault.contracts.states import ChunkState, RecordingState

ChunkId = tuple[str, int]


def knows_files_alone(order: ManifestOrder) -> bool:
    """Whether the order comes from events alone, and says for certain of which recording."""
    return order.recording.origin == "announced" and order.recording.recording_id is not None


def adds_nothing(order: ManifestOrder, sealed: Manifest) -> bool:
    """Whether the manifest has every file of the order, and those archived with equal hashes."""
    there = {_id(chunk): chunk.media.sha256 if chunk.media else None for chunk in sealed.chunks}
    return all(
        (key := (chunk.chunk.document_id, chunk.chunk.index)) in there
        and (chunk.archived is None or there[key] == chunk.archived.sha256)
        for chunk in order.recording.chunks
    )


def completed(new: Manifest, order: ManifestOrder, sealed: Manifest) -> Manifest:
    """The new manifest with everything that the sealed one knows besides."""
    chunks = _together(new, sealed)
    was_whole = sealed.recording.state is RecordingState.ARCHIVED
    lost = any(chunk.state is not ChunkState.ARCHIVED for chunk in chunks)
    state = RecordingState.LOST if lost or not was_whole else RecordingState.ARCHIVED
    # A late run waits in vain for files that it does not know to be there.
    known = {"problem": "", "window_closed": False} if was_whole else {}
    recording = order.recording.model_copy(
        update={
            **known,
            "doubtful": list(sealed.doubtful),
            "recording_duration_ms": sealed.recording.recording_duration_ms,
        }
    )
    return new.model_copy(
        update={
            "recording": sealed.recording.model_copy(
                update={"state": state, "problem": recording.problem}
            ),
            "requests": sealed.requests,
            "pauses": sealed.pauses,
            "doubtful": sealed.doubtful,
            "consents": sealed.consents,
            "chunks": chunks,
            "findings": findings(recording, chunks),
        }
    )


def _together(new: Manifest, sealed: Manifest) -> tuple[ManifestChunk, ...]:
    """The chunks of both; what the new one says of a chunk counts, unless it lost it."""
    chunks = {_id(chunk): chunk for chunk in sealed.chunks}
    for chunk in new.chunks:
        if chunk.state is ChunkState.ARCHIVED or _id(chunk) not in chunks:
            chunks[_id(chunk)] = chunk
    return tuple(sorted(chunks.values(), key=lambda chunk: (chunk.index, chunk.document_id)))


def _id(chunk: ManifestChunk) -> ChunkId:
    return chunk.document_id, chunk.index
