"""Does the storage account itself keep what it is told to, and is its refusal understood?"""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from callvault.archive.store import StoredObject, protection
from callvault.archive.stores.blob import BlobArchive
from callvault.archive.stores.blob_immutability import Immutability
from callvault.azure_storage.clients import StorageAccess
from callvault.errors import ObjectExists, StateConflict
from callvault.local.azurite import Azurite

from .immutable_account import Account, immutable_account

Write = Callable[..., StoredObject]
MEDIA, ENTRY = "recordings/2026/a.wav", "subjects/ab/c.json"
DAY = timedelta(days=1)


@pytest.fixture
def account(azurite: Azurite) -> Iterator[Account]:
    with immutable_account(azurite.blob_endpoint) as account:
        yield account


@pytest.fixture
def archive(azurite: Azurite, account: Account) -> Iterator[BlobArchive]:
    opened = BlobArchive.open(
        "main", proxied(azurite, account), "unused", immutability=Immutability(30 * DAY)
    )
    yield opened
    opened.close()


def proxied(azurite: Azurite, account: Account) -> StorageAccess:
    """Make a container, and return its URL by way of the proxy, with a SAS."""
    name = f"test-{uuid.uuid4().hex}"
    with ContainerClient.from_connection_string(azurite.connection_string, name) as client:
        client.create_container()
    signature = generate_container_sas(
        azurite.account_name,
        name,
        azurite.account_key,
        permission=ContainerSasPermissions(
            read=True, write=True, create=True, add=True, list=True, delete=True
        ),
        expiry=datetime.now(UTC) + DAY,
    )
    path = f"http://127.0.0.1:{account.port}/{azurite.account_name}/{name}"
    return StorageAccess(sas_url=f"{path}?{signature}")


def etag(archive: BlobArchive, name: str = MEDIA) -> str:
    found = archive.stat(name)
    assert found is not None
    return found.etag or ""


def test_a_recording_s_object_is_immutable_from_its_commit_on(
    archive: BlobArchive, account: Account, write: Write
) -> None:
    write(archive, MEDIA, b"media" * 1000)
    found = archive.stat(MEDIA)
    assert found is not None
    assert found.immutable_until is not None
    assert abs(found.immutable_until - datetime.now(UTC) - 30 * DAY) < timedelta(minutes=2)
    assert "immutability policy keeps it until" in protection(found, datetime.now(UTC))
    with pytest.raises(StateConflict, match="immutability policy keeps it until"):
        archive.delete(MEDIA, etag=etag(archive))
    assert b"".join(archive.read(MEDIA)) == b"media" * 1000
    assert [each.mode for each in account.protected.values()] == ["Unlocked"]


def test_the_index_stays_free(archive: BlobArchive, account: Account, write: Write) -> None:
    write(archive, ENTRY, b"entry")
    assert account.protected == {}
    assert archive.delete(ENTRY, etag=etag(archive, ENTRY))


def test_what_is_there_is_still_never_overwritten_and_the_same_is_the_same(
    archive: BlobArchive, write: Write
) -> None:
    write(archive, MEDIA, b"media")
    assert write(archive, MEDIA, b"media").size == 5
    with pytest.raises(ObjectExists):
        write(archive, MEDIA, b"other")


def test_after_its_time_it_is_deleted_with_every_version(
    archive: BlobArchive, account: Account, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(archive, MEDIA, b"secret media")
    for each in account.protected.values():
        each.until = datetime.now(UTC) - DAY
    assert archive.delete(MEDIA, etag=etag(archive))
    assert archive.stat(MEDIA) is None
    assert account.versions != {}, "the account has made a former version of it"
    assert account.everything() == b""


def test_a_former_version_that_an_attempt_left_goes_with_the_next(
    archive: BlobArchive, account: Account, write: Write
) -> None:
    write(archive, MEDIA, b"secret media")
    path = next(iter(account.protected))
    account.protected.clear()
    seen = etag(archive)
    account.versions[path] = {"2026-01-01T00:00:00.0000000Z": b"secret media"}
    archive.delete(MEDIA, etag=seen)
    assert archive.delete(MEDIA, etag=seen) is False
    assert account.everything() == b""


@pytest.mark.parametrize("is_held", [True, False])
def test_the_service_s_own_refusal_is_understood(
    archive: BlobArchive, account: Account, write: Write, is_held: bool
) -> None:
    """The policy, or the hold, came after the properties were read."""
    write(archive, MEDIA, b"media")
    for each in account.protected.values():
        each.is_held = is_held
    account.tells = False
    said = "legal hold" if is_held else "immutability policy keeps it"
    with pytest.raises(StateConflict, match=said):
        archive.delete(MEDIA, etag=etag(archive))
    assert b"".join(archive.read(MEDIA)) == b"media"


def test_a_legal_hold_of_the_account_is_told(
    archive: BlobArchive, account: Account, write: Write
) -> None:
    write(archive, MEDIA, b"media")
    for each in account.protected.values():
        each.until, each.is_held = None, True
    found = archive.stat(MEDIA)
    assert found is not None
    assert "legal hold" in protection(found, datetime.now(UTC))
    with pytest.raises(StateConflict, match="legal hold"):
        archive.delete(MEDIA, etag=etag(archive))


def test_a_locked_policy_is_asked_for_by_its_name() -> None:
    options = Immutability(DAY, "locked").options(MEDIA)
    assert options["immutability_policy"].policy_mode == "Locked"
    assert Immutability(DAY).options("archive.json") == {}
