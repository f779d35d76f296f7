"""Temporal as a source: the calls that were seen, those that were kept, and their recordings."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.reconciliation import CallSeen, Source
from callvault.contracts.results import CallResult
from callvault.contracts.status import CallStatus
from callvault.reconcile.records import Record, of_result, of_status, unreadable_record
from callvault.temporal.executions import Execution, describe_execution, list_executions

MAX_CONCURRENT_READS = 16
"""Workflows that are read at the same time."""

RPC_TIMEOUT = timedelta(seconds=10)
"""Time for one of them to answer."""

MAX_UNANSWERED = 5
"""Workflows in a row without an answer after which no other is asked: there is no worker."""

_UNANSWERED = "no worker tells what it had"


@dataclass(frozen=True, slots=True)
class TemporalRecords:
    """The calls of a period, by Temporal's account."""

    records: list[Record]
    workflow_ids: frozenset[str]
    seen: list[CallSeen]
    source: Source


class Calls:
    """All calls that began or ended since a moment, or are open. Visibility lags by a second."""

    def __init__(self, client: Client, since: datetime) -> None:
        self._client = client
        self._since = since
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._unanswered = 0
        self._silent = 0
        """Open workflows that told nothing, in all."""

    async def read(self) -> TemporalRecords:
        """Read the calls; one whose workflow cannot be read is reported as such."""
        seen = [
            trace
            async for found in self._list(_traces(self._since))
            if (trace := await self._trace(found))
        ]
        runs = [found async for found in self._list(_calls(self._since))]
        # Visibility lags, so that a call's trace may be listed before its workflow is.
        runs += await self._not_listed({_call_of(trace) for trace in seen} - _ids(runs))
        # `join.merged` takes a later run of a call for the one that knows better.
        runs.sort(key=lambda run: run.start_time)
        per_run = await asyncio.gather(*map(self._read_run, runs))
        return TemporalRecords(
            records=[record for records in per_run for record in records],
            workflow_ids=frozenset(_ids(runs)),
            seen=seen,
            source=await self._source(len(runs), len(seen)),
        )

    async def _list(self, query: str) -> AsyncIterator[Execution]:
        async for found in list_executions(self._client, query):
            # Such a run has handed everything to the next one, which is listed as well.
            if found.status != "continued_as_new":
                yield found

    async def _trace(self, found: Execution) -> CallSeen | None:
        payload = found.memo.fields.get(names.CALL_SEEN_MEMO)
        if payload is None:
            return None
        [trace] = await self._client.data_converter.decode([payload], [CallSeen])
        return trace if isinstance(trace, CallSeen) else None

    async def _not_listed(self, workflow_ids: set[str]) -> list[Execution]:
        """Find workflows that are older than the period, or too new for the list."""
        found = await asyncio.gather(*map(self._find, sorted(workflow_ids)))
        return [run for run in found if run]

    async def _find(self, workflow_id: str) -> Execution | None:
        try:
            async with self._semaphore:
                return await describe_execution(self._client, workflow_id)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise

    async def _read_run(self, run: Execution) -> list[Record]:
        is_over = not run.is_open
        async with self._semaphore:
            # A run that is open, or was ended by others, has no result: its status is read.
            if run.status == "completed":
                if (result := await self._result(run)) is not None:
                    return of_result(run.id, result)
                return [_unreadable_record(run, "its result cannot be read")]
            status = await self._status(run)
        if status is None:
            # One that has ended is unknown, and counts; an open one passes for one that goes on.
            self._silent += run.is_open
            return [_unreadable_record(run, _UNANSWERED)]
        return of_status(run.id, status, is_over=is_over)

    async def _result(self, run: Execution) -> CallResult | None:
        handle = self._client.get_workflow_handle(run.id, run_id=run.run_id, result_type=CallResult)
        try:
            # By default the SDK would go on to a run that followed this one.
            result: CallResult = await handle.result(follow_runs=False, rpc_timeout=RPC_TIMEOUT)
        # One unreadable workflow must not fail the report. ValueError is pydantic's, for a result
        # of another version; RuntimeError the SDK's, where a lazy connection cannot be made.
        except (TemporalError, RPCError, ValueError, RuntimeError):
            return None
        return result

    async def _status(self, run: Execution) -> CallStatus | None:
        if self._unanswered >= MAX_UNANSWERED:
            return None
        handle = self._client.get_workflow_handle(run.id, run_id=run.run_id)
        try:
            status: CallStatus = await handle.query(
                names.STATUS, result_type=CallStatus, rpc_timeout=RPC_TIMEOUT
            )
        except (RPCError, WorkflowQueryFailedError, ValueError, RuntimeError):
            self._unanswered += 1
            return None
        self._unanswered = 0
        return status

    async def _source(self, runs: int, traces: int) -> Source:
        namespace = self._client.namespace
        described = await self._client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace)
        )
        retention = _as_timedelta(described.config.workflow_execution_retention_ttl)
        summary = f"{runs} workflows of calls, {traces} traces of calls seen"
        late = f"; it keeps what has ended for {_in_words(retention)}" if retention else ""
        return Source(
            name=f"Temporal, namespace {namespace}",
            summary=summary + late,
            problem="; ".join(self._problems(retention)),
            is_unread=self._silent > 0,
        )

    def _problems(self, retention: timedelta) -> Iterator[str]:
        if self._silent:
            yield (
                f"no worker answered for {self._silent} calls: the list alone tells of them, and"
                " not what is wrong with them"
            )
        if retention and datetime.now(UTC) - self._since > retention:
            yield "the period is longer than that: earlier calls are known by manifests alone"


def _calls(since: datetime) -> str:
    moment = since.isoformat()
    return (
        f"WorkflowType = '{names.WORKFLOW_TYPE}' AND (StartTime >= '{moment}'"
        f" OR CloseTime >= '{moment}' OR CloseTime IS NULL)"
    )


def _traces(since: datetime) -> str:
    return f"WorkflowType = '{names.CALL_SEEN_TYPE}' AND StartTime >= '{since.isoformat()}'"


def _call_of(trace: CallSeen) -> str:
    return names.workflow_id(trace.server_call_id)


def _ids(runs: Sequence[Execution]) -> set[str]:
    return {run.id for run in runs}


def _unreadable_record(run: Execution, why: str) -> Record:
    """Make the account of a workflow that does not answer, from its entry in the list."""
    shown = run.typed_search_attributes
    is_over = not run.is_open
    status = run.status.replace("_", " ")
    state = "" if is_over else shown.get(names.STATE, "")
    if not is_over and not state:
        why = f"no worker has begun to keep it since {run.start_time:%Y-%m-%d %H:%M:%S} UTC"
    return unreadable_record(
        run.id,
        shown.get(names.RESOURCE, ""),
        state,
        f"its workflow is {status}, and {why}",
        is_over=is_over,
    )


def _as_timedelta(duration: Duration) -> timedelta:
    return timedelta(seconds=duration.seconds)


def _in_words(span: timedelta) -> str:
    hours = span // timedelta(hours=1)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
