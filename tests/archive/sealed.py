"""Helpers of the tests of manifests: a recorded and archived call, to be sealed."""

import hashlib
import io
import json
import math
import struct
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from callvault.archive.blocks import BLOCK_SIZE
from callvault.archive.manifests.keys import Signer
from callvault.archive.manifests.seal import seal
from callvault.archive.media.check import Expected, check_file
from callvault.archive.names import chunk_object_name, metadata_object_name
from callvault.archive.store import Archive, put_bytes
from callvault.contracts.activity_io import ArchivedChunk, RecordedPause, SealedRecording
from callvault.contracts.events import RecordingChunk
from callvault.contracts.manifest import Manifest, SealInput
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaCheck
from callvault.contracts.states import Actual, ChunkState, RecordingState, RequestState, Wanted
from callvault.contracts.status import ChunkStatus, ControlRecord, PauseRecord, RecordingStatus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SIGNER = Signer.generate()
SERVER_CALL = "aHR0cHM6Ly9jb252"
MEDIA_HOST = "us-storage.asm.skype.com"


@cache
def judged(media: bytes, duration_ms: float | None) -> MediaCheck:
    """Return the verdict on a file; each file is checked once."""
    expected = Expected(FormatType.WAV, ContentType.AUDIO, ChannelType.MIXED, duration_ms)
    return check_file(io.BytesIO(media), len(media), expected)


@cache
def wav(seconds: float, *, tone: float = 440, rate: int = 16_000, channels: int = 1) -> bytes:
    """Make a real recording, of one tone."""
    count = round(seconds * rate)
    samples = [round(9_000 * math.sin(2 * math.pi * tone * n / rate)) for n in range(count)]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        frames = (struct.pack("<h", sample) * channels for sample in samples)
        writer.writeframes(b"".join(frames))
    return file.getvalue()


def archived(
    archive: Archive,
    index: int = 0,
    *,
    recording_id: str = "rec-1",
    media: bytes | None = None,
    duration_ms: float | None = 500,
    check: MediaCheck | None = None,
    block_size: int = BLOCK_SIZE,
    document: str = "",
    call_id: str | None = "call-1",
    participants: Any = None,
    **facts: Any,
) -> ChunkStatus:
    """Make a chunk whose files are in the archive."""
    media = media if media is not None else wav(0.5, tone=300 + 10 * index)
    document = document or f"0-eus-d1-{index:032x}"
    name = chunk_object_name(
        recorded_on=NOON,
        call_id=call_id,
        server_call_id=SERVER_CALL,
        recording_id=recording_id,
        index=index,
        document_id=document,
        extension="wav",
    )
    ids = {"recording_id": recording_id, "document_id": document, "chunk_index": str(index)}
    with archive.begin(name, block_size=block_size) as upload:
        for number, start in enumerate(range(0, len(media), block_size)):
            upload.put(number, media[start : start + block_size])
        stored = upload.commit(size=len(media), content_type="audio/wav", metadata=ids)
    metadata = metadata_object_name(name)
    told: dict[str, Any] = {"chunkDocumentId": document, "chunkDuration": duration_ms or 0}
    if participants is not None:
        told["participants"] = participants
    content = json.dumps(told).encode()
    put_bytes(archive, metadata, content, content_type="application/json", metadata={})
    return ChunkStatus(
        chunk=announced(index, document),
        state=ChunkState.ARCHIVED,
        announced_at=NOON,
        retention_starts_at=NOON,
        expires_at=NOON + timedelta(hours=48),
        archived=ArchivedChunk(
            archive=archive.name,
            object_name=name,
            location=archive.location(name),
            size=stored.size,
            sha256=hashlib.sha256(media).hexdigest(),
            sha512=hashlib.sha512(media).hexdigest(),
            metadata_object_name=metadata,
            duration_ms=duration_ms,
            verified_at=NOON,
            media=check or judged(media, duration_ms),
            **facts,
        ),
    )


def lost(index: int, reason: str) -> ChunkStatus:
    return ChunkStatus(
        chunk=announced(index, f"lost-{index}"),
        state=ChunkState.LOST,
        announced_at=NOON,
        retention_starts_at=NOON,
        lost_reason=reason,
    )


def announced(index: int, document: str) -> RecordingChunk:
    url = f"https://{MEDIA_HOST}/v1/objects/{document}/content"
    return RecordingChunk(
        document_id=document,
        index=index,
        end_reason="SessionEnded",
        content_location=f"{url}/audio",
        metadata_location=f"{url}/acsmetadata",
    )


def recording(*chunks: ChunkStatus, recording_id: str = "rec-1", **facts: Any) -> RecordingStatus:
    return RecordingStatus.model_validate(
        {
            "number": 1,
            "origin": "requested",
            "recording_content_type": ContentType.AUDIO,
            "recording_channel_type": ChannelType.MIXED,
            "recording_format_type": FormatType.WAV,
            "requested_by": "agent-7",
            "requested_at": NOON,
            "state": RecordingState.ARCHIVED,
            "wanted": Wanted.STOPPED,
            "actual": Actual.STOPPED,
            "recording_id": recording_id,
            "call_id": "call-1",
            "recording_duration_ms": 500 * len(chunks),
            "session_end_reason": "CallEnded",
            "chunks": list(chunks),
            **facts,
        }
    )


def seal_input(archive: Archive, of: RecordingStatus, **facts: Any) -> SealInput:
    return SealInput.model_validate(
        {
            "archive": archive.name,
            "resource": "default",
            "server_call_id": SERVER_CALL,
            "recorded_on": NOON,
            "recording": of,
            "workflow_id": "recording-1",
            "run_id": "run-1",
            **facts,
        }
    )


def sealed(
    archive: Archive,
    *chunks: ChunkStatus,
    signer: Signer | None = SIGNER,
    now: Callable[[], datetime] = lambda: NOON,
    **facts: Any,
) -> SealedRecording:
    """Seal a recording of these chunks."""
    return seal(archive, seal_input(archive, recording(*chunks, **facts)), signer, now)


def manifest_of(archive: Archive, found: SealedRecording) -> Manifest:
    return Manifest.model_validate_json(b"".join(archive.read(found.object_name)))


def paused() -> PauseRecord:
    return PauseRecord(
        requested_by="agent-7",
        reason="card number",
        requested_at=NOON,
        received_at=NOON,
        confirmed_at=NOON + timedelta(seconds=1),
        resumed_at=NOON + timedelta(seconds=9),
    )


def service_pause() -> RecordedPause:
    return RecordedPause(start_time=NOON + timedelta(seconds=1), duration_ms=8_000)


def pause_request() -> ControlRecord:
    return ControlRecord(
        operation="pause",
        requested_by="agent-7",
        reason="card number",
        requested_at=NOON,
        received_at=NOON,
        recording=1,
        state=RequestState.CONFIRMED,
    )
