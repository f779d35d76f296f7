"""Starts with every locator, format and option that the SDK has."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from azure.core.exceptions import HttpResponseError

from tests.contract.addresses import on_microsofts_host
from tests.contract.client import Client, order
from tests.contract.sdks import Sdk
from tests.contract.test_recording_life import refusal
from tests.emulator.stage import StagedCall

FORMATS = [
    ("AUDIO_VIDEO", "MIXED", "MP4"),
    ("AUDIO", "MIXED", "MP3"),
    ("AUDIO", "MIXED", "WAV"),
    ("AUDIO", "UNMIXED", "WAV"),
]
IMPOSSIBLE = [
    ("AUDIO_VIDEO", "UNMIXED", "MP4"),
    ("AUDIO", "MIXED", "MP4"),
    ("AUDIO", "UNMIXED", "MP3"),
    ("AUDIO_VIDEO", "MIXED", "WAV"),
]


def recording(call: StagedCall) -> dict[str, Any]:
    """Ask the emulator for the truth of the call's last recording."""
    last: dict[str, Any] = call.truth()["recordings"][-1]
    return last


async def test_call_is_found_by_server_call_id(client: Client, sdk: Sdk, call: StagedCall) -> None:
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    assert recording(call)["recordingId"] == started.recording_id


async def test_call_is_found_by_group_call_id(client: Client, sdk: Sdk, call: StagedCall) -> None:
    started = await client.start(group_call_id=call.truth()["groupCallId"], **order(sdk))
    assert recording(call)["recordingId"] == started.recording_id


async def test_call_is_found_by_a_locator_of_the_older_kind(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    with pytest.warns(DeprecationWarning, match="ServerCallLocator"):
        locator = sdk.api.ServerCallLocator(call.server_call_id)
    started = await client.start(locator, **order(sdk))
    assert recording(call)["recordingId"] == started.recording_id


async def test_call_is_found_by_call_connection_id(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    if not sdk.knows_call_connections:
        pytest.skip("call_connection_id came with 1.5.0")
    connection = call.truth()["callConnectionId"]
    started = await client.start(call_connection_id=connection, **order(sdk))
    assert recording(call)["recordingId"] == started.recording_id


async def test_room_is_no_call_to_start_with(client: Client, sdk: Sdk) -> None:
    start = client.start(room_id="99472690743271180", **order(sdk))
    assert await refusal(start) == (400, "8523")


@pytest.mark.parametrize("form", FORMATS, ids="-".join)
async def test_every_format_is_recorded(
    client: Client, sdk: Sdk, call: StagedCall, form: tuple[str, str, str]
) -> None:
    asked = order(sdk, *form)
    await client.start(server_call_id=call.server_call_id, **asked)
    known = recording(call)
    assert [known[f"{what}Type"] for what in ("content", "channel", "format")] == [
        option.value for option in asked.values()
    ]


@pytest.mark.parametrize("form", IMPOSSIBLE, ids="-".join)
async def test_impossible_format_is_refused(
    client: Client, sdk: Sdk, call: StagedCall, form: tuple[str, str, str]
) -> None:
    start = client.start(server_call_id=call.server_call_id, **order(sdk, *form))
    assert await refusal(start) == (400, "8557")


async def test_recording_that_starts_paused_waits_for_resume(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    options = order(sdk) | {"pause_on_start": True}
    started = await client.start(server_call_id=call.server_call_id, **options)
    call.lasts(5)
    assert (await client.state(started.recording_id)).recording_state == "inactive"
    await client.resume(started.recording_id)
    assert (await client.state(started.recording_id)).recording_state == "active"


async def test_channels_are_given_to_those_named(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    ben = sdk.api.CommunicationUserIdentifier(call.raw_ids["Ben"])
    affinity = sdk.api.ChannelAffinity(ben, 0)
    started = await client.start(
        server_call_id=call.server_call_id,
        channel_affinity=[affinity],
        **order(sdk, "AUDIO", "UNMIXED", "WAV"),
    )
    await metadata_names_first(client, call, started.recording_id, "Ben")


async def test_participants_are_ordered_as_asked(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    if not sdk.knows_call_connections:
        pytest.skip("1.4.0 cannot serialise audio_channel_participant_ordering")
    ben = sdk.api.CommunicationUserIdentifier(call.raw_ids["Ben"])
    started = await client.start(
        server_call_id=call.server_call_id,
        audio_channel_participant_ordering=[ben],
        **order(sdk, "AUDIO", "UNMIXED", "WAV"),
    )
    await metadata_names_first(client, call, started.recording_id, "Ben")


async def metadata_names_first(
    client: Client, call: StagedCall, recording_id: str, name: str
) -> None:
    call.lasts(2)
    await client.stop(recording_id)
    (chunk,) = (await asyncio.to_thread(call.rendered))["chunks"]
    metadata = json.loads(await client.read(on_microsofts_host(chunk["metadataLocation"])))
    channels = {each["participantId"]: each["channel"] for each in metadata["participants"]}
    assert channels[call.raw_ids[name]] == 0


async def test_repeated_request_id_starts_nothing_new(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    """The SDK draws an id a call, unless one is given; its retries repeat it."""
    once = {"Repeatability-Request-ID": str(uuid4())}
    ids = {
        (
            await client.start(server_call_id=call.server_call_id, headers=dict(once), **order(sdk))
        ).recording_id
        for _ in range(2)
    }
    assert len(ids) == 1


async def test_storage_of_the_service_may_be_named(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    storage = sdk.api.AzureCommunicationsRecordingStorage()
    options = order(sdk) | {"recording_storage": storage}
    started = await client.start(server_call_id=call.server_call_id, **options)
    assert started.recording_id


async def test_ended_call_cannot_be_recorded(client: Client, sdk: Sdk, call: StagedCall) -> None:
    call.ends()
    start = client.start(server_call_id=call.server_call_id, **order(sdk))
    assert await refusal(start) == (400, "8528")


async def test_teams_interop_is_not_authorised(client: Client, sdk: Sdk, call: StagedCall) -> None:
    teams = StagedCall(call.acs, kind="teamsInterop")
    with pytest.raises(HttpResponseError) as raised:
        await client.start(server_call_id=teams.server_call_id, **order(sdk))
    assert raised.value.status_code == 401


async def test_end_of_the_call_ends_the_recording(
    client: Client, sdk: Sdk, call: StagedCall
) -> None:
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    call.ends()
    assert await refusal(client.state(started.recording_id)) == (404, "8522")
