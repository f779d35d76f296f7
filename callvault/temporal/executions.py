"""The workflow executions of a namespace, listed and described.

Not by the SDK's own list and description, which fail on a paused workflow: they do not know that
status.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.common.v1 import Memo, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes
from temporalio.converter import decode_typed_search_attributes

MAX_PAGE = 1_000
"""Executions that are read with one request."""

_PREFIX = "WORKFLOW_EXECUTION_STATUS_"
_OPEN = frozenset({"running", "paused"})


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a workflow."""

    id: str
    run_id: str
    status: str
    """Temporal's word for it, in lower case: ``running``, ``paused``, ``continued_as_new`` …"""
    start_time: datetime
    close_time: datetime | None
    typed_search_attributes: TypedSearchAttributes
    memo: Memo

    @property
    def is_open(self) -> bool:
        """True if it has not ended; a paused one takes no step, and ends by nothing."""
        return self.status in _OPEN

    @classmethod
    def of(cls, info: WorkflowExecutionInfo) -> "Execution":
        """Read what the server tells of a run."""
        return cls(
            id=info.execution.workflow_id,
            run_id=info.execution.run_id,
            status=_word(info.status),
            start_time=_time(info.start_time),
            close_time=_time(info.close_time) if info.HasField("close_time") else None,
            typed_search_attributes=decode_typed_search_attributes(info.search_attributes),
            memo=info.memo,
        )


async def list_executions(
    client: Client,
    query: str,
    *,
    limit: int | None = None,
    rpc_timeout: timedelta | None = None,
) -> AsyncIterator[Execution]:
    """List the runs that match a query, ``limit`` at most; visibility lags by a second."""
    left, token = limit, b""
    size = min(limit or MAX_PAGE, MAX_PAGE)
    while True:
        page, token = await list_page(client, query, size, token, rpc_timeout=rpc_timeout)
        for run in page[:left]:
            yield run
        left = None if left is None else left - len(page)
        if not token or (left is not None and left <= 0):
            return


async def list_page(
    client: Client,
    query: str,
    size: int,
    token: bytes = b"",
    *,
    retry: bool = True,
    rpc_timeout: timedelta | None = None,
) -> tuple[list[Execution], bytes]:
    """List ``size`` runs at most from where ``token`` points; return the next token with them.

    The token is Temporal's, and empty at either end of the list.
    """
    page = await client.workflow_service.list_workflow_executions(
        ListWorkflowExecutionsRequest(
            namespace=client.namespace, query=query, page_size=size, next_page_token=token
        ),
        retry=retry,
        timeout=rpc_timeout,
    )
    return [Execution.of(info) for info in page.executions], page.next_page_token


async def describe_execution(
    client: Client, workflow_id: str, *, rpc_timeout: timedelta | None = None
) -> Execution:
    """Describe the newest run of a workflow; `RPCError` of the status NOT_FOUND without one."""
    described = await client.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id)
        ),
        retry=True,
        timeout=rpc_timeout,
    )
    return Execution.of(described.workflow_execution_info)


def _word(status: "WorkflowExecutionStatus.ValueType") -> str:
    known = WorkflowExecutionStatus.DESCRIPTOR.values_by_number.get(status)
    return known.name.removeprefix(_PREFIX).lower() if known else "unknown"


def _time(at: Timestamp) -> datetime:
    return at.ToDatetime(tzinfo=UTC)
