"""JSON bodies that the recording operations of ACS send and receive.

Shapes of the REST specification ``2026-03-12`` (``communicationservicescallautomation.json``);
recordings look the same in every stable version since 2024-04-15.
"""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import (
    AwareDatetime,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from callvault.contracts.base import (
    Message,
    OpaqueId,
    ShortText,
    explain_one,
    problems_of,
    shorten,
)
from callvault.contracts.events import (
    NEEDED_OF_A_CHUNK,
    DurationMs,
    FileStatusUpdated,
    RecordingChunk,
    ServiceTime,
    known_time,
)
from callvault.contracts.field_by_field import bounded_notes, without_odd_fields
from callvault.contracts.requests import RecordingFormat


class ServerCallLocator(Message):
    """Names the call by its ``serverCallId``."""

    kind: Literal["serverCallLocator"] = "serverCallLocator"
    server_call_id: OpaqueId


class ExternalStorage(Message):
    """Has ACS write the recording to a container of the customer's, with its managed identity."""

    recording_storage_kind: Literal["azureBlobStorage"] = "azureBlobStorage"
    recording_destination_container_url: str


class StartRecording(RecordingFormat):
    """``StartCallRecordingRequest``: the body of a start."""

    call_locator: ServerCallLocator
    recording_state_callback_uri: str | None = None
    """The absolute https URL to which ACS posts ``RecordingStateChanged``."""
    pause_on_start: bool = False
    """Begin paused; ACS makes no file before the first resume."""
    external_storage: ExternalStorage | None = None


class RecordingStateResponse(Message):
    """``RecordingStateResponse``: ACS's answer to a start and to a question about the state.

    All values are extensible: a word that is not listed here is possible.
    """

    recording_id: OpaqueId
    recording_state: str = "inactive"
    """``active`` or ``inactive``. Paused and not yet begun are both ``inactive``; the 2021 previews
    leave the field out of the answer to a start."""
    recording_kind: str | None = None
    """``azureCommunicationServices``, ``teams`` or ``teamsCompliance``."""


class CallConnectionProperties(Message):
    """``CallConnectionProperties``: one end of a call, as far as it is read."""

    server_call_id: OpaqueId


class ResultError(Message):
    """``CommunicationError``, as far as it is read."""

    code: str = ""
    message: str = ""
    innererror: "ResultError | None" = Field(default=None, alias="innererror")

    def __str__(self) -> str:
        inner = self.innererror
        cause = f" ({inner.code}: {inner.message})" if inner else ""
        return shorten(f"{self.code}: {self.message}{cause}")


class RecordingStorageInfo(Message):
    """``RecordingStorageInfo``: the recording's files, read field by field as those of an event."""

    recording_chunks: tuple[RecordingChunk, ...] = ()
    left_out: tuple[str, ...] = ()
    """Fields that could not be read, each with the reason. Filled in by the reader."""
    chunks_left_out: int = 0
    """Number of chunks that could not be read. Filled in too."""

    @model_validator(mode="wrap")
    @classmethod
    def _field_by_field(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict):
            return handler(value)
        fields = {"recordingChunks": value.get("recordingChunks") or []}
        try:
            return handler(fields)
        except ValidationError as error:
            kept = without_odd_fields(fields, error, "recordingChunks", NEEDED_OF_A_CHUNK)
        notes = {"leftOut": kept.notes, "chunksLeftOut": kept.items_left_out}
        return handler({**kept.fields, **notes})


class RecordingResultResponse(Message):
    """``RecordingResultResponse`` of ``2024-09-01-preview``: a recording's files and errors."""

    recording_storage_info: RecordingStorageInfo = RecordingStorageInfo()
    errors: tuple[ResultError, ...] = ()
    recording_start_time: ServiceTime | None = None
    recording_duration_ms: DurationMs | None = None
    session_end_reason: ShortText = ""
    """In camelCase, where events have PascalCase: ``sessionStillOngoing``, ``callEnded``."""
    recording_expiration_time: ServiceTime | None = None
    left_out: tuple[str, ...] = ()
    """Fields beside the files that could not be read, each with the reason. Filled in too."""

    @model_validator(mode="wrap")
    @classmethod
    def _field_by_field(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, dict):
            return handler(value)
        # The service writes ``null`` for values that it does not know.
        known = {key: said for key, said in value.items() if said is not None}
        try:
            return handler(known)
        except ValidationError as error:
            problems = problems_of(error)
            odd = {each["loc"][0] for each in problems}
            if "recordingStorageInfo" in odd:
                raise
        read = handler({key: said for key, said in known.items() if key not in odd})
        notes = bounded_notes([explain_one(each) for each in problems])
        return read.model_copy(update={"left_out": notes})

    @property
    def expires_at(self) -> datetime | None:
        """Time at which the service deletes the files; None if it does not say."""
        return known_time(self.recording_expiration_time)

    def announced(
        self, server_call_id: str, recording_id: str, at: datetime
    ) -> FileStatusUpdated | None:
        """Return the files that are written, as an event of this time tells of them; None if none.

        The result does not say whose it is: the ids are those that it was asked for with.
        """
        storage = self.recording_storage_info
        chunks = tuple(chunk for chunk in storage.recording_chunks if chunk.is_written)
        if not chunks:
            return None
        return FileStatusUpdated(
            event_time=at,
            server_call_id=server_call_id,
            recording_id=recording_id,
            recording_start_time=self.recording_start_time,
            recording_duration_ms=self.recording_duration_ms,
            session_end_reason=self.session_end_reason,
            chunks=chunks,
            left_out=bounded_notes([*storage.left_out, *self.left_out]),
            chunks_left_out=storage.chunks_left_out,
        )


class Repeatability(Message):
    """Identity of a start: ACS answers the same pair with the recording it already started.

    The caller that repeats the start owns it: the same pair on every attempt, a new pair for a new
    recording.
    """

    request_id: UUID | OpaqueId
    first_sent: AwareDatetime
