"""Finds calls on a version of the workers of which none runs any more.

With worker versioning a run stays on its version. Where its workers are stopped before it has
handed over, nobody minds its call, and nothing else tells of that: its tasks only wait.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from callvault.contracts import names
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated

POLLED_WITHIN = timedelta(minutes=5)
"""Age of the last poll at which a worker counts as gone. A poll lasts for up to a minute, and the
server tells of those at one partition of the queue alone; it forgets them after this time."""

WHAT = "workers of an earlier version"


async def without_workers(client: Client, deployment: str) -> dict[str, str]:
    """Return a sentence about calls of this deployment that no worker can take, if there are any.

    Raises `Unavailable` where Temporal does not answer.
    """
    async with translated(RPC_TIMEOUT):
        working = sorted([each async for each in _working(client, deployment)])
        if not working:
            return {}  # This very worker has not polled yet.
        known = ", ".join(f"'{deployment}:{build}'" for build in working)
        query = (
            f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = 'Running'"
            f" AND TemporalWorkerDeployment = '{deployment}'"
            f" AND TemporalWorkerDeploymentVersion NOT IN ({known})"
        )
        count = (await client.count_workflows(query, rpc_timeout=RPC_TIMEOUT)).count
    if not count:
        return {}
    text = (
        f"{count} open calls are on a version of deployment {deployment} of which no worker runs:"
        f" nobody minds them. Start its workers again (those of {', '.join(working)} run), or move"
        " the calls: deploy/README.md, 'A new version'"
    )
    return {WHAT: text}


async def _working(client: Client, deployment: str) -> AsyncIterator[str]:
    """Yield the build ids of the workers that take decisions."""
    described = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=names.CONTROL_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=RPC_TIMEOUT,
    )
    polls = [(each.last_access_time.ToDatetime(UTC), each) for each in described.pollers]
    # By the server's clock, not by this machine's: somebody always polls.
    newest = max((at for at, _ in polls), default=datetime.now(UTC))
    for at, poller in polls:
        options = poller.deployment_options
        if options.deployment_name == deployment and at >= newest - POLLED_WITHIN:
            yield options.build_id
