"""A recording's manifest, from what its workflow knows and an archive holds."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from callvault.archive.manifests.service_account import compare
from callvault.archive.media.check import tolerance
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.manifest import (
    ArchivedObject,
    Consent,
    ConsentEvidence,
    LinkReference,
    Manifest,
    ManifestChunk,
    ManifestRecording,
    ObjectReference,
    SealInput,
    SourceAddress,
    WorkflowRun,
)
from callvault.contracts.media import MediaCheck, MediaProblem, MediaVerdict
from callvault.contracts.states import ChunkState
from callvault.contracts.status import ChunkStatus, RecordingStatus

_MAX_LISTED = 20
"""Missing chunks that are named one by one."""


@dataclass(frozen=True, slots=True)
class ChunkEvidence:
    """A chunk as the archive itself describes it."""

    media: ArchivedObject
    metadata: ArchivedObject | None
    check: MediaCheck


@dataclass(frozen=True, slots=True)
class SealContext:
    """Circumstances of a sealing: time, software, and the documents before it."""

    object_name: str
    input_sha256: str
    sealed_at: datetime
    software: str
    earlier: ObjectReference | None
    previous: LinkReference | None


def build_manifest(
    input: SealInput,
    evidence: Sequence[ChunkEvidence | None],
    context: SealContext,
) -> Manifest:
    """Build the manifest, unsigned. ``evidence`` stands in the order of the recording's chunks."""
    chunks = tuple(
        _chunk(chunk, found) for chunk, found in zip(input.recording.chunks, evidence, strict=True)
    )
    compared = compare(input.recording, chunks)
    recording = input.recording.model_copy(update={"silence": compared.silence})
    return Manifest(
        object_name=context.object_name,
        archive=input.archive,
        recording=_recording(input),
        requests=input.requests,
        pauses=tuple(recording.pauses),
        silence=recording.silence,
        consents=tuple(_consent(record) for record in input.consents),
        consent=_consent_evidence(input),
        marked=tuple(input.recording.marked),
        chunks=chunks,
        findings=findings(recording, chunks),
        contradictions=(*compared.contradictions, *unexpected_files(recording)),
        workflow=WorkflowRun(workflow_id=input.workflow_id, run_id=input.run_id),
        software=context.software,
        sealed_at=context.sealed_at,
        input_sha256=context.input_sha256,
        earlier=context.earlier,
        previous=context.previous,
        signature=None,
    )


def findings(recording: RecordingStatus, chunks: Sequence[ManifestChunk]) -> tuple[str, ...]:
    """List everything that is wrong with a recording, in sentences; none where it is complete."""
    return (
        *unexpected_files(recording),
        *_before_adoption(recording),
        *_of_recording(recording, chunks),
        *silent_since(chunks),
        *_of_metadata(chunks),
        *_of_order(chunks),
        *_of_length(recording, chunks),
    )


def unexpected_files(recording: RecordingStatus) -> Iterator[str]:
    """Tell of files of a recording that, by our account, never began: the service recorded."""
    began_not = recording.declined or (recording.problem if not recording.started_at else "")
    if recording.chunks and recording.origin == "requested" and began_not:
        yield f"nothing was to be recorded ({began_not}), and the service has files of it"


def _before_adoption(recording: RecordingStatus) -> Iterator[str]:
    if recording.adopted_at:
        yield (
            f"adopted at {recording.adopted_at:%Y-%m-%d %H:%M:%S} UTC: what was asked for, paused"
            " and consented to before then is unknown"
        )


