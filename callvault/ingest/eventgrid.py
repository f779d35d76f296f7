"""Event Grid's events, read once: the Event Grid schema and CloudEvents 1.0, single and in batches.

`read` turns one value of a delivery into one of the types of `Event`, raises `InvalidRequest`, and
reaches nothing outside. What its type must say is needed; any other odd field is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from callvault.contracts import envelopes
from callvault.contracts.base import OpaqueId, explain
from callvault.contracts.events import (
    CALL_ENDED,
    CALL_LEG_STATE_CHANGED,
    CALL_STARTED,
    FILE_STATUS_UPDATED,
    PARTICIPANT_ADDED,
    PARTICIPANT_REMOVED,
    FileStatusUpdated,
    ServiceTime,
    known_time,
)
from callvault.contracts.field_by_field import text_of_number
from callvault.contracts.participants import Hide, ParticipantChanged
from callvault.errors import InvalidRequest

SUBSCRIPTION_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"

MAX_SUBJECT = 8_192
"""Longest subject that is read, in characters: the ids in it have 2,048 at most."""

_TIME = TypeAdapter[datetime](ServiceTime)
_ID = TypeAdapter[str](OpaqueId)


@dataclass(frozen=True)
class GridEvent:
    """The part that all events have."""

    type: str
    """In lower case."""
    topic: str
    """The resource that sent the event: ``topic``, or ``source`` of a CloudEvent."""


@dataclass(frozen=True)
class FilesEvent(GridEvent):
    """Files of a recording exist: ``RecordingFileStatusUpdated``."""

    files: FileStatusUpdated


@dataclass(frozen=True)
class CallStartedEvent(GridEvent):
    """A call has begun: ``CallStarted``, or an established ``CallLegStateChanged`` of 2021."""

    server_call_id: str | None
    """None if the event does not say it."""
    at: datetime | None
    """None if the event gives no sensible time."""


@dataclass(frozen=True)
class CallEndedEvent(GridEvent):
    """A call is over: ``CallEnded``."""

    server_call_id: str
    at: datetime | None
    """None if the event gives no sensible time."""


@dataclass(frozen=True)
class ParticipantEvent(GridEvent):
    """A participant joined or left: ``CallParticipantAdded``, ``CallParticipantRemoved``."""

    server_call_id: str
    change: ParticipantChanged


@dataclass(frozen=True)
class ValidationEvent(GridEvent):
    """The handshake of a new subscription: ``SubscriptionValidationEvent``."""

    code: str
    """To be sent back: it proves that this endpoint wants the events."""


@dataclass(frozen=True)
class OtherEvent(GridEvent):
    """An event that asks for nothing."""


Event = (
    FilesEvent | CallStartedEvent | CallEndedEvent | ParticipantEvent | ValidationEvent | OtherEvent
)


def read(value: Any, hide: Hide) -> Event:
    """Read an event whole. `InvalidRequest` if it is none, or lacks what its type must say.

    ``hide`` replaces the ids of participants: no event that is returned holds one in clear.
    """
    envelope = _Envelope.of(value)
    if envelope.type in _PARTICIPANT_TYPES:
        return _participant(envelope, hide)
    return _READERS.get(envelope.type, _other)(envelope)


@dataclass(frozen=True)
class _Envelope:
    """An event whose own data is not read yet."""

    type: str
    topic: str
    subject: str
    raw: dict[str, Any]
    data: dict[str, Any]
    """The event's own data; empty if it has none."""

    @classmethod
    def of(cls, value: Any) -> "_Envelope":
        if not isinstance(value, dict):
            raise InvalidRequest("not an event: not a JSON object")
        event_type = envelopes.type_of(value)
        if not isinstance(event_type, str):
            raise InvalidRequest("not an event: neither eventType nor type is there")
        topic = envelopes.said(value, "topic", "source") or ""
        subject = value.get("subject")
        subject = subject if isinstance(subject, str) else ""
        if not isinstance(topic, str) or len(subject) > MAX_SUBJECT:
            raise InvalidRequest("not an event: topic or subject is no text of a sensible length")
        return cls(event_type.casefold(), topic, subject, value, envelopes.data_of(value) or {})

    @property
    def time(self) -> datetime | None:
        """The event's own time; None if it gives no sensible one."""
        try:
            return known_time(_TIME.validate_python(envelopes.time_of(self.raw)))
        except ValidationError:
            return None

    def call_id(self, before: str) -> str | None:
        """Return the ``serverCallId``, from the data or from ``call/{serverCallId}{before}…``."""
        subject = self.subject.strip("/").removeprefix("call/")
        said = _as_id(envelopes.said(self.data, "serverCallId", "server_call_id"))
        return said or _as_id(subject.partition(before)[0])


