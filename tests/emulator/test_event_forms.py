"""The forms that events take, and what befalls them on their way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from callvault.emulator.behaviours import Behaviours
from callvault.emulator.clock import EmulatorClock
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, EventGridEndpoint, EventSchema
from callvault.local.azurite import Azurite
from tests.emulator.stage import Acs, StagedCall, advance, eventually, request_log
from tests.emulator.webhook import Received, Webhook

WAV = {"recordingContentType": "audio", "recordingFormatType": "wav"}
FILES = "Microsoft.Communication.RecordingFileStatusUpdated"


@contextmanager
def wired(
    http: httpx.Client, endpoint: EventGridEndpoint, *behaviours: str, **more: Any
) -> Iterator[Acs]:
    settings = EmulatorSettings(
        event_grid_endpoints=(endpoint,),
        behaviours=Behaviours.parse(behaviours),
        event_delay=timedelta(0),
        **more,
    )
    with running(settings) as emulator:
        acs = Acs(emulator, http)
        eventually(lambda: subscription(acs)["state"] == "active")
        yield acs


def subscription(acs: Acs) -> dict[str, Any]:
    answer = acs.http.get(f"{acs.emulator.control}/subscriptions").json()
    last: dict[str, Any] = answer["subscriptions"][-1]
    return last


def only_files(webhook: Webhook) -> EventGridEndpoint:
    return EventGridEndpoint(webhook.url, event_types=(FILES,))


def recorded(acs: Acs, seconds: float = 1.0) -> StagedCall:
    call = StagedCall(acs)
    recording = call.is_recorded(**WAV)
    call.lasts(seconds)
    acs.stop(recording)
    call.rendered()
    advance(acs, 0)
    return call


def events(webhook: Webhook) -> list[dict[str, Any]]:
    return [event for each in webhook.deliveries for event in each.body]


@pytest.mark.parametrize(
    ("shape", "subject"),
    [
        ("full", "/recording/call/{call}/serverCallId/{server}/recordingId/{recording}"),
        ("serverCall", "/recording/call/{call}/serverCallId/{server}"),
        ("recording", "/recording/call/{call}/recordingId/{recording}"),
        ("2021", "/recording/call/{call}"),
    ],
)
def test_subjects_have_four_shapes(
    http: httpx.Client, webhook: Webhook, shape: str, subject: str
) -> None:
    with wired(http, only_files(webhook), f"subject={shape}") as acs:
        call = recorded(acs)
        recording = call.truth()["recordings"][0]["recordingId"]
    ids = {"call": call.call_id, "server": call.server_call_id, "recording": recording}
    assert events(webhook)[0]["subject"] == subject.format(**ids)


def test_fields_that_came_later_can_be_absent(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, only_files(webhook), "optional_fields=false") as acs:
        recorded(acs)
    data = events(webhook)[0]["data"]
    assert list(data) == ["recordingStorageInfo", "recordingStartTime", "sessionEndReason"]
    (chunk,) = data["recordingStorageInfo"]["recordingChunks"]
    assert "deleteLocation" not in chunk


def test_one_recording_can_have_two_events(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, only_files(webhook), "file_events=two") as acs:
        recorded(acs)
    one, two = events(webhook)
    assert one["data"] == two["data"]
    assert one["id"] != two["id"]


def test_a_failover_leaves_two_documents_under_one_index(
    http: httpx.Client, webhook: Webhook
) -> None:
    with wired(http, only_files(webhook), "file_events=failover") as acs:
        recorded(acs)
        told = [each["data"]["recordingStorageInfo"]["recordingChunks"] for each in events(webhook)]
        (one,), (other,) = told
        media = [acs.fetch(each["contentLocation"]).content for each in (one, other)]
        metadata = [acs.fetch(each["metadataLocation"]).json() for each in (one, other)]
        assert acs.delete(one["deleteLocation"]).status_code == 200
        assert acs.fetch(other["contentLocation"]).status_code == 200
    assert one["index"] == other["index"] == 0
    assert one["documentId"] != other["documentId"]
    assert media[0] == media[1]
    assert [each["chunkDocumentId"] for each in metadata] == [
        one["documentId"],
        other["documentId"],
    ]


def test_every_chunk_can_have_an_event(http: httpx.Client, webhook: Webhook) -> None:
    limit = {"max_chunk_duration": timedelta(seconds=1)}
    with wired(http, only_files(webhook), "file_events=per_chunk", **limit) as acs:
        recorded(acs, seconds=2.5)
    chunks = [each["data"]["recordingStorageInfo"]["recordingChunks"] for each in events(webhook)]
    assert all(len(each) == 1 for each in chunks)
    assert sorted(each[0]["index"] for each in chunks) == [0, 1, 2]


def test_duplicates_have_the_same_id(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, only_files(webhook), "event_duplicates=1") as acs:
        recorded(acs)
        advance(acs, 1)
    one, two = events(webhook)
    assert one == two


def test_a_lost_event_is_in_the_request_log_alone(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, only_files(webhook), "event_loss=1") as acs:
        recorded(acs)
        advance(acs, 3600)
        assert FILES in request_log(acs, "lost")[0]["note"]
    assert webhook.deliveries == []


def test_events_can_lag(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, only_files(webhook), "event_lag_seconds=7200") as acs:
        recorded(acs)
        advance(acs, 7000)
        assert webhook.deliveries == []
        advance(acs, 200)
        assert len(webhook.deliveries) == 1


def test_the_seed_says_which_events_are_overtaken(http: httpx.Client) -> None:
    def in_time(seed: int) -> set[str]:
        with (
            Webhook().open() as webhook,
            wired(http, EventGridEndpoint(webhook.url), "event_disorder=0.5", seed=seed) as acs,
        ):
            for _ in range(3):
                StagedCall(acs, "Ana").ends()
            advance(acs, 5)
            early = {event["subject"] for event in events(webhook)}
            assert len(webhook.deliveries) < 12
            advance(acs, 10)
            assert len(webhook.deliveries) == 12
        return early

    assert in_time(1) == in_time(1)


def test_events_come_in_batches(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, EventGridEndpoint(webhook.url), "events_per_post=3") as acs:
        StagedCall(acs, "Ana", "Ben", "Cleo")
        advance(acs, 1)
    assert sorted(len(each.body) for each in webhook.deliveries) == [1, 3]


def test_a_batch_is_accepted_or_repeated_as_a_whole(http: httpx.Client, webhook: Webhook) -> None:
    endpoint = EventGridEndpoint(webhook.url, EventSchema.CLOUD_EVENTS)
    with wired(http, endpoint, "events_per_post=10") as acs:
        webhook.answers = [500]
        StagedCall(acs, "Ana")
        advance(acs, 1)
        advance(acs, 10)
    first, again = webhook.deliveries
    batch = "application/cloudevents-batch+json; charset=utf-8"
    assert first.headers["content-type"] == again.headers["content-type"] == batch
    assert [each["id"] for each in first.body] == [each["id"] for each in again.body]
    assert again.headers["aeg-delivery-count"] == "1"


def test_a_subscription_has_delivery_headers(http: httpx.Client, webhook: Webhook) -> None:
    with running() as emulator:
        acs = Acs(emulator, http)
        body = {
            "endpoint": webhook.url,
            "deliveryHeaders": {"x-secret": "hush"},
            "includedEventTypes": ["Microsoft.Communication.CallEnded"],
        }
        http.post(f"{emulator.control}/subscriptions", json=body).raise_for_status()
        eventually(lambda: subscription(acs)["state"] == "active")
        StagedCall(acs).ends()
        eventually(lambda: webhook.deliveries)
    (delivery,) = webhook.deliveries
    assert delivery.headers["x-secret"] == "hush"
    assert "CallEnded" in delivery.body[0]["eventType"]


def types(webhook: Webhook) -> list[str]:
    return sorted(each["eventType"].rpartition(".")[2] for each in events(webhook))


def test_coming_and_going_is_told(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, EventGridEndpoint(webhook.url)) as acs:
        call = StagedCall(acs, "Ana")
        call.is_joined_by("Ben")
        call.is_left_by("Ben")
        call.ends()
        advance(acs, 0)
    assert types(webhook) == [
        "CallEnded",
        "CallParticipantAdded",
        "CallParticipantAdded",
        "CallParticipantRemoved",
        "CallParticipantRemoved",
        "CallStarted",
    ]
    ben = call.raw_ids["Ben"]
    told = [event for event in events(webhook) if ben in event["subject"]]
    assert all(each["subject"] == f"call/{call.server_call_id}/participant/{ben}" for each in told)
    data = told[0]["data"]
    assert data["user"]["communicationIdentifier"]["rawId"] == ben
    assert (data["displayName"], data["serverCallId"]) == ("Ben", call.server_call_id)
    assert len({each["data"]["participantId"] for each in told}) == 1


def test_telephones_are_in_no_event(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, EventGridEndpoint(webhook.url)) as acs:
        people = [
            {"displayName": "Desk", "phoneNumber": "+4930123456"},
            {"displayName": "Ana"},
        ]
        calls = f"{acs.emulator.control}/calls"
        call = http.post(calls, json={"participants": people}).json()
        http.post(calls, json={"participants": people[:1]}).raise_for_status()
        advance(acs, 0)
    assert call["participants"][0]["rawId"] == "4:+4930123456"
    assert types(webhook) == ["CallParticipantAdded", "CallStarted"]
    assert "+4930123456" not in json.dumps(events(webhook))


def test_a_room_is_named(http: httpx.Client, webhook: Webhook) -> None:
    with wired(http, EventGridEndpoint(webhook.url)) as acs:
        call = StagedCall(acs, kind="room").truth()
        advance(acs, 0)
    data = events(webhook)[0]["data"]
    assert (data["isRoomsCall"], data["room"]["id"]) == (True, call["roomId"])


def test_the_preview_told_the_server_call_id_by_a_leg(http: httpx.Client, webhook: Webhook) -> None:
    switches = ("call_leg_events=true", "participant_events=false")
    with wired(http, EventGridEndpoint(webhook.url), *switches) as acs:
        call = StagedCall(acs)
        advance(acs, 0)
    assert types(webhook) == ["CallLegStateChanged", "CallStarted"]
    (leg,) = (each for each in events(webhook) if "Leg" in each["eventType"])
    assert leg["data"]["serverCallId"] == call.server_call_id
    assert leg["subject"] == f"callLeg/{leg['data']['CallLegId']}/callState"


LETTER = {
    "deadLetterReason",
    "deliveryAttempts",
    "lastDeliveryOutcome",
    "lastHttpStatusCode",
    "publishTime",
    "lastDeliveryAttemptTime",
}


@pytest.mark.parametrize(
    ("answers", "reason", "outcome", "attempts"),
    [
        ([401], "UndeliverableDueToHttpUnauthorized", "Unauthorized", 1),
        ([503] * 99, "TimeToLiveExceeded", "ServiceUnavailable", 11),
    ],
)
def test_an_undeliverable_event_becomes_a_dead_letter(
    http: httpx.Client,
    webhook: Webhook,
    tmp_path: Path,
    answers: list[int],
    reason: str,
    outcome: str,
    attempts: int,
) -> None:
    with wired(http, only_files(webhook), dead_letters=str(tmp_path)) as acs:
        webhook.answers = answers
        recorded(acs)
        eventually(lambda: request_log(acs, "delivery"))
        assert list(tmp_path.rglob("*.json")) == []
        advance(acs, 48 * 3600)
    (path,) = tmp_path.rglob("*.json")
    (letter,) = json.loads(path.read_text())
    first: Received = webhook.deliveries[0]
    assert {key: letter[key] for key in letter if key not in LETTER} == first.body[0]
    assert letter["deadLetterReason"] == reason
    assert letter["lastDeliveryOutcome"] == outcome
    assert letter["deliveryAttempts"] == attempts
    assert path.relative_to(tmp_path).parts[0] == "CALLVAULT-EMULATOR-1"


def test_dead_letters_go_into_a_container(
    http: httpx.Client, webhook: Webhook, azurite: Azurite
) -> None:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.create_container("dead-letters")
        sas = generate_container_sas(
            azurite.account_name,
            "dead-letters",
            account_key=azurite.account_key,
            permission=ContainerSasPermissions(write=True, create=True),
            expiry=EmulatorClock().now() + timedelta(hours=1),
        )
        with wired(http, only_files(webhook), dead_letters=f"{container.url}?{sas}") as acs:
            webhook.answers = [400]
            recorded(acs)
            eventually(lambda: request_log(acs, "delivery"))
            advance(acs, 300)
            eventually(lambda: request_log(acs, "deadLetter") or request_log(acs, "failure"))
        (blob,) = container.list_blobs()
        (letter,) = json.loads(container.download_blob(blob.name).readall())
    assert letter["deadLetterReason"] == "UndeliverableDueToHttpBadRequest"
