"""The times of signals that told none, read from the workflow's own history."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.signal_times import SignalTimes, SignalTimesQuery, UntimedSignal

PAGE_SIZE = 100
MAX_PAGES = 50
"""Events of a page, and most pages that are read of a run, the newest first."""

_RPC_TIMEOUT = timedelta(seconds=10)

_Batch = tuple[str, int]
"""A run, and the length of its history at one of its workflow tasks."""


class SignalTimesActivities:
    """Built once by a worker. Async, to wait for Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=names.SIGNAL_TIMES_ACTIVITY)
    async def find_signal_times(self, query: SignalTimesQuery) -> SignalTimes:
        """Find out when signals came to the server."""
        lengths: dict[str, set[int]] = defaultdict(set)
        for signal in query.signals:
            lengths[signal.run_id].add(signal.history_length)
        batches: dict[_Batch, list[HistoryEvent]] = {}
        for run_id, seen in lengths.items():
            events = self._newest_first(
                WorkflowExecution(workflow_id=query.workflow_id, run_id=run_id)
            )
            for length, signals in (await _signals_by_task(events, seen)).items():
                batches[run_id, length] = signals
        return SignalTimes(times=tuple(_time_of(signal, batches) for signal in query.signals))

    async def _newest_first(self, execution: WorkflowExecution) -> AsyncIterator[HistoryEvent]:
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace, execution=execution, maximum_page_size=PAGE_SIZE
        )
        for _ in range(MAX_PAGES):
            try:
                page = await self._client.workflow_service.get_workflow_execution_history_reverse(
                    request, timeout=_RPC_TIMEOUT
                )
            except RPCError as error:
                # A run that is kept no longer tells nothing any more.
                if error.status is RPCStatusCode.NOT_FOUND:
                    return
                raise
            for event in page.history.events:
                yield event
            if not page.next_page_token:
                return
            request.next_page_token = page.next_page_token


async def _signals_by_task(
    events: AsyncIterator[HistoryEvent], lengths: Iterable[int]
) -> dict[int, list[HistoryEvent]]:
    """Return the signals that workflow tasks saw, newest first, by the history's length at each."""
    found: dict[int, list[HistoryEvent]] = {length: [] for length in lengths}
    unfinished = set(found)
    async for event in events:
        for length in [length for length in unfinished if event.event_id < length]:
            if event.HasField("workflow_execution_signaled_event_attributes"):
                found[length].append(event)
            elif event.HasField("workflow_task_completed_event_attributes"):
                # What came before was seen by an earlier task.
                unfinished.remove(length)
        if not unfinished:
            break
    return found


def _time_of(signal: UntimedSignal, batches: dict[_Batch, list[HistoryEvent]]) -> datetime | None:
    """Return when a signal came; of several that are alike, one that came no later."""
    own = [
        event.event_time.ToDatetime(tzinfo=UTC)
        for event in reversed(batches[signal.run_id, signal.history_length])
        if event.workflow_execution_signaled_event_attributes.signal_name == signal.name
    ]
    return own[min(signal.number, len(own) - 1)] if own else None
