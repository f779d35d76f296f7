"""The Schedule's workflow sweeps, on a worker as it is in production."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from temporalio.client import Client, ScheduleHandle, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from activities.control import ControlActivities
from activities.sweep import SweepActivities
from activities.webhooks import AlertActivities, AnnouncementActivities
from callvault.config.settings import Settings
from callvault.config.storage import DeadLetterSettings
from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.contracts.sweeps import SweepOrder, SweepReports
from callvault.errors import CallvaultError, InvalidRequest, Unavailable
from callvault.ingest.dead_letters import DeadLetterContainer
from callvault.local.azurite import Azurite
from callvault.temporal.schedules import put_schedule
from tests.gateway.conftest import Call
from tests.ingest.giving_up import given_up, marked, put
from workers.clients import Connections
from workers.registry import deciding_worker, sandbox, telling_worker
from workflows.sweep import EVERYWHERE, SweepWorkflow


class Told(list[Alarm]):
    """The alarms of sweeps."""

    is_away: bool = False

    def send(self, alarm: Alarm) -> None:
        if self.is_away:
            raise ApplicationError("nobody could be told in time", non_retryable=True)
        if alarm.kind is AlarmKind.DEAD_LETTERS:
            self.append(alarm)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def client(
    temporal_binary: Path,
    known: Settings,
    container: ContainerClient,
    azurite: Azurite,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Client]:
    """A Temporal server of the test's own, and a worker for decisions."""
    monkeypatch.setenv("TEST_LETTERS", azurite.connection_string)
    there = {"container": container.container_name, "connection_string": "env:TEST_LETTERS"}
    letters = {"gone": {**there, "container": "no-such-container"}, "grid": there}
    settings = Settings.model_validate({**known.model_dump(), "dead_letters": letters})
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        search_attributes=names.SEARCH_ATTRIBUTES,
        data_converter=pydantic_data_converter,
    ) as environment:
        with closing(Connections(settings)) as connections:
            control = ControlActivities(
                connections.client_of, connections.policy_of, connections.archive_of
            )
            async with (
                deciding_worker(
                    environment.client,
                    control,
                    settings.worker,
                    also=[SweepActivities(settings, environment.client).sweep_dead_letters],
                    runner=sandbox(),
                ),
                telling_worker(
                    environment.client,
                    AlertActivities(told),
                    AnnouncementActivities(connections.announcement_webhook),
                    settings.worker,
                ),
            ):
                yield environment.client


async def scheduled(client: Client, *dead_letters: str) -> ScheduleHandle:
    order, every = SweepOrder(dead_letters=dead_letters), timedelta(minutes=15)
    await put_schedule(client, names.SWEEP_SCHEDULE, names.SWEEP_TYPE, order, every)
    return client.get_schedule_handle(names.SWEEP_SCHEDULE)


async def triggered(
    client: Client, schedule: ScheduleHandle
) -> WorkflowHandle[SweepWorkflow, SweepReports]:
    """The sweep that the schedule starts now, once the schedule knows how the last one ended."""
    async with asyncio.timeout(20):
        while (before := await schedule.describe()).info.running_actions:
            await asyncio.sleep(0.05)
        await schedule.trigger()
        while (now := await schedule.describe()).info.num_actions == before.info.num_actions:
            await asyncio.sleep(0.05)
    action: Any = now.info.recent_actions[-1].action
    return client.get_workflow_handle(action.workflow_id, result_type=SweepReports)


async def test_what_the_schedule_starts_sweeps_and_tells_what_it_found(
    client: Client, container: ContainerClient, call: Call
) -> None:
    letter = put(container, [given_up(call.recorded())])
    schedule = await scheduled(client, "grid")
    [report] = (await (await triggered(client, schedule)).result()).reports
    assert (report.letters, report.delivered) == (1, 1)
    assert marked(container) == {letter}
    kept = await client.get_workflow_handle(call.workflow_id).describe()
    assert kept.workflow_type == names.WORKFLOW_TYPE


