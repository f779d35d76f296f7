"""The list of calls: what Temporal's visibility knows of them, without asking any workflow."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from temporalio.client import Client

from callvault.contracts import names
from callvault.contracts.base import Message
from callvault.contracts.states import RecordingState
from callvault.temporal.executions import Execution, describe_execution

NEAR = timedelta(hours=1)
"""Time before a deadline at which an open call counts as at risk, whatever its workflow has shown:
a call that no worker keeps says nothing of its own."""

MAX_DESCRIBED_AT_ONCE = 20
"""Requests to Temporal at the same time: after an accident a whole page may have ended by force."""

LAST_RUN = "ExecutionStatus != 'ContinuedAsNew'"
"""Filter for the last run of each chain: that one holds the complete state."""

_UNFINISHED = frozenset(state for state in RecordingState if not state.is_final)
ENDED_EARLY = ("terminated", "failed", "timed_out", "canceled")
"""Ends of a workflow that are not its own."""


class Filter(NamedTuple):
    """The calls that are asked for."""

    state: RecordingState | None = None
    at_risk: bool = False
    open: bool = False
    orphans: bool = False
    limit: int | None = None
    resources: frozenset[str] | None = None
    """Those whose calls there are; None for all."""


class ListedCall(Message):
    """One call, as the list shows it."""

    workflow_id: str
    state: str
    """The most urgent state of its recordings; empty before a worker has begun to keep it."""
    status: str
    """The status of its workflow in Temporal: ``running``, ``completed``, ``paused`` …"""
    expires_at: datetime | None
    """Earliest time at which the service may delete a file that is not archived."""
    is_at_risk: bool
    """True if a file is late or lost, its deadline is within the hour, or nobody keeps the call."""
    resource: str
    is_orphan: bool
    duties: int
    recording_ids: tuple[str, ...]
    call_ids: tuple[str, ...]
    started_at: datetime
    closed_at: datetime | None


async def chosen(client: Client, runs: Sequence[Execution], wanted: Filter) -> list[ListedCall]:
    """Read calls from their entries; leave out what the query of the list could not tell."""
    now = datetime.now(UTC)
    calls = [(run, listed_call(run, now)) for run in runs]
    if wanted.at_risk:
        calls = [(run, call) for run, call in calls if call.is_at_risk]
    if wanted.resources is not None:
        calls = [(run, call) for run, call in calls if call.resource in wanted.resources]
    # A run that was reset or terminated, after which another one goes on, is no call of its own.
    superseded = await _superseded(client, [run for run, _ in calls if is_abandoned(run)])
    return [call for run, call in calls if run.run_id not in superseded]


def query_of(wanted: Filter) -> str:
    """Write the visibility query; what it cannot tell is filtered afterwards."""
    parts = [f"WorkflowType = '{names.WORKFLOW_TYPE}'", LAST_RUN]
    if wanted.state is not None:
        parts.append(f"{names.STATE.name} = '{wanted.state}'")
    if wanted.open:
        # Not by the status: a paused workflow is open, too.
        parts.append("CloseTime IS NULL")
    if wanted.orphans:
        parts.append(f"{names.ORPHAN.name} = true")
    if wanted.resources is not None:
        # Names of resources have no quotes.
        listed = ", ".join(f"'{name}'" for name in sorted(wanted.resources))
        parts.append(f"{names.RESOURCE.name} IN ({listed})")
    if wanted.at_risk:
        early = ", ".join(f"'{_in_query(status)}'" for status in ENDED_EARLY)
        risky = f"{names.AT_RISK.name} = true OR CloseTime IS NULL"
        parts.append(f"({risky} OR ExecutionStatus IN ({early}))")
    return " AND ".join(parts)


def listed_call(run: Execution, now: datetime) -> ListedCall:
    """Read one call from its entry in the list."""
    known = run.typed_search_attributes
    expires_at = known.get(names.EXPIRES_AT)
    is_near = run.is_open and expires_at is not None and expires_at - now < NEAR
    return ListedCall(
        workflow_id=run.id,
        state=known.get(names.STATE) or "",
        status=run.status,
        expires_at=expires_at,
        is_at_risk=bool(known.get(names.AT_RISK)) or is_near or is_abandoned(run),
        resource=known.get(names.RESOURCE) or "",
        is_orphan=bool(known.get(names.ORPHAN)),
        duties=known.get(names.DUTIES) or 0,
        recording_ids=tuple(known.get(names.RECORDING_IDS) or ()),
        call_ids=tuple(known.get(names.CALL_IDS) or ()),
        started_at=run.start_time,
        closed_at=run.close_time,
    )


def is_abandoned(run: Execution) -> bool:
    """Tell if nobody keeps a call: its workflow is paused, or ended before its recordings had."""
    is_unfinished = run.typed_search_attributes.get(names.STATE) in _UNFINISHED
    return run.status == "paused" or (run.status in ENDED_EARLY and is_unfinished)


def urgency(call: ListedCall) -> tuple[bool, bool, float, float]:
    """Return a key that sorts open calls first, by deadline, and then the newest first."""
    deadline = call.expires_at.timestamp() if call.expires_at else 0.0
    is_over = call.closed_at is not None
    return is_over, call.expires_at is None, deadline, -call.started_at.timestamp()


async def _superseded(client: Client, runs: Sequence[Execution]) -> set[str]:
    """Return the ids of those runs after which a later one keeps the call."""
    slots = asyncio.Semaphore(MAX_DESCRIBED_AT_ONCE)

    async def newest(run: Execution) -> str:
        async with slots:
            return (await describe_execution(client, run.id)).run_id

    found = await asyncio.gather(*map(newest, runs))
    return {run.run_id for run, last in zip(runs, found, strict=True) if run.run_id != last}


def _in_query(status: str) -> str:
    return "".join(word.capitalize() for word in status.split("_"))
