"""Checkpoints by a Schedule's workflow, and the links that Temporal keeps in results of calls."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from activities import checkpoints as publishing
from activities.alarm_sender import AlarmSender
from activities.checkpoints import CheckpointActivities
from activities.control import ControlActivities
from activities.export import ExportActivities
from activities.seal import SealActivities
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.archive.identity import make_identity
from callvault.archive.manifests.documents import Keyring
from callvault.archive.stores.directory import DirectoryArchive
from callvault.archive.verify.expectation import Expectation, Place
from callvault.archive.verify.verifier import verify_archive
from callvault.config.settings import Settings
from callvault.config.worker import WorkerSettings
from callvault.contracts import names
from callvault.contracts.activity_io import SealedRecording
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus
from callvault.contracts.checkpoints import CheckpointInput, CheckpointReport
from callvault.contracts.results import CallResult, RecordingResult
from callvault.contracts.states import RecordingState
from callvault.temporal.schedules import put_schedule
from callvault.temporal.told_links import SealedLink, sealed_links
from tests.archive.sealed import NOON, SIGNER, lost, sealed
from tests.schedules import NEVER_DUE, trigger
from workers.registry import control_worker, export_worker, notification_worker, sandbox

from .seeding import QUEUE, standing_in
from .test_command import says

NONE: Any = None
KEYS = Keyring([SIGNER.public])


class Alarms(list[Alarm]):
    def send(self, alarm: Alarm) -> int:
        self.append(alarm)
        return 200


@pytest.fixture(scope="module")
def told() -> Alarms:
    return Alarms()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vault")


@pytest.fixture(scope="module")
def vault(root: Path) -> DirectoryArchive:
    archive = DirectoryArchive("main", root / "main")
    make_identity(archive, None, NOON)
    return archive


@pytest.fixture(scope="module")
async def client(
    temporal: Client, root: Path, vault: DirectoryArchive, told: Alarms
) -> AsyncIterator[Client]:
    """Connect to a server where the workers of a whole Callvault run, but for ACS."""
    places = {"away": {"kind": "directory", "path": str(root / "away")}}
    archives = {"main": {"kind": "directory", "path": str(root / "main")}}
    known = Settings.model_validate({"archives": archives, "checkpoints": places})
    settings = WorkerSettings()
    control = ControlActivities(NONE, NONE, NONE)
    with httpx.Client() as http:
        publisher = CheckpointActivities(known, lambda _: vault, lambda _: SIGNER, http)
        async with (
            control_worker(temporal, control, settings, runner=sandbox()),
            notification_worker(
                temporal, AlarmActivities(AlarmSender(told)), AnnouncementActivities(NONE), settings
            ),
            export_worker(
                temporal,
                ExportActivities(NONE, NONE),
                SealActivities(NONE, NONE),
                settings,
                others=[publisher.publish_checkpoints],
            ),
        ):
            yield temporal


@pytest.fixture(scope="module")
async def calls(temporal: Client) -> AsyncIterator[Worker]:
    async with standing_in(temporal) as worker:
        yield worker


async def published(client: Client) -> CheckpointReport:
    report: CheckpointReport = await client.execute_workflow(
        names.CHECKPOINT_TYPE,
        CheckpointInput(),
        id=f"checkpoints-{uuid.uuid4()}",
        task_queue=names.CONTROL_QUEUE,
        result_type=CheckpointReport,
    )
    return report


async def test_a_round_publishes_what_was_sealed_since_the_last_one(
    client: Client, vault: DirectoryArchive, root: Path, told: Alarms
) -> None:
    (root / "away").mkdir()
    [none] = (await published(client)).published
    assert (none.head, none.is_new, none.problem) == (None, False, "")
    sealed(vault, lost(0, "gone"))
    [first] = (await published(client)).published
    assert first.head
    assert (first.archive, first.place, first.head.sequence) == ("main", "away", 1)
    assert first.is_new
    [again] = (await published(client)).published
    assert not again.is_new
    assert not told
    place = Place("away", DirectoryArchive("away", root / "away"))
    report = verify_archive(vault, KEYS, expected=Expectation(places=(place,)))
    assert (report.ok, report.told) == (True, 1)


async def scheduled(client: Client) -> CheckpointReport:
    """Let the Schedule begin a round."""
    started = await trigger(client.get_schedule_handle(names.CHECKPOINT_SCHEDULE))
    run = client.get_workflow_handle(started.workflow_id, result_type=CheckpointReport)
    report: CheckpointReport = await run.result()
    return report


async def test_a_place_that_is_gone_is_alarmed_once_and_until_it_is_back(
    client: Client, root: Path, told: Alarms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "RETRY_TIMEOUT", NOON - NOON)
    input = CheckpointInput()
    await put_schedule(client, names.CHECKPOINT_SCHEDULE, names.CHECKPOINT_TYPE, input, NEVER_DUE)
    away = root / "away"
    away.rename(root / "gone")
    for _ in range(2):
        [failed] = (await scheduled(client)).published
        assert failed.problem
    (root / "gone").rename(away)
    [back] = (await scheduled(client)).published
    assert not back.problem
    assert not (await scheduled(client)).problems
    assert [each.status for each in told] == [AlarmStatus.FIRING, AlarmStatus.RESOLVED]
    assert told[0].kind is AlarmKind.CHECKPOINTS
    assert "main, at away: " in told[0].what


async def ended(client: Client, number: int, found: SealedRecording | None) -> None:
    """Let a call end that tells of this sealing."""
    recording = RecordingResult(
        number=1,
        recording_id=None,
        state=RecordingState.LOST,
        chunks=(),
        pauses=(),
        problem="",
        manifest=found,
    )
    result = CallResult(
        server_call_id=f"call-{number}",
        resource="default",
        outcome=RecordingState.LOST,
        recordings=(recording,),
    )
    await client.execute_workflow(
        names.WORKFLOW_TYPE, result, id=f"recording-{number:032x}", task_queue=QUEUE
    )


async def links_of(client: Client, archive: str, count: int) -> list[SealedLink]:
    """Ask until so many are listed: visibility lags."""
    links: list[SealedLink] = []
    while len(links) < count:
        links = await sealed_links(client, archive)
    return links


def cut(archive: DirectoryArchive) -> None:
    for name in [each for each in archive.names() if "rec-2" in each or each.endswith("2.json")]:
        Path(archive.location(name)).unlink()


async def test_the_links_of_ended_calls_are_what_the_archive_must_still_have(
    client: Client, calls: Worker, root: Path
) -> None:
    archive = DirectoryArchive("kept", root / "kept")
    archive.make()
    for number in (1, 2):
        found = sealed(archive, lost(0, "gone"), recording_id=f"rec-{number}")
        await ended(client, number, found)
    # What tells no link, or one of another archive, tells nothing of this one.
    await ended(client, 3, None)
    await ended(client, 4, found.model_copy(update={"archive": "spare"}))
    await ended(client, 5, found.model_copy(update={"link_sha256": ""}))
    links = await links_of(client, "kept", 2)
    await links_of(client, "spare", 1)
    assert sorted(each.link.sequence for each in links) == [1, 2]
    assert all(each.ended_at for each in links)
    await _commands(client, archive)


async def _commands(client: Client, archive: DirectoryArchive) -> None:
    """Verify the archive by the command, with and without Temporal, whole and cut."""
    root = Path(archive.location("x")).parent
    settings = root.with_suffix(".toml")
    settings.write_text(f'[archives.kept]\nkind = "directory"\npath = "{root}"\n')
    against = ("kept", "--against-temporal")
    status, said = await says(client, settings, *against, command="verify")
    assert (status, "2 links known from outside compared" in said) == (0, True)
    cut(archive)
    assert (await says(client, settings, "kept", command="verify"))[0] == 0
    status, said = await says(client, settings, *against, command="verify")
    assert status == 1
    assert f"link 2 was seen before (call recording-{2:032x} in Temporal)" in said
    # Temporal may have forgotten calls that ended long ago: nobody is accused for that.
    unknown = (str(root), "--archive", "other", "--against-temporal", "--may-be-empty")
    status, said = await says(client, settings, *unknown, command="verify")
    assert "no call that it keeps tells a link of this archive" in said
