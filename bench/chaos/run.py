"""One run: a seed and its lives, played while parts are killed, then checked."""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.chaos import history, recovery, run_context
from bench.chaos.check_run import Court
from bench.chaos.cluster import House, Plan
from bench.chaos.event_loop import Field
from bench.chaos.generator import life
from bench.chaos.nemesis import Destroyer
from bench.chaos.options import Options
from bench.chaos.proxy import Road
from bench.chaos.recovery import Interrupted
from bench.chaos.results import Outcome
from bench.chaos.run_context import Scene
from callvault.local.processes import Supervisor

LONGEST = 600.0
"""Time limit of playing in seconds, and as much again for each hundred lives."""
JUDGED_WITHIN = 1200.0
LOOKS_EVERY = 2.0

Say = Callable[[str], None]


def run(options: Options, home: Path, say: Say) -> Outcome:
    """Play all lives under faults, and check the outcome. Needs the main thread."""
    with Supervisor(home / "logs") as supervisor, Field() as field_:
        house = House(supervisor, home, plan_of(options, field_.address))
        road = Road(house.gateway, options.export_window)
        field_.serve(road)
        house.build()
        acting = field_.do(run_context.enter(house, road, options), within=60)
        try:
            return _Run(options, house, road, field_, acting, say).through()
        finally:
            for leaving in (acting.leave(), road.close()):
                field_.do(leaving, within=10)


def plan_of(options: Options, road: str) -> Plan:
    """Make the cluster's settings; ``road`` is the base URL of the proxy."""
    return Plan(
        seed=options.seed,
        export_window=options.export_window,
        event_expected_within=options.event_expected_within,
        state_checked_every=options.state_checked_every,
        asks_result=options.asks_result,
        ladder=options.ladder,
        road=road,
        sabotage=options.sabotage,
    )


@dataclass
class _Run:
    options: Options
    house: House
    road: Road
    field: Field
    scene: Scene
    say: Say
    interrupted: list[Interrupted] = dataclasses.field(default_factory=list)

    def through(self) -> Outcome:
        began = time.monotonic()
        self._play()
        self._settle()
        seconds = time.monotonic() - began
        self.say(f"over after {seconds:.0f} s, judging")
        court = Court(self.options, self.house, self.road, self.scene, self.interrupted)
        outcome = self.field.do(court.judge(), within=JUDGED_WITHIN)
        outcome.violations += court.verify()
        outcome.seconds = seconds
        return outcome

    def _play(self) -> None:
        """Play the lives while the nemesis works."""
        options = self.options
        lives = [life(options.seed, n, options.lives) for n in range(1, options.lives + 1)]
        weather = self.field.begin(self.scene.weather.blow())
        self.field.begin(self.scene.keep_sweeping())
        playing = self.field.begin(self.scene.player.play(lives, options.at_once))
        destroyer = Destroyer(
            self.house, options.seed, options.peace, self._worker_gone, self._report
        )
        end = time.monotonic() + LONGEST * (1 + options.lives / 100)
        destroyer.rage(until=lambda: playing.done() or time.monotonic() > end)
        weather.cancel()
        playing.result(0)

    def _settle(self) -> None:
        """Clear the faults and wait for every workflow; the checker reports those stuck."""
        self.field.do(self.scene.weather.clear(), within=60)
        end = time.monotonic() + self.options.settles_within
        while not self._is_over() and time.monotonic() < end:
            time.sleep(LOOKS_EVERY)

    def _is_over(self) -> bool:
        left = self.field.do(history.open_runs(self.scene.client), within=60)
        return not left and self.road.is_empty

    def _worker_gone(self, identity: str, killed: float) -> None:
        async def look() -> None:
            found = await recovery.interrupted_on(self.scene.client, identity, killed)
            self.interrupted.extend(found)

        self.field.begin(look())

    def _report(self, blow: str) -> None:
        self.say(f"{self.scene.player.over} of {self.options.lives} lives over; {blow}")
