"""Manifests of late events, of a recording that was sealed before.

Event Grid may repeat an event, or deliver it a day late, when the call's workflow has ended.
Another run then archives the files that the event names. It knows nothing of requests, pauses and
consents: these stand in the manifest which is there.
"""

from callvault.archive.manifests.manifest import findings
from callvault.contracts.manifest import Manifest, ManifestChunk, SealInput
from callvault.contracts.states import ChunkState, RecordingState

ChunkId = tuple[str, int]


def is_files_only(input: SealInput) -> bool:
    """Tell if the order comes from events alone, and names its recording for certain."""
    return input.recording.origin == "announced" and input.recording.recording_id is not None


def adds_nothing(input: SealInput, sealed: Manifest) -> bool:
    """Tell if the manifest has every file of the order, the archived ones with equal hashes."""
    there = {_id(chunk): chunk.media.sha256 if chunk.media else None for chunk in sealed.chunks}
    return all(
        (key := (chunk.chunk.document_id, chunk.chunk.index)) in there
        and (chunk.archived is None or there[key] == chunk.archived.sha256)
        for chunk in input.recording.chunks
    )


def completed(new: Manifest, input: SealInput, sealed: Manifest) -> Manifest:
    """Complete the new manifest with everything that only the sealed one knows."""
    chunks = _merge_chunks(new, sealed)
    was_whole = sealed.recording.state is RecordingState.ARCHIVED
    lost = any(chunk.state is not ChunkState.ARCHIVED for chunk in chunks)
    state = RecordingState.LOST if lost or not was_whole else RecordingState.ARCHIVED
    # a late run waits in vain for files that it does not know to be there
    known = {"problem": "", "window_closed": False} if was_whole else {}
    recording = input.recording.model_copy(
        update={
            **known,
            "silence": sealed.silence,
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
            "silence": sealed.silence,
            "consents": sealed.consents,
            "chunks": chunks,
            "findings": findings(recording, chunks),
        }
    )


def _merge_chunks(new: Manifest, sealed: Manifest) -> tuple[ManifestChunk, ...]:
    """Join the chunks of both; the new manifest's count, unless they are lost there."""
    chunks = {_id(chunk): chunk for chunk in sealed.chunks}
    for chunk in new.chunks:
        if chunk.state is ChunkState.ARCHIVED or _id(chunk) not in chunks:
            chunks[_id(chunk)] = chunk
    return tuple(sorted(chunks.values(), key=lambda chunk: (chunk.index, chunk.document_id)))


def _id(chunk: ManifestChunk) -> ChunkId:
    return chunk.document_id, chunk.index
