"""``externalStorage``: files in the customer's container, and what is told when that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from callvault.emulator.behaviours import Behaviours
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, EventGridEndpoint
from callvault.local.azurite import Azurite
from tests.emulator.stage import Acs, StagedCall, advance, eventually
from tests.emulator.webhook import Webhook

MP3 = {"recordingContentType": "audio", "recordingFormatType": "mp3"}
RESULT = "api-version=2024-09-01-preview"


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield service.create_container(f"recordings-{uuid4().hex}")


@contextmanager
def emulating(http: httpx.Client, webhook: Webhook, key: str, *behaviours: str) -> Iterator[Acs]:
    files = ("Microsoft.Communication.RecordingFileStatusUpdated",)
    settings = EmulatorSettings(
        event_grid_endpoints=(EventGridEndpoint(webhook.url, event_types=files),),
        event_delay=timedelta(0),
        external_storage_key=key,
        behaviours=Behaviours.parse(behaviours),
    )
    with running(settings) as emulator:
        yield Acs(emulator, http)


def recorded_to(acs: Acs, url: str) -> tuple[StagedCall, str]:
    call = StagedCall(acs)
    storage = {
        "recordingStorageKind": "azureBlobStorage",
        "recordingDestinationContainerUrl": url,
    }
    recording = call.is_recorded(externalStorage=storage, **MP3)
    call.lasts(1)
    acs.stop(recording)
    call.rendered()
    advance(acs, 0)
    return call, recording


def told(webhook: Webhook) -> dict[str, Any]:
    eventually(lambda: webhook.deliveries)
    data: dict[str, Any] = webhook.deliveries[0].body[0]["data"]
    return data


def test_files_are_in_the_container_in_the_documented_layout(
    http: httpx.Client, webhook: Webhook, azurite: Azurite, container: ContainerClient
) -> None:
    with emulating(http, webhook, azurite.account_key) as acs:
        call, recording = recorded_to(acs, container.url)
        data = told(webhook)
        recorded = call.truth()["recordings"][0]
        truth = recorded["chunks"][0]
        own_copy = acs.fetch(truth["contentLocation"]).content
    names = sorted(blob.name for blob in container.list_blobs())
    day = recorded["activeAt"][:10].replace("-", "")
    folders = {name.rpartition("/")[0] for name in names}
    (folder,) = folders
    assert folder.startswith(day)
    assert f"/{call.call_id}/{recording[:8]}-" in folder
    document = truth["documentId"]
    assert [name.rpartition("/")[2] for name in names] == [
        f"0-acsmetadata.{document}.json",
        f"0-audiomp3.{document}.mp3",
    ]
    assert container.download_blob(names[1]).readall() == own_copy
    assert (data["storageType"], data["recordingId"]) == ("blobstorage", recording)
    (chunk,) = data["recordingStorageInfo"]["recordingChunks"]
    assert chunk["contentLocation"] == f"{container.url}/{names[1]}"
    assert chunk["metadataLocation"] == f"{container.url}/{names[0]}"


def test_the_locations_can_be_those_of_acs(
    http: httpx.Client, webhook: Webhook, azurite: Azurite, container: ContainerClient
) -> None:
    with emulating(http, webhook, azurite.account_key, "export_locations=acs") as acs:
        recorded_to(acs, container.url)
        (chunk,) = told(webhook)["recordingStorageInfo"]["recordingChunks"]
        assert acs.fetch(chunk["contentLocation"]).status_code == 200
    assert len(list(container.list_blobs())) == 2


@pytest.mark.parametrize(
    ("key", "code"), [("", "managedIdentityNotEnabled"), ("AAAA", "HttpResponseError")]
)
def test_a_failed_export_is_told_with_the_locations_of_acs(
    http: httpx.Client, webhook: Webhook, container: ContainerClient, key: str, code: str
) -> None:
    with emulating(http, webhook, key) as acs:
        _, recording = recorded_to(acs, container.url)
        data = told(webhook)
        (chunk,) = data["recordingStorageInfo"]["recordingChunks"]
        assert acs.fetch(chunk["contentLocation"]).status_code == 200
        result = acs.send("GET", f"/calling/recordings/{recording}/result?{RESULT}").json()
    assert (data["storageType"], data["recordingId"]) == ("acsstorage", recording)
    (error,) = result["errors"]
    assert (error["code"], error["innererror"]["code"]) == ("ExportFailure", code)
    assert list(container.list_blobs()) == []
