"""Handshake, delivery and retries, to a real HTTP receiver."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, EventGridEndpoint, EventSchema
from tests.emulator.stage import Acs, StagedCall, advance, eventually, request_log
from tests.emulator.webhook import Webhook

SEVEN_DIGITS = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z"
WAV = {"recordingContentType": "audio", "recordingFormatType": "wav"}


def settings(*endpoints: EventGridEndpoint | str) -> EmulatorSettings:
    return EmulatorSettings(event_grid_endpoints=endpoints, event_delay=timedelta(0))


CALM = (
    "Microsoft.Communication.CallStarted",
    "Microsoft.Communication.CallEnded",
    "Microsoft.Communication.RecordingFileStatusUpdated",
)


@pytest.fixture
def wired(webhook: Webhook, http: httpx.Client) -> Iterator[Acs]:
    """An emulator whose only webhook has agreed, and subscribes to calls and files."""
    with running(settings(EventGridEndpoint(webhook.url, event_types=CALM))) as emulator:
        acs = Acs(emulator, http)
        eventually(lambda: state(acs) == "active")
        yield acs


def state(acs: Acs) -> str:
    answer = acs.http.get(f"{acs.emulator.control}/subscriptions").json()
    last: str = answer["subscriptions"][-1]["state"]
    return last


def test_the_handshake_is_a_single_validation_event(wired: Acs, webhook: Webhook) -> None:
    (handshake,) = webhook.requests
    (event,) = handshake.body
    assert handshake.headers["content-type"] == "application/json; charset=utf-8"
    assert handshake.headers["aeg-event-type"] == "SubscriptionValidation"
    assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert (event["topic"], event["subject"]) == (wired.emulator.topic, "")
    assert list(event["data"]) == ["validationCode"]


def test_a_handshake_wants_exactly_200(webhook: Webhook, http: httpx.Client) -> None:
    webhook.validation_status = 202
    with running(settings(webhook.url)) as emulator:
        acs = Acs(emulator, http)
        eventually(lambda: len(webhook.requests) >= 2)
        assert state(acs) == "validating"
        webhook.validation_status = 200
        eventually(lambda: state(acs) == "active")


def test_a_webhook_that_comes_up_late_gets_what_it_missed(http: httpx.Client) -> None:
    late = Webhook()
    with running(settings(late.url)) as emulator:
        acs = Acs(emulator, http)
        StagedCall(acs)
        eventually(lambda: request_log(acs, "handshake"))
        with late.open():
            eventually(lambda: late.of_type("CallStarted"))


def test_a_webhook_that_never_agrees_gets_nothing(webhook: Webhook, http: httpx.Client) -> None:
    webhook.validation_status = 500
    with running(settings(webhook.url)) as emulator:
        acs = Acs(emulator, http)
        StagedCall(acs)
        for attempt in range(1, 12):
            eventually(lambda made=attempt: len(request_log(acs, "handshake")) >= made)
            advance(acs, 5)
        eventually(lambda: state(acs) == "failed")
    assert webhook.deliveries == []


def test_the_file_event_has_the_documented_form(wired: Acs, webhook: Webhook) -> None:
    call = StagedCall(wired, "Ana", "Ben")
    recording = call.is_recorded()
    call.lasts(1)
    wired.stop(recording)
    eventually(lambda: webhook.of_type("RecordingFileStatusUpdated"))
    (delivery,) = webhook.of_type("RecordingFileStatusUpdated")
    (event,) = delivery.body
    truth = call.truth()["recordings"][0]
    chunk = truth["chunks"][0]
    assert {key: event[key] for key in event if key not in {"id", "eventTime", "data"}} == {
        "topic": wired.emulator.topic,
        "subject": f"/recording/call/{call.call_id}/serverCallId/{call.server_call_id}"
        f"/recordingId/{recording}",
        "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
        "dataVersion": "1.0",
        "metadataVersion": "1",
    }
    address = f"{wired.emulator.endpoint}/v1/objects/{chunk['documentId']}"
    assert event["data"] == {
        "recordingStorageInfo": {
            "recordingChunks": [
                {
                    "documentId": chunk["documentId"],
                    "index": 0,
                    "endReason": "SessionEnded",
                    "contentLocation": f"{address}/content/video",
                    "metadataLocation": f"{address}/content/acsmetadata",
                    "deleteLocation": address,
                }
            ]
        },
        "recordingStartTime": truth["activeAt"],
        "recordingDurationMs": truth["durationMs"],
        "recordingContentType": "AudioVideo",
        "recordingChannelType": "Mixed",
        "recordingFormatType": "Mp4",
        "sessionEndReason": "InitiatorLeft",
        "storageType": "ACS",
        "recordingId": recording,
    }
    assert re.fullmatch(SEVEN_DIGITS, event["eventTime"])
    assert re.fullmatch(SEVEN_DIGITS, truth["activeAt"])
    assert delivery.headers["aeg-event-type"] == "Notification"
    assert delivery.headers["aeg-delivery-count"] == "0"
    assert delivery.headers["aeg-output-event-id"] == event["id"]
    assert wired.fetch(chunk["contentLocation"]).status_code == 200


def test_a_call_announces_its_start_and_its_end(wired: Acs, webhook: Webhook) -> None:
    call = StagedCall(wired, "Ana", "Ben")
    call.lasts(30)
    call.ends()
    eventually(lambda: webhook.of_type("CallEnded"))
    started, ended = (webhook.of_type(name)[0].body[0] for name in ("CallStarted", "CallEnded"))
    ana = call.raw_ids["Ana"]
    assert started["subject"] == f"call/{call.server_call_id}/startedBy/{ana}"
    assert started["data"]["startedBy"]["communicationIdentifier"]["rawId"] == ana
    assert started["data"]["serverCallId"] == call.server_call_id
    assert ended["subject"] == f"call/{call.server_call_id}"
    assert ended["data"]["durationOfCall"] == pytest.approx(30, abs=2)


def test_cloud_events_are_single_and_agreed_by_options(
    webhook: Webhook, http: httpx.Client
) -> None:
    cloud = EventGridEndpoint(webhook.url, EventSchema.CLOUD_EVENTS, CALM)
    with running(settings(cloud)) as emulator:
        call = StagedCall(Acs(emulator, http))
        eventually(lambda: webhook.deliveries)
    options, delivery = webhook.requests
    assert options.method == "OPTIONS"
    assert options.headers["webhook-request-origin"] == "eventgrid.azure.net"
    assert delivery.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert delivery.body["specversion"] == "1.0"
    assert delivery.body["source"] == emulator.topic
    assert delivery.body["type"] == "Microsoft.Communication.CallStarted"
    assert delivery.body["data"]["serverCallId"] == call.server_call_id


def test_a_failed_delivery_is_repeated_on_the_emulators_clock(wired: Acs, webhook: Webhook) -> None:
    webhook.answers = [500, 503, 204]
    StagedCall(wired)
    for tries, wait in ((1, 10), (2, 30)):
        eventually(lambda made=tries: len(request_log(wired, "delivery")) == made)
        advance(wired, wait - 2)
        assert len(webhook.deliveries) == tries
        advance(wired, 2)
    eventually(lambda: len(request_log(wired, "delivery")) == 3)
    advance(wired, 24 * 3600)
    counts = [delivery.headers["aeg-delivery-count"] for delivery in webhook.deliveries]
    assert counts == ["0", "1", "2"]
    assert len({delivery.body[0]["id"] for delivery in webhook.deliveries}) == 1
    assert request_log(wired, "delivery")[-1]["note"] == "CallStarted delivered"


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_a_final_answer_drops_the_event(wired: Acs, webhook: Webhook, status: int) -> None:
    webhook.answers = [status]
    StagedCall(wired)
    eventually(lambda: request_log(wired, "delivery"))
    advance(wired, 24 * 3600)
    (entry,) = request_log(wired, "delivery")
    assert entry["status"] == status
    assert "dropped" in entry["note"]
    assert len(webhook.deliveries) == 1


def test_an_event_is_dropped_when_its_time_to_live_is_over(wired: Acs, webhook: Webhook) -> None:
    webhook.answers = [500] * 99
    StagedCall(wired)
    eventually(lambda: len(request_log(wired, "delivery")) == 1)
    advance(wired, 48 * 3600)
    attempts = request_log(wired, "delivery")
    assert "time to live" in attempts[-1]["note"]
    assert [_minutes_between(*pair) for pair in pairwise(attempts)] == [
        *(pytest.approx(minutes, abs=0.1) for minutes in (1 / 6, 0.5, 1, 5, 10, 30)),
        *(pytest.approx(hours * 60, abs=0.1) for hours in (1, 3, 6, 12)),
    ]


def _minutes_between(earlier: dict[str, Any], later: dict[str, Any]) -> float:
    moments = [datetime.fromisoformat(each["time"]) for each in (earlier, later)]
    return (moments[1] - moments[0]).total_seconds() / 60


def test_a_subscription_can_be_made_later(acs: Acs, webhook: Webhook) -> None:
    body = {"endpoint": webhook.url, "schema": "EventGridSchema"}
    made = acs.http.post(f"{acs.emulator.control}/subscriptions", json=body)
    assert made.status_code == 201
    eventually(lambda: state(acs) == "active")
    StagedCall(acs)
    eventually(lambda: webhook.of_type("CallStarted"))


def test_the_file_event_waits_for_its_delay(webhook: Webhook, http: httpx.Client) -> None:
    late = EmulatorSettings(event_grid_endpoints=(webhook.url,), event_delay=timedelta(minutes=2))
    with running(late) as emulator:
        acs = Acs(emulator, http)
        call = StagedCall(acs)
        recording = call.is_recorded(**WAV)
        call.lasts(1)
        acs.stop(recording)
        assert call.rendered()["media"] == "ready"
        advance(acs, 110)
        assert webhook.of_type("RecordingFileStatusUpdated") == []
        advance(acs, 10)
        eventually(lambda: webhook.of_type("RecordingFileStatusUpdated"))
        (event,) = webhook.of_type("RecordingFileStatusUpdated")[0].body
        ended = datetime.fromisoformat(call.truth()["recordings"][0]["endedAt"])
        assert datetime.fromisoformat(event["eventTime"]) - ended >= timedelta(minutes=2)


def test_the_secret_of_a_webhook_is_not_in_the_request_log(wired: Acs) -> None:
    assert "secret" not in str(request_log(wired, "handshake"))
