"""The emulator beside recorded sessions of the official SDKs: part F of the list of faults."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from PIL import ImageFont

from callvault.emulator.callbacks import _offset_time
from callvault.emulator.media.picture import _drawable
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, MetadataForm
from tests.emulator.stage import Acs, StagedCall, eventually
from tests.emulator.webhook import Webhook

AUDIO = {"recordingContentType": "audio", "recordingFormatType": "wav"}


@pytest.fixture
def own(http: httpx.Client) -> Iterator[Acs]:
    with running(EmulatorSettings(metadata_form=MetadataForm.PRETTY)) as emulator:
        yield Acs(emulator, http)


def start(acs: Acs, call: StagedCall, version: str, **options: Any) -> httpx.Response:
    locator = {"kind": "serverCallLocator", "serverCallId": call.server_call_id}
    body = {"callLocator": locator, **options}
    return acs.send("POST", f"/calling/recordings?api-version={version}", body)


def callback(acs: Acs, webhook: Webhook, version: str) -> tuple[StagedCall, dict[str, Any]]:
    call = StagedCall(acs)
    start(acs, call, version, recordingStateCallbackUri=webhook.url, **AUDIO)

    def told() -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = [each.body[0] for each in webhook.requests]
        return [each for each in events if each["data"]["serverCallId"] == call.server_call_id]

    eventually(told)
    return call, told()[0]


def decoded(encoded: str) -> str:
    standard = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(standard + "=" * (-len(standard) % 4)).decode()


def test_the_source_of_a_callback_is_base64_of_the_address_itself(
    own: Acs, webhook: Webhook
) -> None:
    """F, row 1: padded, and not base64 of base64."""
    for _ in range(5):
        call, event = callback(own, webhook, "2026-03-12")
        conversation = event["source"].removeprefix("calling/recordings/").rpartition("/ey")[0]
        assert base64.b64decode(conversation, validate=True).decode() == decoded(
            call.server_call_id
        )
        assert decoded(call.server_call_id).startswith("https://")


@pytest.mark.parametrize(
    ("microsecond", "shown"),
    [(387_288, ".3872888"), (387_280, ".38728"), (500_000, ".5"), (0, ""), (1, ".0000011")],
)
def test_times_of_callbacks_have_up_to_seven_digits(microsecond: int, shown: str) -> None:
    """F, row 2: without zeros at the end."""
    moment = datetime(2025, 7, 18, 9, 8, 46, microsecond, UTC)
    assert _offset_time(moment) == f"2025-07-18T09:08:46{shown}+00:00"


def test_a_recording_names_the_connection_of_its_call(own: Acs) -> None:
    """F, row 3: callConnectionId is PlatformEndpointId."""
    call = StagedCall(own)
    inner = json.loads(decoded(start(own, call, "2026-03-12").json()["recordingId"]))
    assert inner["PlatformEndpointId"] == call.truth()["callConnectionId"]


@pytest.mark.parametrize(
    ("version", "has_source"), [("2025-08-15-preview", True), ("2024-09-01-preview", False)]
)
def test_a_callback_has_the_version_of_its_start(
    own: Acs, webhook: Webhook, version: str, has_source: bool
) -> None:
    """F, row 4: and in newer ones an eventSource."""
    _, event = callback(own, webhook, version)
    assert event["data"]["version"] == version
    assert event["data"].get("eventSource") == (event["source"] if has_source else None)


def test_the_file_event_names_recording_and_storage(own: Acs, webhook: Webhook) -> None:
    """F, row 5: in its data, as captured in January 2026."""
    body = {"endpoint": webhook.url}
    own.http.post(f"{own.emulator.control}/subscriptions", json=body).raise_for_status()
    call = StagedCall(own)
    recording = call.is_recorded(**AUDIO)
    call.lasts(1)
    own.stop(recording)
    eventually(lambda: webhook.of_type("RecordingFileStatusUpdated"))
    data = webhook.of_type("RecordingFileStatusUpdated")[0].body[0]["data"]
    assert (data["recordingId"], data["storageType"]) == (recording, "ACS")


def test_answers_of_the_api_have_the_headers_of_the_service(own: Acs) -> None:
    """F, row 7: successes and refusals alike."""
    call = StagedCall(own)
    started = start(own, call, "2026-03-12")
    for answer in (started, own.stop(started.json()["recordingId"]), own.state("unknown")):
        assert answer.headers["x-microsoft-skype-chain-id"]
        assert answer.headers["x-azure-ref"]
        assert answer.headers["x-cache"] == "CONFIG_NOCACHE"
        if answer.content:
            assert answer.headers["content-type"] == "application/json; charset=utf-8"


def chunk_of(acs: Acs) -> dict[str, Any]:
    call = StagedCall(acs)
    recording = call.is_recorded(**AUDIO)
    call.lasts(1)
    acs.stop(recording)
    chunk: dict[str, Any] = call.rendered()["chunks"][0]
    return chunk


def test_a_whole_file_tells_its_range_and_age(own: Acs) -> None:
    """F, row 8: 200 with Content-Range; ETag and Accept-Ranges can be left out, as recorded."""
    chunk = chunk_of(own)
    answer = own.fetch(chunk["contentLocation"])
    assert answer.status_code == 200
    assert answer.headers["content-range"] == f"bytes 0-{chunk['size'] - 1}/{chunk['size']}"
    age = datetime.now(UTC) - parsedate_to_datetime(answer.headers["last-modified"])
    assert abs(age) < timedelta(minutes=1)
    assert answer.headers["cache-control"]
    own.http.post(f"{own.emulator.control}/behaviours", json={"content_etag": False})
    bare = own.fetch(chunk["contentLocation"], Range="bytes=0-9")
    assert (bare.status_code, bare.headers["content-range"]) == (206, f"bytes 0-9/{chunk['size']}")
    assert not {"etag", "accept-ranges"} & set(bare.headers)


def test_a_metadata_file_can_have_lines_as_in_2021(own: Acs) -> None:
    """F, row 9: pretty-printed, with the line ends of Windows."""
    text = own.fetch(chunk_of(own)["metadataLocation"]).text
    assert text.startswith('{\r\n  "resourceId": ')
    assert not re.search(r"(?<!\r)\n", text)
    assert isinstance(json.loads(text)["chunkDuration"], float)


@pytest.mark.parametrize(
    ("version", "status"), [("2024-04-15", 200), ("2023-03-06", 200), ("2026-03-12", 202)]
)
def test_old_versions_are_never_answered_202(own: Acs, version: str, status: int) -> None:
    """F, row 10: SDKs of that time take 200 only."""
    own.http.post(f"{own.emulator.control}/behaviours", json={"start": "202"}).raise_for_status()
    assert start(own, StagedCall(own), version).status_code == status


@pytest.mark.parametrize("version", ["2024-11-15-preview", "2025-08-15-preview"])
def test_beta_sdks_are_served(own: Acs, version: str) -> None:
    """F, row 11: npm 1.4.0-beta.1 among them."""
    answer = start(own, StagedCall(own), version)
    assert answer.status_code == 200
    assert answer.json()["recordingKind"] == "azureCommunicationServices"


@pytest.mark.parametrize(
    ("words", "drawn"),
    [
        ("Ana O'Neil", "Ana O'Neil"),
        ("Zoë Çelik", "Zoe Celik"),
        ("Жан", "ZHEaen"),
        ("Søren", "Soren"),
        ("山田", "5C717530"),
        ("אב", "ALEFBET"),
        ("a\x1b\u202eb", "ab"),
    ],
)
def test_names_in_other_scripts_are_no_boxes(words: str, drawn: str) -> None:
    """F, row 12: every sign is one that the font has."""
    assert _drawable(words) == drawn
    font = ImageFont.load_default(40)
    box = bytes(font.getmask("\uffff"))
    assert not [sign for sign in drawn if bytes(font.getmask(sign)) == box]
