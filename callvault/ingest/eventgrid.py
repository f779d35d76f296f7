"""Reads Event Grid deliveries: the Event Grid schema and CloudEvents 1.0, single and in batches."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from callvault.contracts.base import OpaqueId, explain
from callvault.contracts.events import (
    CALL_LEG_STATE_CHANGED,
    FileStatusUpdated,
    ServiceTime,
)
from callvault.contracts.requests import CallEnded
from callvault.errors import InvalidRequest

VALIDATION = "microsoft.eventgrid.subscriptionvalidationevent"

MAX_SUBJECT = 8_192
"""Longest subject that is read, in characters: the ids in it have 2,048 at most."""

_TIME = TypeAdapter[datetime](ServiceTime)
_ID = TypeAdapter[str](OpaqueId)


@dataclass(frozen=True)
class GridEvent:
    """An event in either schema; the type is in lower case."""

    type: str
    topic: str
    raw: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The event's own data; empty where it has none."""
        data = self.raw.get("data")
        return data if isinstance(data, dict) else {}


def read_delivery(body: bytes) -> list[Any]:
    """The events of a body, still unread. `InvalidRequest` where it is no JSON or holds none."""
    try:
        delivery = json.loads(body)
        json.dumps(delivery)
    except (ValueError, RecursionError):
        # What cannot be written again could not be kept event by event.
        raise InvalidRequest("the body is not JSON") from None
    events = delivery if isinstance(delivery, list) else [delivery]
    if not events:
        raise InvalidRequest("the body holds no event")
    return events


def read_event(value: Any) -> GridEvent:
    """Read what every event has. `InvalidRequest` where it is no event."""
    if not isinstance(value, dict):
        raise InvalidRequest("not an event: not a JSON object")
    event_type = value.get("eventType") or value.get("type")
    if not isinstance(event_type, str):
        raise InvalidRequest("not an event: neither eventType nor type is there")
    topic = value.get("topic") or value.get("source") or ""
    subject = value.get("subject") or ""
    if not isinstance(topic, str) or not isinstance(subject, str) or len(subject) > MAX_SUBJECT:
        raise InvalidRequest("not an event: topic or subject is no text of a sensible length")
    return GridEvent(event_type.casefold(), topic, value)


def validation_code(event: GridEvent) -> str:
    """The code that proves to Event Grid that this endpoint wants its events."""
    code = event.data.get("validationCode")
    if not isinstance(code, str) or not code:
        raise InvalidRequest("a subscription validation without validationCode")
    return code


def file_status_updated(event: GridEvent) -> FileStatusUpdated:
    """Read an event about files. `InvalidRequest` names the fields that are wrong."""
    if not event.data:
        raise InvalidRequest("the event has no data")
    try:
        return FileStatusUpdated.model_validate(event.raw)
    except ValidationError as error:
        raise InvalidRequest(explain(error)) from None


def started_call(event: GridEvent) -> str | None:
    """The ``serverCallId`` of a call that began; None for a leg that is not established."""
    if event.type == CALL_LEG_STATE_CHANGED.casefold():
        if str(event.data.get("CallState") or "").casefold() != "established":
            return None
        said = event.data.get("serverCallId")
    else:
        subject = str(event.raw.get("subject") or "").strip("/").removeprefix("call/")
        said = event.data.get("serverCallId") or subject.partition("/startedBy/")[0]
    try:
        return _ID.validate_python(said)
    except ValidationError:
        raise InvalidRequest("the event does not say which call began") from None


def call_ended(event: GridEvent) -> tuple[str, CallEnded]:
    """The ``serverCallId`` of a call that ended, and what is known of its end."""
    return call_of(event), CallEnded(ended_at=time_of(event), reason="as Event Grid tells")


def call_of(event: GridEvent) -> str:
    """The ``serverCallId`` of the call that an event is about, from its data or its subject."""
    subject = str(event.raw.get("subject") or "").strip("/").removeprefix("call/")
    said = event.data.get("serverCallId") or subject.partition("/participant/")[0]
    try:
        return _ID.validate_python(said)
    except ValidationError:
        raise InvalidRequest("the event does not say which call it is about") from None


def time_of(event: GridEvent) -> datetime | None:
    """When it happened, as the event says; None where it says nothing sensible."""
    try:
        return _TIME.validate_python(event.raw.get("eventTime") or event.raw.get("time"))
    except ValidationError:
        return None
