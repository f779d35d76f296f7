"""Finds calls that nobody minds any more, and has them taken over.

A workflow can be terminated, fail or time out while its recordings go on; and its tasks can fail
again and again. Temporal's visibility store tells of both, within seconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus, Severity
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus
from callvault.contracts.takeover import LastState
from callvault.errors import PayloadKeyMissing, words_of
from callvault.temporal.executions import Execution, describe_execution, list_executions
from callvault.temporal.failures import failure_of_task
from workers.recall import Recall
from workflows.call.results import is_settled
from workflows.call.takeover import join
from workflows.loops.continue_as_new import CarriedState

LOOK_EVERY = timedelta(seconds=30)

REACH = timedelta(hours=72)
"""Age up to which an ended workflow is looked at: longer than any service keeps a file."""

REMINDER_INTERVAL = 20 * 60.0
"""Seconds after which a run whose tasks fail is told of again: those that count alarms take one for
over after an hour, as the worker that told of it may be gone."""

MAX_KNOWN = 10_000
"""Runs that are remembered as dealt with; a run that is forgotten is looked at again."""

_FINAL = ", ".join(f"'{state}'" for state in RecordingState if state.is_final)
_OURS = f"WorkflowType = '{names.WORKFLOW_TYPE}'"
_ENDED = "ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut', 'Canceled')"
_BEGUN = f"{names.STATE.name} IS NOT NULL"
STUCK = f"{_OURS} AND ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"
"""Query for the calls whose workflow's tasks fail, as the server reports."""

_PASSING = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.ABORTED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
    }
)

log = structlog.get_logger(__name__)


def ended_by_force(now: datetime) -> str:
    """Return the query for runs that did not come to their end by themselves, not too long ago."""
    since = (now - REACH).isoformat()
    return f"{_OURS} AND {_ENDED} AND {_BEGUN} AND CloseTime > '{since}'"


def dead_runs(now: datetime) -> str:
    """Return the query for those of them that ended before their recordings did.

    Others may have left something undone as well, of which their state alone tells.
    """
    return f"{ended_by_force(now)} AND {names.STATE.name} NOT IN ({_FINAL})"


