"""The event of a recording's files, in each of the forms it is known in."""

from datetime import datetime
from typing import Any

from callvault.emulator.behaviours import Behaviours
from callvault.emulator.clock import service_time
from callvault.emulator.eventgrid.events import PREFIX, GridEvent
from callvault.emulator.recordings import Recording
from callvault.emulator.storage import METADATA_VIEW, StoredChunk

FILE_EVENT = f"{PREFIX}RecordingFileStatusUpdated"
_LATER_CHUNK_FIELDS = frozenset({"deleteLocation"})
_LATER_FIELDS = frozenset(
    {
        "recordingDurationMs",
        "recordingContentType",
        "recordingChannelType",
        "recordingFormatType",
    }
)


def file_payloads(
    recording: Recording, endpoint: str, form: Behaviours
) -> list[tuple[str, dict[str, Any]]]:
    """Subject and data of each event; ``endpoint`` is the base URL of the locations."""
    chunks = _announced_chunks(recording, endpoint, form)
    batches = {
        "one": [chunks],
        "per_chunk": [[chunk] for chunk in chunks],
        "two": [chunks, chunks],
        "failover": [
            chunks,
            [_trimmed(announced(each, endpoint), form) for each in recording.twins],
        ],
    }
    subject = _subject(recording, form)
    return [(subject, _data(recording, batch, form)) for batch in batches[form.file_events]]


def file_event(event_id: str, now: datetime, subject: str, data: dict[str, Any]) -> GridEvent:
    return GridEvent(event_id, FILE_EVENT, subject, now, data)


def announced(chunk: StoredChunk, endpoint: str) -> dict[str, Any]:
    """An element of ``recordingChunks``."""
    address = f"{endpoint}/v1/objects/{chunk.document_id}"
    return {
        "documentId": chunk.document_id,
        "index": chunk.index,
        "endReason": chunk.end_reason,
        "contentLocation": f"{address}/content/{chunk.view}",
        "metadataLocation": f"{address}/content/{METADATA_VIEW}",
        "deleteLocation": address,
    }


def _announced_chunks(
    recording: Recording, endpoint: str, form: Behaviours
) -> list[dict[str, Any]]:
    chunks = [announced(chunk, endpoint) for chunk in recording.chunks]
    if recording.exported and form.export_locations == "blob":
        for chunk, blobs in zip(chunks, recording.exported, strict=True):
            chunk |= {"contentLocation": blobs.content, "metadataLocation": blobs.metadata}
            chunk.pop("deleteLocation")
    return [_trimmed(chunk, form) for chunk in chunks]


def _trimmed(chunk: dict[str, Any], form: Behaviours) -> dict[str, Any]:
    return chunk if form.optional_fields else _without(chunk, _LATER_CHUNK_FIELDS)


def _data(recording: Recording, chunks: list[dict[str, Any]], form: Behaviours) -> dict[str, Any]:
    content, channel, container = recording.order.media
    data = {
        "recordingStorageInfo": {"recordingChunks": chunks},
        "recordingStartTime": service_time(recording.active_at),
        "recordingDurationMs": sum(chunk.duration_ms for chunk in recording.chunks),
        "recordingContentType": _pascal(content),
        "recordingChannelType": _pascal(channel),
        "recordingFormatType": _pascal(container),
        "sessionEndReason": recording.session_end,
    }
    if recording.order.container_url:
        data["storageType"] = "blobstorage" if recording.exported else "acsstorage"
        data["recordingId"] = recording.recording_id
    return data if form.optional_fields else _without(data, _LATER_FIELDS)


def _subject(recording: Recording, form: Behaviours) -> str:
    call = recording.call
    subject = f"/recording/call/{call.call_id}"
    if form.subject in {"full", "serverCall"}:
        subject += f"/serverCallId/{call.server_call_id}"
    if form.subject in {"full", "recording"}:
        subject += f"/recordingId/{recording.recording_id}"
    return subject


def _without(fields: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _pascal(word: str) -> str:
    """REST writes ``audioVideo`` where events write ``AudioVideo``."""
    return word[:1].upper() + word[1:]
