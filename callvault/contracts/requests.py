"""Requests of app backends: keep this call, pause, resume, stop."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from callvault.contracts.base import CallerMessage, Message, OpaqueId, RequestId, ShortText, Span
from callvault.contracts.consent import MAX_PARTICIPANTS, ConsentTerms
from callvault.contracts.events import ServiceTime, known_time
from callvault.contracts.media import (
    VALID_COMBINATIONS,
    ChannelType,
    ContentType,
    FormatType,
)
from callvault.contracts.participants import ParticipantHash
from callvault.contracts.retention import Retention
from callvault.contracts.webhook_urls import WebhookUrl

ResourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


RESUME_EXPIRY = timedelta(seconds=60)
"""Time after which a resume does nothing, where it does not say: the talk has gone on meanwhile."""


def _none_if_odd(value: Any, handler: ValidatorFunctionWrapHandler) -> datetime | None:
    # A pause that protects a card number is not refused for an odd clock.
    try:
        read: datetime | None = handler(value)
    except (ValidationError, ValueError):
        return None
    return known_time(read)


AskedAt = Annotated[ServiceTime | None, WrapValidator(_none_if_odd)]
"""The asker's own time; None where it is left out or cannot be right."""


class ControlRequest(CallerMessage):
    """Payload of `pause`, `resume` and `stop`: the requester, the reason, an id.

    Every field is optional, because a pause that protects a card number must never be refused for
    its paperwork; what is missing shows as ``unknown`` in the evidence.
    """

    reason: ShortText = ""
    """The reason, in words a compliance officer understands."""
    request_id: RequestId | None = None
    """The caller's id of this request: the same request again is the same, another one under the
    same id is refused, or carried out if it protects (a pause, a stop)."""
    requested_at: AskedAt = None
    """Time of asking, by the asker's clock: the deadlines of a pause count from it. At the latest,
    when the workflow hears of it; by default, for a signal, when it came to Temporal's server. One
    that cannot be read counts as left out."""
    expires_at: ServiceTime | None = None
    """Of a resume: later than this it does nothing, and has failed. By default `RESUME_EXPIRY`
    after the time of asking."""
    force: bool = False
    """Of a resume: release the pauses of all others, too; they are told. Never what consent
    demands."""


Asked = TypeVar("Asked", bound=Message)


def dated(message: Asked, received_at: datetime) -> Asked:
    """Return a request with its time: when it was received, or its own if that is earlier."""
    if "requested_at" not in type(message).model_fields:
        return message
    own: datetime | None = getattr(message, "requested_at")  # noqa: B009 (not every message has it)
    return message.model_copy(update={"requested_at": min(own or received_at, received_at)})


class RecordingFormat(Message):
    """The format of a recording."""

    # ACS's own defaults are undocumented, so all three are always sent.

    recording_content_type: ContentType = ContentType.AUDIO_VIDEO
    recording_channel_type: ChannelType = ChannelType.MIXED
    recording_format_type: FormatType = FormatType.MP4

    @model_validator(mode="after")
    def _combination_exists(self) -> Self:
        chosen = (
            self.recording_content_type,
            self.recording_channel_type,
            self.recording_format_type,
        )
        if chosen not in VALID_COMBINATIONS:
            valid = "; ".join(sorted(" + ".join(row) for row in VALID_COMBINATIONS))
            raise ValueError(f"ACS does not record {' + '.join(chosen)}: choose one of {valid}")
        return self


class OnPauseFailure(StrEnum):
    """The reaction to a pause that ACS does not confirm in time. An alarm is raised in any case."""

    STOP = "stop"
    """Stop the recording: rather none than one with a card number in it."""
    ALARM = "alarm"
    """Go on asking for the pause."""
    MARK = "mark"
    """Go on asking, and list the time in the manifest as an unconfirmed interval."""


class OnMaxPause(StrEnum):
    """The reaction to a pause that lasts longer than it may."""

    RESUME = "resume"
    ALARM = "alarm"


class Guards(Message):
    """Limits that Callvault enforces during a call; absent values are those of the resource."""

    pause_confirm_within: Span | None = None
    """Time for ACS to confirm a pause."""
    on_pause_failure: OnPauseFailure | None = None
    max_pause: Span | None = None
    """Longest time that a pause may last, from when word of it came; none for any time."""
    on_max_pause: OnMaxPause | None = None
    max_duration: Span | None = None
    """Time after its start at which a recording is stopped; none for never."""


class StartRequest(ControlRequest, RecordingFormat, Guards, ConsentTerms):
    """Payload of `start`: another recording in the same call, after the last one was stopped."""

    retention: Retention | None = None
    """Time for which the recording must be kept, counted from sealing: it lengthens the retention
    of the resource, and never shortens it."""
    pause_on_start: bool = False
    """Begin paused: nothing is recorded until `resume`."""
    participants: Annotated[tuple[ParticipantHash, ...], Field(max_length=MAX_PARTICIPANTS)] = ()
    """Those in the call already: events tell only of those who come and go later."""
    webhook_url: WebhookUrl | None = None
    """A receiver of the recording's events, beside the resource's own webhook. The resource's
    setting ``webhook_allowed_urls`` must allow it."""


class RecordingRequest(StartRequest):
    """Input of ``RecordingWorkflow``: keep this call's recording.

    Start the workflow with `names.workflow_id(server_call_id)` as its id, on the task queue
    `names.CONTROL_QUEUE`.
    """

    server_call_id: OpaqueId
    """The call's ``serverCallId`` as ACS gave it: not the ``callId``, which ACS refuses."""
    resource: ResourceName = "default"
    """Name of the ACS resource in Callvault's configuration."""
    start_recording: bool = True
    """False: only archive what Event Grid announces for this call (an orphan, or a recording that
    another program controls)."""


class CallEnded(Message):
    """Payload of `call_ended`: the call is over, and with it every recording in it."""

    ended_at: AskedAt = None
    """Time of its end; by default, and where it cannot be right, when it was heard of."""
    reason: ShortText = ""
