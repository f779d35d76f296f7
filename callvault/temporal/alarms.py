"""Alarms of processes that send none themselves, handed to a workflow that does."""

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from callvault.contracts import names
from callvault.contracts.alarms import Alarm
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated


async def send_alarm(client: Client, alarm: Alarm) -> None:
    """Have a worker send an alarm; `Unavailable` where Temporal does not take it."""
    async with translated(RPC_TIMEOUT):
        try:
            await client.start_workflow(
                names.ALARM_TYPE,
                alarm,
                id=alarm.id,
                task_queue=names.CONTROL_QUEUE,
                static_summary="an alarm of a process",
            )
        except WorkflowAlreadyStartedError:
            return  # An earlier attempt has reached Temporal.
