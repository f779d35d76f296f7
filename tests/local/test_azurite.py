"""Azurite as `make setup` installs it, spoken to with Microsoft's own client."""

from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from callvault.errors import ConfigurationError
from callvault.local.azurite import LOCATION, Azurite, add_queues, replace_key, start_azurite
from callvault.local.processes import Supervisor

pytestmark = pytest.mark.server

CONTENT = bytes(range(256)) * 4


def service(azurite: Azurite) -> BlobServiceClient:
    return BlobServiceClient.from_connection_string(azurite.connection_string, retry_total=0)


def wait_until_written(supervisor: Supervisor, data: Path) -> None:
    """Wait until Azurite's files name the container "kept".

    It writes them every five seconds, and as it ends; but it listens a moment before it heeds
    SIGTERM, and dies of it until then.
    """
    written = data / "__azurite_db_blob__.json"
    supervisor.processes[-1].wait_for(lambda: '"name":"kept"' in written.read_text() or None)


def test_a_blob_comes_back_as_it_was_stored(azurite: Azurite) -> None:
    with service(azurite) as client:
        container = client.create_container("round-trip")
        container.upload_blob("a/b.bin", CONTENT)
        assert container.download_blob("a/b.bin").readall() == CONTENT


def test_another_key_is_refused(azurite: Azurite) -> None:
    stranger = Azurite(azurite.blob_endpoint, azurite.account_name, account_key="AAAA")
    with (
        service(stranger) as client,
        pytest.raises(HttpResponseError, match="AuthorizationFailure"),
    ):
        client.create_container("not-yours")


def test_the_key_is_not_printed(azurite: Azurite) -> None:
    assert azurite.account_key not in repr(azurite)


def test_blobs_in_a_data_directory_outlive_the_process(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with (
        Supervisor(tmp_path / "first") as supervisor,
        service(start_azurite(supervisor, data_directory=data)) as client,
    ):
        client.create_container("kept").upload_blob("blob", CONTENT)
        wait_until_written(supervisor, data)
    with (
        Supervisor(tmp_path / "second") as supervisor,
        service(start_azurite(supervisor, data_directory=data)) as client,
    ):
        assert client.get_blob_client("kept", "blob").download_blob().readall() == CONTENT


def test_without_azurite_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path))
    with (
        Supervisor(tmp_path / "logs") as supervisor,
        pytest.raises(ConfigurationError, match=r"make setup.*--archive DIRECTORY"),
    ):
        start_azurite(supervisor)


def test_queues_share_the_account_of_the_blobs(azurite: Azurite, tmp_path: Path) -> None:
    with Supervisor(tmp_path / "queues") as supervisor:
        both = add_queues(supervisor, azurite)
        with QueueServiceClient.from_connection_string(both.connection_string) as client:
            queue = client.create_queue("round-trip")
            queue.send_message("<hello>")
            assert [message.content for message in queue.receive_messages()] == ["<hello>"]
        with service(both) as client:
            assert client.get_account_information()


def test_a_replaced_key_is_dead_and_the_second_one_goes_on(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "logs") as supervisor:
        before = start_azurite(supervisor, data_directory=tmp_path / "data")
        signed = before.new_container("kept")
        port = int(before.blob_endpoint.split(":")[2].partition("/")[0])
        wait_until_written(supervisor, tmp_path / "data")
        supervisor.processes[-1].stop()
        replace_key(tmp_path / "data")
        after = start_azurite(supervisor, data_directory=tmp_path / "data", port=port)
        assert after.account_key != before.account_key
        with (
            ContainerClient.from_connection_string(before.connection_string, "kept") as old,
            pytest.raises(HttpResponseError),
        ):
            old.get_container_properties()
        with ContainerClient.from_connection_string(after.connection_string, "kept") as new:
            assert new.get_container_properties().name == "kept"
        with ContainerClient.from_container_url(signed) as by_signature:
            assert list(by_signature.list_blob_names()) == []
