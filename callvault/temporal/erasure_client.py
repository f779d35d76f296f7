"""A client of the workflows that plan and carry out erasures."""

import asyncio
import re
import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError

from callvault.contracts import names
from callvault.contracts.base import shorten
from callvault.contracts.erasures import ErasureInput, ErasureStatus, PlannedErasure
from callvault.errors import InvalidRequest, Unavailable
from callvault.temporal.rpc_errors import RPC_TIMEOUT, WorkflowNotFound, translated

POLL_INTERVAL = 0.2
"""Seconds between two looks at an erasure that is about to begin."""

_PLAN = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(r"[0-9a-f]{64}")

_RESOURCES = "resources"
"""Key of the memo of both workflows: the resources to which the order is bound."""


class Standing(NamedTuple):
    """An erasure as Temporal knows it."""

    state: Literal["running", "done", "failed"]
    resources: tuple[str, ...]
    """The resources that it is bound to; none for all."""
    status: ErasureStatus | None = None
    problem: str = ""
    """The reason why nothing was erased."""


class ErasureClient:
    """Begins plans and erasures, and tells where they stand.

    Every method raises `Unavailable` while Temporal is away or slow.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def begin_plan(self, order: ErasureInput) -> str:
        """Have a plan made; return its name."""
        plan = uuid.uuid4().hex
        async with translated(RPC_TIMEOUT):
            await self._client.start_workflow(
                names.ERASURE_PLAN_TYPE,
                order,
                id=names.erasure_plan_id(plan),
                task_queue=names.CONTROL_QUEUE,
                memo={_RESOURCES: list(order.target.resources)},
                static_summary="plans an erasure, and erases nothing",
                rpc_timeout=RPC_TIMEOUT,
            )
        return plan

    async def plan(self, plan: str, within: timedelta) -> PlannedErasure | None:
        """Wait for a plan; None where it is not made in this time.

        `InvalidRequest` where there is none of this name, or it could not be made.
        """
        if not _PLAN.fullmatch(plan):
            raise _unknown_plan(plan)
        handle: WorkflowHandle[Any, PlannedErasure] = self._client.get_workflow_handle(
            names.erasure_plan_id(plan), result_type=PlannedErasure
        )
        try:
            async with translated(within + RPC_TIMEOUT):
                with suppress(TimeoutError):
                    async with asyncio.timeout(within.total_seconds()):
                        return await handle.result()
        except WorkflowNotFound:
            raise _unknown_plan(plan) from None
        except WorkflowFailureError as error:
            raise InvalidRequest(
                f"it could not be planned: {cause_of(error)}", status=409, code="not_planned"
            ) from None
        return None

    async def begin(self, order: ErasureInput) -> None:
        """Begin an erasure; one that works is left at it. `InvalidRequest` for a used token."""
        token = order.token or ""
        try:
            async with translated(RPC_TIMEOUT):
                await start_erasure(self._client, order, rpc_timeout=RPC_TIMEOUT)
        except WorkflowAlreadyStartedError:
            raise InvalidRequest(
                f"the plan {token[:16]}… was carried out already: its erasure tells what became of"
                " it, and what has come since needs a plan of its own",
                status=409,
                code="plan_used",
            ) from None

    async def begun(self, token: str, within: timedelta) -> Standing:
        """Wait until an erasure has compared its plan, no longer than this; return its standing."""
        deadline = asyncio.get_running_loop().time() + within.total_seconds()
        while True:
            standing = await self.standing(token)
            is_planning = standing.status is not None and standing.status.step == "planning"
            is_late = asyncio.get_running_loop().time() >= deadline
            if standing.state != "running" or not is_planning or is_late:
                return standing
            await asyncio.sleep(POLL_INTERVAL)

    async def standing(self, token: str) -> Standing:
        """Tell where an erasure stands; `InvalidRequest` where Temporal knows none of this token.

        ``status`` is the last one: none where it failed.
        """
        if not _TOKEN.fullmatch(token):
            raise unknown_erasure(token)
        handle: WorkflowHandle[Any, ErasureStatus] = self._client.get_workflow_handle(
            names.erasure_id(token), result_type=ErasureStatus
        )
        try:
            async with translated(RPC_TIMEOUT):
                described = await handle.describe(rpc_timeout=RPC_TIMEOUT)
                return await _standing(handle, described)
        except WorkflowNotFound:
            raise unknown_erasure(token) from None
        except WorkflowQueryFailedError as error:
            raise Unavailable(f"the erasure does not answer: {shorten(str(error))}") from error


async def start_erasure(
    client: Client, order: ErasureInput, rpc_timeout: timedelta | None = None
) -> WorkflowHandle[Any, ErasureStatus]:
    """Begin an erasure, or find the one that works; `WorkflowAlreadyStartedError` for its end."""
    handle: WorkflowHandle[Any, ErasureStatus] = await client.start_workflow(
        names.ERASURE_TYPE,
        order,
        id=names.erasure_id(order.token or ""),
        task_queue=names.CONTROL_QUEUE,
        result_type=ErasureStatus,
        # An erasure that came to its end is not begun again; one that works is waited for.
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        memo={_RESOURCES: list(order.target.resources)},
        static_summary="erases what a plan names",
        rpc_timeout=rpc_timeout,
    )
    return handle


def cause_of(error: BaseException) -> str:
    """Return the sentence of what made a workflow fail."""
    cause: BaseException | None = error.__cause__
    while isinstance(cause, ActivityError):
        cause = cause.cause
    return cause.message if isinstance(cause, ApplicationError) else str(cause or error)


def unknown_erasure(token: str) -> InvalidRequest:
    """Return the error for an erasure that was never begun, or that Temporal has forgotten."""
    return InvalidRequest(
        f"Temporal knows no erasure {shorten(token, 70)}: an erasure's id is the token of its plan;"
        " of one that ended long ago the archives have the certificates",
        status=404,
        code="not_found",
    )


async def _standing(
    handle: WorkflowHandle[Any, ErasureStatus], described: WorkflowExecutionDescription
) -> Standing:
    memo = await described.memo()
    resources = tuple(memo.get(_RESOURCES) or ())
    if described.status is WorkflowExecutionStatus.RUNNING:
        status = await handle.query(
            names.STATUS, result_type=ErasureStatus, rpc_timeout=RPC_TIMEOUT
        )
        return Standing("running", resources, status)
    try:
        result = await handle.result(rpc_timeout=RPC_TIMEOUT)
    except WorkflowFailureError as error:
        return Standing("failed", resources, problem=f"nothing was erased: {cause_of(error)}")
    return Standing("done", resources, result)


def _unknown_plan(plan: str) -> InvalidRequest:
    return InvalidRequest(
        f"there is no plan {shorten(plan, 40)}: plan again", status=404, code="not_found"
    )
