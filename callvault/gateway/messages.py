"""Bodies and answers that only REST has; all others are those of `callvault/contracts`."""

from typing import Literal

from pydantic import RootModel

from callvault.contracts.base import OpaqueId, State
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.requests import ResourceName
from callvault.contracts.status import ControlRecord
from callvault.temporal.call_list import ListedCall


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
