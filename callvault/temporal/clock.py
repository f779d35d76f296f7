"""The time of the Temporal server, which none of its answers carries."""

import asyncio
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    PollActivityTaskQueueRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError

from callvault.clocks import elapsed
from callvault.errors import Unavailable

_QUEUE = "callvault-clock"
"""A task queue without tasks: whoever asks it for one is noted, with the server's time."""

_POLL_TIMEOUT = timedelta(seconds=3)
"""The server takes no poll that waits for less than two seconds."""

_INTERVAL = 0.1
_ATTEMPTS = 20


class Measured(NamedTuple):
    """A time that the server told, between two moments of `elapsed`."""

    sent: float
    told: datetime
    received: float


async def server_time(client: Client) -> Measured:
    """Ask for the server's time; raise `Unavailable` if it does not tell it."""
    identity = f"clock-{uuid.uuid4().hex}"
    sent = elapsed()
    polling = asyncio.create_task(_poll(client, identity))
    try:
        for _ in range(_ATTEMPTS):
            await asyncio.sleep(_INTERVAL)
            if (seen := await _seen(client, identity)) is not None:
                return Measured(sent, seen, elapsed())
    except RPCError as error:
        raise Unavailable(
            f"Temporal does not tell its time: {error.message}", owner="callvault"
        ) from error
    finally:
        polling.cancel()
        with suppress(asyncio.CancelledError, RPCError):
            await polling
    raise Unavailable("Temporal does not tell its time", owner="callvault")


async def _poll(client: Client, identity: str) -> None:
    request = PollActivityTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=_QUEUE), identity=identity
    )
    await client.workflow_service.poll_activity_task_queue(request, timeout=_POLL_TIMEOUT)


async def _seen(client: Client, identity: str) -> datetime | None:
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    described = await client.workflow_service.describe_task_queue(request)
    for poller in described.pollers:
        if poller.identity == identity:
            return poller.last_access_time.ToDatetime(tzinfo=UTC)
    return None
