"""The Event Grid events of calls and files, in the documented JSON of both schemas."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callvault.emulator.behaviours import Behaviours
from callvault.emulator.clock import service_time
from callvault.emulator.model import Call, Participant, Recording
from callvault.emulator.settings import EventSchema
from callvault.emulator.storage import METADATA_VIEW, StoredChunk

PREFIX = "Microsoft.Communication."
CALL_EVENTS = (
    "CallStarted",
    "CallEnded",
    "CallParticipantAdded",
    "CallParticipantRemoved",
    "CallLegStateChanged",
)
FILE_EVENT = f"{PREFIX}RecordingFileStatusUpdated"
_WITH_RECORDING_ID = ("full", "recording")
_LATER_CHUNK_FIELDS = frozenset({"deleteLocation"})
_LATER_FIELDS = frozenset(
    {
        "recordingDurationMs",
        "recordingContentType",
        "recordingChannelType",
        "recordingFormatType",
    }
)


@dataclass(frozen=True, slots=True)
class GridEvent:
    event_id: str
    event_type: str
    subject: str
    time: datetime
    data: dict[str, Any]

    def envelope(self, topic: str, schema: EventSchema) -> dict[str, Any]:
        """Render the event as it is posted."""
        if schema is EventSchema.CLOUD_EVENTS:
            return self._cloud_event(topic)
        return self._grid_event(topic)

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


def call_started(event_id: str, call: Call) -> GridEvent:
    subject = f"call/{call.server_call_id}/startedBy/{_starter(call)}"
    started = call.told(call.started_at)
    return _event(event_id, "CallStarted", subject, started, _call_data(call))


def call_ended(event_id: str, call: Call, now: datetime) -> GridEvent:
    data = {**_call_data(call), "durationOfCall": (now - call.started_at).total_seconds()}
    return _event(event_id, "CallEnded", f"call/{call.server_call_id}", call.told(now), data)


def participant_added(event_id: str, call: Call, who: Participant, now: datetime) -> GridEvent:
    return _participant(event_id, "CallParticipantAdded", call, who, now)


def participant_removed(event_id: str, call: Call, who: Participant, now: datetime) -> GridEvent:
    return _participant(event_id, "CallParticipantRemoved", call, who, now)


def call_leg_established(event_id: str, call: Call) -> GridEvent:
    """Make the event that told ``serverCallId`` in the preview of 2021."""
    data = {
        "ConversationId": call.group_call_id,
        "CallLegId": call.call_connection_id,
        "CallState": "Established",
        "serverCallId": call.server_call_id,
    }
    subject = f"callLeg/{call.call_connection_id}/callState"
    started = call.told(call.started_at)
    return _event(event_id, "CallLegStateChanged", subject, started, data)


def _event(
    event_id: str, name: str, subject: str, now: datetime, data: dict[str, Any]
) -> GridEvent:
    return GridEvent(event_id, PREFIX + name, subject, now, data)


def _participant(
    event_id: str, name: str, call: Call, who: Participant, now: datetime
) -> GridEvent:
    subject = f"call/{call.server_call_id}/participant/{who.raw_id}"
    data = {
        "user": _user(who.raw_id),
        "displayName": who.display_name,
        "participantId": who.participant_id,
        "endpointType": "callvault-emulator",
        **_call_data(call),
    }
    return _event(event_id, name, subject, call.told(now), data)


def _call_data(call: Call) -> dict[str, Any]:
    room = {"room": {"id": call.room_id}} if call.room_id else {}
    return {
        "startedBy": _user(_starter(call)),
        "serverCallId": call.server_call_id,
        "group": {"id": call.group_call_id},
        **room,
        "isTwoParty": len(call.participants) == 2,
        "correlationId": call.call_id,
        "isRoomsCall": bool(call.room_id),
    }


def _user(raw_id: str) -> dict[str, Any]:
    identifier = {"rawId": raw_id, "communicationUser": {"id": raw_id}}
    return {"communicationIdentifier": identifier, "role": "Unknown"}


def _starter(call: Call) -> str:
    return call.starter.raw_id if call.starter else ""


def file_payloads(
    recording: Recording, endpoint: str, form: Behaviours
) -> list[tuple[str, dict[str, Any]]]:
    """Build subject and data of each file event; ``endpoint`` is the base URL of locations."""
    chunks = _announced_chunks(recording, endpoint, form)
    batches = {
        "one": [chunks],
        "per_chunk": [[chunk] for chunk in chunks],
        "two": [chunks, chunks],
        "failover": [
            chunks,
            [_trimmed(announced(each, endpoint), form) for each in recording.failover_duplicates],
        ],
    }
    subject = _subject(recording, form)
    return [(subject, _data(recording, batch, form)) for batch in batches[form.file_events]]


def file_event(event_id: str, now: datetime, subject: str, data: dict[str, Any]) -> GridEvent:
    return GridEvent(event_id, FILE_EVENT, subject, now, data)


def announced(chunk: StoredChunk, endpoint: str) -> dict[str, Any]:
    """Build an element of ``recordingChunks``."""
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
    content, channel, container = recording.options.media
    data = {
        "recordingStorageInfo": {"recordingChunks": chunks},
        "recordingStartTime": service_time(recording.call.told(recording.active_at)),
        "recordingDurationMs": sum(chunk.duration_ms for chunk in recording.chunks),
        "recordingContentType": _pascal(content),
        "recordingChannelType": _pascal(channel),
        "recordingFormatType": _pascal(container),
        "sessionEndReason": recording.session_end,
    }
    if recording.options.container_url:
        data["storageType"] = "blobstorage" if recording.exported else "acsstorage"
        data["recordingId"] = recording.recording_id
    elif form.optional_fields and form.subject in _WITH_RECORDING_ID:
        data |= {"storageType": "ACS", "recordingId": recording.recording_id}
    return data if form.optional_fields else _without(data, _LATER_FIELDS)


def _subject(recording: Recording, form: Behaviours) -> str:
    call = recording.call
    subject = f"/recording/call/{call.call_id}"
    if form.subject in {"full", "serverCall"}:
        subject += f"/serverCallId/{call.server_call_id}"
    if form.subject in _WITH_RECORDING_ID:
        subject += f"/recordingId/{recording.recording_id}"
    return subject


def _without(fields: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _pascal(word: str) -> str:
    """Convert ``audioVideo``, as in REST, to ``AudioVideo``, as in events."""
    return word[:1].upper() + word[1:]
