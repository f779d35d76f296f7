"""The links of an archive's chain that sealed recordings tell, as Temporal keeps their results."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError

from callvault.contracts import names
from callvault.contracts.manifest import LinkReference
from callvault.contracts.results import CallResult
from callvault.temporal.executions import Execution, list_executions

MAX_CALLS = 500
"""Calls that are read, those that ended last: each link pins all links before it."""

MAX_CONCURRENT_READS = 16
"""Workflows that are read at the same time."""

RPC_TIMEOUT = timedelta(seconds=10)
"""Time for one of them to answer."""

_ENDED = f"WorkflowType = '{names.WORKFLOW_TYPE}' AND ExecutionStatus = 'Completed'"


@dataclass(frozen=True, slots=True)
class SealedLink:
    """The link of a sealed recording, by the result of its call."""

    archive: str
    link: LinkReference
    workflow_id: str
    ended_at: datetime | None
    """Time at which the workflow ended: the link was there by then."""


async def sealed_links(client: Client, archive: str) -> list[SealedLink]:
    """Read the links that the last calls have told of an archive, by its name.

    A result that cannot be read is left out: it is of no use as evidence.
    """
    runs = [run async for run in list_executions(client, _ENDED, limit=MAX_CALLS)]
    semaphore = asyncio.Semaphore(MAX_CONCURRENT_READS)

    async def read(run: Execution) -> list[SealedLink]:
        async with semaphore:
            return [each for each in await _of(client, run) if each.archive == archive]

    return [link for links in await asyncio.gather(*map(read, runs)) for link in links]


async def _of(client: Client, run: Execution) -> list[SealedLink]:
    handle = client.get_workflow_handle(run.id, run_id=run.run_id, result_type=CallResult)
    try:
        result: CallResult = await handle.result(follow_runs=False, rpc_timeout=RPC_TIMEOUT)
    # ValueError is pydantic's, for a result of another version.
    except (TemporalError, RPCError, ValueError, RuntimeError):
        return []
    return list(_links(run, result))


def _links(run: Execution, result: CallResult) -> Iterator[SealedLink]:
    for recording in result.recordings:
        sealed = recording.manifest
        if sealed is not None and sealed.link_sha256:
            link = LinkReference(sequence=sealed.sequence, sha256=sealed.link_sha256)
            yield SealedLink(sealed.archive, link, run.id, run.close_time)
