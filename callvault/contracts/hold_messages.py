"""Legal holds as people ask for them, and as a call's workflow remembers them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from callvault.contracts.base import CallerMessage, CallerName, Message, OpaqueId, State
from callvault.contracts.call_ids import is_no_recording, is_no_server_call, is_of_no_sort

HoldId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


_NO_CALL = "this is no serverCallId, but another id: give the serverCallId"


# A hold under an id of another sort would lie on nothing, and nobody would notice.
def _of_call(told: str) -> str:
    if is_no_server_call(told):
        raise ValueError(_NO_CALL)
    return told


def _of_recording(told: str) -> str:
    if is_no_recording(told):
        raise ValueError("this is no recordingId, but another id: give the recordingId")
    return told


HeldCall = Annotated[OpaqueId, AfterValidator(_of_call)]
"""The ``serverCallId`` of a call that is held."""

HeldRecording = Annotated[OpaqueId, AfterValidator(_of_recording)]
"""The ``recordingId`` of a recording that is held."""

HoldReason = Annotated[
    str, StringConstraints(min_length=1, max_length=1_024, strip_whitespace=True)
]
"""A hold without a reason is none: it would keep a person's data for nothing."""


class HoldTarget(Message):
    """The recordings that are held: one of them, or all of a call, those that come later too."""

    # What else they may be is checked where people ask: a record that lies in an archive must be
    # read, or nothing could be erased there any more, and the hold not be released.
    server_call_id: OpaqueId | None = None
    recording_id: OpaqueId | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.server_call_id is None) is (self.recording_id is None):
            raise ValueError("name the call (serverCallId) or the recording (recordingId)")
        if is_of_no_sort(self.server_call_id or ""):
            raise ValueError(_NO_CALL)
        return self


class _AskedTarget(HoldTarget):
    server_call_id: HeldCall | None = None
    recording_id: HeldRecording | None = None


def asked_target(server_call_id: str | None, recording_id: str | None) -> HoldTarget:
    """Read what somebody wants to hold; `ValidationError` for an id of another sort."""
    asked = _AskedTarget(server_call_id=server_call_id, recording_id=recording_id)
    return HoldTarget(server_call_id=asked.server_call_id, recording_id=asked.recording_id)


class HoldRequest(CallerMessage):
    """Payload of the signal `place_hold`: the recordings of the call are held, for a reason."""

    recording_id: HeldRecording | None = None
    """The one recording that is held; by default all of the call, those to come too."""
    reason: HoldReason
    hold: HoldId | None = None
    """Its id, from who has written it into the archives already; by default the workflow does."""


class ReleaseRequest(CallerMessage):
    """Payload of the signal `release_hold`: a hold ends, for a reason."""

    hold: HoldId
    """The hold's id, as the status and the archive's record tell it."""
    reason: HoldReason


class HoldOrder(Message):
    """Input of the activity that writes a hold into every archive."""

    target: HoldTarget
    resource: str
    requested_by: Annotated[str, Field(min_length=1, max_length=1_024)]
    authenticated_as: CallerName = ""
    reason: HoldReason
    asked_at: datetime
    """Time at which the workflow was told: one that was placed after that is this one."""


class ReleaseOrder(Message):
    """Input of the activity that writes a hold's release into every archive that has the hold."""

    hold: HoldId
    requested_by: Annotated[str, Field(min_length=1, max_length=1_024)]
    authenticated_as: CallerName = ""
    reason: HoldReason


class WrittenHold(Message):
    """The hold, or its release, as it lies in archives."""

    id: HoldId
    archives: tuple[str, ...]


class CallHold(State):
    """A legal hold on a call or on one recording of it, as its workflow was told."""

    recording_id: str | None = None
    """The one recording that is held; none for all of the call."""
    requested_by: str
    authenticated_as: str = ""
    reason: str
    placed_at: datetime
    """Time at which the workflow was told."""
    id: str = ""
    """The hold's id, once it is written; before that the call's open workflow stands for it."""
    archives: list[str] = []
    """Names of the archives that have its record."""
    release: ReleaseRequest | None = None
    """The request that ends it."""
    released_at: datetime | None = None
    """Time at which its release was written; until then it holds."""
