"""The Schedule's workflow sweeps, on a worker as it is in production."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from temporalio.client import Client, ScheduleHandle, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from activities.alarm_sender import AlarmSender
from activities.control import ControlActivities
from activities.sweep import SweepActivities, shared_quarantine
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.config.settings import Settings
from callvault.config.storage import DeadLetterSettings
from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.contracts.sweeps import SweepInput, SweepReports
from callvault.errors import (
    CallvaultError,
    ConfigurationError,
    InvalidRequest,
    Unavailable,
)
from callvault.ingest.dead_letters import DeadLetterContainer
from callvault.local.azurite import Azurite
from callvault.temporal.converter import data_converter
from callvault.temporal.schedules import put_schedule
from tests.gateway.conftest import Call
from tests.ingest.dead_lettering import dead_lettered, marked, put
from tests.ingest.quarantine_places import Container, opened, still_waiting
from tests.ingest.quarantine_places import container as quarantine_container
from tests.schedules import NEVER_DUE, trigger
from workers.clients import Connections
from workers.registry import control_worker, notification_worker, sandbox
from workflows.sweep import ALL_LOCATIONS, SweepWorkflow


class SentAlarms(list[Alarm]):
    """The alarms of sweeps."""

    is_away: bool = False

    def send(self, alarm: Alarm) -> None:
        if self.is_away:
            raise ApplicationError("nobody could be told in time", non_retryable=True)
        if alarm.kind is AlarmKind.DEAD_LETTERS:
            self.append(alarm)


@pytest.fixture
def sent_alarms() -> SentAlarms:
    return SentAlarms()


@pytest.fixture
def quarantined(azurite: Azurite, tmp_path: Path) -> Iterator[Container]:
    """Make the container of the gateways' quarantine."""
    with quarantine_container(azurite, tmp_path) as made:
        yield made


@pytest.fixture
async def client(
    temporal_binary: Path,
    known: Settings,
    quarantined: Container,
    container: ContainerClient,
    azurite: Azurite,
    sent_alarms: SentAlarms,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Client]:
    """A Temporal server of the test's own, and a worker for decisions."""
    monkeypatch.setenv("TEST_LETTERS", azurite.connection_string)
    there = {"container": container.container_name, "connection_string": "env:TEST_LETTERS"}
    letters = {"gone": {**there, "container": "no-such-container"}, "grid": there}
    changed = {"dead_letters": letters, "gateway": {"quarantine": quarantined.table}}
    settings = Settings.model_validate({**known.model_dump(exclude_unset=True), **changed})
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=data_converter,
    ) as environment:
        with closing(Connections(settings)) as connections:
            control = ControlActivities(
                connections.client_of, connections.policy_of, connections.archive_of
            )
            async with (
                control_worker(
                    environment.client,
                    control,
                    settings.worker,
                    others=[SweepActivities(settings, environment.client).sweep_dead_letters],
                    runner=sandbox(),
                ),
                notification_worker(
                    environment.client,
                    AlarmActivities(AlarmSender(sent_alarms)),
                    AnnouncementActivities(connections.announcement_webhook),
                    settings.worker,
                ),
            ):
                yield environment.client


async def scheduled(client: Client, *dead_letters: str) -> ScheduleHandle:
    input = SweepInput(dead_letters=dead_letters)
    await put_schedule(client, names.SWEEP_SCHEDULE, names.SWEEP_TYPE, input, NEVER_DUE)
    return client.get_schedule_handle(names.SWEEP_SCHEDULE)


async def triggered(
    client: Client, schedule: ScheduleHandle
) -> WorkflowHandle[SweepWorkflow, SweepReports]:
    """The sweep that the schedule starts now."""
    started = await trigger(schedule)
    return client.get_workflow_handle(started.workflow_id, result_type=SweepReports)


async def test_the_quarantine_of_all_gateways_is_swept_by_a_schedule_and_alarmed(
    client: Client, quarantined: Container, sent_alarms: SentAlarms, call: Call
) -> None:
    with closing(opened(quarantined)) as quarantine:
        await quarantine.store("no resource", {}, json.dumps([call.recorded()]).encode())
        odd = await quarantine.store("not JSON", {}, b"?")
        input = SweepInput(quarantine=True)
        await put_schedule(client, names.QUARANTINE_SCHEDULE, names.SWEEP_TYPE, input, NEVER_DUE)
        schedule = client.get_schedule_handle(names.QUARANTINE_SCHEDULE)
        for _ in range(2):
            [report] = (await (await triggered(client, schedule)).result()).reports
        assert (report.location, report.not_understood) == ("quarantine", 1)
        assert still_waiting(quarantined, quarantine) == {odd}
    [alarm] = sent_alarms
    assert f"quarantine: {odd}: the body is not JSON" in alarm.what


async def test_a_directory_is_swept_by_no_schedule(known: Settings) -> None:
    with pytest.raises(ConfigurationError, match="which no Schedule can sweep"):
        shared_quarantine(known)


async def test_what_the_schedule_starts_sweeps_and_tells_what_it_found(
    client: Client, container: ContainerClient, call: Call
) -> None:
    dead_letter = put(container, [dead_lettered(call.recorded())])
    schedule = await scheduled(client, "grid")
    [report] = (await (await triggered(client, schedule)).result()).reports
    assert (report.dead_letters, report.delivered) == (1, 1)
    assert marked(container) == {dead_letter}
    kept = await client.get_workflow_handle(call.workflow_id).describe()
    assert kept.workflow_type == names.WORKFLOW_TYPE


