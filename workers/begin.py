"""The beginning of a run: everything that it must know before it does anything, in one activity."""

from collections.abc import Callable

from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.translate import translated
from callvault.contracts import names
from callvault.contracts.activity_io import BeginInput, Beginning, ResourcePolicy
from workers.recall import base_of


class BeginActivities:
    """Reads settings and the run's own history. Async, to wait for Temporal."""

    def __init__(self, client: Client, policy_of: Callable[[str], ResourcePolicy]) -> None:
        self._client = client
        self._policy_of = policy_of

    @activity.defn(name=names.BEGIN_ACTIVITY)
    async def begin_run(self, input: BeginInput) -> Beginning:
        """Look up the settings that steer the workflow's decisions, and if the run was reset."""
        with translated(retry_permanent=input.retry_permanent):
            policy = None if input.resource is None else self._policy_of(input.resource)
        return Beginning(
            policy=policy,
            was_reset=await self._was_reset(input),
            was_cancelled=await self._was_cancelled(input),
        )

    async def _was_reset(self, input: BeginInput) -> bool:
        if input.is_first:
            return False
        handle = self._client.get_workflow_handle(input.workflow_id, run_id=input.run_id)
        async for event in handle.fetch_history_events():
            if base_of(event, input.run_id) is not None:
                return True
        return False

    async def _was_cancelled(self, input: BeginInput) -> bool:
        if not input.unheard_run:
            return False
        before = self._client.get_workflow_handle(input.workflow_id, run_id=input.unheard_run)
        try:
            description = await before.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False  # its history is deleted, or was never restored
            raise
        return description.raw_description.workflow_extended_info.cancel_requested
