"""The client and the emulator, written apart, must agree on everything they say to each other."""

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from callvault.acs.client import AcsClient
from callvault.acs.credentials import AccessKey, parse_connection_string
from callvault.acs.models import Repeatability, ServerCallLocator, StartRecording
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.errors import (
    AccessDenied,
    AlreadyRecording,
    ContentMissing,
    InvalidRequest,
    RecordingNotFound,
    TeamsInterop,
)
from tests.acs.service import KEY_TEXT

PREVIEW = "2021-06-15-preview"


class World:
    """Actions of people in the emulator's calls."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self._http = httpx.Client(base_url=emulator.control)

    def close(self) -> None:
        self._http.close()

    def rings(self, kind: str = "acs") -> tuple[str, str]:
        """A call between two people: its callId and its serverCallId."""
        people = [{"displayName": "Ada"}, {"displayName": "Ben"}]
        call = self._do("POST", "/calls", {"participants": people, "kind": kind})
        return call["callId"], call["serverCallId"]

    def ends(self, call_id: str) -> None:
        self._do("DELETE", f"/calls/{call_id}")

    def passes(self, seconds: float) -> None:
        self._do("POST", "/clock", {"advanceSeconds": seconds})

    def chunk(self, call_id: str) -> dict[str, Any]:
        """The one file of the call's one recording, once it is rendered."""
        for _ in range(1_000):
            (recording,) = self._do("GET", f"/calls/{call_id}")["recordings"]
            if recording["chunks"]:
                (chunk,) = recording["chunks"]
                return dict(chunk)
            time.sleep(0.01)
        raise AssertionError("the emulator made no file")

    def _do(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body).raise_for_status()
        return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running(
        EmulatorSettings(start_delay=timedelta(seconds=1), event_delay=timedelta(0))
    ) as emulator:
        yield emulator


@pytest.fixture
def world(emulator: RunningEmulator) -> Iterator[World]:
    world = World(emulator)
    yield world
    world.close()


@pytest.fixture
def client(emulator: RunningEmulator) -> Iterator[AcsClient]:
    with AcsClient(*parse_connection_string(emulator.connection_string)) as client:
        yield client


@pytest.fixture
def preview(emulator: RunningEmulator) -> Iterator[AcsClient]:
    endpoint, key = parse_connection_string(emulator.connection_string)
    with AcsClient(endpoint, key, api_version=PREVIEW) as client:
        yield client


def identity() -> Repeatability:
    return Repeatability(request_id=uuid4(), first_sent=datetime.now(UTC))


def order(server_call_id: str, *, video: bool = False) -> StartRecording:
    return StartRecording(
        call_locator=ServerCallLocator(server_call_id=server_call_id),
        recording_content_type=ContentType.AUDIO_VIDEO if video else ContentType.AUDIO,
        recording_channel_type=ChannelType.MIXED,
        recording_format_type=FormatType.MP4 if video else FormatType.WAV,
    )


def test_recording_lives_from_start_to_stop(world: World, client: AcsClient) -> None:
    _, call = world.rings()
    started = client.start(order(call), identity())
    assert (started.recording_state, started.recording_kind) == (
        "inactive",
        "azureCommunicationServices",
    )
    recording = started.recording_id

    def state() -> str:
        return client.get_state(recording, call).recording_state

    world.passes(2)
    assert state() == "active"
    client.pause(recording, call)
    assert state() == "inactive"
    client.resume(recording, call)
    assert state() == "active"
    client.stop(recording, call)
    for ask in (client.get_state, client.pause, client.resume, client.stop):
        with pytest.raises(RecordingNotFound, match="8522"):
            ask(recording, call)


def test_recording_of_the_preview_lives_from_start_to_stop(
    world: World, preview: AcsClient
) -> None:
    _, call = world.rings()
    recording = preview.start(order(call, video=True), identity()).recording_id
    world.passes(2)
    assert preview.get_state(recording, call).recording_state == "active"
    preview.pause(recording, call)
    assert preview.get_state(recording, call).recording_state == "inactive"
    preview.resume(recording, call)
    preview.stop(recording, call)
    with pytest.raises(RecordingNotFound):
        preview.stop(recording, call)


def test_same_start_again_is_the_same_recording(world: World, client: AcsClient) -> None:
    _, call = world.rings()
    once = identity()
    first = client.start(order(call), once)
    assert client.start(order(call), once).recording_id == first.recording_id
    with pytest.raises(AlreadyRecording, match="8553"):
        client.start(order(call), identity())


def test_recorded_file_is_downloaded_in_parts_and_deleted(world: World, client: AcsClient) -> None:
    call_id, call = world.rings()
    recording = client.start(order(call), identity()).recording_id
    world.passes(4)
    client.stop(recording, call)
    chunk = world.chunk(call_id)

    with client.open_content(chunk["contentLocation"]) as content:
        whole = b"".join(content.iter_bytes())
    assert (content.size, content.offset) == (chunk["size"], 0)
    assert hashlib.sha256(whole).hexdigest() == chunk["sha256"]

    with client.open_content(chunk["contentLocation"], offset=1_000, length=500) as content:
        assert b"".join(content.iter_bytes()) == whole[1_000:1_500]
    assert (content.size, content.offset, content.length) == (chunk["size"], 1_000, 500)

    metadata = client.read_metadata(chunk["metadataLocation"])
    assert hashlib.sha256(metadata).hexdigest() == chunk["metadataSha256"]

    client.delete_content(chunk["deleteLocation"])
    with pytest.raises(ContentMissing):
        client.read_metadata(chunk["metadataLocation"])
    with pytest.raises(ContentMissing):
        client.delete_content(chunk["deleteLocation"])


def test_b1_acs_says_of_which_call_a_recording_is(
    emulator: RunningEmulator, world: World, client: AcsClient
) -> None:
    (_, mine), (_, theirs) = world.rings(), world.rings()
    recording = client.start(order(mine), identity()).recording_id
    assert client.belongs_to(recording, mine) is True
    assert client.belongs_to(recording, mine.rstrip("=")) is True
    assert client.belongs_to(recording, theirs) is False
    preview = AcsClient(
        *parse_connection_string(emulator.connection_string), api_version="2021-06-15-preview"
    )
    with preview:
        assert preview.belongs_to(recording, mine) is True
        with pytest.raises(RecordingNotFound):
            preview.belongs_to(recording, theirs)
    client.stop(recording, mine)
    with pytest.raises(RecordingNotFound):
        client.belongs_to(recording, mine)


def test_unknown_call_ended_call_and_teams_call_are_refused_by_name(
    world: World, client: AcsClient
) -> None:
    with pytest.raises(InvalidRequest, match="8527"):
        client.start(order("bm8tc3VjaC1jYWxs"), identity())
    call_id, call = world.rings()
    world.ends(call_id)
    with pytest.raises(InvalidRequest, match="8528"):
        client.start(order(call), identity())
    _, teams = world.rings("teamsInterop")
    with pytest.raises(TeamsInterop, match="7605"):
        client.start(order(teams), identity())


def test_wrong_key_is_denied_for_control_and_content(
    emulator: RunningEmulator, world: World, client: AcsClient
) -> None:
    _, call = world.rings()
    recording = client.start(order(call), identity()).recording_id
    with AcsClient(emulator.endpoint, AccessKey(KEY_TEXT)) as intruder:
        with pytest.raises(AccessDenied, match="7509"):
            intruder.stop(recording, call)
        with pytest.raises(AccessDenied):
            intruder.read_metadata(f"{emulator.endpoint}/v1/objects/0/content/acsmetadata")
