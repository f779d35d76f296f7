"""What the histories, the answers and the alarms of a deploy tell, and what of it is wrong."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistory

from bench.deploys.receiver import Received
from bench.deploys.traffic import Pause

PAUSE_BAR = 5.0
"""Seconds within which a pause is answered, and confirmed."""

ALARM_BAR = 5.0
"""Seconds within which an alarm that is due has been received: docs/reliability.md."""

MAX_RUNS = 20
READ_AT_ONCE = 8

TOO_LONG = "pause_too_long"

_OF_TIME = {TOO_LONG, "pause_unconfirmed"}
"""Kinds of alarms that are due here, or come of a pause that was late."""

_NO_FAILURE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
"""A message came as a run was about to end: the server has it look again, and loses nothing."""


@dataclass
class Life:
    """What one call went through, run after run."""

    builds: list[set[str]]
    """The versions that decided in each of its runs, the oldest first."""
    failures: Mapping[str, int]
    looked_again: int = 0
    """Ends of runs that were put off as a message came at that moment."""

    @property
    def in_vain(self) -> int:
        """Number of hand-overs to the version it was on: one may be, as a deploy is rolled back."""
        return sum(before == after for before, after in pairwise(self.builds))


@dataclass
class Move:
    """One step of the operator, and what became of it."""

    what: str
    seconds: float
    """Until as many calls as should be were on their version."""
    on_next: int
    """Calls on the next version then."""
    problem: str = ""


@dataclass
class Findings:
    """What was found out about a deploy."""

    calls: int
    moves: list[Move] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    alarms: list[Received] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Problems that show at once."""
    seconds: float = 0.0

    @property
    def latencies(self) -> list[float]:
        """Seconds until each alarm that fell due was received; infinite for one that was not."""
        return [_latency(pause, self.alarms) for pause in self.pauses if pause.alarm_due_at]

    @property
    def failures(self) -> Counter[str]:
        """Number of the workflow tasks that failed, by cause."""
        found: Counter[str] = Counter()
        for life in self.lives:
            found.update(life.failures)
        return found

    def wrong(self, last: str) -> list[str]:
        """Name everything that no load of the machine explains.

        ``last`` is the version that all calls must be on.
        """
        foreign = Counter(each.kind for each in self.alarms if each.kind not in _OF_TIME)
        return [
            *self.others,
            *(f"{move.what}: {move.problem}" for move in self.moves if move.problem),
            *(f"a pause had no answer: {pause.error}" for pause in self.pauses if pause.error),
            *(f"{n} alarms {kind} for no reason" for kind, n in foreign.items()),
            *self._of_lives(last),
        ]

    def late(self) -> list[str]:
        """Name every pause and every alarm that was late."""
        pauses = [p for p in self.pauses if p.problem or p.seconds > PAUSE_BAR]
        alarms = [seconds for seconds in self.latencies if seconds > ALARM_BAR]
        return [
            *(f"a pause took {p.seconds:.1f} s {p.problem}".strip() for p in pauses),
            *(f"an alarm that fell due came {seconds:.1f} s late" for seconds in alarms),
        ]

    def _of_lives(self, last: str) -> list[str]:
        failures = self.failures
        found = [f"{count} workflow tasks failed: {cause}" for cause, count in failures.items()]
        torn = sum(any(len(builds) > 1 for builds in life.builds) for life in self.lives)
        if torn:
            found.append(f"{torn} calls changed their version within a run")
        elsewhere = sum(life.builds[-1] != {last} for life in self.lives)
        if elsewhere:
            found.append(f"{elsewhere} calls are not on version {last}")
        again = sum(life.in_vain > 1 for life in self.lives)
        if again:
            found.append(f"{again} calls handed over again and again to the version they were on")
        return found


def _latency(pause: Pause, alarms: Sequence[Received]) -> float:
    due = pause.alarm_due_at or 0.0
    came = (
        each.at
        for each in alarms
        if each.workflow_id == pause.workflow_id and each.kind == TOO_LONG and each.at >= due - 1
    )
    return min(came, default=float("inf")) - due


async def lives_of(client: Client, calls: Sequence[str]) -> list[Life]:
    """Read the histories of all runs of these calls."""
    room = asyncio.Semaphore(READ_AT_ONCE)

    async def one(workflow_id: str) -> Life:
        async with room:
            return _life(await _runs(client, workflow_id))

    return await asyncio.gather(*map(one, calls))


async def _runs(client: Client, workflow_id: str) -> list[WorkflowHistory]:
    """Return the histories of a call's runs, the oldest first."""
    found: list[WorkflowHistory] = []
    run_id = (await client.get_workflow_handle(workflow_id).describe()).run_id
    while run_id and len(found) < MAX_RUNS:
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        found.insert(0, await handle.fetch_history())
        started = found[0].events[0].workflow_execution_started_event_attributes
        run_id = started.continued_execution_run_id
    return found


def _life(runs: Sequence[WorkflowHistory]) -> Life:
    failures: Counter[str] = Counter()
    looked_again = 0
    builds: list[set[str]] = []
    for run in runs:
        builds.append(set())
        for event in run.events:
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                done = event.workflow_task_completed_event_attributes
                builds[-1].add(done.deployment_version.build_id)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                cause = event.workflow_task_failed_event_attributes.cause
                if cause == _NO_FAILURE:
                    looked_again += 1
                else:
                    failures[WorkflowTaskFailedCause.Name(cause)] += 1
    return Life(builds, failures, looked_again)
