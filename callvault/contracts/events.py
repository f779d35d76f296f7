"""`file_status_updated`: the files of a recording that exist, as Event Grid tells it.

The signal takes the event in any of three forms: an Event Grid event or a CloudEvent just as it
came (so a backend with its own Event Grid subscription forwards it unread), or the flat form below.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from callvault.contracts import envelopes
from callvault.contracts.base import Message, OpaqueId, ShortText
from callvault.contracts.field_by_field import (
    MAX_NOTE,
    MAX_NOTES,
    bounded_notes,
    in_camel_case,
    stripped,
    text_of_number,
    without_odd_fields,
)
from callvault.contracts.media_urls import UrlKind, refuse_foreign

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

MAX_DURATION_MS = 4 * 366 * 24 * 3_600_000
"""Longest recording that is believed, in milliseconds: as many years."""

DurationMs = Annotated[float, Field(ge=0, le=MAX_DURATION_MS, allow_inf_nan=False)]

_SUBJECT = "recording/call/"
_MAX_TIME = 64
_LEAP_SECOND = re.compile(r"(:[0-5][0-9]):60")
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)


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
    # Not a regular expression: those with three open ends take cubic time on a text made for it.
    rest = subject.removeprefix("/")
    if not rest.startswith(_SUBJECT):
        return RecordingSubject()
    before, _, recording_id = rest.removeprefix(_SUBJECT).partition("/recordingId/")
    call_id, _, server_call_id = before.partition("/serverCallId/")
    return RecordingSubject(call_id or None, server_call_id or None, recording_id or None)


def _repair_time(value: Any) -> Any:
    """Bring a time into a form that Python holds: six digits of a second, and no leap second."""
    if not isinstance(value, str):
        return value
    if len(value) > _MAX_TIME:
        raise ValueError("is no time")
    return _LEAP_SECOND.sub(r"\1:59", re.sub(r"(\.\d{6})\d+", r"\1", value))


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    # Year 1, which the service writes for "not known", given with an offset.
    except OverflowError as error:
        raise ValueError("is outside the calendar") from error


ServiceTime = Annotated[datetime, BeforeValidator(_repair_time), AfterValidator(_in_utc)]
"""A time as the service writes it: seven-digit fractions, UTC where no zone is given."""

NOT_KNOWN = datetime(1, 1, 1, tzinfo=UTC)
"""The service's own way to write a time that it does not know."""


def known_time(value: datetime | None) -> datetime | None:
    """Return the time; None for one that cannot be right.

    .NET writes its first and its last time, of the years 1 and 9999, for "not known" and "never".
    What is within 2020 to 2199 can be added to, and told in any time zone.
    """
    return value if value and _EARLIEST <= value < _END else None


def _known(value: datetime) -> datetime:
    if known_time(value) is None:
        raise ValueError("is no time of a recording: it is not within the years 2020 to 2199")
    return value


KnownTime = Annotated[ServiceTime, AfterValidator(_known)]
"""A `ServiceTime` that can be right, as `known_time` tells; any other is refused."""


TimeIfKnown = Annotated[ServiceTime | None, AfterValidator(known_time)]
"""A time of which its writer may not know it, and then writes what `known_time` reads as None."""


MediaUrl = Annotated[str, StringConstraints(min_length=1, max_length=4_096)]


BEING_RECORDED = "chunkisbeingrecorded"
"""``endReason``, in lower case, of a chunk that has none yet."""

_UNFINISHED = frozenset(
    {
        BEING_RECORDED,
        "chunkmaximumsizeexceeded",
        "chunkmaximumtimeexceeded",
        "chunkuploadfailure",
    }
)


def ends_recording(end_reason: str) -> bool:
    """Tell by a chunk's ``endReason`` if no further chunk follows.

    The service's list of reasons is open: every reason ends the recording, save those that are
    known to say that another chunk follows or that this one failed.
    """
    return end_reason.lower() not in _UNFINISHED


def are_whole(chunks: Iterable[tuple[int, str]]) -> bool:
    """Tell by their indices and ``endReason`` if these chunks are all of a recording."""
    reasons = list(chunks)
    last = max((index for index, reason in reasons if ends_recording(reason)), default=None)
    if last is None:
        return False
    # Counted, never listed: an index comes from outside, and may be any number.
    return len({index for index, _ in reasons if index <= last}) == last + 1


_DocumentId = Annotated[
    str,
    # Next to the type: anywhere else half an emoji would pass, which no payload can hold.
    StringConstraints(min_length=1, max_length=1_024),
    BeforeValidator(stripped),
    BeforeValidator(text_of_number),
]
_Id = Annotated[OpaqueId, BeforeValidator(stripped), BeforeValidator(text_of_number)]
_Word = Annotated[str, StringConstraints(max_length=100)]
_Note = Annotated[str, StringConstraints(max_length=MAX_NOTE)]