def _files(envelope: _Envelope) -> FilesEvent:
    if not envelope.data:
        raise InvalidRequest("the event has no data")
    try:
        files = FileStatusUpdated.model_validate(envelope.raw)
    except ValidationError as error:
        raise InvalidRequest(explain(error)) from None
    return FilesEvent(envelope.type, envelope.topic, files)


def _call_started(envelope: _Envelope) -> CallStartedEvent:
    call_id = envelope.call_id(before="/startedBy/")
    return CallStartedEvent(envelope.type, envelope.topic, call_id, envelope.time)


def _call_leg(envelope: _Envelope) -> CallStartedEvent | OtherEvent:
    # A leg changes its state several times; only once it is established there is a call to record.
    if str(envelope.data.get("CallState") or "").casefold() != "established":
        return _other(envelope)
    # The subject names the leg, so the call is in the data or nowhere.
    call_id = _as_id(envelopes.said(envelope.data, "serverCallId", "server_call_id"))
    return CallStartedEvent(envelope.type, envelope.topic, call_id, envelope.time)


def _call_ended(envelope: _Envelope) -> CallEndedEvent:
    return CallEndedEvent(envelope.type, envelope.topic, _call_of(envelope), envelope.time)


def _participant(envelope: _Envelope, hide: Hide) -> ParticipantEvent:
    """Neither the display name nor any id in clear is taken over."""
    raw_id = _participant_id(envelope)
    if raw_id is None:
        raise InvalidRequest("the event does not say which participant it is about")
    try:
        change = ParticipantChanged(
            participant=hide(raw_id),
            joined=envelope.type == PARTICIPANT_ADDED.casefold(),
            connection=_connection(envelope, hide),
            at=envelope.time,
        )
    except ValueError:
        # Half a surrogate pair, too: it is JSON, and no text that can be hashed.
        raise InvalidRequest("the event's participant is not an id") from None
    return ParticipantEvent(envelope.type, envelope.topic, _call_of(envelope), change)


def _connection(envelope: _Envelope, hide: Hide) -> str:
    """Return the hash of the participant's device; empty if the event does not name it."""
    said = text_of_number(envelopes.said(envelope.data, "participantId", "participant_id"))
    try:
        return hide(said) if isinstance(said, str) else ""
    except ValueError:
        return ""


def _participant_id(envelope: _Envelope) -> str | None:
    """Return the ``rawId``, from the data or from ``call/{serverCallId}/participant/{rawId}``."""
    user = envelope.data.get("user")
    identifier = user.get("communicationIdentifier") if isinstance(user, dict) else None
    raw_id = identifier.get("rawId") if isinstance(identifier, dict) else None
    said = text_of_number(raw_id)
    in_subject = envelope.subject.partition("/participant/")[2]
    return (said if isinstance(said, str) and said else in_subject) or None


def _validation(envelope: _Envelope) -> ValidationEvent:
    # It is sent back, and half a surrogate pair can be part of no answer.
    code = _as_id(envelope.data.get("validationCode"))
    if code is None:
        raise InvalidRequest("a subscription validation without validationCode")
    return ValidationEvent(envelope.type, envelope.topic, code)


def _other(envelope: _Envelope) -> OtherEvent:
    return OtherEvent(envelope.type, envelope.topic)


def _call_of(envelope: _Envelope) -> str:
    call_id = envelope.call_id(before="/participant/")
    if call_id is None:
        raise InvalidRequest("the event does not say which call it is about")
    return call_id


def _as_id(said: Any) -> str | None:
    try:
        return _ID.validate_python(text_of_number(said))
    except ValidationError:
        return None


_PARTICIPANT_TYPES = (PARTICIPANT_ADDED.casefold(), PARTICIPANT_REMOVED.casefold())

_READERS: dict[str, Callable[[_Envelope], Event]] = {
    FILE_STATUS_UPDATED.casefold(): _files,
    CALL_STARTED.casefold(): _call_started,
    CALL_LEG_STATE_CHANGED.casefold(): _call_leg,
    CALL_ENDED.casefold(): _call_ended,
    SUBSCRIPTION_VALIDATION.casefold(): _validation,
}
