"""Deletion of the histories of workflows that have ended."""

from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.errors import InvalidRequest
from callvault.temporal.executions import Execution, describe_execution, list_executions
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated


async def is_open(client: Client, workflow_id: str) -> bool:
    """Tell if the newest run of a workflow has not ended; False where there is none."""
    async with translated(RPC_TIMEOUT):
        try:
            found = await describe_execution(client, workflow_id, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
    return found.is_open


async def delete_closed(client: Client, workflow_id: str) -> bool:
    """Delete the histories of all runs of a workflow that have ended; False where one is open.

    The newest run is found at once; of the others, visibility tells within a second or two. The
    server deletes in the background.
    """
    runs = {run.run_id: run for run in await _runs(client, workflow_id)}
    for run in runs.values():
        if not run.is_open:
            await _delete(client, run)
    return not any(run.is_open for run in runs.values())


async def _runs(client: Client, workflow_id: str) -> list[Execution]:
    if "'" in workflow_id or "\\" in workflow_id:
        raise InvalidRequest(f"{workflow_id[:100]!r} is no workflow id of Callvault's")
    async with translated(RPC_TIMEOUT):
        listed = [
            run
            async for run in list_executions(
                client, f"WorkflowId = '{workflow_id}'", rpc_timeout=RPC_TIMEOUT
            )
        ]
        try:
            newest = await describe_execution(client, workflow_id, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return listed
    return [*listed, newest]


async def _delete(client: Client, run: Execution) -> None:
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=run.run_id),
    )
    async with translated(RPC_TIMEOUT):
        try:
            await client.workflow_service.delete_workflow_execution(
                request, retry=True, timeout=timedelta(seconds=10)
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
