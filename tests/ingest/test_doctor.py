"""Does `callvault doctor` find what is amiss with storage: archives and every road of events?"""

import base64
import uuid
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import (
    ContainerClient,
    ContainerSasPermissions,
    generate_container_sas,
)
from azure.storage.queue import (
    AccountSasPermissions,
    QueueServiceClient,
    ResourceTypes,
    generate_account_sas,
)

from callvault.archive.identity import make_identity
from callvault.archive.store import StoredObject
from callvault.archive.stores.directory import DirectoryArchive
from callvault.cli.actions.check_result import CheckResult, Subject
from callvault.cli.actions.doctor_archives import check_archives, try_out
from callvault.cli.actions.doctor_events import check_events
from callvault.clients import open_archive
from callvault.config.settings import Settings
from callvault.local.azurite import Azurite
from tests.ingest.dead_lettering import put
from tests.ingest.quarantine_places import container as quarantine_container
from tests.ingest.quarantine_places import opened


def subject(**tree: Any) -> Subject:
    return Subject(Settings.model_validate(tree))


def by_name(results: list[CheckResult]) -> dict[str, CheckResult]:
    return {each.name: each for each in results}


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def sas(azurite: Azurite, container: ContainerClient, permission: str) -> str:
    """Return the URL of a container with a signature that allows no more than this."""
    signature = generate_container_sas(
        azurite.account_name,
        container.container_name,
        azurite.account_key,
        permission=ContainerSasPermissions.from_string(permission),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{container.url}?{signature}"


async def archive_by(
    permission: str, azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> dict[str, CheckResult]:
    monkeypatch.setenv("ALL", sas(azurite, container, "racwl"))
    monkeypatch.setenv("SAS", sas(azurite, container, permission))
    table = {"kind": "azure_blob", "container": "unused"}
    made = Settings.model_validate({"archives": {"main": {**table, "sas_url": "env:ALL"}}})
    with closing(open_archive("main", made.archive("main"))) as archive:
        identity = make_identity(archive, None, datetime.now(UTC))
    table["id"] = identity.id
    return by_name(
        await check_archives(subject(archives={"main": {**table, "sas_url": "env:SAS"}}))
    )


async def test_an_archive_is_tried_out_and_nothing_is_left(
    azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = await archive_by("racwdl", azurite, container, monkeypatch)
    assert [each.is_ok for each in results.values()] == [True, True, True]
    told = "written, read, verified, not overwritten, deleted"
    assert results["archive main, objects"].found == told
    assert list(container.list_blob_names()) == ["archive.json"]


async def test_where_nothing_may_be_deleted_is_a_good_archive_too(
    azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = (await archive_by("racwl", azurite, container, monkeypatch))["archive main, objects"]
    assert result.is_ok
    [left] = set(container.list_blob_names()) - {"archive.json"}
    assert f"not overwritten; {left} stays, for nothing may be deleted" in result.found


async def test_an_archive_that_may_only_be_read_is_found(
    azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = await archive_by("rl", azurite, container, monkeypatch)
    assert results["archive main"].is_ok
    result = results["archive main, objects"]
    assert (result.is_ok, result.found.partition(":")[0]) == (False, "write")
    assert "Storage Blob Data Contributor" in result.fix


async def test_an_archive_that_may_not_be_read_is_found_and_not_written_to(
    azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = await archive_by("acwl", azurite, container, monkeypatch)
    assert list(results) == ["archive main"]
    assert not results["archive main"].is_ok
    assert list(container.list_blob_names()) == ["archive.json"]


class Damaging(DirectoryArchive):
    """Gives back other bytes than it was given."""

    def read(self, object_name: str, **bounds: Any) -> Any:
        return (piece.upper() for piece in super().read(object_name, **bounds))


class Forgetful(DirectoryArchive):
    """Knows nothing of what it has."""

    def stat(self, object_name: str) -> StoredObject | None:
        return None


class Overwriting(DirectoryArchive):
    """Overwrites what is there."""

    def begin(self, object_name: str, **options: Any) -> Any:
        self._root.joinpath(object_name).unlink(missing_ok=True)
        return super().begin(object_name, **options)


@pytest.mark.parametrize(
    ("kind", "step"),
    [(Damaging, "verify"), (Forgetful, "verify"), (Overwriting, "conditional write")],
)
def test_storage_that_cannot_be_trusted_is_found(
    kind: type[DirectoryArchive], step: str, tmp_path: Path
) -> None:
    removed: list[str] = []
    result = try_out(kind("main", tmp_path), removed.append)
    assert (result.is_ok, result.found.partition(":")[0]) == (False, step)
    assert "use another" in result.fix
    assert len(removed) == 1, "it is removed all the same"


async def test_a_directory_is_tried_out_and_nothing_is_left(tmp_path: Path) -> None:
    archive = DirectoryArchive("main", tmp_path / "archive")
    identity = make_identity(archive, None, datetime.now(UTC))
    table = {"kind": "directory", "path": str(tmp_path / "archive"), "id": identity.id}
    before = sorted((tmp_path / "archive").rglob("*"))
    results = await check_archives(subject(archives={"main": table}))
    assert all(each.is_ok for each in results), results
    assert sorted((tmp_path / "archive").rglob("*")) == before
    results = await check_archives(subject(archives={"main": {**table, "id": "0" * 32}}))
    assert [(each.name, each.is_ok) for each in results] == [("archive main", False)]
    results = await check_archives(subject(archives={"main": {**table, "id": None}}))
    assert [(each.name, each.is_ok) for each in results] == [("archive main", True)]
    assert "not tried out" in results[0].found


async def queue(settings: Mapping[str, Any]) -> CheckResult:
    tree = {"queues": {"grid": {"connection_string": "env:TEST_STORAGE", **settings}}}
    return by_name(await check_events(subject(**tree)))["queue grid"]


async def test_a_queue_is_found_missing_or_poisoned(
    storage: Azurite, storage_secret: str, queue_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with QueueServiceClient.from_connection_string(storage.connection_string) as service:
        messages = service.get_queue_client(queue_name)
        messages.send_message(base64.b64encode(b"[]").decode())
        good = await queue({"queue": queue_name})
        assert (good.is_ok, good.found) == (True, "about 1 messages wait")
        [still] = messages.receive_messages()
        assert still.dequeue_count == 1, "nothing was taken"

        missing = await queue({"queue": "no-such-queue"})
        assert (missing.is_ok, "there is no such queue" in missing.found) == (False, True)
        service.create_queue(f"{queue_name}-poison").send_message("?")
        poisoned = await queue({"queue": queue_name})
        assert "1 messages are in its poison queue" in poisoned.found
        assert "callvault events deliver" in poisoned.fix
    monkeypatch.setenv("TEST_STORAGE", "garbage")
    assert "copy it whole" in (await queue({"queue": queue_name})).found


async def test_a_queue_whose_messages_may_not_be_removed_is_found(
    storage: Azurite, queue_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signed(**rights: bool) -> str:
        signature = generate_account_sas(
            storage.account_name,
            storage.account_key,
            ResourceTypes(service=True, container=True, object=True),
            AccountSasPermissions(**rights),
            datetime.now(UTC) + timedelta(hours=1),
        )
        return f"{storage.queue_endpoint}?{signature}"

    monkeypatch.setenv("SAS", signed(read=True))
    by_sas = {"queue": queue_name, "connection_string": None, "sas_url": "env:SAS"}
    result = await queue(by_sas)
    assert (result.is_ok, "if messages may be removed" in result.found) == (False, True)
    monkeypatch.setenv("SAS", signed(read=True, process=True))
    assert (await queue(by_sas)).is_ok


async def letters(settings: Mapping[str, Any]) -> CheckResult:
    tree = {"dead_letters": {"grid": {"container": "unused", **settings}}}
    return by_name(await check_events(subject(**tree)))["dead letters grid"]


async def test_dead_letters_that_wait_and_those_that_cannot_be_marked_are_found(
    azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL", sas(azurite, container, "rwl"))
    monkeypatch.setenv("READ", sas(azurite, container, "rl"))
    assert (await letters({"sas_url": "env:ALL"})).is_ok
    unmarked = await letters({"sas_url": "env:READ"})
    assert (unmarked.is_ok, "if blobs may be marked" in unmarked.found) == (False, True)
    put(container, b"?")
    waiting = await letters({"sas_url": "env:ALL"})
    assert (waiting.is_ok, waiting.found) == (False, "1 letters are not delivered")
    assert "callvault sweep" in waiting.fix


async def quarantine(table: Mapping[str, Any]) -> CheckResult:
    tree = {"gateway": {"quarantine": table}}
    return by_name(await check_events(subject(**tree)))["quarantine"]


async def test_a_quarantine_that_may_only_be_read_is_found(
    azurite: Azurite, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAS", sas(azurite, container, "rl"))
    result = await quarantine({"kind": "azure_blob", "container": "unused", "sas_url": "env:SAS"})
    assert (result.is_ok, "that deliveries can be stored" in result.found) == (False, True)
    assert "sig=" not in str(result)


async def test_a_quarantine_that_is_not_empty_or_not_there_is_found(
    azurite: Azurite, tmp_path: Path
) -> None:
    with quarantine_container(azurite, tmp_path) as place:
        assert (await quarantine(place.table)).is_ok
        with closing(opened(place)) as open_one:
            await open_one.store("odd", {}, b"?")
        full = await quarantine(place.table)
        assert (full.is_ok, full.found.endswith("1 deliveries were not understood")) == (
            False,
            True,
        )
        assert "callvault sweep --quarantine" in full.fix
        place.take_away()
        gone = await quarantine(place.table)
        assert (gone.is_ok, "callvault setup" in gone.found) == (False, True)
    (tmp_path / "file").write_text("in the way")
    assert not (await quarantine({"kind": "directory", "path": str(tmp_path / "file")})).is_ok
    unmade = await quarantine({"kind": "directory", "path": str(tmp_path / uuid.uuid4().hex)})
    assert (unmade.is_ok, unmade.found.endswith("not made here yet")) == (True, True)
