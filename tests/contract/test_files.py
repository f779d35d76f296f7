"""Recorded files through the SDK: whole, in part, as a stream, onto a disk; deleted and expired."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError

from callvault.emulator.settings import EmulatorSettings
from tests.contract.addresses import on_microsofts_host
from tests.contract.client import Client
from tests.contract.sdks import Sdk
from tests.emulator.stage import Acs, advance

RETENTION = EmulatorSettings().retention.total_seconds()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def content(recorded: dict[str, Any]) -> str:
    return on_microsofts_host(recorded["contentLocation"])


async def test_whole_file_is_downloaded(
    client: Client, content: str, recorded: dict[str, Any]
) -> None:
    assert sha256(await client.read(content)) == recorded["sha256"]


@pytest.mark.parametrize("host", ["as-storage.asm.skype.com", "prod.asyncgw.teams.microsoft.com"])
async def test_file_is_downloaded_under_every_name_of_microsofts_hosts(
    client: Client, recorded: dict[str, Any], host: str
) -> None:
    location = on_microsofts_host(recorded["contentLocation"], host)
    assert sha256(await client.read(location)) == recorded["sha256"]


async def test_metadata_is_downloaded(client: Client, recorded: dict[str, Any]) -> None:
    metadata = await client.read(on_microsofts_host(recorded["metadataLocation"]))
    assert sha256(metadata) == recorded["metadataSha256"]
    assert json.loads(metadata)["chunkDocumentId"] == recorded["documentId"]


@pytest.mark.parametrize(("offset", "length"), [(1, 1), (44, 1_000), (1_000, 31_000)])
async def test_part_of_a_file_is_downloaded(
    client: Client, content: str, offset: int, length: int
) -> None:
    whole = await client.read(content)
    part = await client.read(content, offset=offset, length=length)
    assert part == whole[offset : offset + length]


async def test_part_beyond_the_end_stops_there(client: Client, content: str) -> None:
    whole = await client.read(content)
    offset = len(whole) - 10
    assert await client.read(content, offset=offset, length=1_000) == whole[-10:]


async def test_rest_of_a_file_needs_a_sdk_that_can_ask(
    client: Client, sdk: Sdk, content: str
) -> None:
    """1.4.0 sends ``bytes=1000`` without a dash, which is no range and gets the whole file."""
    whole = await client.read(content)
    rest = whole[1_000:] if sdk.ranges_need_an_offset_above_zero else whole
    assert await client.read(content, offset=1_000) == rest


async def test_beginning_of_a_file_needs_a_sdk_that_can_ask(
    client: Client, sdk: Sdk, content: str
) -> None:
    """Since 1.5.0 an offset of zero sends no Range at all, and the whole file comes."""
    whole = await client.read(content)
    beginning = whole if sdk.ranges_need_an_offset_above_zero else whole[:500]
    assert await client.read(content, offset=0, length=500) == beginning


async def test_file_comes_as_a_stream_onto_a_disk(
    client: Client, content: str, recorded: dict[str, Any], tmp_path: Path
) -> None:
    pieces = 0
    with (tmp_path / "recording.wav").open("wb") as file:
        async for piece in client.pieces(content):
            file.write(piece)
            pieces += 1
    assert pieces > 1
    assert sha256((tmp_path / "recording.wav").read_bytes()) == recorded["sha256"]


async def test_deleted_file_is_gone(
    client: Client, sdk: Sdk, style: str, recorded: dict[str, Any]
) -> None:
    location = on_microsofts_host(recorded["deleteLocation"])
    if style == "async" and not sdk.deletes_asynchronously:
        with pytest.raises(AttributeError, match="await_client"):
            await client.delete(location)
        return
    await client.delete(location)
    for view in ("contentLocation", "metadataLocation"):
        with pytest.raises(ResourceNotFoundError):
            await client.read(on_microsofts_host(recorded[view]))
    with pytest.raises(ResourceNotFoundError):
        await client.delete(location)


async def test_file_expires_with_its_window(client: Client, emulator: Acs, content: str) -> None:
    advance(emulator, RETENTION - 60)
    assert await client.read(content)
    advance(emulator, 61)
    with pytest.raises(ResourceNotFoundError):
        await client.read(content)


async def test_unknown_file_is_not_found(client: Client, emulator: Acs) -> None:
    with pytest.raises(ResourceNotFoundError):
        await client.read("https://us-storage.asm.skype.com/v1/objects/0-eus-d1-0/content/audio")


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1/v1/objects/0-eus-d1-0/content/audio",
        "https://asm.skype.com.example/v1/objects/0-eus-d1-0/content/audio",
    ],
)
async def test_only_the_newest_sdk_keeps_its_credentials_from_other_hosts(
    client: Client, emulator: Acs, sdk: Sdk, location: str
) -> None:
    refused = ValueError if sdk.accepts_only_microsofts_hosts else ResourceNotFoundError
    with pytest.raises(refused):
        await client.read(location)
