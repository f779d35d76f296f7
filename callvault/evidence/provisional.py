"""The account of a recording that is not sealed yet, in the form of its manifest to be."""

from datetime import datetime

from callvault.archive.manifests.manifest import ChunkEvidence, SealContext, build_manifest
from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.manifest import ArchivedObject, Manifest, SealInput
from callvault.contracts.media import MediaCheck, MediaVerdict
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.evidence.recording import RecordingFacts

_NO_HASH = "0" * 64


def unsealed_recording(
    status: CallStatus, recording: RecordingStatus, now: datetime, software: str
) -> RecordingFacts:
    """Tell what a call's workflow knows of a recording; nothing of it is proven."""
    input = SealInput(
        archive=recording.archive,
        resource=status.resource,
        server_call_id=status.server_call_id,
        recorded_on=recording.requested_at,
        recording=recording,
        requests=tuple(r for r in status.requests.values() if r.recording == recording.number),
        consents=tuple(status.consents),
        participants=tuple(status.participants),
        consents_left_out=status.consents_left_out,
        participants_left_out=status.participants_left_out,
        workflow_id="",
        run_id="",
    )
    context = SealContext(
        object_name="",
        input_sha256=_NO_HASH,
        sealed_at=now,
        software=software,
        earlier=None,
        previous=None,
    )
    evidence = [_as_archived(chunk.archived) for chunk in recording.chunks]
    manifest: Manifest = build_manifest(input, evidence, context)
    return RecordingFacts(manifest=manifest, place="")


def _as_archived(chunk: ArchivedChunk | None) -> ChunkEvidence | None:
    """Tell of a chunk what was known when it was read back."""
    if chunk is None:
        return None
    media = ArchivedObject(object_name=chunk.object_name, size=chunk.size, sha256=chunk.sha256)
    unchecked = MediaCheck(verdict=MediaVerdict.LENGTH_NOT_DECLARED)
    return ChunkEvidence(media, None, chunk.media or unchecked)