class AbandonedCalls:
    """Looks for calls whose workflow ended too early, or makes no step any more."""

    def __init__(
        self,
        client: Client,
        tell: Callable[[Alarm], object],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``tell`` sends an alarm, and may block; ``now`` is a clock with which others agree."""
        self._client = client
        self._tell = tell
        self._now = now
        self._recall = Recall(client)
        self._known: dict[str, None] = {}
        """The ids of runs that are dealt with, in the order in which they were."""
        self._stuck: dict[str, tuple[float, Alarm]] = {}
        """Runs whose tasks fail, by id: when that was told last, and what was."""

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
        """Begin another workflow for every call whose last one has left something undone."""
        await self._for_each(ended_by_force(self._now()), self._take_over)

    async def tell_of_stuck(self) -> None:
        """Raise an alarm about every workflow whose tasks fail; say when they do so no more."""
        found = {each.run_id: each async for each in list_executions(self._client, STUCK)}
        for run in found.values():
            await self._tell_of_one(run)
        for run_id in self._stuck.keys() - found.keys():
            await self._is_stuck_no_more(run_id)

    async def _for_each(self, query: str, do: Callable[[Execution], Awaitable[None]]) -> None:
        """Deal once with every run that is found; what fails keeps no other one waiting."""
        found = [each async for each in list_executions(self._client, query)]
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

    async def _tell_of_one(self, stuck: Execution) -> None:
        told_at, _ = self._stuck.get(stuck.run_id, (-REMINDER_INTERVAL, None))
        if time.monotonic() - told_at < REMINDER_INTERVAL:
            return
        what = "its workflow's tasks fail, so that nobody minds the call"
        try:
            why = await failure_of_task(self._client, stuck.id, stuck.run_id)
            what = f"{what}: {why or 'the log of the worker says why'}"
            told = await self._alarm(stuck, what, resolves=True)
        except Exception as error:  # a webhook that is away: the next look tells of it
            log.warning("an alarm was not sent", workflow_id=stuck.id, problem=words_of(error))
        else:
            self._stuck[stuck.run_id] = time.monotonic(), told

    async def _is_stuck_no_more(self, run_id: str) -> None:
        _, told = self._stuck[run_id]
        over = {
            "id": f"{told.id}/resolved",
            "status": AlarmStatus.RESOLVED,
            "at": self._now(),
            "what": "its workflow's tasks succeed again, or it has ended",
        }
        await asyncio.to_thread(self._tell, told.model_copy(update=over))
        del self._stuck[run_id]

    async def _take_over(self, ended: Execution) -> None:
        try:
            last = await self._recall.last_state(ended.id, ended.run_id)
            if not is_settled(last.status):
                await self._hand_over(ended, last)
        except WorkflowAlreadyStartedError:
            log.info("another worker has taken the call over", workflow_id=ended.id)
        except PayloadKeyMissing:
            raise  # The next look tries again: the key is told of by itself, and will come.
        except Exception as error:
            if isinstance(error, RPCError) and error.status in _PASSING:
                raise  # Temporal is away or busy, and says nothing of the call.
            log.exception("a call cannot be taken over", workflow_id=ended.id)
            how = type(error).__name__
            await self._alarm(ended, f"its workflow ended too early, and nothing takes over: {how}")

    async def _hand_over(self, ended: Execution, last: LastState) -> None:
        """Give a dead run's last state to the run that keeps the call, or to a new one."""
        later = await self._later_states(ended)
        if any(ended.run_id in each.status.taken_over for each in later):
            return  # The call is minded again.
        newest = await describe_execution(self._client, ended.id)
        if newest.close_time is None:
            handle = self._client.get_workflow_handle(ended.id, run_id=newest.run_id)
            await handle.signal(names.TAKE_OVER, last)
            log.critical("a dead run's recordings were handed over", workflow_id=ended.id)
            return
        for each in later:
            # What ended well meanwhile is known: the files of a late event, above all.
            join(last.status, each, is_reset=False)
        last.status.taken_over.append(ended.run_id)
        if is_settled(last.status):
            return
        await self._begin(ended.id, last.status)
        log.critical("a call was taken over: its workflow had ended", workflow_id=ended.id)

    async def _later_states(self, ended: Execution) -> list[LastState]:
        """Read the states of the call's runs that began after one had ended."""
        # A quote would end the text in the query; no id that is computed as documented has one.
        workflow_id = ended.id.partition("'")[0]
        since = (ended.close_time or self._now()).isoformat()
        query = f"WorkflowId = '{workflow_id}' AND StartTime >= '{since}'"
        last_runs = f"{query} AND ExecutionStatus != 'ContinuedAsNew'"
        listed = list_executions(self._client, last_runs)
        runs = {run.run_id: run.start_time async for run in listed}
        # Visibility lags: the newest run may be listed or not.
        newest = await describe_execution(self._client, ended.id)
        runs.setdefault(newest.run_id, newest.start_time)
        runs.pop(ended.run_id, None)
        in_order = sorted(runs, key=runs.__getitem__)
        return [await self._recall.last_state(ended.id, run_id) for run_id in in_order]

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

    async def _alarm(self, about: Execution, what: str, *, resolves: bool = False) -> Alarm:
        """Raise an alarm; return it as it was told."""
        alarm = Alarm(
            id=f"{about.id}/{about.run_id}/abandoned",
            dedup_key=f"{about.id}/{about.run_id}/abandoned",
            kind=AlarmKind.ABANDONED,
            severity=Severity.CRITICAL,
            at=self._now(),
            what=what,
            resolves=resolves,
            workflow_id=about.id,
            resource=about.typed_search_attributes.get(names.RESOURCE) or "unknown",
        )
        log.critical(what, workflow_id=about.id, run_id=about.run_id)
        told = await asyncio.to_thread(self._tell, alarm)
        return told if isinstance(told, Alarm) else alarm
