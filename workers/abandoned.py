"""Finds calls that nobody minds any more, and has them taken over.

A workflow can be terminated, fail or time out while its recordings go on; and its tasks can fail
again and again. Temporal's visibility store tells of both, within seconds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client, WorkflowExecution
from temporalio.exceptions import WorkflowAlreadyStartedError

from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus
from workflows.loops.continue_as_new import CarriedState

LOOK_EVERY = timedelta(seconds=30)

REACH = timedelta(hours=72)
"""Age up to which an ended workflow is looked at: longer than any service keeps a file."""

ANSWER_TIMEOUT = timedelta(seconds=10)

MAX_KNOWN = 10_000
"""Runs that are remembered as dealt with; a run that is forgotten is looked at again."""

_FINAL = ", ".join(f"'{state}'" for state in RecordingState if state.is_final)
_OURS = f"WorkflowType = '{names.WORKFLOW_TYPE}'"
_ENDED = "ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"
_UNFINISHED = f"{names.STATE.name} IS NOT NULL AND {names.STATE.name} NOT IN ({_FINAL})"
_STUCK = f"{_OURS} AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"

log = structlog.get_logger(__name__)


class AbandonedCalls:
    """Looks for calls whose workflow ended too early, or makes no step any more."""

    def __init__(self, client: Client, tell: Callable[[Alarm], object]) -> None:
        self._client = client
        self._tell = tell
        self._known: dict[str, None] = {}
        """The ids of runs that are dealt with, in the order in which they were."""

    async def run(self, interval: timedelta = LOOK_EVERY) -> None:
        """Look until cancelled; a failure is logged, and the next round tries again."""
        while True:
            for look in (self.take_over_ended, self.tell_of_stuck):
                try:
                    await look()
                except Exception as error:  # whatever it is, a worker must not end by it
                    log.warning("abandoned calls could not be looked for", error=str(error))
            await asyncio.sleep(interval.total_seconds())

    async def take_over_ended(self) -> None:
        """Begin another workflow for every call whose last one ended before its recordings."""
        since = (datetime.now(UTC) - REACH).isoformat()
        query = f"{_OURS} AND {_ENDED} AND {_UNFINISHED} AND CloseTime > '{since}'"
        await self._for_each(query, self._take_over)

    async def tell_of_stuck(self) -> None:
        """Raise an alarm about every workflow whose tasks fail."""
        await self._for_each(_STUCK, self._tell_of_stuck)

    async def _for_each(
        self, query: str, do: Callable[[WorkflowExecution], Awaitable[None]]
    ) -> None:
        """Deal once with every run that is found; what fails keeps no other one waiting."""
        found = [each async for each in self._client.list_workflows(query)]
        for run in found:
            if run.run_id not in self._known:
                try:
                    await do(run)
                except Exception:
                    log.exception("an abandoned call could not be dealt with", workflow_id=run.id)
                else:
                    self._known[run.run_id] = None
        while len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    async def _tell_of_stuck(self, stuck: WorkflowExecution) -> None:
        what = "its workflow's tasks fail, so that nobody minds the call: the worker's log says why"
        await self._alarm(stuck, what)

    async def _take_over(self, ended: WorkflowExecution) -> None:
        latest = await self._client.get_workflow_handle(ended.id).describe()
        if latest.run_id != ended.run_id:
            return  # Another run has begun since: the call is minded again.
        try:
            status = await self._last_status(ended)
            await self._begin(ended.id, status)
        except WorkflowAlreadyStartedError:
            log.info("another worker has taken the call over", workflow_id=ended.id)
        except Exception as error:
            log.exception("a call cannot be taken over", workflow_id=ended.id)
            how = type(error).__name__
            await self._alarm(ended, f"its workflow ended too early, and nothing takes over: {how}")
        else:
            log.critical("a call was taken over: its workflow had ended", workflow_id=ended.id)

    async def _last_status(self, ended: WorkflowExecution) -> CallStatus:
        handle = self._client.get_workflow_handle(ended.id, run_id=ended.run_id)
        status: CallStatus = await handle.query(
            names.STATUS, result_type=CallStatus, rpc_timeout=ANSWER_TIMEOUT
        )
        return status

    async def _begin(self, workflow_id: str, status: CallStatus) -> None:
        request = RecordingRequest(
            server_call_id=status.server_call_id, resource=status.resource, start_recording=False
        )
        await self._client.start_workflow(
            names.WORKFLOW_TYPE,
            args=[request, CarriedState.taken_over(status)],
            id=workflow_id,
            task_queue=names.CONTROL_QUEUE,
            task_timeout=names.TASK_TIMEOUT,
            static_summary="takes over a call whose workflow ended too early",
        )

    async def _alarm(self, about: WorkflowExecution, what: str) -> None:
        alarm = Alarm(
            id=f"{about.id}/{about.run_id}/abandoned",
            kind=AlarmKind.ABANDONED,
            severity=Severity.CRITICAL,
            at=datetime.now(UTC),
            what=what,
            workflow_id=about.id,
            resource=about.typed_search_attributes.get(names.RESOURCE) or "unknown",
        )
        log.critical(what, workflow_id=about.id, run_id=about.run_id)
        await asyncio.to_thread(self._tell, alarm)
