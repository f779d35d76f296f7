"""Temporal Schedules of Callvault's own recurring work: set one, change it, remove it."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.base import Message
from callvault.errors import InvalidRequest

MIN_INTERVAL = timedelta(minutes=1)
"""More often is a mistake in the unit; Temporal itself knows no limit above one second."""


async def put_schedule(
    client: Client,
    schedule_id: str,
    workflow: str,
    arg: Message,
    interval: timedelta,
    *,
    task_queue: str = names.CONTROL_QUEUE,
    note: str = "",
) -> bool:
    """Start ``workflow`` with ``arg`` at this interval, counted from midnight UTC of 1970.

    An existing schedule is changed, and stays paused if it is. Returns True for a new one. Runs
    never overlap: one that is due while the last one still works is left out. After an outage one
    missed run is made up for. Raises `InvalidRequest` for an interval below a minute.
    """
    if interval < MIN_INTERVAL:
        raise InvalidRequest(f"a schedule of every {interval} is too often: take a minute or more")
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(workflow, arg, id=schedule_id, task_queue=task_queue),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=interval)]),
        # Temporal's own catch-up window is a year; after an outage one missed run is enough.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=interval),
        state=ScheduleState(note=note or None),
    )
    try:
        await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:
        await _change(client, schedule_id, schedule)
        return False
    return True


async def remove_schedule(client: Client, schedule_id: str) -> bool:
    """Remove a schedule; a run that works already goes on. Returns False if there was none."""
    try:
        await client.get_schedule_handle(schedule_id).delete()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise
    return True


async def _change(client: Client, schedule_id: str, wanted: Schedule) -> None:
    def change(found: ScheduleUpdateInput) -> ScheduleUpdate:
        # An operator's pause outlives a change of the interval.
        wanted.state.paused = found.description.schedule.state.paused
        return ScheduleUpdate(schedule=wanted)

    await client.get_schedule_handle(schedule_id).update(change)


async def schedule(
    client: Client, schedule_id: str, workflow: str, arg: Message, interval: timedelta, what: str
) -> str:
    """Set or change a schedule with the note ``what``; return a sentence about the outcome."""
    is_new = await put_schedule(client, schedule_id, workflow, arg, interval, note=what)
    return f"Schedule {schedule_id} {'set' if is_new else 'changed'}: {what}, every {interval}."


async def unschedule(client: Client, schedule_id: str) -> str:
    """Remove a schedule; return a sentence about the outcome."""
    was_there = await remove_schedule(client, schedule_id)
    return f"Schedule {schedule_id} {'removed' if was_there else 'was not there'}."
