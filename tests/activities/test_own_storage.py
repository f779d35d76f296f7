"""Bring your own storage: ACS writes to a container; Callvault finds it, copies and proves it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from temporalio.testing import ActivityEnvironment

from activities.control import ControlActivities
from activities.export import ExportActivities
from callvault.acs.client import AcsClient
from callvault.acs.credentials import parse_connection_string
from callvault.archive.identity import make_identity
from callvault.archive.stores.blob import BlobArchive
from callvault.azure_storage.clients import StorageAccess
from callvault.contracts.activity_io import (
    ArchivedChunk,
    ControlResult,
    ExportInput,
    RecordingInput,
    StartInput,
)
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.media import ChannelType, ContentType, FormatType
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from callvault.local.azurite import Azurite
from tests.policies import a_policy

OWN, MAIN = "own", "main"


class Vault:
    """An emulator that may write to a container, two archives, and the activities between them."""

    def __init__(self, emulator: RunningEmulator, azurite: Azurite) -> None:
        run = uuid4().hex[:8]
        self.archives = {
            name: BlobArchive.open(
                name, StorageAccess(connection_string=azurite.connection_string), f"{name}-{run}"
            )
            for name in (OWN, MAIN)
        }
        for archive in self.archives.values():
            make_identity(archive, None, datetime.now(UTC))
        endpoint, key = parse_connection_string(emulator.connection_string)
        self.client = AcsClient(endpoint, key, content_hosts=("127.0.0.1",))
        self.http = httpx.Client(base_url=emulator.control, trust_env=False)
        self.environment = ActivityEnvironment()

    def records(self) -> tuple[str, str, dict[str, object]]:
        """A second of a call, into the customer's container; the call's and recording's ids."""
        body = {"participants": [{"displayName": "Ana"}]}
        call = self.http.post("/calls", json=body).json()
        control = ControlActivities(
            lambda _: self.client, lambda _: a_policy(), self.archives.__getitem__
        )
        input = StartInput(
            resource="default",
            server_call_id=call["serverCallId"],
            recording_content_type=ContentType.AUDIO,
            recording_channel_type=ChannelType.MIXED,
            recording_format_type=FormatType.MP3,
            pause_on_start=False,
            repeatability_request_id=str(uuid4()),
            repeatability_first_sent=datetime.now(UTC),
            own_storage=OWN,
        )
        started: ControlResult = self.environment.run(control.start_recording, input)
        self.http.post("/clock", json={"advanceSeconds": 3})
        stop = RecordingInput(
            resource="default",
            server_call_id=call["serverCallId"],
            recording_id=started.recording_id,
        )
        self.environment.run(control.stop_recording, stop)
        self.http.post("/clock", json={"advanceSeconds": 3})
        truth = self.http.get(f"/calls/{call['callId']}").json()["recordings"][0]
        return call["callId"], started.recording_id, truth["chunks"][0]

    def exports(
        self, call_id: str | None, recording_id: str, chunk: dict[str, object], archive: str
    ) -> ArchivedChunk:
        event = FileStatusUpdated.model_validate(
            {"eventTime": datetime.now(UTC), "chunks": [{**chunk, "index": 0}]}
        )
        input = ExportInput(
            resource="default",
            archive=archive,
            server_call_id="call",
            call_id=call_id,
            recording_id=recording_id,
            recorded_on=datetime.now(UTC),
            recording_format_type=FormatType.MP3,
            chunk=event.chunks[0],
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            own_storage=OWN,
        )
        export = ExportActivities(lambda _: self.client, self.archives.__getitem__)
        archived: ArchivedChunk = self.environment.run(export.export_chunk, input)
        return archived

    def close(self) -> None:
        for each in (self.client, self.http, *self.archives.values()):
            each.close()


@pytest.fixture(params=[True, False], ids=["acs-can-write", "acs-cannot-write"])
def vault(request: pytest.FixtureRequest, azurite: Azurite) -> Iterator[tuple[Vault, bool]]:
    key = azurite.account_key if request.param else ""
    with running(EmulatorSettings(external_storage_key=key)) as emulator:
        vault = Vault(emulator, azurite)
        yield vault, request.param
        vault.close()


def test_what_acs_wrote_or_could_not_write_is_archived_all_the_same(
    vault: tuple[Vault, bool],
) -> None:
    ours, acs_can_write = vault
    call_id, recording_id, chunk = ours.records()
    assert bool(list(ours.archives[OWN].names("2"))) is acs_can_write
    archived = ours.exports(call_id, recording_id, chunk, MAIN)
    assert (archived.sha256, archived.archive) == (chunk["sha256"], MAIN)
    assert archived.metadata_object_name is not None


def test_what_lies_in_the_archive_already_stays_where_acs_wrote_it(
    vault: tuple[Vault, bool],
) -> None:
    ours, acs_can_write = vault
    call_id, recording_id, chunk = ours.records()
    before = set(ours.archives[OWN].names())
    archived = ours.exports(call_id, recording_id, chunk, OWN)
    assert archived.sha256 == chunk["sha256"]
    assert (archived.object_name in before) is acs_can_write


def test_a_file_that_was_found_by_asking_is_not_archived_again_when_its_event_comes(
    vault: tuple[Vault, bool],
) -> None:
    ours, _ = vault
    call_id, recording_id, chunk = ours.records()
    found = ours.exports(None, recording_id, chunk, MAIN)
    announced = ours.exports(call_id, recording_id, chunk, MAIN)
    assert announced.object_name == found.object_name
    assert len([name for name in ours.archives[MAIN].names() if name.endswith(".mp3")]) == 1
