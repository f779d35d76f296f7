"""Deliveries of events by workflows of their own: begun, listed, and begun again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from callvault.contracts import names
from callvault.contracts.recording_events import EventDelivery
from callvault.temporal.executions import Execution, describe_execution, list_executions
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated

UNDELIVERED = f'WorkflowType = "{names.RECORDING_EVENT_TYPE}" AND ExecutionStatus != "Completed"'
"""Visibility query for the deliveries that are under way, given up, or were ended by force."""


@dataclass(frozen=True)
class Undelivered:
    """A delivery that did not end well, or is under way."""

    workflow_id: str
    status: str
    """The status of its workflow in Temporal: ``running``, ``failed``, ``terminated`` …"""
    delivery: EventDelivery


async def begin_delivery(client: Client, delivery: EventDelivery) -> bool:
    """Deliver an event by a workflow of its own; False if one does, or has done it.

    `Unavailable` where Temporal does not take it.
    """
    async with translated(RPC_TIMEOUT):
        try:
            await client.start_workflow(
                names.RECORDING_EVENT_TYPE,
                delivery,
                id=names.event_delivery_id(delivery.event.id, delivery.url),
                task_queue=names.CONTROL_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                static_summary=f"tells that a recording is {delivery.event.kind}",
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return False
    return True


async def undelivered(client: Client) -> AsyncIterator[Undelivered]:
    """Yield what is not delivered; `Unavailable` where Temporal does not answer."""
    async for run in list_executions(client, UNDELIVERED, rpc_timeout=RPC_TIMEOUT):
        async with translated(RPC_TIMEOUT):
            newest = await describe_execution(client, run.id, rpc_timeout=RPC_TIMEOUT)
        # A later run of it may have delivered it.
        if newest.run_id == run.run_id and newest.status != "completed":
            yield Undelivered(run.id, newest.status, await _ordered(client, newest))


async def _ordered(client: Client, run: Execution) -> EventDelivery:
    """Read what a run was to deliver."""
    handle = client.get_workflow_handle(run.id, run_id=run.run_id)
    async with translated(RPC_TIMEOUT):
        first = await anext(handle.fetch_history_events(page_size=1))
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    # Read by the model: the data converter takes what is not one for something unreadable.
    [payload] = await client.data_converter.decode(payloads)
    return EventDelivery.model_validate(payload)
