"""Does a name service that does not answer block nobody longer than his time-out?"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.rest import HttpRequest

from callvault import name_service
from callvault.acs.credentials import EntraToken
from callvault.archive.stores import blob
from callvault.azure_storage import identity
from callvault.azure_storage.clients import StorageAccess, queue_service_client
from callvault.azure_storage.transport import bounded_transport
from callvault.causes import Cause
from callvault.errors import Unavailable
from callvault.http_transports import Transport
from tests.acs.service import Answer, Service, serving

HANGING_ACCOUNT = StorageAccess(sas_url="http://hanging.example/recordings?sig=x")


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as service:
        service.answers.append(Answer())
        yield service


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make the name service hang for one host; yield the questions about it."""
    answers = threading.Event()
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        if host in ("hanging.example", "login.microsoftonline.com"):
            asked.append(host)
            answers.wait()
            raise socket.gaierror("gone")
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "resolve":  # so that the next test asks anew
            thread.join(5)


def test_a_request_waits_for_a_name_no_longer_than_for_a_connection(
    hanging: list[str], service: Service
) -> None:
    with httpx.Client(transport=Transport(), trust_env=False) as http:
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(httpx.ConnectTimeout):
                http.get("http://hanging.example/", timeout=0.2)
        assert time.monotonic() - began < 5
        assert len(hanging) == 1, "one thread asks, whoever waits"
        assert http.get(service.url).status_code == 200


def test_every_address_of_a_name_is_tried() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        with closing(name_service.NetworkBackend().connect_tcp("localhost", port, 5)):
            pass


def test_a_name_that_does_not_exist_is_said() -> None:
    with (
        httpx.Client(transport=Transport(), trust_env=False) as http,
        pytest.raises(httpx.ConnectError),
    ):
        http.get("http://nobody.invalid/", timeout=10)


def test_an_archive_waits_for_a_name_no_longer_than_for_a_connection(
    hanging: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob, "_CONNECT_TIMEOUT", 0.2)
    archive = blob.BlobArchive.open("main", HANGING_ACCOUNT, "recordings")
    began = time.monotonic()
    with closing(archive), pytest.raises(Unavailable) as caught:
        archive.stat("a")
    assert time.monotonic() - began < 8, "twice the time-out, and the pause between the attempts"
    assert hanging == ["hanging.example"], "one thread asks"
    assert caught.value.cause is Cause.NAME_SERVICE


def test_a_queue_waits_for_a_name_no_longer_than_for_a_connection(hanging: list[str]) -> None:
    limits = {"retry_total": 0, "connection_timeout": 0.2}
    began = time.monotonic()
    with (
        closing(queue_service_client(HANGING_ACCOUNT, **limits)) as queues,
        pytest.raises(AzureError) as caught,
    ):
        queues.get_service_properties()
    assert time.monotonic() - began < 5
    assert name_service.cause_of(caught.value) is Cause.NAME_SERVICE, "as the errors of storage say"


@pytest.fixture
def principal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process an identity, whose token service is that of Azure."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "00000000-0000-0000-0000-000000000001")
    monkeypatch.setattr(identity, "CONNECT_TIMEOUT", 0.2)


def test_an_archive_waits_for_the_name_of_the_token_service_no_longer_than_for_a_connection(
    hanging: list[str], principal: None
) -> None:
    by_identity = StorageAccess(account_url="https://account.example")
    began = time.monotonic()
    with (
        closing(blob.BlobArchive.open("main", by_identity, "recordings")) as archive,
        pytest.raises(Unavailable) as caught,
    ):
        archive.stat("a")
    assert time.monotonic() - began < 10
    assert hanging == ["login.microsoftonline.com"], "one thread asks"
    assert caught.value.cause is Cause.NAME_SERVICE, "nobody has refused the identity"


def test_acs_waits_for_the_name_of_the_token_service_no_longer_than_for_a_connection(
    hanging: list[str], principal: None
) -> None:
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        EntraToken(identity.ProcessIdentity()).authenticator("acs.example").headers("GET", "/", b"")
    assert time.monotonic() - began < 5
    assert caught.value.cause is Cause.NAME_SERVICE


def test_a_machine_without_an_identity_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers at the address of managed identities, and that is no fault of a network."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(identity, "CONNECT_TIMEOUT", 0.2)
    with pytest.raises(ClientAuthenticationError, match="failed to retrieve a token"):
        identity.ProcessIdentity().get_token("https://storage.azure.com/.default")


def test_the_storage_transport_reaches_a_service(service: Service) -> None:
    with bounded_transport() as transport:
        assert transport.send(HttpRequest("GET", service.url)).status_code == 200
