"""Three ways lead to a storage account, for containers and queues alike; others are refused."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from callvault.azure_storage.clients import StorageAccess, container_client, queue_service_client
from callvault.azure_storage.put_blob import PutBlob
from callvault.config.storage import DeadLetterSettings, QueueSettings
from callvault.connection_pool import ConnectionPool
from callvault.errors import ConfigurationError

KEY = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=c2VjcmV0"
SAS = "sv=2024-11-04&sig=c2VjcmV0"


class SomeToken:
    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        return AccessToken("token", 2**31)


def container(access: StorageAccess) -> Any:
    return container_client(access, "box", retry_total=0)


def queue(access: StorageAccess) -> Any:
    return queue_service_client(access, retry_total=0)


@pytest.mark.parametrize(
    ("access", "make", "url"),
    [
        (StorageAccess(KEY), container, "https://acme.blob.core.windows.net/box"),
        (StorageAccess(KEY), queue, "https://acme.queue.core.windows.net/"),
        (StorageAccess(sas_url=f"https://a.example/b?{SAS}"), container, "https://a.example/b"),
        (StorageAccess(sas_url=f"https://a.example?{SAS}"), queue, "https://a.example/"),
        (StorageAccess(None, None, "https://a.example", SomeToken()), container, "/box"),
        (StorageAccess(None, None, "https://a.example", SomeToken()), queue, "https://a.example/"),
    ],
)
def test_each_way_makes_a_client(
    access: StorageAccess, make: Callable[[StorageAccess], Any], url: str
) -> None:
    with make(access) as client:
        assert url in client.url


@pytest.mark.parametrize("make", [container, queue])
@pytest.mark.parametrize(
    ("access", "why"),
    [
        (StorageAccess("nonsense"), "Connection string is either blank or malformed"),
        (StorageAccess(sas_url="https://a.example/b"), "it carries no SAS"),
        (StorageAccess(account_url="http://a.example"), "Entra ID tokens need https"),
    ],
)
def test_a_way_that_cannot_be_used_is_refused_at_once(
    access: StorageAccess, why: str, make: Callable[[StorageAccess], Any]
) -> None:
    with pytest.raises(ValueError, match=why):
        make(access)


def test_secrets_are_read_from_the_settings_and_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = QueueSettings.model_validate({"queue": "events", "connection_string": "env:STORAGE"})
    with pytest.raises(ConfigurationError, match="STORAGE is missing"):
        StorageAccess.from_settings(queue)
    monkeypatch.setenv("STORAGE", KEY)
    assert StorageAccess.from_settings(queue) == StorageAccess(KEY)
    letters = DeadLetterSettings.model_validate({"container": "letters", "sas_url": "env:STORAGE"})
    assert StorageAccess.from_settings(letters) == StorageAccess(sas_url=KEY)
    assert "c2VjcmV0" not in repr(StorageAccess(KEY, KEY))


@pytest.mark.parametrize(
    ("access", "authorization", "query"),
    [
        (StorageAccess(KEY), "SharedKey acme:", ""),
        (StorageAccess(None, None, "https://acme.example", SomeToken()), "Bearer token", ""),
        (StorageAccess(sas_url=f"https://acme.example/box?{SAS}"), None, SAS),
    ],
)
def test_a_small_blob_is_authenticated_as_the_sdk_does(
    monkeypatch: pytest.MonkeyPatch, access: StorageAccess, authorization: str | None, query: str
) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def request(self: Any, connection: Any, target: str, data: bytes, headers: Any) -> Any:
        asked.append((target, dict(headers)))
        raise TimeoutError

    monkeypatch.setattr(PutBlob, "_request", request)
    monkeypatch.setattr(ConnectionPool, "acquire", lambda self, origin: None)
    with container(access) as client:
        put = PutBlob(client, connect=1, read_timeout=1)
        assert put.create("a b/ü.json", b"{}", {"x-ms-meta-a": "b"}) is None
    [(target, headers)] = asked
    assert target == f"/box/a%20b/%C3%BC.json{'?' if query else ''}{query}"
    assert (headers.get("Authorization") or "").startswith(authorization or "")
    assert ("Authorization" in headers) is (authorization is not None)
    assert headers["If-None-Match"] == "*"
    assert headers["x-ms-meta-a"] == "b"
    assert headers["x-ms-version"]
