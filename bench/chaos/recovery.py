"""Recovery: the time until another worker resumes the exports of a killed one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client

from bench.chaos.alarm_latency import Interval, excluded_times, merged
from bench.chaos.history import MAX_CONCURRENT_READS, Run, Started, open_runs
from bench.chaos.parts import Outage, Part
from workflows.call.deadlines import HEARTBEAT_TIMEOUT

MAX_RECOVERY_TIME = HEARTBEAT_TIMEOUT.total_seconds() + 5
"""Seconds, without excused time."""
EXPORT = "export_chunk"


@dataclass(frozen=True)
class Interrupted:
    """An export that ran on a worker when the worker was killed."""

    workflow_id: str
    run_id: str
    activity_id: str
    attempt: int
    killed: float


@dataclass(frozen=True)
class Recovery:
    interrupted: Interrupted
    resumed: float | None
    """Start of the next attempt at the same file; None without one."""

    @property
    def seconds(self) -> float | None:
        return None if self.resumed is None else self.resumed - self.interrupted.killed


async def interrupted_on(client: Client, identity: str, killed: float) -> list[Interrupted]:
    """Find the exports that Temporal still counts as running on a killed worker."""
    places = asyncio.Semaphore(MAX_CONCURRENT_READS)

    async def of(workflow_id: str, run_id: str) -> list[Interrupted]:
        async with places:
            description = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
        return [
            Interrupted(workflow_id, run_id, pending.activity_id, pending.attempt, killed)
            for pending in description.raw_description.pending_activities
            if pending.last_worker_identity == identity
            and pending.activity_type.name == EXPORT
            and pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        ]

    found = await asyncio.gather(*(of(each.id, each.run_id) for each in await open_runs(client)))
    return [each for some in found for each in some]


def recoveries(interrupted: list[Interrupted], runs: list[Run]) -> list[Recovery]:
    """Find the resumption of each interrupted export of which a history tells.

    Not of those that had ended before, nor of those whose next attempt failed, too.
    """
    by_id = {run.run_id: run for run in runs}
    return [
        Recovery(each, resumed.began if resumed else None)
        for each in interrupted
        if each.run_id in by_id
        and _has_not_ended(each, by_id[each.run_id])
        and _is_told(each, resumed := _resumed(each, by_id[each.run_id]))
    ]


def _has_not_ended(interrupted: Interrupted, run: Run) -> bool:
    return all(
        each.began > interrupted.killed
        for each in run.started
        if each.activity_id == interrupted.activity_id
    )


def _is_told(interrupted: Interrupted, resumed: Started | None) -> bool:
    """Tell if nobody went on before: a history has the last attempt of each activity alone."""
    if resumed is None:
        return True
    # An export that becomes more urgent is scheduled anew, under the same id.
    has_id = resumed.activity_id == interrupted.activity_id
    is_same = has_id and resumed.scheduled <= interrupted.killed
    return resumed.attempt <= (interrupted.attempt + 1 if is_same else 1)


def _resumed(interrupted: Interrupted, run: Run) -> Started | None:
    """Return the first later attempt in the history."""
    # A history has only the last attempt of each activity, so later activities for the file count.
    document = next(
        (one.document_id for one in run.started if one.activity_id == interrupted.activity_id), ""
    )
    later = (
        one
        for one in run.started
        if one.activity == EXPORT
        and one.began > interrupted.killed
        and (one.document_id == document or one.activity_id == interrupted.activity_id)
    )
    return min(later, key=lambda one: one.began, default=None)


def counted_seconds(
    recovery: Recovery,
    outages: list[Outage],
    run: Run,
    workers: Sequence[Part],
    forgotten: Sequence[Interval] = (),
) -> float:
    """Return the seconds until resumption, without excused time; infinite for never.

    ``forgotten`` is the time that Temporal forgot when it was set back: it has waited in vain.
    """
    if recovery.resumed is None:
        return float("inf") if run.status == "RUNNING" else 0.0
    killed = recovery.interrupted.killed
    excused = [*excluded_times(outages, [], workers), *forgotten]
    excluded = merged(excused, killed, recovery.resumed)
    return recovery.resumed - killed - sum(end - begin for begin, end in excluded)
