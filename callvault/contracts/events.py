"""`file_status_updated`: the files of a recording that exist, as Event Grid tells it.

The signal takes the event in any of three forms: an Event Grid event or a CloudEvent just as it
came (so a backend with its own Event Grid subscription forwards it unread), or the flat form below.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)

from callvault.contracts.base import Message, OpaqueId, ShortText

FILE_STATUS_UPDATED = "Microsoft.Communication.RecordingFileStatusUpdated"
CALL_STARTED = "Microsoft.Communication.CallStarted"
CALL_LEG_STATE_CHANGED = "Microsoft.Communication.CallLegStateChanged"
"""Event type of the preview of 2021; its data held the call's ``serverCallId``."""
PARTICIPANT_ADDED = "Microsoft.Communication.CallParticipantAdded"
PARTICIPANT_REMOVED = "Microsoft.Communication.CallParticipantRemoved"
CALL_ENDED = "Microsoft.Communication.CallEnded"

MAX_CHUNKS = 1_000
"""Most chunks that one event may name; the service's longest known recording had six."""

MAX_CHUNK_INDEX = 9_999
"""Highest index of a chunk: with chunks of four hours, four years of one call."""

_SUBJECT = re.compile(
    r"^/?recording/call/(?P<call>.+?)"
    r"(?:/serverCallId/(?P<server_call>.+?))?"
    r"(?:/recordingId/(?P<recording>.+))?$"
)
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)


class RecordingSubject(NamedTuple):
    """The ids in an event's subject; older services leave out the last two."""

    call_id: str | None = None
    server_call_id: str | None = None
    recording_id: str | None = None


def parse_subject(subject: str) -> RecordingSubject:
    """Read the ids out of a recording event's subject, in any of its four documented forms.

    ``/recording/call/{c}/serverCallId/{s}/recordingId/{r}``, the same without ``recordingId``,
    without ``serverCallId``, or with neither. Anything else yields no ids at all.
    """
    found = _SUBJECT.match(subject)
    return RecordingSubject(*found.groups()) if found else RecordingSubject()


def _trim_fraction(value: Any) -> Any:
    """Cut the service's seven-digit fractions of a second to the six that Python holds."""
    return re.sub(r"(\.\d{6})\d+", r"\1", value) if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is outside the calendar") from error


ServiceTime = Annotated[datetime, BeforeValidator(_trim_fraction), AfterValidator(_in_utc)]
"""A time as the service writes it: seven-digit fractions, UTC where no zone is given."""


def known_time(value: datetime | None) -> datetime | None:
    """Return the time, but None for year 1, which the service writes for "not known"."""
    return value if value and value >= _EARLIEST else None


MediaUrl = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]


BEING_RECORDED = "chunkisbeingrecorded"
"""``endReason``, in lower case, of a chunk that has none yet."""


class RecordingChunk(Message):
    """One media file of a recording, as announced (``recordingChunks[]`` of the event)."""

    document_id: Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
    index: Annotated[int, Field(ge=0, le=MAX_CHUNK_INDEX)] = 0
    end_reason: ShortText = ""
    content_location: MediaUrl | None = None
    """None where the service has no file, as of a chunk whose upload failed."""
    metadata_location: MediaUrl | None = None
    delete_location: MediaUrl | None = None
    """Optional: the service added it later."""

    @property
    def is_written(self) -> bool:
        """True if it is written to its end: a chunk that is being recorded is no file yet."""
        return self.end_reason.lower() != BEING_RECORDED

    @model_validator(mode="before")
    @classmethod
    def _absent(cls, value: Any) -> Any:
        return _without_blanks(value) if isinstance(value, dict) else value


def _few(value: Any) -> Any:
    # Before a single one is read: each that is odd costs an error of its own.
    if isinstance(value, list | tuple) and len(value) > MAX_CHUNKS:
        raise ValueError(f"has {len(value)} items, at most {MAX_CHUNKS} are taken")
    return value


class FileStatusUpdated(Message):
    """A recording's chunks exist (``Microsoft.Communication.RecordingFileStatusUpdated``)."""

    event_id: ShortText = ""
    event_time: ServiceTime
    call_id: str | None = None
    server_call_id: OpaqueId | None = None
    recording_id: OpaqueId | None = None
    """Known only from the event's subject, and absent in older ones."""
    recording_start_time: ServiceTime | None = None
    recording_duration_ms: Annotated[float, Field(ge=0)] | None = None
    """Milliseconds, of the whole recording session."""
    recording_content_type: str | None = None
    recording_channel_type: str | None = None
    recording_format_type: str | None = None
    """PascalCase in events, camelCase in REST: compare without case."""
    session_end_reason: ShortText = ""
    chunks: Annotated[
        tuple[RecordingChunk, ...],
        Field(
            min_length=1,
            max_length=MAX_CHUNKS,
            validation_alias=AliasChoices("chunks", "recordingChunks"),
        ),
        BeforeValidator(_few),
    ]

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("data"), dict):
            return _flatten_event(value)
        return value


class RecordingStateChanged(Message):
    """Payload of `recording_state_changed`: what ACS told the callback address of a recording.

    From ``Microsoft.Communication.RecordingStateChanged``, or from ``StartRecordingFailed``, which
    has a ``problem`` instead of a state.
    """

    recording: Annotated[int, Field(ge=1)]
    """Number of the recording in its call, from the callback's address."""
    recording_id: OpaqueId
    state: ShortText = ""
    """``active`` or ``inactive``; empty where it failed to start."""
    at: ServiceTime
    """The event's own time."""
    problem: ShortText = ""
    """The reason why it failed to start."""


def _without_blanks(fields: dict[str, Any]) -> dict[str, Any]:
    """Drop the ``null`` and ``""`` that older services send where they know nothing."""
    return {key: value for key, value in fields.items() if value not in (None, "")}


def _flatten_event(event: dict[str, Any]) -> dict[str, Any]:
    """Bring an Event Grid event or a CloudEvent into the flat form."""
    data: dict[str, Any] = event["data"]
    subject = parse_subject(str(event.get("subject") or ""))
    storage = data.get("recordingStorageInfo")
    flat = {
        **{key: value for key, value in data.items() if key != "recordingStorageInfo"},
        "eventId": event.get("id"),
        "eventTime": event.get("eventTime") or event.get("time"),
        "callId": subject.call_id,
        "serverCallId": subject.server_call_id or data.get("serverCallId"),
        "recordingId": subject.recording_id or data.get("recordingId"),
        "recordingChunks": storage.get("recordingChunks") if isinstance(storage, dict) else None,
    }
    return _without_blanks(flat)
