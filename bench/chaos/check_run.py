"""Check of a whole run: collects its history and compares it with every promise."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bench.chaos import history, recovery
from bench.chaos.alarm_latency import Late, due_by, excuses, lateness
from bench.chaos.checker import Case, Violation, judge, losses_of
from bench.chaos.cluster import House
from bench.chaos.history import Evidence
from bench.chaos.options import Options
from bench.chaos.proxy import Heard, Road
from bench.chaos.recovery import Interrupted, Recovery
from bench.chaos.results import Outcome
from bench.chaos.run_context import Scene
from callvault.contracts import names
from callvault.contracts.status import CallStatus
from callvault.local.stack import ARCHIVE, CALLVAULT

VERIFIED_WITHIN = 900
"""Seconds."""


@dataclass(frozen=True)
class Court:
    options: Options
    house: House
    road: Road
    scene: Scene
    interrupted: list[Interrupted]

    async def judge(self) -> Outcome:
        """Collect the history and check every promise."""
        player = self.scene.player
        found = await history.gather(
            player.played, player.backend, self.scene.client, self.house.azurite
        )
        case = Case(
            player.played,
            found,
            [*self.road.sightings.values()],
            self.road.alarms,
            self.house.outages,
            player.shredder.documents,
            self.options.asks_result,
        )
        losses = losses_of(case)
        late = await self._late(found)
        recoveries = recovery.recoveries(self.interrupted, found.runs)
        clocks = [*self._too_late(late), *self._too_slow(recoveries, found)]
        return Outcome(
            self.options,
            violations=[*judge(case, losses), *clocks],
            losses=losses,
            recoveries=recoveries,
            late=late,
            outages=self.house.outages,
            faults=self.scene.weather.fell,
            fates=self.road.fates,
            evidence=found,
        )

    def verify(self) -> list[Violation]:
        """Run `callvault verify` on the archive, in a process of its own."""
        # Quick: the bytes of the files have been compared with the service's already.
        done = subprocess.run(
            [*CALLVAULT, "verify", ARCHIVE, "--quick"],
            env=dict(self.house.environment),
            capture_output=True,
            text=True,
            timeout=VERIFIED_WITHIN,
        )
        said = (done.stdout + done.stderr)[-2000:]
        return [Violation(0, f"callvault verify: {said}")] if done.returncode else []

    async def _late(self, found: Evidence) -> list[Late]:
        """Measure the lateness of each alarm."""
        heard = _first_heard(self.road.alarms)
        ids = sorted({each.alarm.workflow_id for each in heard})
        told = await history.each([self._status(workflow_id) for workflow_id in ids])
        statuses = dict(zip(ids, told, strict=True))
        return [
            lateness(
                each.alarm,
                due_by(each.alarm, statuses[each.alarm.workflow_id]),
                each.at,
                excuses(self.house.outages, found.runs_of(each.alarm.workflow_id)),
            )
            for each in heard
        ]

    async def _status(self, workflow_id: str) -> CallStatus:
        handle = self.scene.client.get_workflow_handle(workflow_id)
        status: CallStatus = await handle.query(names.STATUS, result_type=CallStatus)
        return status

    def _too_late(self, late: list[Late]) -> Iterator[Violation]:
        for each in late:
            if each.counted > self.options.alarm_within:
                yield Violation(
                    self._life(each.alarm.workflow_id),
                    f"alarm {each.alarm.id} ({each.alarm.kind}) came {each.counted:.1f} s late",
                )

    def _too_slow(self, found: list[Recovery], gathered: Evidence) -> Iterator[Violation]:
        """Yield the exports of dead workers that were not resumed in time."""
        by_id = {each.run_id: each for each in gathered.runs}
        for each in found:
            run = by_id[each.interrupted.run_id]
            if recovery.counted(each, self.house.outages, run) > recovery.LIMIT:
                after = "never" if each.seconds is None else f"after {each.seconds:.0f} s"
                what = f"what a killed worker did went on {after}"
                yield Violation(self._life(run.workflow_id), what)

    def _life(self, workflow_id: str) -> int:
        played = self.scene.player.played
        return next((one.life.number for one in played if one.workflow_id == workflow_id), 0)


def _first_heard(alarms: list[Heard]) -> list[Heard]:
    """Keep each alarm once: a webhook that answered too late receives it again."""
    heard: dict[tuple[str, datetime], Heard] = {}
    for each in alarms:
        heard.setdefault((each.alarm.id, each.alarm.at), each)
    return [*heard.values()]
