"""Does `callvault setup` make what is new, and nothing in the place of what is known? (H9)"""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from callvault.archive.identity import IDENTITY_OBJECT, ArchiveIdentity
from callvault.archive.stores.directory import DirectoryArchive
from callvault.local.azurite import Azurite
from callvault.temporal.archives import remember_archive, remembered_archives
from tests.ingest.quarantine_places import container

pytestmark = [pytest.mark.server, pytest.mark.slow("a Temporal server for each test")]


@pytest.fixture
async def server(temporal_binary: Path) -> AsyncIterator[WorkflowEnvironment]:
    """Yield a server of its own, which remembers no archive."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary)
    ) as environment:
        yield environment


class Place:
    """The directory of an archive, and the commands of whoever keeps it."""

    def __init__(self, root: Path, server: WorkflowEnvironment) -> None:
        self.root, self.server = root, server

    def identity(self) -> ArchiveIdentity:
        return ArchiveIdentity.model_validate_json((self.root / IDENTITY_OBJECT).read_bytes())

    async def callvault(
        self, *words: str, others: Mapping[str, str] = {}, **settings: str
    ) -> tuple[int | None, str]:
        """Run a command; return its exit status and all that it said."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "callvault", *words),
            env=os.environ
            | {
                "TEMPORAL_ADDRESS": self.server.client.service_client.config.target_host,
                "CALLVAULT_ARCHIVES__MAIN__KIND": "directory",
                "CALLVAULT_ARCHIVES__MAIN__PATH": str(self.root),
            }
            | {f"CALLVAULT_ARCHIVES__MAIN__{key}": value for key, value in settings.items()}
            | others,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(60):
            said, _ = await process.communicate()
        return process.returncode, said.decode()


@pytest.fixture
def place(tmp_path: Path, server: WorkflowEnvironment) -> Place:
    return Place(tmp_path / "mount" / "archive", server)


async def test_a_new_archive_is_made_and_remembered_once(place: Place) -> None:
    status, said = await place.callvault("setup")
    made = place.identity()
    assert (status, made.name) == (0, "main")
    assert f"archive main ({made.id})" in said
    assert await remembered_archives(place.server.client) == {"main": made.id}
    status, said = await place.callvault("setup")
    assert (status, place.identity()) == (0, made)
    assert "nothing was missing" in said
    status, said = await place.callvault("doctor")
    assert f"archive main: {made.id}" in said


async def test_setup_says_that_a_resource_only_archives(place: Place) -> None:
    settings = {
        "CALLVAULT_RESOURCES__DEFAULT__ENDPOINT": "https://contoso.communication.azure.com",
        "CALLVAULT_RESOURCES__DEFAULT__CREDENTIAL__ENTRA": "true",
        "CALLVAULT_RESOURCES__DEFAULT__ARCHIVE_ONLY": "true",
    }
    status, said = await place.callvault("setup", others=settings)
    assert (status, "default only archives: " in said) == (0, True), said


async def test_the_container_of_the_quarantine_is_made_once(
    place: Place, azurite: Azurite, tmp_path: Path
) -> None:
    with container(azurite, tmp_path) as quarantine:
        quarantine.take_away()
        settings = {
            f"CALLVAULT_GATEWAY__QUARANTINE__{key.upper()}": value
            for key, value in quarantine.table.items()
        }
        status, said = await place.callvault("doctor", others=settings)
        assert (status, "FAIL  quarantine" in said) == (1, True)
        status, said = await place.callvault("setup", others=settings)
        assert (status, "the quarantine's container" in said) == (0, True)
        status, said = await place.callvault("setup", others=settings)
        assert (status, "nothing was missing" in said) == (0, True)
        status, said = await place.callvault("doctor", others=settings)
        assert (status, "takes deliveries" in said) == (0, True), said
        quarantine.secret.write_text("garbage")
        status, said = await place.callvault("setup", others=settings)
        assert (status, "quarantine: gateway.quarantine" in said) == (1, True)


async def test_what_is_remembered_of_one_archive_stays_when_another_is(place: Place) -> None:
    client = place.server.client
    await remember_archive(client, "main", "a" * 32)
    await remember_archive(client, "spare", "b" * 32)
    assert await remembered_archives(client) == {"main": "a" * 32, "spare": "b" * 32}


