"""The emulator's events, read with Microsoft's own models in both schemas."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any

import httpx
import pytest
from azure.core.messaging import CloudEvent

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, EventGridEndpoint, EventSchema
from tests.contract.conftest import record
from tests.contract.sdks import importable
from tests.emulator.stage import Acs, StagedCall, eventually
from tests.emulator.webhook import Received, Webhook

RECORDED = "Microsoft.Communication.RecordingFileStatusUpdated"
PREVIEW_ONLY = {"Microsoft.Communication.CallLegStateChanged"}
"""Of 2021; no later package knows them."""

STATES = ["inactive", "active", "inactive"]
"""Of a recording that is started and stopped, as its callback is told."""

_CALL = {
    "startedBy",
    "serverCallId",
    "group",
    "room",
    "isTwoParty",
    "correlationId",
    "isRoomsCall",
}
_PARTICIPANT = _CALL | {"user", "displayName", "participantId", "endpointType"}
DOCUMENTED = {
    "CallStarted": _CALL,
    "CallEnded": _CALL | {"durationOfCall"},
    "CallParticipantAdded": _PARTICIPANT,
    "CallParticipantRemoved": _PARTICIPANT,
    "RecordingFileStatusUpdated": {
        "recordingStorageInfo",
        "recordingStartTime",
        "recordingDurationMs",
        "recordingContentType",
        "recordingChannelType",
        "recordingFormatType",
        "sessionEndReason",
    },
}
"""Fields of the data, in "Azure Communication Services - Voice and video calling events"."""


class Story:
    """One call with everything that is told about it, to a webhook of each schema."""

    def __init__(self, acs: Acs, grid: Webhook, cloud: Webhook) -> None:
        call = StagedCall(acs)
        call.is_joined_by("Cem")
        self.chunk = record(call)
        call.is_left_by("Cem")
        call.ends()
        self.server_call_id = call.server_call_id
        self.grid, self.cloud = grid, cloud
        for webhook in (grid, cloud):
            for name in DOCUMENTED:
                eventually(partial(webhook.of_type, name))

    @property
    def grid_events(self) -> list[dict[str, Any]]:
        return [event for received in self.grid.deliveries for event in received.body]

    @property
    def cloud_events(self) -> list[dict[str, Any]]:
        return [received.body for received in self.cloud.deliveries]

    @property
    def handshake(self) -> Received:
        return next(each for each in self.grid.requests if each.is_validation)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook().open() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with Webhook().open() as grid, Webhook().open() as cloud:
        endpoints = (
            EventGridEndpoint(grid.url),
            EventGridEndpoint(cloud.url, EventSchema.CLOUD_EVENTS),
        )
        settings = EmulatorSettings(event_delay=timedelta(0), event_grid_endpoints=endpoints)
        with httpx.Client(trust_env=False) as http, running(settings) as emulator:
            yield Story(Acs(emulator, http), grid, cloud)


@pytest.fixture(scope="module")
def eventgrid() -> Iterator[ModuleType]:
    """Today's azure-eventgrid: the names of all events, and no models of their data."""
    with importable("common", "azure.eventgrid"):
        import azure.eventgrid

        yield azure.eventgrid


@pytest.fixture(scope="module")
def models() -> Iterator[ModuleType]:
    """Of azure-eventgrid 4.5.0, the last version that had models."""
    with importable("eventgrid-4.5.0", "azure.eventgrid"):
        from azure.eventgrid._generated import models

        yield models


def test_every_event_has_a_name_that_microsoft_knows(eventgrid: ModuleType, story: Story) -> None:
    known = {name.value for name in eventgrid.SystemEventNames} | PREVIEW_ONLY
    sent = {event["eventType"] for event in story.grid_events}
    assert sent <= known
    assert {RECORDED, "Microsoft.Communication.CallStarted"} <= sent


def test_every_event_is_an_event_grid_event(eventgrid: ModuleType, story: Story) -> None:
    for event in story.grid_events:
        parsed = eventgrid.EventGridEvent.from_dict(event)
        assert (parsed.id, parsed.subject) == (event["id"], event["subject"])
        assert parsed.event_time.tzinfo is not None
        assert parsed.data == event["data"]


def test_every_event_is_a_cloud_event(story: Story) -> None:
    assert {event["type"] for event in story.cloud_events} == {
        event["eventType"] for event in story.grid_events
    }
    for event in story.cloud_events:
        parsed = CloudEvent.from_dict(event)
        assert (parsed.id, parsed.source) == (event["id"], event["source"])
        assert parsed.time is not None
        assert not parsed.extensions, "a CloudEvent of Event Grid has no attribute that is unknown"


OBSERVED = {"RecordingFileStatusUpdated": {"recordingId", "storageType"}}
"""Fields that captures have and the documentation of the event has not."""


def test_data_has_the_documented_fields_and_no_other(story: Story) -> None:
    sent = {
        event["eventType"].rpartition(".")[2]: set(event["data"]) for event in story.grid_events
    }
    assert sent.keys() == DOCUMENTED.keys()
    for name, fields in sent.items():
        assert fields - OBSERVED.get(name, set()) == DOCUMENTED[name] - {"room"}, name


def test_recording_event_fills_the_official_model(models: ModuleType, story: Story) -> None:
    (event,) = (each for each in story.grid_events if each["eventType"] == RECORDED)
    data = models.AcsRecordingFileStatusUpdatedEventData.deserialize(event["data"])
    assert data.recording_start_time.tzinfo is not None
    assert data.recording_duration_ms == story.chunk["durationMs"]
    assert data.session_end_reason == event["data"]["sessionEndReason"]
    (chunk,) = data.recording_storage_info.recording_chunks
    assert (chunk.document_id, chunk.index) == (story.chunk["documentId"], 0)
    assert (chunk.end_reason, chunk.content_location, chunk.metadata_location) == (
        story.chunk["endReason"],
        story.chunk["contentLocation"],
        story.chunk["metadataLocation"],
    )


def test_handshake_fills_the_official_model(
    eventgrid: ModuleType, models: ModuleType, story: Story
) -> None:
    (event,) = story.handshake.body
    name = eventgrid.SystemEventNames.EventGridSubscriptionValidationEventName
    assert event["eventType"] == name.value
    data = models.SubscriptionValidationEventData.deserialize(event["data"])
    assert data.validation_code


async def test_callbacks_are_cloud_events(emulator: Acs, webhook: Webhook) -> None:
    """The Python SDK has no parser of its own for them."""
    call = StagedCall(emulator)
    recording_id = call.is_recorded(recordingStateCallbackUri=webhook.url)
    eventually(lambda: webhook.of_type('"active"'))
    emulator.stop(recording_id)
    eventually(lambda: len(webhook.deliveries) >= len(STATES))
    events = [CloudEvent.from_dict(event) for each in webhook.deliveries for event in each.body]
    assert [event.data["state"] for event in events] == STATES
    for event in events:
        assert event.type == "Microsoft.Communication.RecordingStateChanged"
        assert not event.extensions
        assert (event.data["recordingId"], event.data["serverCallId"]) == (
            recording_id,
            call.server_call_id,
        )
