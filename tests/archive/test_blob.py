"""Faults that only a blob container has: credentials, refusals, a service that is away."""

import hashlib
import socket
import threading
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.storage.blob import (
    BlobServiceClient,
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)

from callvault.archive.manifests.documents import Keyring
from callvault.archive.store import StoredObject
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.verify.verifier import verify_archive
from callvault.azure_storage.clients import StorageAccess
from callvault.azure_storage.errors import blob_error, blob_errors
from callvault.errors import (
    AccessDenied,
    BrokenContent,
    CallvaultError,
    ConfigurationError,
    ContentMissing,
    InvalidRequest,
    ObjectExists,
    StateConflict,
    Throttled,
    Unavailable,
)
from callvault.local.azurite import Azurite
from tests.archive.sealed import SIGNER, archived, sealed

Write = Callable[..., StoredObject]
NAME = "recordings/0000-document.mp4"


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ContainerClient]:
    """A container seen with Microsoft's own client."""
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        yield service.create_container(f"test-{uuid.uuid4().hex}")


def with_sas(
    azurite: Azurite, container: str, *, permission: str = "racwl", hours: float = 1
) -> str:
    sas = generate_container_sas(
        azurite.account_name,
        container,
        account_key=azurite.account_key,
        permission=ContainerSasPermissions.from_string(permission),
        start=datetime.now(UTC) - timedelta(days=1),
        expiry=datetime.now(UTC) + timedelta(hours=hours),
    )
    return f"{azurite.blob_endpoint}/{container}?{sas}"


