"""``RecordingResultResponse`` of 2024-09-01-preview: what became of a recording."""

from typing import Any

from callvault.emulator.clock import service_time
from callvault.emulator.emulator import Emulator
from callvault.emulator.eventgrid.files import announced
from callvault.emulator.recordings import Recording
from callvault.emulator.storage import StoredChunk


def recording_result(recording: Recording, emulator: Emulator) -> dict[str, Any]:
    ended = recording.ended_at
    expiry = ended + emulator.settings.retention if ended else None
    chunks = [_chunk(each, emulator.file_locations) for each in recording.chunks]
    return {
        "recordingId": recording.recording_id,
        "recordingStorageInfo": {"recordingChunks": chunks},
        "errors": _errors(recording),
        "recordingStartTime": service_time(recording.active_at),
        "recordingDurationMs": sum(chunk.duration_ms for chunk in recording.chunks),
        "sessionEndReason": _camel(recording.session_end or "sessionStillOngoing"),
        "recordingExpirationTime": service_time(expiry) if expiry else None,
    }


def _chunk(chunk: StoredChunk, endpoint: str) -> dict[str, Any]:
    return {**announced(chunk, endpoint), "endReason": _camel(chunk.end_reason)}


def _errors(recording: Recording) -> list[dict[str, Any]]:
    if recording.export_error is None:
        return []
    inner = {"code": recording.export_error, "message": "The container could not be written to."}
    message = "Recording export to Azure Blob Storage failed."
    return [{"code": "ExportFailure", "message": message, "innererror": inner}]


def _camel(word: str) -> str:
    """The operation writes ``callEnded`` where events write ``CallEnded``."""
    return word[:1].lower() + word[1:]
