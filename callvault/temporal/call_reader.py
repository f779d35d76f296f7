"""All that is known of calls, read from their workflows, open or ended."""

import re

import structlog
from pydantic import ValidationError
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError

from callvault.contracts import names
from callvault.contracts.base import explain, shorten
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.errors import InvalidRequest, Unavailable
from callvault.temporal.executions import Execution, describe_execution, list_executions
from callvault.temporal.rpc_errors import (
    RPC_TIMEOUT,
    WorkflowNotFound,
    translated,
    unknown_call,
)

_ID_PATTERN = re.compile(r"[A-Za-z0-9_.~=+/-]+")
"""An id that a query may hold: the dev server's store does not escape quotes. Real ids are
base64url."""

log = structlog.get_logger(__name__)


class CallReader:
    """A reader of all recording workflows; raises the errors of `CallClient`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def status(self, workflow_id: str, run_id: str | None = None) -> CallStatus:
        """Read all that is known of a call; also when its workflow has ended.

        ``run_id`` names one of its runs; by default it is the newest.
        """
        handle = self.client.get_workflow_handle(workflow_id, run_id=run_id)
        try:
            async with translated(RPC_TIMEOUT):
                status: CallStatus = await handle.query(
                    names.STATUS, result_type=CallStatus, rpc_timeout=RPC_TIMEOUT
                )
        except WorkflowQueryFailedError as error:
            raise Unavailable(f"the workflow does not answer: {shorten(str(error))}") from error
        except ValidationError as error:
            raise Unavailable(
                f"the workflow answers as another version does: {explain(error)}", owner="callvault"
            ) from error
        except WorkflowNotFound:
            raise unknown_call(workflow_id) from None
        return status

    async def result(self, workflow_id: str) -> CallResult | None:
        """Read the result of a call; None if it is open, never was, or ended otherwise."""
        try:
            async with translated(RPC_TIMEOUT):
                # Described first: the result of an open workflow would be waited for.
                last = await self._describe(workflow_id)
                if last.status != "completed":
                    return None
                run = self.client.get_workflow_handle(
                    workflow_id, run_id=last.run_id, result_type=CallResult
                )
                result = await run.result(rpc_timeout=RPC_TIMEOUT)
        except WorkflowNotFound:
            return None
        # Raised by the result of another version; the event in hand is kept all the same.
        except ValidationError:
            log.warning("the result of a workflow cannot be read", workflow_id=workflow_id)
            return None
        return result if isinstance(result, CallResult) else None

    async def resource_of(self, workflow_id: str) -> str | None:
        """Read the name of a call's resource; None if the call is not known."""
        try:
            async with translated(RPC_TIMEOUT):
                description = await self._describe(workflow_id)
        except WorkflowNotFound:
            return None
        resource = description.typed_search_attributes.get(names.RESOURCE)
        # The attribute is there after the workflow's first task only, and people may remove it.
        return resource or (await self.status(workflow_id)).resource

    async def not_running_error(self, workflow_id: str) -> InvalidRequest:
        """Return the error for a workflow that cannot be asked: it never was, or it has ended."""
        try:
            async with translated(RPC_TIMEOUT):
                description = await self._describe(workflow_id)
        except WorkflowNotFound:
            return unknown_call(workflow_id)
        return InvalidRequest(
            f"the workflow {workflow_id} has ended ({description.status}): its recordings cannot be"
            " changed; start a new one for this call",
            status=409,
            code="already_ended",
        )

    async def find(self, recording_id: str) -> list[str]:
        """Find all workflows, open or over, that know a recording; visibility lags by a second."""
        if not _ID_PATTERN.fullmatch(recording_id):
            return []
        query = f'{names.RECORDING_IDS.name} = "{recording_id}"'
        async with translated(RPC_TIMEOUT):
            found = [
                each.id
                async for each in list_executions(self.client, query, rpc_timeout=RPC_TIMEOUT)
                # The dev server's store ignores case, and ids do not.
                if recording_id in (each.typed_search_attributes.get(names.RECORDING_IDS) or ())
            ]
        # Every run is listed, and a workflow has several once it has continued as new.
        return list(dict.fromkeys(found))

    async def check(self) -> None:
        """Raise `Unavailable` unless Temporal answers."""
        async with translated(RPC_TIMEOUT):
            await self.client.service_client.check_health(timeout=RPC_TIMEOUT)

    async def _describe(self, workflow_id: str) -> Execution:
        return await describe_execution(self.client, workflow_id, rpc_timeout=RPC_TIMEOUT)

    def _handle(self, workflow_id: str) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(workflow_id)
