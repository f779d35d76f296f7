"""Bring your own storage, as the SDK asks for it: the files end in a container of one's own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from callvault.local.azurite import Azurite
from tests.contract.client import Client, order
from tests.contract.sdks import Sdk
from tests.emulator.stage import StagedCall, eventually


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    name = f"recordings-{uuid4().hex[:8]}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as container:
        container.create_container()
        yield container


def writable_url(container: ContainerClient, azurite: Azurite) -> str:
    token = generate_container_sas(
        azurite.account_name,
        container.container_name,
        azurite.account_key,
        permission=ContainerSasPermissions(write=True, create=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{container.url}?{token}"


async def test_files_end_in_the_container_that_a_start_names(
    client: Client, sdk: Sdk, call: StagedCall, container: ContainerClient, azurite: Azurite
) -> None:
    url = writable_url(container, azurite)
    storage = sdk.api.AzureBlobContainerRecordingStorage(container_url=url)
    started = await client.start(
        server_call_id=call.server_call_id, recording_storage=storage, **order(sdk)
    )
    call.lasts(2)
    await client.stop(started.recording_id)
    (chunk,) = call.rendered()["chunks"]
    eventually(lambda: len(list(container.list_blob_names())) == len(("content", "metadata")))
    sizes = {blob.name.rpartition(".")[2]: blob.size for blob in container.list_blobs()}
    assert sizes == {"wav": chunk["size"], "json": chunk["metadataSize"]}
