"""Bodies and answers that only REST has; all others are those of `callvault/contracts`."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, RootModel

from callvault.contracts.base import CallerMessage, OpaqueId, ShortText, Span, State
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.requests import ResourceName
from callvault.contracts.status import ControlRecord
from callvault.contracts.subjects import SubjectRecordings
from callvault.temporal.call_list import ListedCall

MAX_CHUNK = 1_000_000
"""Highest number of a file that is looked for."""


class RecordingStarted(State):
    """Answer to a request to record a call."""

    workflow_id: str
    run_id: str | None
    is_new: bool
    """False: the call was being kept already; its workflow has been told of the request."""


class RecordingConfirmed(State):
    """Answer to a request to record a call, once ACS has given the recording its id."""

    workflow_id: str
    is_new: bool
    """False: the call was being recorded already, and this tells of that recording."""
    recording: int
    """Number of the recording in its call, from 1."""
    recording_id: str | None
    record: ControlRecord | None
    """What became of the request; none where nothing had to be done."""


class RequestSent(State):
    """Answer to a control request that is not waited for."""

    workflow_id: str
    request: str


class ToldDecision(ConsentDecision):
    """Body of a decision; the call's own id is needed only while nobody keeps the call."""

    server_call_id: OpaqueId | None = None
    """The call's ``serverCallId``: the decision is kept for up to a day, until it is recorded."""
    resource: ResourceName = "default"
    """The resource of the call, as in the request that will record it."""


class OpenRequest(CallerMessage):
    """Body of a request to open a recording."""

    id: OpaqueId
    """A ``recordingId``, ``callId``, ``serverCallId`` or ``workflowId``, or the recording's folder
    in the archive, or a file in it, which then is the only one that is opened."""
    chunk: Annotated[int, Field(ge=0, le=MAX_CHUNK)] | None = None
    """Number of the one file that is wanted, from 0; by default all of them."""
    reason: ShortText = ""
    """The reason, for the archive's access log; the settings may demand one."""
    recorded_on: date | None = None
    """The day on which it was recorded, in UTC: needed once Temporal has forgotten the call."""
    lifetime: Span | None = None
    """Time for which the links are wanted; at most, and by default, what the settings say."""
    download: bool = False
    """True: browsers store the files instead of playing them."""

    def object_name_in(self, folder: str) -> str | None:
        """Return the name of the one file that ``id`` names; None where it names no file."""
        return self.id if self.id.startswith(f"{folder}/") and self.id != f"{folder}/" else None


class OpenedFile(State):
    """One file of a recording that is opened."""

    chunk: int | None
    """Its number, from 0; null while its recording is not sealed."""
    object_name: str
    """Its name in the archive."""
    content_type: str
    size: int
    """Bytes."""
    sha256: str | None
    """Of the whole file, in hexadecimal; null where only reading tells it."""
    url: str
    """Opens the file until ``expiresAt``, without any key: give it to nobody else. A path is one of
    this gateway."""


class OpenedRecording(State):
    """Answer to a request to open a recording."""

    archive: str
    folder: str
    """The recording's folder in the archive."""
    files: list[OpenedFile]
    """Those that can be opened."""
    missing: list[str]
    """A sentence about each file that was asked for and cannot be opened."""
    expires_at: datetime
    access_record: str
    """The record of this in the archive's access log, ``SEQUENCE:SHA256``."""


class FindRequest(CallerMessage):
    """Body of a request to find a person."""

    participant: Annotated[str, Field(max_length=4_096)]
    """A ``rawId`` in any spelling (``8:acs:…``, ``4:+49…``), or the participant's hash."""
    archives: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Names of the archives that are searched; by default all of them."""
    since: date | None = None
    until: date | None = None
    """First and last day of the recordings, in UTC: a person who is in thousands is better searched
    year by year."""
    reason: ShortText = ""
    """The reason, for the archives' access logs."""


class FoundPerson(State):
    """Answer to a request to find a person: what each archive has."""

    archives: list[SubjectRecordings]
    """Recordings of resources that are not for the caller are left out."""


class EncodedPayload(State):
    """A payload of Temporal's, in the JSON form of its protobuf."""

    metadata: dict[str, str]
    """Its metadata, each value in base64: `encoding` above all."""
    data: str
    """Its bytes, in base64."""


class EncodedPayloads(State):
    """Payloads as Temporal's codec endpoints take and answer them."""

    payloads: list[EncodedPayload]


class CallList(State):
    """A page of calls: open ones first, the latest begun first; then the latest ended first."""

    calls: list[ListedCall]
    """May be fewer than ``limit``, or none, although there are more."""
    next_cursor: str | None
    """The ``cursor`` of the next page; null at the end of the list."""


class Accepted(State):
    """Answer to a delivery, of which Temporal or the quarantine has every event."""

    accepted: Literal[True] = True


class SubscriptionValidated(State):
    """Answer to the validation of an Event Grid subscription."""

    validation_response: str


class Alive(State):
    """Answer to the probe for life."""

    status: Literal["ok"] = "ok"


class Readiness(RootModel[dict[str, str]]):
    """State of each part that the gateway needs, by its name: ``ok``, or what is amiss."""