@contextmanager
def answering(status: int, headers: dict[str, str]) -> Iterator[str]:
    """A storage service that says this of every object, and loses blocks; how to connect to it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": "0"} | headers).items():
                self.send_header(name, value)
            self.end_headers()

        def do_PUT(self) -> None:
            """Take every block, and miss them all when they are to be committed."""
            self.rfile.read(int(self.headers["Content-Length"]))
            missing = "comp=blocklist" in self.path
            self.send_response(400 if missing else 201)
            if missing:
                self.send_header("x-ms-error-code", "InvalidBlockList")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield connection_string(server.server_port)
        server.shutdown()
        thread.join()


def connection_string(port: int) -> str:
    return (
        "DefaultEndpointsProtocol=http;AccountName=somebody;AccountKey=c2VjcmV0;"
        f"BlobEndpoint=http://127.0.0.1:{port}/somebody;"
    )


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_sas_is_enough_to_write_read_and_list(
    azurite: Azurite, container: ContainerClient, write: Write
) -> None:
    archive = BlobArchive.open(
        "main", StorageAccess(sas_url=with_sas(azurite, container.container_name)), "box"
    )
    archive.make()
    write(archive, NAME, b"media", metadata={"document_id": "1"})
    assert b"".join(archive.read(NAME)) == b"media"
    assert list(archive.names()) == [NAME]
    with pytest.raises(ObjectExists):
        write(archive, NAME, b"other")
    archive.close()


def test_location_carries_no_credentials(azurite: Azurite, container: ContainerClient) -> None:
    archive = BlobArchive.open(
        "main", StorageAccess(sas_url=with_sas(azurite, container.container_name)), "box"
    )
    expected = f"{azurite.blob_endpoint}/{container.container_name}/{NAME}"
    assert archive.location(NAME) == expected


@pytest.mark.parametrize(("permission", "hours"), [("rl", 1), ("w", 1), ("racwl", -1)])
def test_sas_that_does_not_suffice_is_told_by_the_check(
    azurite: Azurite, container: ContainerClient, permission: str, hours: float
) -> None:
    url = with_sas(azurite, container.container_name, permission=permission, hours=hours)
    archive = BlobArchive.open("main", StorageAccess(sas_url=url), "box")
    with pytest.raises(AccessDenied, match="Storage Blob Data Contributor") as caught:
        archive.make()
    assert caught.value.owner == "archive"
    assert caught.value.status == 403


def test_wrong_key_is_refused(azurite: Azurite, container: ContainerClient, write: Write) -> None:
    stranger = replace(azurite, account_key="AAAA")
    archive = BlobArchive.open(
        "main",
        StorageAccess(connection_string=stranger.connection_string),
        container.container_name,
    )
    for act in (
        archive.check,
        lambda: write(archive, NAME, b"media"),
        lambda: archive.stat(NAME),
        lambda: list(archive.read(NAME)),
        lambda: list(archive.names()),
    ):
        with pytest.raises(AccessDenied):
            act()


def test_server_that_is_down_is_unavailable() -> None:
    archive = BlobArchive.open(
        "main", StorageAccess(connection_string=connection_string(unused_port())), "box"
    )
    with pytest.raises(Unavailable, match="archive main, looking at") as caught:
        archive.stat(NAME)
    assert caught.value.owner == "archive"


def test_secret_of_a_url_is_not_told() -> None:
    """urllib3 quotes the whole URL, and not every version of azure-core drops it."""
    quoting = ServiceRequestError("no answer from /box/x?sv=2024&sig=s3cr3t%3D&sp=rw (timed out)")
    with pytest.raises(Unavailable, match=r"sig=\*\*\*&sp=rw") as caught, blob_errors("main", "x"):
        raise quoting
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_missing_container_is_named_and_created_by_the_check(
    azurite: Azurite, write: Write
) -> None:
    archive = BlobArchive.open(
        "main",
        StorageAccess(connection_string=azurite.connection_string),
        f"test-{uuid.uuid4().hex}",
    )
    for act in (
        lambda: write(archive, NAME, b"media"),
        lambda: archive.stat(NAME),
        lambda: list(archive.read(NAME)),
        lambda: list(archive.names()),
    ):
        with pytest.raises(ConfigurationError, match="create the container"):
            act()
    archive.make()
    write(archive, NAME, b"media")
    assert list(archive.names()) == [NAME]


def test_container_nobody_may_create_is_access_denied(azurite: Azurite) -> None:
    url = with_sas(azurite, f"test-{uuid.uuid4().hex}")
    archive = BlobArchive.open("main", StorageAccess(sas_url=url), "box")
    with pytest.raises(AccessDenied, match="creating the container"):
        archive.make()


def test_object_of_another_program_is_judged_by_its_bytes(
    azurite: Azurite, container: ContainerClient, write: Write
) -> None:
    container.upload_blob(NAME, b"media")
    archive = BlobArchive.open(
        "main", StorageAccess(connection_string=azurite.connection_string), container.container_name
    )
    found = archive.stat(NAME)
    assert found is not None
    assert found.sha256 is None
    assert write(archive, NAME, b"media").sha256 == hashlib.sha256(b"media").hexdigest()
    with pytest.raises(ObjectExists):
        write(archive, NAME, b"other")


def test_object_carries_its_content_type_and_digest(
    azurite: Azurite, container: ContainerClient, write: Write
) -> None:
    archive = BlobArchive.open(
        "main", StorageAccess(connection_string=azurite.connection_string), container.container_name
    )
    write(archive, NAME, b"media", metadata={"document_id": "1"})
    properties = container.get_blob_client(NAME).get_blob_properties()
    assert properties.content_settings.content_type == "video/mp4"
    assert properties.metadata == {
        "document_id": "1",
        "sha256": hashlib.sha256(b"media").hexdigest(),
    }


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "InvalidHeaderValue", InvalidRequest),
        (400, "Md5Mismatch", BrokenContent),
        (400, "InvalidBlobOrBlock", StateConflict),
        (401, "NoAuthenticationInformation", AccessDenied),
        (403, "AuthorizationPermissionMismatch", AccessDenied),
        (404, "ContainerNotFound", ConfigurationError),
        (408, "OperationTimedOut", Unavailable),
        (409, "ContainerBeingDeleted", Unavailable),
        (409, "BlobImmutableDueToPolicy", ObjectExists),
        (409, "AccountIsDisabled", AccessDenied),
        (412, "LeaseIdMissing", StateConflict),
        (429, None, Throttled),
        (500, "InternalError", Unavailable),
        (503, "ServerBusy", Throttled),
        (507, None, Unavailable),
    ],
)
def test_answers_of_the_service_become_our_errors(
    status: int, code: str | None, expected: type[CallvaultError]
) -> None:
    headers = {"Retry-After": "7"} | ({"x-ms-error-code": code} if code else {})
    with answering(status, headers) as connection:
        archive = BlobArchive.open("main", StorageAccess(connection_string=connection), "box")
        with pytest.raises(expected) as caught:
            archive.stat(NAME)
        archive.close()
    assert type(caught.value) is expected
    assert caught.value.owner == "archive"
    assert caught.value.status == status
    assert caught.value.code == code
    assert caught.value.retry_after == timedelta(seconds=7)
    assert str(caught.value).startswith(f"archive main, looking at {NAME}: ")


@pytest.mark.parametrize("wish", ["72000", "9" * 17, "9" * 5_000, "1e400"])
def test_b18_an_archives_wish_to_wait_is_kept_within_reason(wish: str) -> None:
    """20 hours were waited, and 17 digits were an OverflowError."""
    with answering(503, {"Retry-After": wish}) as connection:
        archive = BlobArchive.open("main", StorageAccess(connection_string=connection), "box")
        with pytest.raises(Throttled) as caught:
            archive.stat(NAME)
        archive.close()
    assert caught.value.retry_after == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"media", StoredObject), (b"other", ObjectExists), (None, StateConflict)],
)
def test_blocks_that_another_commit_took_are_judged_by_its_object(
    write: Write, data: bytes | None, expected: type[object]
) -> None:
    there = {"x-ms-meta-sha256": hashlib.sha256(data or b"").hexdigest(), "Content-Length": "5"}
    gone = {"x-ms-error-code": "BlobNotFound"}
    with answering(404 if data is None else 200, gone if data is None else there) as connection:
        archive = BlobArchive.open("main", StorageAccess(connection_string=connection), "box")
        try:
            result: object = write(archive, NAME, b"media")
        except CallvaultError as error:
            result = error
        archive.close()
    assert type(result) is expected


def test_blob_that_vanished_is_missing(azurite: Azurite, container: ContainerClient) -> None:
    archive = BlobArchive.open(
        "main", StorageAccess(connection_string=azurite.connection_string), container.container_name
    )
    with pytest.raises(ContentMissing):
        list(archive.read(NAME))


def test_token_service_out_of_reach_is_not_a_refusal() -> None:
    refused = ClientAuthenticationError(message="Authentication failed")
    assert type(blob_error(refused, "main", "storing")) is AccessDenied
    refused.__cause__ = ServiceRequestError("no route")
    assert type(blob_error(refused, "main", "storing")) is Unavailable


class SomeToken:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("token", 2**31)


@pytest.mark.parametrize(
    "build",
    [
        lambda: BlobArchive.open("main", StorageAccess(connection_string="nonsense"), "box"),
        lambda: BlobArchive.open("main", StorageAccess(connection_string=""), "box"),
        lambda: BlobArchive.open(
            "main", StorageAccess(sas_url="https://a.blob.core.windows.net/box"), "box"
        ),
        lambda: BlobArchive.open(
            "main", StorageAccess(sas_url="https://a.blob.core.windows.net?sig=x"), "box"
        ),
        lambda: BlobArchive.open(
            "main", StorageAccess(account_url="http://a.example", credential=SomeToken()), "box"
        ),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(build: Callable[[], BlobArchive]) -> None:
    with pytest.raises(ConfigurationError, match=r"archive main: the .+ cannot be used: .+;"):
        build()


FOLDERS = ["recordings", "recordings/2026", "recordings/2026/03", "manifests", "keys"]


def with_folders(container: ContainerClient, *names: str) -> None:
    """List folders as an account with a hierarchical namespace does."""
    for number, name in enumerate(names):
        key = "hdi_isfolder" if number % 2 else "Hdi_isfolder"
        container.upload_blob(name, b"", metadata={key: "true"})


@pytest.mark.server
def test_d9_folders_of_a_hierarchical_account_are_no_objects(blob_archive: BlobArchive) -> None:
    sealed(blob_archive, archived(blob_archive))
    before = sorted(blob_archive.names())
    with_folders(blob_archive._container, *FOLDERS, "recordings/2026/03/02/call-1/rec-1")
    assert sorted(blob_archive.names()) == before
    assert sorted(blob_archive.names("recordings/")) == [n for n in before if n[0] == "r"]
    assert blob_archive.stat("recordings/2026") is None
    report = verify_archive(blob_archive, Keyring([SIGNER.public]))
    assert (report.problems, report.warnings) == ([], [])


@pytest.mark.server
def test_d9_a_file_is_not_hidden_by_a_word_in_its_metadata(blob_archive: BlobArchive) -> None:
    blob_archive._container.upload_blob(NAME, b"file", metadata={"hdi_isfolder": "true"})
    assert list(blob_archive.names()) == [NAME]
    assert blob_archive.stat(NAME)