async def test_what_is_not_understood_is_alarmed_once_and_by_name(
    client: Client, container: ContainerClient, call: Call, told: Told
) -> None:
    schedule = await scheduled(client, "grid")
    first = put(container, [{"no": "event"}])
    put(container, [given_up(call.recorded())])
    for _ in range(2):
        await (await triggered(client, schedule)).result()
    [alarm] = told
    assert first in alarm.what
    second = put(container, [{"no": "event either"}])
    await (await triggered(client, schedule)).result()
    [_, alarm] = told
    assert alarm.what.startswith("2 dead letters are not understood")
    assert second in alarm.what
    assert first not in alarm.what


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
    client: Client, told: Told, broken: Broken
) -> None:
    broken.add("grid")
    schedule = await scheduled(client, "grid")
    for _ in range(2):
        [report] = (await (await triggered(client, schedule)).result()).reports
        assert report.problem == "grid makes no sense"
    [alarm] = told
    assert alarm.what == "Dead letters could not be swept: dead letters grid: grid makes no sense."


async def test_a_container_that_breaks_while_another_one_is_broken_is_alarmed_too(
    client: Client, told: Told, broken: Broken
) -> None:
    schedule = await scheduled(client, "gone", "grid")
    for name in ("gone", "grid"):
        broken.add(name)
        await (await triggered(client, schedule)).result()
    assert ["gone" in alarm.what for alarm in told] == [True, False]
    assert ["grid" in alarm.what for alarm in told] == [False, True]


async def test_what_nobody_could_be_told_is_told_by_the_next_sweep(
    client: Client, told: Told, broken: Broken
) -> None:
    broken.add("grid")
    schedule = await scheduled(client, "grid")
    told.is_away = True
    for _ in range(2):
        with pytest.raises(WorkflowFailureError):
            await (await triggered(client, schedule)).result()
    told.is_away = False
    await (await triggered(client, schedule)).result()
    assert len(told) == 1


async def test_what_was_told_of_a_container_is_not_told_again_once_it_can_be_swept_again(
    client: Client, container: ContainerClient, told: Told, broken: Broken
) -> None:
    schedule = await scheduled(client, "grid")
    put(container, [{"no": "event"}])
    for names_broken in (set[str](), {"grid"}, {"grid"}, set[str]()):
        broken.clear()
        broken.update(names_broken)
        await (await triggered(client, schedule)).result()
    assert ["not understood" in alarm.what for alarm in told] == [True, False]


async def test_a_container_that_is_away_for_a_while_is_tried_again_and_nobody_is_told(
    client: Client, told: Told, broken: Broken
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
    assert told == []


async def test_a_container_that_cannot_be_swept_does_not_keep_the_others_from_it(
    client: Client,
    container: ContainerClient,
    call: Call,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.sweep.PATIENCE", timedelta(0))
    letter = put(container, [given_up(call.recorded())])
    odd = put(container, [{"no": "event"}])
    found = await (await triggered(client, await scheduled(client))).result()
    assert [bool(report.problem) for report in found.reports] == [True, False]
    assert marked(container) == {letter}
    [alarm] = told
    assert "dead letters gone" in alarm.what
    assert odd in alarm.what


async def test_that_no_worker_sweeps_is_alarmed_once(
    client: Client, container: ContainerClient, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(container, [{"no": "event"}])
    schedule = await scheduled(client, "grid")
    await (await triggered(client, schedule)).result()
    with monkeypatch.context() as patched:
        patched.setattr("activities.sweep.Sweep", _never)
        for _ in range(2):
            found = await (await triggered(client, schedule)).result()
            assert found.reports[0].place == EVERYWHERE
    await (await triggered(client, schedule)).result()
    assert ["all dead letters" in alarm.what for alarm in told] == [False, True]


def _never(*_: Any) -> None:
    raise ApplicationError("it was not done within the time allowed for it", non_retryable=True)
