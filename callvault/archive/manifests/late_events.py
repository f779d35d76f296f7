"""Manifests of late events, of a recording that was sealed before.

Event Grid may repeat an event, or deliver it a day late, when the call's workflow has ended.
Another run then archives the files that the event names. It knows nothing of requests, pauses and
consents: these stand in the manifest which is there.
"""

from callvault.archive.manifests.manifest import findings, unexpected_files
from callvault.archive.manifests.service_account import compare
from callvault.contracts.events import are_whole
from callvault.contracts.manifest import Manifest, ManifestChunk, SealInput
from callvault.contracts.silence import SoundEvidence
from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import RecordingStatus

ChunkId = tuple[str, int]

OF_THE_SEALING = (
    "schema_version",
    "object_name",
    "archive",
    "workflow",
    "software",
    "sealed_at",
    "input_sha256",
    "earlier",
    "failed_back_from",
    "previous",
    "signature",
)
"""Members that tell of the manifest itself. All others tell of the recording."""

_TOLD = (
    "origin",
    "requested_at",
    "started_at",
    "adopted_at",
    "stopped_at",
    "recording_duration_ms",
)
"""Facts of the recording by which its files are judged."""


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
    """Complete the sealed manifest with the files of the new one; nothing of it is left out."""
    chunks = _merge_chunks(new, sealed)
    # The missing file of a recording that was told as lost may be the one that came late.
    is_whole = sealed.recording.state is RecordingState.ARCHIVED or are_whole(
        (chunk.index, chunk.end_reason) for chunk in chunks
    )
    lost = any(chunk.state is not ChunkState.ARCHIVED for chunk in chunks)
    state = RecordingState.LOST if lost or not is_whole else RecordingState.ARCHIVED
    known = _recording(input, sealed, is_whole=is_whole)
    compared = compare(known, chunks)
    known = known.model_copy(update={"silence": compared.silence})
    return sealed.model_copy(
        update={
            **{name: getattr(new, name) for name in OF_THE_SEALING},
            "recording": sealed.recording.model_copy(
                update={"state": state, "problem": known.problem}
            ),
            "silence": compared.silence,
            "chunks": chunks,
            "findings": findings(known, chunks),
            "contradictions": (
                *sealed.contradictions,
                *compared.contradictions,
                *unexpected_files(known),
            ),
        }
    )


def _recording(input: SealInput, sealed: Manifest, *, is_whole: bool) -> RecordingStatus:
    """Return what is known of the recording by both, to be judged anew."""
    # A late run waits in vain for files that it does not know to be there.
    late = {"problem": "", "window_closed": False} if is_whole else {}
    of = sealed.recording
    told = {name: getattr(of, name) for name in _TOLD}
    # Of the sound, all that its account is compared by.
    sound = SoundEvidence(begun_at=of.begun_at, active_at=of.active_at)
    return input.recording.model_copy(
        update={
            **late,
            **told,
            "pauses": list(sealed.pauses),
            "silence": sealed.silence,
            "sound": sound,
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
