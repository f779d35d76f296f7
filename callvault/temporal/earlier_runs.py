"""The workflow that a call had before, which has ended: its successor is begun with all it knew.

Decisions on consent, and who is in the call, count for every recording of one call.
"""

from dataclasses import dataclass, replace
from typing import Any

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy

from callvault.contracts import names
from callvault.contracts.base import Message
from callvault.contracts.events import FileStatusUpdated
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.states import ChunkState
from callvault.contracts.status import CallStatus
from callvault.contracts.takeover import LastState
from callvault.temporal.executions import Execution
from callvault.temporal.rpc_errors import RPC_TIMEOUT, translated


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The last run of a call's workflow, which has ended, and all that it knew."""

    execution: Execution
    status: CallStatus

    @property
    def is_complete(self) -> bool:
        """False if it was ended by force, so that its recordings may still be on."""
        return self.execution.status == "completed"

    @property
    def counts(self) -> bool:
        """True if what it knew counts for another recording: the call goes on."""
        # Without the settings of its resource it has recorded nothing, and nothing goes on there.
        return self.status.ended_at is None and self.status.policy is not None

    @property
    def arguments(self) -> list[Any]:
        """The arguments of a workflow that goes on where this one left off."""
        request = RecordingRequest(
            server_call_id=self.status.server_call_id,
            resource=self.status.resource,
            start_recording=False,
        )
        # The shape of `CarriedState`; where the end came too early, it is taken over as usual.
        status = self.status.model_dump(mode="json")
        return [request, {"status": status, "reopened": self.is_complete}]

    def arguments_for_files(self, event: FileStatusUpdated, *, again: bool) -> list[Any]:
        """Return the same for a run that is to export the files of an event.

        What is archived stays so, unless it is to be copied ``again``.
        """
        status = self.status.model_copy(deep=True)
        named = {(chunk.document_id, chunk.index) for chunk in event.chunks}
        for recording in status.recordings:
            recording.chunks = [
                each
                for each in recording.chunks
                if (each.chunk.document_id, each.chunk.index) not in named
                or (each.state is ChunkState.ARCHIVED and not again)
            ]
        return replace(self, status=status).arguments

    @property
    def last_state(self) -> LastState:
        """The payload of `take_over` that tells all of it to another run."""
        return LastState(run_id=self.execution.run_id, status=self.status)


async def begin(
    client: Client,
    workflow_id: str,
    arguments: list[Any],
    signal: str | None = None,
    payload: Message | None = None,
    summary: str = "goes on with a call that an earlier workflow kept",
    reuse_policy: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE,
) -> str | None:
    """Signal a call's workflow, begun with these arguments where none runs; return the run's id.

    `WorkflowAlreadyStartedError` where the policy forbids another one after one that has ended.
    """
    async with translated(RPC_TIMEOUT):
        # One request for start and signal, so that no workflow ends between the two.
        handle = await client.start_workflow(
            names.WORKFLOW_TYPE,
            args=arguments,
            id=workflow_id,
            task_queue=names.CONTROL_QUEUE,
            task_timeout=names.TASK_TIMEOUT,
            id_reuse_policy=reuse_policy,
            start_signal=signal,
            start_signal_args=[] if payload is None else [payload],
            static_summary=summary,
            rpc_timeout=RPC_TIMEOUT,
        )
    return handle.result_run_id
