"""Schedules on a real Temporal server."""

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy

from callvault.contracts.requests import CallEnded
from callvault.errors import InvalidRequest
from callvault.temporal.schedules import put_schedule, remove_schedule

DAY = timedelta(days=1)
ARGUMENT = CallEnded(reason="any message will do")


@pytest.fixture
async def schedule_id(temporal: Client) -> AsyncIterator[str]:
    schedule_id = f"schedule-{uuid.uuid4()}"
    yield schedule_id
    await remove_schedule(temporal, schedule_id)


async def test_a_schedule_starts_the_workflow_with_its_argument(
    temporal: Client, schedule_id: str
) -> None:
    assert await put_schedule(temporal, schedule_id, "Sweep", ARGUMENT, DAY, note="every day")

    handle = temporal.get_schedule_handle(schedule_id)
    found = (await handle.describe()).schedule
    assert [each.every for each in found.spec.intervals] == [DAY]
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert found.policy.catchup_window == DAY
    assert found.state.note == "every day"
    action = found.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.id, action.task_queue) == ("Sweep", schedule_id, "recordings")
    assert await temporal.data_converter.decode(action.args, [CallEnded]) == [ARGUMENT]


async def test_a_schedule_that_exists_is_changed_and_stays_paused(
    temporal: Client, schedule_id: str
) -> None:
    await put_schedule(temporal, schedule_id, "Sweep", ARGUMENT, DAY)
    handle = temporal.get_schedule_handle(schedule_id)
    await handle.pause()

    assert not await put_schedule(temporal, schedule_id, "Sweep", ARGUMENT, 2 * DAY)

    found = (await handle.describe()).schedule
    assert [each.every for each in found.spec.intervals] == [2 * DAY]
    assert found.state.paused


async def test_a_schedule_is_removed_once(temporal: Client, schedule_id: str) -> None:
    await put_schedule(temporal, schedule_id, "Sweep", ARGUMENT, DAY)

    assert await remove_schedule(temporal, schedule_id)
    assert not await remove_schedule(temporal, schedule_id)


async def test_a_schedule_of_seconds_is_refused(temporal: Client, schedule_id: str) -> None:
    with pytest.raises(InvalidRequest, match="too often"):
        await put_schedule(temporal, schedule_id, "Sweep", ARGUMENT, timedelta(seconds=24))
