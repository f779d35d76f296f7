"""From what a workflow knows and an archive holds to a manifest. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from callvault.archive.continuity import findings
from callvault.contracts.consent import ConsentRecord
from callvault.contracts.manifest import (
    ArchivedObject,
    Consent,
    ConsentEvidence,
    LinkReference,
    Manifest,
    ManifestChunk,
    ManifestOrder,
    ManifestRecording,
    ObjectReference,
    SourceAddress,
    WorkflowRun,
)
from callvault.contracts.media import MediaCheck
from callvault.contracts.status import ChunkStatus


@dataclass(frozen=True, slots=True)
class ChunkEvidence:
    """What the archive itself says of a chunk."""

    media: ArchivedObject
    metadata: ArchivedObject | None
    check: MediaCheck


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Of a sealing: when, by what, and after what."""

    object_name: str
    order_sha256: str
    sealed_at: datetime
    software: str
    earlier: ObjectReference | None
    previous: LinkReference | None


def build_manifest(
    order: ManifestOrder,
    evidence: Sequence[ChunkEvidence | None],
    circumstances: Circumstances,
) -> Manifest:
    """The manifest, unsigned. ``evidence`` stands in the order of the recording's chunks."""
    chunks = tuple(
        _chunk(chunk, found) for chunk, found in zip(order.recording.chunks, evidence, strict=True)
    )
    return Manifest(
        object_name=circumstances.object_name,
        archive=order.archive,
        recording=_recording(order),
        requests=order.requests,
        pauses=tuple(order.recording.pauses),
        doubtful=tuple(order.recording.doubtful),
        consents=tuple(_consent(record) for record in order.consents),
        consent=_consent_evidence(order),
        marked=tuple(order.recording.marked),
        chunks=chunks,
        findings=findings(order.recording, chunks),
        workflow=WorkflowRun(workflow_id=order.workflow_id, run_id=order.run_id),
        software=circumstances.software,
        sealed_at=circumstances.sealed_at,
        order_sha256=circumstances.order_sha256,
        earlier=circumstances.earlier,
        previous=circumstances.previous,
        signature=None,
    )


def _recording(order: ManifestOrder) -> ManifestRecording:
    facts = {
        name: getattr(order.recording, name)
        for name in ManifestRecording.model_fields.keys() & type(order.recording).model_fields
    }
    return ManifestRecording(**facts, server_call_id=order.server_call_id, resource=order.resource)


def _consent(record: ConsentRecord) -> Consent:
    facts = record.model_dump(include=set(Consent.model_fields), by_alias=False)
    return Consent(**facts, at=record.decided_at)


def _consent_evidence(order: ManifestOrder) -> ConsentEvidence:
    return ConsentEvidence(
        terms=order.recording.consent,
        consented_at=order.recording.consented_at,
        holds=tuple(order.recording.holds),
        participants=order.participants,
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
        born_at=status.born_at,
        expires_at=status.expires_at,
        media=evidence.media if evidence else None,
        metadata=evidence.metadata if evidence else None,
        verified_at=archived.verified_at if archived else None,
        response_headers=archived.response_headers if archived else {},
        duration_ms=archived.duration_ms if archived else None,
        service_pauses=archived.pauses if archived else (),
        metadata_problem=archived.metadata_problem if archived else "",
        check=evidence.check if evidence else None,
        lost_reason=status.lost_reason,
        source_deleted=status.source_deleted,
    )


def _address(url: str) -> SourceAddress:
    """Host and path alone: the rest of a URL may hold what gives access."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return SourceAddress(host="", path="")
    return SourceAddress(host=parts.netloc.rpartition("@")[2], path=parts.path)
