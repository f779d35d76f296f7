"""The Event Grid events of calls, in the documented JSON of both schemas."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from callvault.emulator.calls import Call, Participant
from callvault.emulator.clock import service_time
from callvault.emulator.settings import EventSchema

PREFIX = "Microsoft.Communication."
CALL_EVENTS = (
    "CallStarted",
    "CallEnded",
    "CallParticipantAdded",
    "CallParticipantRemoved",
    "CallLegStateChanged",
)


@dataclass(frozen=True, slots=True)
class GridEvent:
    event_id: str
    event_type: str
    subject: str
    time: datetime
    data: dict[str, Any]

    def envelope(self, topic: str, schema: EventSchema) -> dict[str, Any]:
        """The event as it is posted."""
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
    return _event(event_id, "CallStarted", subject, call.started_at, _call_data(call))


def call_ended(event_id: str, call: Call, now: datetime) -> GridEvent:
    data = {**_call_data(call), "durationOfCall": (now - call.started_at).total_seconds()}
    return _event(event_id, "CallEnded", f"call/{call.server_call_id}", now, data)


def participant_added(event_id: str, call: Call, who: Participant, now: datetime) -> GridEvent:
    return _participant(event_id, "CallParticipantAdded", call, who, now)


def participant_removed(event_id: str, call: Call, who: Participant, now: datetime) -> GridEvent:
    return _participant(event_id, "CallParticipantRemoved", call, who, now)


def call_leg_established(event_id: str, call: Call) -> GridEvent:
    """The preview of 2021 told ``serverCallId`` by this event."""
    data = {
        "ConversationId": call.group_call_id,
        "CallLegId": call.call_connection_id,
        "CallState": "Established",
        "serverCallId": call.server_call_id,
    }
    subject = f"callLeg/{call.call_connection_id}/callState"
    return _event(event_id, "CallLegStateChanged", subject, call.started_at, data)


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
    return _event(event_id, name, subject, now, data)


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