async def test_no_archive_is_made_in_the_place_of_one_that_is_not_mounted(place: Place) -> None:
    """A container runs `callvault setup` at every start."""
    await place.callvault("setup")
    shutil.rmtree(place.root)
    place.root.mkdir()
    status, said = await place.callvault("setup")
    assert (status, list(place.root.iterdir())) == (1, [])
    assert "not mounted" in said
    status, said = await place.callvault("doctor")
    assert status == 1
    assert "FAIL  archive main" in said


async def test_another_archive_by_that_name_is_refused(place: Place) -> None:
    """Two machines, two directories, one name: the second one is told."""
    await place.callvault("setup")
    known = place.identity().id
    here = place.root / IDENTITY_OBJECT
    here.write_text(here.read_text().replace(known, "c" * 32))
    status, said = await place.callvault("setup")
    assert status == 1
    assert f"known as {known}" in said
    assert "c" * 32 in said
    assert await remembered_archives(place.server.client) == {"main": known}


async def test_an_archive_that_is_refused_keeps_no_other_from_being_made(
    place: Place, tmp_path: Path
) -> None:
    """Two are refused, before and behind the one that is new: all is told together."""
    await place.callvault("setup")
    shutil.rmtree(place.root)
    other = {
        "CALLVAULT_ARCHIVES__NEW__KIND": "directory",
        "CALLVAULT_ARCHIVES__NEW__PATH": str(tmp_path / "new"),
        "CALLVAULT_ARCHIVES__ZERO__KIND": "azure_blob",
        "CALLVAULT_ARCHIVES__ZERO__CONTAINER": "recordings",
        "CALLVAULT_ARCHIVES__ZERO__CONNECTION_STRING": "env:NOT_SET_ANYWHERE",
    }
    status, said = await place.callvault("setup", others=other)
    assert status == 1
    made = DirectoryArchive("new", tmp_path / "new").prove()
    assert f"archive new ({made})" in said
    assert (await remembered_archives(place.server.client))["new"] == made
    assert "archive main: archive main, reading archive.json" in said
    assert "archive zero: " in said
    status, said = await place.callvault("setup", "--json", others=other)
    told = json.loads(said)
    assert (status, told["done"]) == (1, [])
    assert [refusal.partition(":")[0] for refusal in told["refused"]] == [
        "archive main",
        "archive zero",
    ]


async def test_a_new_archive_is_taken_where_it_is_asked_for(place: Place) -> None:
    await place.callvault("setup")
    known = place.identity().id
    shutil.rmtree(place.root)
    status, _ = await place.callvault("setup", "--make-archive", "main")
    made = place.identity().id
    assert status == 0
    assert made != known
    assert await remembered_archives(place.server.client) == {"main": made}
    status, said = await place.callvault("setup", "--make-archive", "other")
    assert status == 1
    assert "there is no archive 'other'" in said


async def test_an_archive_whose_identity_was_deleted_gets_the_same_again(place: Place) -> None:
    await place.callvault("setup")
    known = place.identity().id
    (place.root / IDENTITY_OBJECT).unlink()
    link = place.root / "manifests" / "0000000001.json"
    link.parent.mkdir()
    link.write_text("{}")
    assert (await place.callvault("setup"))[0] == 1
    assert (await place.callvault("setup", "--make-archive", "main"))[0] == 0
    assert place.identity().id == known


async def test_the_id_of_the_settings_counts_without_a_memory(place: Place) -> None:
    status, _ = await place.callvault("setup", ID="d" * 32)
    assert (status, place.root.exists()) == (1, False)
    status, _ = await place.callvault("setup", "--make-archive", "main", ID="d" * 32)
    assert (status, place.identity().id) == (0, "d" * 32)
    assert (await place.callvault("setup", ID="d" * 32))[0] == 0


async def test_a_worker_with_a_key_that_signs_nothing_does_not_start(
    place: Place, tmp_path: Path
) -> None:
    """H8: it started, and no manifest was written for two days."""
    key = tmp_path / "key.pem"
    key.write_text("garbage")
    status, said = await place.callvault("worker", SIGNING_KEY=f"file:{key}")
    assert status == 1
    assert "archives.main.signing_key" in said
