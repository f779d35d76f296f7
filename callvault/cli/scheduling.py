"""Setting and removing Temporal Schedules of our own, and saying so."""

from datetime import timedelta

from temporalio.client import Client

from callvault.contracts.base import Message
from callvault.temporal import schedules


async def schedule(
    client: Client, schedule_id: str, workflow: str, order: Message, every: timedelta, what: str
) -> str:
    """Set or change a Schedule; what to tell of it."""
    is_new = await schedules.put_schedule(client, schedule_id, workflow, order, every, note=what)
    return f"Schedule {schedule_id} {'set' if is_new else 'changed'}: {what}, every {every}."


async def unschedule(client: Client, schedule_id: str) -> str:
    """Remove a Schedule; what to tell of it."""
    was_there = await schedules.remove_schedule(client, schedule_id)
    return f"Schedule {schedule_id} {'removed' if was_there else 'was not there'}."
