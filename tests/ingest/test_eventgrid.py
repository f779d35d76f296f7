"""Events are read once, whole, into one of a few types."""

from datetime import UTC, datetime
from typing import Any

import pytest

from callvault.contracts.participants import hiding, participant_hash
from callvault.errors import InvalidRequest
from callvault.ingest.eventgrid import (
    CallEndedEvent,
    CallStartedEvent,
    FilesEvent,
    GridEvent,
    OtherEvent,
    ParticipantEvent,
    ValidationEvent,
    read,
)

TOPIC = "/subscriptions/5/x"
PHONE = "4:+15550100"
CALL = "aHR0cHM6Ly9jb252"
AT = datetime(2026, 7, 27, 15, 20, 30, 123456, UTC)


def event(kind: str, data: Any = None, **changes: Any) -> dict[str, Any]:
    """An event in the Event Grid schema."""
    return {
        "id": "1",
        "topic": TOPIC,
        "subject": f"call/{CALL}",
        "eventType": kind,
        "eventTime": "2026-07-27T15:20:30.1234567Z",
        "data": {"serverCallId": CALL} if data is None else data,
        **changes,
    }


def of(kind: str, data: Any = None, **changes: Any) -> GridEvent:
    return read(event(f"Microsoft.Communication.{kind}", data, **changes), hiding("key"))


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("CallStarted", None, CallStartedEvent),
        ("CALLSTARTED", None, CallStartedEvent),
        ("CallLegStateChanged", {"CallState": "Established"}, CallStartedEvent),
        ("CallLegStateChanged", {"CallState": "Establishing"}, OtherEvent),
        ("CallEnded", None, CallEndedEvent),
        ("RecordingFileStatusUpdated", {"chunks": [{"documentId": "d"}]}, FilesEvent),
        ("SMSReceived", None, OtherEvent),
    ],
)
def test_each_type_of_event_has_a_type_of_its_own(
    kind: str, data: Any, expected: type[GridEvent]
) -> None:
    if expected is FilesEvent:
        data = {"recordingStorageInfo": {"recordingChunks": data["chunks"]}}
    found = of(kind, data)
    assert type(found) is expected
    assert (found.type, found.topic) == (f"microsoft.communication.{kind}".lower(), TOPIC)


def test_a_cloud_event_is_the_same_event() -> None:
    cloud = {
        "type": "Microsoft.Communication.CallEnded",
        "source": TOPIC,
        "time": "2026-07-27T15:20:30.1234567Z",
        "data": {"serverCallId": CALL},
    }
    assert read(cloud, hiding()) == of("CallEnded")


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("CallStarted", f"call/{CALL}/startedBy/{PHONE}"), ("CallEnded", f"/call/{CALL}")],
)
def test_the_subject_names_the_call_where_the_data_does_not(kind: str, subject: str) -> None:
    found = of(kind, {}, subject=subject)
    assert isinstance(found, CallStartedEvent | CallEndedEvent)
    assert (found.server_call_id, found.at) == (CALL, AT)


@pytest.mark.parametrize("odd_time", ["soon", "0001-01-01T00:00:00", "9999-12-31T23:59:59.9999999"])
def test_a_beginning_that_names_no_call_is_read_and_an_end_is_not(odd_time: str) -> None:
    found = of("CallStarted", {}, subject="", eventTime=odd_time)
    assert found == CallStartedEvent("microsoft.communication.callstarted", TOPIC, None, None)
    with pytest.raises(InvalidRequest, match="which call it is about"):
        of("CallEnded", {}, subject="")


@pytest.mark.parametrize(
    ("data", "subject"),
    [
        ({"user": {"communicationIdentifier": {"rawId": PHONE}}}, f"call/{CALL}"),
        ({"user": {"communicationIdentifier": None}}, f"call/{CALL}/participant/{PHONE}"),
        ({}, f"call/{CALL}/participant/{PHONE}"),
    ],
)
@pytest.mark.parametrize("kind", ["CallParticipantAdded", "CallParticipantRemoved"])
def test_no_participant_is_named_in_clear(kind: str, data: dict[str, Any], subject: str) -> None:
    found = of(kind, {**data, "displayName": "Jane", "participantId": "leg-1"}, subject=subject)
    assert isinstance(found, ParticipantEvent)
    assert found.server_call_id == CALL
    assert found.change.participant == participant_hash(PHONE, "key")
    assert found.change.connection == participant_hash("leg-1", "key")
    assert found.change.joined == (kind == "CallParticipantAdded")
    assert found.change.at == AT
    assert not [word for word in (PHONE, "Jane", "leg-1") if word in repr(found)]


def test_a_validation_brings_its_code() -> None:
    found = read(
        event("Microsoft.EventGrid.SubscriptionValidationEvent", {"validationCode": "512d"}),
        hiding(),
    )
    assert isinstance(found, ValidationEvent)
    assert found.code == "512d"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (7, "not a JSON object"),
        ({"id": "odd"}, "neither eventType nor type"),
        (event("x", subject="x" * 9_000), "sensible length"),
        (event("x", topic=7), "sensible length"),
        (event("Microsoft.Communication.RecordingFileStatusUpdated", {}), "has no data"),
        (event("Microsoft.Communication.RecordingFileStatusUpdated", {"x": 1}), "Field required"),
        (event("Microsoft.EventGrid.SubscriptionValidationEvent"), "without validationCode"),
        (event("Microsoft.Communication.CallParticipantAdded"), "which participant"),
        (
            event("Microsoft.Communication.CallParticipantAdded", subject="/participant/\ud800"),
            "participant is not an id",
        ),
    ],
)
def test_an_event_that_lacks_what_its_type_must_say_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(InvalidRequest, match=problem):
        read(value, hiding())