def _of_recording(recording: RecordingStatus, chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    if recording.problem:
        yield recording.problem
    if recording.window_closed:
        yield "the export window closed before every file had been announced"
    for interval in recording.silence.unconfirmed:
        if not interval.is_finding:
            continue
        end = f"{interval.until:%H:%M:%S}" if interval.until else "its end"
        yield (
            f"doubtful: from {interval.since:%Y-%m-%d %H:%M:%S} to {end} UTC it may hold what it "
            "was asked not to record"
        )
    for chunk in chunks:
        name = f"chunk {chunk.index} ({chunk.document_id})"
        if chunk.state is not ChunkState.ARCHIVED:
            yield f"{name} is {chunk.state}: {chunk.lost_reason or 'no reason is known'}"
        for problem in _faults(chunk.check):
            yield f"{name}, {problem.verdict}: {problem.detail}"


def _faults(check: MediaCheck | None) -> Iterator[MediaProblem]:
    for problem in check.problems if check else ():
        if problem.verdict is not MediaVerdict.LENGTH_NOT_DECLARED:  # silence about it is no damage
            yield problem


def silent_since(chunks: Sequence[ManifestChunk], erasure: str = "") -> Iterator[str]:
    """Tell of the channels that erasures, or this one alone, have made silent."""
    for chunk in chunks:
        for each in chunk.silenced:
            if erasure not in ("", each.erasure):
                continue
            yield (
                f"chunk {chunk.index} ({chunk.document_id}): channel {each.channel} is silent since"
                f" erasure {each.erasure}; the file that was sealed before had SHA-256"
                f" {each.sha256}"
            )


def _of_metadata(chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    for chunk in chunks:
        if chunk.metadata_problem:
            yield f"chunk {chunk.index} ({chunk.document_id}): {chunk.metadata_problem}"


def _of_order(chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    uses = Counter(chunk.index for chunk in chunks)
    for index, count in sorted(uses.items()):
        if count > 1:
            yield f"overlap: {count} documents stand at index {index}, all are kept"
    last = max(uses, default=-1)
    missing = last + 1 - len(uses)
    named = [f"{index}" for index in range(min(last, len(uses) + _MAX_LISTED)) if index not in uses]
    if missing:
        more = " and more" if missing > len(named) else ""
        yield f"gap: of chunks 0 to {last} there is no {', '.join(named)}{more}"


def _of_length(recording: RecordingStatus, chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    """Compare the sum of all chunks with the length of the session, where both are known."""
    said = recording.recording_duration_ms
    lengths = [chunk.check.facts.duration_ms if chunk.check else None for chunk in chunks]
    known = [length for length in lengths if length is not None]
    one_each = len({chunk.index for chunk in chunks}) == len(chunks)
    if not said or not known or len(known) < len(chunks) or not one_each:
        return
    paused = sum(pause.duration_ms for chunk in chunks for pause in chunk.service_pauses)
    total = sum(known)
    # whether the service counts the pauses is not documented
    if min(abs(total - said), abs(total - (said - paused))) > tolerance(said):
        kind = "gap" if total < said else "overlap"
        yield (
            f"{kind}: all chunks together play {total / 1000:.1f} s, the service speaks of"
            f" {said / 1000:.1f} s"
        )


def _recording(input: SealInput) -> ManifestRecording:
    facts = {
        name: getattr(input.recording, name)
        for name in ManifestRecording.model_fields.keys() & type(input.recording).model_fields
    }
    sound = input.recording.sound
    return ManifestRecording(
        **facts,
        server_call_id=input.server_call_id,
        resource=input.resource,
        begun_at=sound.begun_at,
        active_at=sound.active_at,
    )


def _consent(record: ConsentRecord) -> Consent:
    facts = record.model_dump(include=set(Consent.model_fields), by_alias=False)
    return Consent(**facts, at=record.decided_at)


def _consent_evidence(input: SealInput) -> ConsentEvidence:
    return ConsentEvidence(
        terms=input.recording.consent,
        consented_at=input.recording.consented_at,
        holds=tuple(input.recording.holds),
        participants=input.participants,
        participants_left_out=input.participants_left_out,
        consents_left_out=input.consents_left_out,
        announcement=input.recording.announcement,
        joiner_announcements=tuple(input.recording.joiner_announcements),
    )


def _chunk(status: ChunkStatus, evidence: ChunkEvidence | None) -> ManifestChunk:
    chunk, archived = status.chunk, status.archived
    return ManifestChunk(
        index=chunk.index,
        document_id=chunk.document_id,
        end_reason=chunk.end_reason,
        state=status.state,
        source=_address(chunk.content_location or ""),
        metadata_source=_address(chunk.metadata_location) if chunk.metadata_location else None,
        announced_at=status.announced_at,
        retention_starts_at=status.retention_starts_at,
        expires_at=status.expires_at,
        media=evidence.media if evidence else None,
        metadata=evidence.metadata if evidence else None,
        verified_at=archived.verified_at if archived else None,
        response_headers=archived.response_headers if archived else {},
        duration_ms=archived.duration_ms if archived else None,
        service_start_time=archived.start_time if archived else None,
        service_pauses=archived.pauses if archived else (),
        metadata_problem=archived.metadata_problem if archived else "",
        check=evidence.check if evidence else None,
        lost_reason=status.lost_reason,
        source_deleted=status.source_deleted,
    )


def _address(url: str) -> SourceAddress:
    """Keep host and path alone: the rest of a URL may hold credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return SourceAddress(host="", path="")
    return SourceAddress(host=parts.netloc.rpartition("@")[2], path=parts.path)
