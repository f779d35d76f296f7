"""The Event Grid events of calls and recordings, in the documented JSON of both schemas."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callvault.emulator.calls import Call
from callvault.emulator.clock import service_time
from callvault.emulator.recordings import Recording
from callvault.emulator.settings import EventSchema
from callvault.emulator.storage import METADATA_VIEW, StoredChunk

_PREFIX = "Microsoft.Communication."


@dataclass(frozen=True, slots=True)
class GridEvent:
    event_id: str
    event_type: str
    subject: str
    time: datetime
    data: dict[str, Any]

    def body(self, topic: str, schema: EventSchema) -> Any:
        """One event as it is posted: an array of one, or a single CloudEvent."""
        if schema is EventSchema.CLOUD_EVENTS:
            return self._cloud_event(topic)
        return [self._grid_event(topic)]

    def _grid_event(self, topic: str) -> dict[str, Any]:
        return {
            "id": self.event_id,
            "topic": topic,
            "subject": self.subject,
            "data": self.data,
            "eventType": self.event_type,
            "dataVersion": "1.0",
            "metadataVersion": "1",
            "eventTime": service_time(self.time),
        }

    def _cloud_event(self, topic: str) -> dict[str, Any]:
        return {
            "id": self.event_id,
            "source": topic,
            "subject": self.subject,
            "data": self.data,
            "type": self.event_type,
            "time": service_time(self.time),
            "specversion": "1.0",
        }


def recording_file_status_updated(
    event_id: str, now: datetime, recording: Recording, endpoint: str
) -> GridEvent:
    """``endpoint`` is the base URL of the locations."""
    call = recording.call
    content, channel, container = recording.order.media
    return GridEvent(
        event_id,
        f"{_PREFIX}RecordingFileStatusUpdated",
        f"/recording/call/{call.call_id}/serverCallId/{call.server_call_id}"
        f"/recordingId/{recording.recording_id}",
        now,
        {
            "recordingStorageInfo": {
                "recordingChunks": [announced(chunk, endpoint) for chunk in recording.chunks]
            },
            "recordingStartTime": service_time(recording.active_at),
            "recordingDurationMs": sum(chunk.duration_ms for chunk in recording.chunks),
            "recordingContentType": _pascal(content),
            "recordingChannelType": _pascal(channel),
            "recordingFormatType": _pascal(container),
            "sessionEndReason": recording.session_end,
        },
    )


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


def call_started(event_id: str, call: Call) -> GridEvent:
    starter = _starter(call)
    return GridEvent(
        event_id,
        f"{_PREFIX}CallStarted",
        f"call/{call.server_call_id}/startedBy/{starter}",
        call.started_at,
        _call_data(call, starter),
    )


def call_ended(event_id: str, call: Call, now: datetime) -> GridEvent:
    data = _call_data(call, _starter(call))
    return GridEvent(
        event_id,
        f"{_PREFIX}CallEnded",
        f"call/{call.server_call_id}",
        now,
        {**data, "durationOfCall": (now - call.started_at).total_seconds()},
    )


def _call_data(call: Call, starter: str) -> dict[str, Any]:
    identifier = {"rawId": starter, "communicationUser": {"id": starter}}
    return {
        "startedBy": {"communicationIdentifier": identifier, "role": "Unknown"},
        "serverCallId": call.server_call_id,
        "group": {"id": call.group_call_id},
        "isTwoParty": len(call.participants) == 2,
        "correlationId": call.call_id,
        "isRoomsCall": False,
    }


def _starter(call: Call) -> str:
    return next(iter(call.participants), "")


def _pascal(word: str) -> str:
    """REST writes ``audioVideo`` where events write ``AudioVideo``."""
    return word[:1].upper() + word[1:]