async def test_what_is_not_understood_is_alarmed_once_and_by_name(
    client: Client, container: ContainerClient, call: Call, sent_alarms: SentAlarms
) -> None:
    schedule = await scheduled(client, "grid")
    first = put(container, [{"no": "event"}])
    put(container, [dead_lettered(call.recorded())])
    for _ in range(2):
        await (await triggered(client, schedule)).result()
    [alarm] = sent_alarms
    assert first in alarm.what
    second = put(container, [{"no": "event either"}])
    await (await triggered(client, schedule)).result()
    [_, alarm] = sent_alarms
    assert alarm.what.startswith("2 dead letters are not understood")
    assert second in alarm.what
    assert first not in alarm.what
    for name in (first, second):
        container.delete_blob(name)
    for _ in range(2):
        await (await triggered(client, schedule)).result()
    [alarm, _, over] = sent_alarms
    assert (over.status, over.dedup_key) == ("resolved", alarm.dedup_key)


class Broken(set[str]):
    """The containers, by their configured names, that cannot be opened."""

    kind: type[CallvaultError] = InvalidRequest

    def open(self, name: str, settings: DeadLetterSettings) -> DeadLetterContainer:
        if name in self:
            raise self.kind(f"{name} makes no sense")
        return DeadLetterContainer.open(name, settings)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    broken = Broken()
    monkeypatch.setattr("activities.sweep.DeadLetterContainer", broken)
    return broken


async def test_that_a_container_cannot_be_swept_is_alarmed_once(
    client: Client, sent_alarms: SentAlarms, broken: Broken
) -> None:
    broken.add("grid")
    schedule = await scheduled(client, "grid")
    for _ in range(2):
        [report] = (await (await triggered(client, schedule)).result()).reports
        assert report.problem == "grid makes no sense"
    [alarm] = sent_alarms
    assert alarm.what == "Dead letters could not be swept: dead letters grid: grid makes no sense."


async def test_a_container_that_breaks_while_another_one_is_broken_is_alarmed_too(
    client: Client, sent_alarms: SentAlarms, broken: Broken
) -> None:
    schedule = await scheduled(client, "gone", "grid")
    for name in ("gone", "grid"):
        broken.add(name)
        await (await triggered(client, schedule)).result()
    assert ["gone" in alarm.what for alarm in sent_alarms] == [True, False]
    assert ["grid" in alarm.what for alarm in sent_alarms] == [False, True]


async def test_what_nobody_could_be_told_is_told_by_the_next_sweep(
    client: Client, sent_alarms: SentAlarms, broken: Broken
) -> None:
    broken.add("grid")
    schedule = await scheduled(client, "grid")
    sent_alarms.is_away = True
    for _ in range(2):
        with pytest.raises(WorkflowFailureError):
            await (await triggered(client, schedule)).result()
    sent_alarms.is_away = False
    await (await triggered(client, schedule)).result()
    assert len(sent_alarms) == 1


async def test_what_was_told_of_a_container_is_not_told_again_once_it_can_be_swept_again(
    client: Client, container: ContainerClient, sent_alarms: SentAlarms, broken: Broken
) -> None:
    schedule = await scheduled(client, "grid")
    put(container, [{"no": "event"}])
    for names_broken in (set[str](), {"grid"}, {"grid"}, set[str]()):
        broken.clear()
        broken.update(names_broken)
        await (await triggered(client, schedule)).result()
    assert ["not understood" in alarm.what for alarm in sent_alarms] == [True, False]


async def test_a_container_that_is_away_for_a_while_is_tried_again_and_nobody_is_told(
    client: Client, sent_alarms: SentAlarms, broken: Broken
) -> None:
    class Returning(Unavailable):
        """It is back once this was raised."""

        def __init__(self, message: str) -> None:
            broken.clear()
            super().__init__(message)

    broken.kind = Returning
    broken.add("grid")
    [report] = (await (await triggered(client, await scheduled(client, "grid"))).result()).reports
    assert report.problem == ""
    assert sent_alarms == []


async def test_a_container_that_cannot_be_swept_does_not_keep_the_others_from_it(
    client: Client,
    container: ContainerClient,
    call: Call,
    sent_alarms: SentAlarms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.sweep.RETRY_TIMEOUT", timedelta(0))
    dead_letter = put(container, [dead_lettered(call.recorded())])
    odd = put(container, [{"no": "event"}])
    found = await (await triggered(client, await scheduled(client))).result()
    assert [bool(report.problem) for report in found.reports] == [True, False]
    assert marked(container) == {dead_letter}
    [alarm] = sent_alarms
    assert "dead letters gone" in alarm.what
    assert odd in alarm.what


async def test_that_no_worker_sweeps_is_alarmed_once(
    client: Client,
    container: ContainerClient,
    sent_alarms: SentAlarms,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(container, [{"no": "event"}])
    schedule = await scheduled(client, "grid")
    await (await triggered(client, schedule)).result()
    with monkeypatch.context() as patched:
        patched.setattr("activities.sweep.Sweep", _never)
        for _ in range(2):
            found = await (await triggered(client, schedule)).result()
            assert found.reports[0].location == ALL_LOCATIONS
    await (await triggered(client, schedule)).result()
    assert ["all dead letters" in alarm.what for alarm in sent_alarms] == [False, True]


def _never(*_: Any) -> None:
    raise ApplicationError("it was not done within the time allowed for it", non_retryable=True)
