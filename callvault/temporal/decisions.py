"""Decisions on consent, and comings, brought to their call: kept, over, or not begun yet.

A withdrawal after the end begins another workflow, with all that the last one knew: it marks what
is to be marked, and renews the manifests. What is told before the call is recorded begins one that
waits for the recording.
"""

from datetime import UTC, datetime
from typing import Any

from temporalio.client import WorkflowUpdateFailedError

from callvault.contracts import names
from callvault.contracts.call_ids import is_no_server_call
from callvault.contracts.consent import ConsentDecision, ConsentRecord, dated_withdrawal
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.requests import RecordingRequest
from callvault.errors import InvalidRequest
from callvault.temporal import earlier_runs, updates
from callvault.temporal.call_client import CallClient
from callvault.temporal.earlier_runs import EarlierRun
from callvault.temporal.executions import Execution, describe_execution
from callvault.temporal.rpc_errors import RPC_TIMEOUT, WorkflowNotFound, refusal_of, translated
from callvault.temporal.unanswered import answered


class DecisionClient:
    """Brings decisions to recording workflows; raises the errors of `CallClient`."""

    def __init__(self, calls: CallClient) -> None:
        self.calls = calls
        self._client = calls.client

    async def decide(
        self, workflow_id: str, decision: ConsentDecision, unkept: RecordingRequest | None = None
    ) -> ConsentRecord:
        """Send a decision, and wait for its effect.

        ``unkept`` is the request that begins to keep the call if nobody does. An agreement that the
        workflow refuses is an `InvalidRequest` with status 409 and the workflow's sentence.
        """
        decision = dated_withdrawal(decision, datetime.now(UTC))
        try:
            return await self._answered(workflow_id, decision)
        except WorkflowNotFound:
            pass
        arguments = await self._arguments(workflow_id, decision, unkept)
        return await self._answered(workflow_id, decision, arguments)

    async def tell(
        self, workflow_id: str, decision: ConsentDecision, unkept: RecordingRequest | None = None
    ) -> None:
        """Send a decision, and do not wait for its effect."""
        decision = dated_withdrawal(decision, datetime.now(UTC))
        if await self.calls.signal(workflow_id, names.CONSENT, decision):
            return
        arguments = await self._arguments(workflow_id, decision, unkept)
        await earlier_runs.begin(self._client, workflow_id, arguments, names.CONSENT, decision)

    async def joined(self, unkept: RecordingRequest, change: ParticipantChanged) -> str | None:
        """Keep a coming for a recording that may be asked for; None if the call is over."""
        workflow_id = names.workflow_id(unkept.server_call_id)
        ended = await self._describe(workflow_id)
        if ended is None:
            arguments: list[Any] = [unkept]
        else:
            status = await self.calls.status(workflow_id)
            if status.ended_at is not None:
                return None
            arguments = EarlierRun(ended, status).arguments
        await earlier_runs.begin(
            self._client, workflow_id, arguments, names.PARTICIPANT_CHANGED, change
        )
        return workflow_id

    async def _describe(self, workflow_id: str) -> Execution | None:
        """Describe a call's last workflow; None if there never was one."""
        try:
            async with translated(RPC_TIMEOUT):
                return await describe_execution(self._client, workflow_id, rpc_timeout=RPC_TIMEOUT)
        except WorkflowNotFound:
            return None

    async def _answered(
        self, workflow_id: str, decision: ConsentDecision, arguments: list[Any] | None = None
    ) -> ConsentRecord:
        sent = self._update(workflow_id, decision, arguments)
        return await answered(self.calls, workflow_id, sent, is_for_silence=not decision.given)

    async def _update(
        self, workflow_id: str, decision: ConsentDecision, arguments: list[Any] | None = None
    ) -> ConsentRecord:
        try:
            if arguments is not None:
                return await updates.decide_with_start(
                    self._client, decision, workflow_id, arguments
                )
            return await updates.update(
                self._client, workflow_id, names.CONSENT, decision, ConsentRecord
            )
        except WorkflowUpdateFailedError as error:
            raise refusal_of(error) from error

    async def _arguments(
        self, workflow_id: str, decision: ConsentDecision, unkept: RecordingRequest | None
    ) -> list[Any]:
        """Return what a workflow is begun with to take this decision."""
        ended = await self._describe(workflow_id)
        if ended is None:
            return [_only_of(workflow_id, unkept)]
        if decision.given:
            # It changes nothing of what was recorded.
            raise await self.calls.not_running_error(workflow_id)
        return EarlierRun(ended, await self.calls.status(workflow_id)).arguments


def _only_of(workflow_id: str, unkept: RecordingRequest | None) -> RecordingRequest:
    if unkept is not None and is_no_server_call(unkept.server_call_id):
        # It may name a call that goes on: a workflow of its own would take the decision from it.
        raise InvalidRequest(
            "no call is known by this id, and it is no serverCallId: nothing is changed by the"
            " decision. Name the call by its serverCallId, or by its workflow's id",
            status=404,
            code="not_found",
        )
    if unkept is None or names.workflow_id(unkept.server_call_id) != workflow_id:
        raise InvalidRequest(
            "this call is not kept, and nothing is recorded of it: send its serverCallId (and"
            " resource) along, so that the decision is kept until it is recorded",
            status=404,
            code="not_found",
        )
    return unkept
