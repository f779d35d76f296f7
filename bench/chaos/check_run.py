"""Check of a whole run: collects its history and compares it with every promise."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from temporalio.client import WorkflowQueryFailedError
from temporalio.service import RPCError

from bench.chaos import grouped_alarms, history, recovery
from bench.chaos.alarm_latency import (
    Interval,
    LateAlarm,
    contradictory_times,
    due_by,
    excluded_times,
    forgotten_times,
    latency,
    times_before_copied_anew,
    times_before_told_anew,
)
from bench.chaos.checker import Case, check, losses_of
from bench.chaos.cluster import Cluster
from bench.chaos.history import History, Run
from bench.chaos.operator import Operator
from bench.chaos.options import Options
from bench.chaos.parts import HISTORY, Part
from bench.chaos.pause_answers import answer_violations, pauses_of
from bench.chaos.proxy import Proxy, ReceivedAlarm
from bench.chaos.recovery import Interrupted, Recovery
from bench.chaos.results import RunResult
from bench.chaos.run_context import RunContext
from bench.chaos.violations import Violation
from bench.chaos.world import World
from bench.chaos.world_checks import WorldFacts
from callvault.contracts import names
from callvault.contracts.alarms import Alarm
from callvault.contracts.status import CallStatus
from callvault.local.stack import CALLVAULT
from callvault.local.stack_settings import ARCHIVE

INTERRUPTION_MARGIN = 15.0
"""Seconds before and after an outage in which a workflow task may have been lost by it: a task has
five, and is given to another worker after that."""
VERIFY_TIMEOUT = 900
"""Seconds."""


@dataclass(frozen=True)
class RunChecker:
    options: Options
    world: World
    proxy: Proxy
    context: RunContext
    operator: Operator
    interrupted: list[Interrupted]

    async def check(self) -> RunResult:
        """Collect the history and check every promise."""
        workload = self.context.workload
        found = await history.gather(
            workload.played, workload.backend, self.context.client, self.cluster
        )
        named_missing = await asyncio.to_thread(self._named_missing)
        case = Case(
            workload.played,
            found,
            [*self.proxy.sent_events.values()],
            self.proxy.alarms,
            self.cluster.outages,
            workload.early_deletion.documents,
            self.options.polls_result,
            WorldFacts(
                self.world.restores,
                self.world.intruders,
                self.proxy.refused_alarms,
                self.world.signing_keys,
                named_missing,
                self.operator.failures,
                self._interruptions(),
                {*self.operator.ended},
            ),
        )
        losses = losses_of(case)
        late_alarms = await self._late_alarms(found)
        recoveries = recovery.recoveries(self.interrupted, found.runs)
        clocks = [*self._too_late(late_alarms), *self._too_slow(recoveries, found)]
        told = [each.alarm for each in late_alarms]
        answers = answer_violations(workload.played, found.truths, told)
        return RunResult(
            self.options,
            violations=[*check(case, losses), *clocks, *answers],
            losses=losses,
            recoveries=recoveries,
            late_alarms=late_alarms,
            outages=self.cluster.outages,
            service_faults=self.context.service_faults.counts,
            modes=self.proxy.modes,
            history=found,
            pauses=pauses_of(workload.played),
        )

    def verify(self) -> list[Violation]:
        """Run `callvault verify` on the archive, in a process of its own."""
        # Quick: the bytes of the files have been compared with the service's already.
        done = self._callvault("verify", ARCHIVE, "--quick")
        said = (done.stdout + done.stderr)[-2000:]
        return [Violation(0, f"callvault verify: {said}")] if done.returncode else []

    @property
    def cluster(self) -> Cluster:
        return self.world.cluster

    def _named_missing(self) -> set[str]:
        """Ask `callvault reconcile`, in a process of its own, for what is not complete."""
        done = self._callvault("reconcile", "--since", "24h", "--json")
        gaps = json.loads(done.stdout)["gaps"] if done.stdout.startswith("{") else []
        return {str(gap.get("recordingId")) for gap in gaps}

    def _callvault(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CALLVAULT, *words],
            env=dict(self.cluster.environment),
            capture_output=True,
            text=True,
            timeout=VERIFY_TIMEOUT,
        )

    async def _late_alarms(self, found: History) -> list[LateAlarm]:
        """Measure the lateness of each alarm, also of those that were counted in a group."""
        received = _first_received(self.proxy.alarms)
        forgotten = WorldFacts(self.world.restores).forgotten
        ids = sorted({run.workflow_id for run in found.runs})
        found_statuses = await history.each([self._status(workflow_id) for workflow_id in ids])
        statuses = dict(zip(ids, found_statuses, strict=True))
        counted = grouped_alarms.counted(found_statuses, self.proxy.alarms)
        return [
            latency(
                each.alarm,
                due_by(each.alarm, statuses.get(each.alarm.workflow_id)),
                each.at,
                [
                    *self._excluded(found.runs_of(each.alarm.workflow_id)),
                    *forgotten_times(each.at, forgotten),
                    *times_before_copied_anew(each.alarm, self._copied_anew(each.alarm)),
                    *times_before_told_anew(each.alarm, self._told_anew()),
                ],
            )
            for each in (*grouped_alarms.raised(received), *counted)
        ]

    def _copied_anew(self, alarm: Alarm) -> Iterator[Interval]:
        number = self._scenario(alarm.workflow_id)
        copied = (each for each in self.operator.copied_anew if number in each.scenarios)
        return ((each.began, each.ended) for each in copied)

    def _told_anew(self) -> Iterator[Interval]:
        repairs = (each for each in self.operator.repairs if each.groups_told_anew)
        return ((each.restore.at, each.groups_told_anew) for each in repairs)

    def _excluded(self, runs: list[Run]) -> list[Interval]:
        restored_at = [each.at for each in self.world.restores if each.has_database]
        contradictory = contradictory_times(runs, self.operator.ended, restored_at)
        return [
            *excluded_times(self.cluster.outages, runs, self.cluster.workers),
            *contradictory,
        ]

    def _interruptions(self) -> list[Interval]:
        parts = (Part.TEMPORAL, *HISTORY, *self.cluster.workers, Part.LINE_TO_TEMPORAL)
        return [
            (each.began - INTERRUPTION_MARGIN, (each.ended or each.began) + INTERRUPTION_MARGIN)
            for each in self.cluster.outages
            if each.part in parts
        ]

    async def _status(self, workflow_id: str) -> CallStatus | None:
        """Query a call; None if a restore of Temporal has forgotten or broken it.

        One that does not work is a violation in itself.
        """
        handle = self.context.client.get_workflow_handle(workflow_id)
        try:
            status: CallStatus = await handle.query(names.STATUS, result_type=CallStatus)
        except (RPCError, WorkflowQueryFailedError) as error:
            if not self.world.restores:
                raise RuntimeError(f"{workflow_id} cannot be queried") from error
            return None
        return status

    def _too_late(self, late_alarms: list[LateAlarm]) -> Iterator[Violation]:
        for each in late_alarms:
            if each.counted > self.options.max_alarm_latency:
                what = f"alarm {each.alarm.id} ({each.alarm.kind}) came {each.counted:.1f} s late"
                told = grouped_alarms.account(each.alarm, self.proxy.alarms)
                yield Violation(
                    self._scenario(each.alarm.workflow_id),
                    f"{what}; of its group was told: {told}" if each.alarm.is_grouped else what,
                )

    def _too_slow(self, found: list[Recovery], gathered: History) -> Iterator[Violation]:
        """Yield the exports of dead workers that were not resumed in time."""
        by_id = {each.run_id: each for each in gathered.runs}
        forgotten = WorldFacts(self.world.restores).forgotten
        for each in found:
            run = by_id[each.interrupted.run_id]
            if (
                recovery.counted_seconds(
                    each,
                    self.cluster.outages,
                    run,
                    self.cluster.workers,
                    forgotten,
                )
                > recovery.MAX_RECOVERY_TIME
            ):
                after = "never" if each.seconds is None else f"after {each.seconds:.0f} s"
                what = f"what a killed worker did went on {after}"
                yield Violation(self._scenario(run.workflow_id), what)

    def _scenario(self, workflow_id: str) -> int:
        played = self.context.workload.played
        return next((one.scenario.number for one in played if one.workflow_id == workflow_id), 0)


def _first_received(alarms: list[ReceivedAlarm]) -> list[ReceivedAlarm]:
    """Keep each alarm once: a webhook that answered too late receives it again."""
    received: dict[tuple[str, datetime], ReceivedAlarm] = {}
    for each in alarms:
        received.setdefault((each.alarm.id, each.alarm.at), each)
    return [*received.values()]