class RecordingChunk(Message):
    """One media file of a recording, as announced (``recordingChunks[]`` of the event)."""

    document_id: _DocumentId
    index: Annotated[int, Field(ge=0, le=MAX_CHUNK_INDEX)] = 0
    end_reason: ShortText = ""
    content_location: MediaUrl | None = None
    """None where the service has no file, as of a chunk whose upload failed."""
    metadata_location: MediaUrl | None = None
    delete_location: MediaUrl | None = None
    """Optional: the service added it later."""

    @field_validator("content_location", "metadata_location", "delete_location")
    @classmethod
    def _of_this_document(cls, url: str | None, info: ValidationInfo) -> str | None:
        # Without a document id that can be read the chunk is left out in any case.
        document_id = info.data.get("document_id")
        if url is not None and document_id is not None:
            refuse_foreign(UrlKind(to_camel(info.field_name or "")), url, document_id)
        return url

    @property
    def is_written(self) -> bool:
        """True if it is written to its end: a chunk that is being recorded is no file yet."""
        # Without case: a polled result is in camelCase, an event in PascalCase.
        return self.end_reason.lower() != BEING_RECORDED

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, value: Any) -> Any:
        return in_camel_case(value, cls)


NEEDED_OF_A_CHUNK = frozenset({"documentId", "index", "contentLocation"})
"""Without its location a chunk would be taken for one that the service has no file of."""


def _few(value: Any) -> Any:
    # Before a single one is read: each that is odd costs an error of its own.
    if isinstance(value, list | tuple) and len(value) > MAX_CHUNKS:
        raise ValueError(f"has {len(value)} items, at most {MAX_CHUNKS} are taken")
    return value


class FileStatusUpdated(Message):
    """A recording's chunks exist (``Microsoft.Communication.RecordingFileStatusUpdated``).

    Read field by field: the chunks are needed; any other field that cannot be read is left out, and
    `left_out` says so.
    """

    event_id: Annotated[ShortText, BeforeValidator(text_of_number)] = ""
    event_time: ServiceTime = NOT_KNOWN
    """Year 1 if it is not known, which `known_time` turns into None."""
    call_id: Annotated[str, StringConstraints(max_length=2_048)] | None = None
    server_call_id: _Id | None = None
    recording_id: _Id | None = None
    """Known only from the event's subject or its data, and absent in older ones."""
    recording_start_time: KnownTime | None = None
    recording_duration_ms: DurationMs | None = None
    """Milliseconds, of the whole recording session."""
    recording_content_type: _Word | None = None
    recording_channel_type: _Word | None = None
    recording_format_type: _Word | None = None
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
    left_out: Annotated[tuple[_Note, ...], Field(max_length=MAX_NOTES)] = ()
    """Fields that could not be read, each with the reason. Filled in by the reader."""
    chunks_left_out: Annotated[int, Field(ge=0, le=MAX_CHUNKS)] = 0
    """Number of chunks that could not be read, beside those in `chunks`. Filled in too."""
    again: bool = False
    """True if its files are to be copied anew, although they were archived: the archive went back.
    `callvault events deliver --again` says so, and no event of the service."""

    @model_validator(mode="wrap")
    @classmethod
    def _field_by_field(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict):
            return handler(value)
        fields = _flat(value, cls)
        try:
            return handler(fields)
        except ValidationError as error:
            kept = without_odd_fields(fields, error, "chunks", NEEDED_OF_A_CHUNK)
        # What was left out before, as of a polled result, stays told.
        notes = bounded_notes([*kept.fields.get("leftOut", ()), *kept.notes])
        count = min(kept.fields.get("chunksLeftOut", 0) + kept.items_left_out, MAX_CHUNKS)
        return handler({**kept.fields, "leftOut": notes, "chunksLeftOut": count})


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
    at: TimeIfKnown = None
    """The event's own time; by default, when the workflow heard of it."""
    problem: ShortText = ""
    """The reason why it failed to start."""
    is_signed: bool = False
    """True if ACS's own signed token came with it. The gateway says so, and never the callback."""


def _flat(value: dict[str, Any], model: type[Message]) -> dict[str, Any]:
    """Bring an Event Grid event, a CloudEvent or the flat form into the flat form."""
    data = envelopes.data_of(value)
    flat = in_camel_case(value if data is None else data, model)
    chunks = envelopes.said(value, "chunks", "recordingChunks", "recording_chunks")
    if data is not None:
        chunks = _chunks_of(data)
        flat |= _of_envelope(value)
    # Too many are refused as they are: to look into each would hold up a workflow for seconds.
    if isinstance(chunks, list | tuple) and len(chunks) <= MAX_CHUNKS:
        chunks = [in_camel_case(chunk, RecordingChunk) for chunk in chunks]
    return flat if chunks is None else {**flat, "chunks": chunks}


def _chunks_of(data: dict[str, Any]) -> Any:
    storage = envelopes.said(data, "recordingStorageInfo", "recording_storage_info")
    if not isinstance(storage, dict):
        return None
    return envelopes.said(storage, "recordingChunks", "recording_chunks")


def _of_envelope(event: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that stand outside the data."""
    subject = parse_subject(str(event.get("subject") or ""))
    fields = {
        "eventId": event.get("id"),
        "eventTime": envelopes.time_of(event),
        "callId": subject.call_id,
        "serverCallId": subject.server_call_id,
        "recordingId": subject.recording_id,
    }
    return {name: value for name, value in fields.items() if value not in (None, "")}
