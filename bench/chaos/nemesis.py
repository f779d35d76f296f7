"""Nemesis: injects faults into the cluster and its world at seeded moments, and heals them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from bench.chaos.parts import (
    HISTORY,
    HOST_FAULTS,
    HOSTS,
    LEAVES_WORK,
    ON_ONE_HOST,
    Fault,
    Outage,
    Part,
)
from bench.chaos.world import World

Card = TypeVar("Card")
MIN_FAULT_INTERVAL = 2.0
"""Seconds."""
DOWNTIME = (0.3, 6.0)
"""Seconds that a part stays down, at least and at most; its start comes on top."""
PAIR_PROBABILITY = 0.2
"""Share of the faults that hit two parts at once."""

LONG = {
    Fault.WRONG_CLOCK: (8.0, 20.0),
    Fault.UNMOUNT: (2.0, 10.0),
    # Some outlast a heartbeat time-out: then others go on with what the host was doing.
    **dict.fromkeys((Fault.CUT_OFF, Fault.LINK_DOWN, Fault.ONE_WAY), (5.0, 90.0)),
    **dict.fromkeys((Fault.SLOW_LINE, Fault.SLOW_PROCESSOR), (10.0, 30.0)),
}
"""Seconds that other faults last, which take effect more slowly."""

FAULT_WEIGHTS: dict[Part, dict[Fault, int]] = {
    # Set back while the workers run: they remember more of their calls than Temporal does.
    Part.TEMPORAL: {Fault.KILL: 2, Fault.RESTORE: 1, Fault.RESTORE_ALL: 1},
    # Azurite writes its list of blobs every five seconds: killed, it loses acknowledged blobs,
    # which no real archive does.
    Part.AZURITE: {Fault.END: 2, Fault.FREEZE: 1},
    Part.EMULATOR: {Fault.KILL: 3, Fault.FREEZE: 1},
    Part.GATEWAY: {Fault.KILL: 3, Fault.FREEZE: 1},
    # A frozen worker wakes with tasks that others have taken over meanwhile.
    Part.WORKER_1: {Fault.KILL: 3, Fault.END: 1, Fault.FREEZE: 2, Fault.WRONG_CLOCK: 2},
    Part.WORKER_2: {Fault.KILL: 3, Fault.END: 1, Fault.FREEZE: 2, Fault.WRONG_CLOCK: 2},
    Part.ARCHIVE: {Fault.UNMOUNT: 3, Fault.RESTORE: 1},
    Part.SECRETS: {Fault.ROTATE: 1},
    Part.LINE_TO_TEMPORAL: {Fault.HALF_OPEN: 1, Fault.HOLD: 1, Fault.LOSSY: 1},
    Part.LINE_TO_ACS: {Fault.HALF_OPEN: 1, Fault.HOLD: 2, Fault.LOSSY: 2},
    **{history: {Fault.KILL: 1} for history in HISTORY},
}


@dataclass
class Nemesis:
    """Injects faults; for the main thread only, as processes are."""

    world: World
    seed: int
    fault_interval: float
    """Seconds between two faults, on average."""
    on_worker_killed: Callable[[str, float], None]
    """Called with identity and time of each worker that was killed or cut off."""
    say: Callable[[str], None]
    only: tuple[Part, ...] = ()
    """The parts that meet faults; without any, all of a cluster on one host."""
    freeze: tuple[float, float] | None = None
    """Seconds for which they stand still, which is all that they meet; None for every fault."""
    met: set[Part | Fault] = field(default_factory=set)
    """The parts that have met a fault, and the faults that hosts have met."""

    def run(self, *, until: Callable[[], bool]) -> None:
        """Inject and heal faults until the end; all parts run again then."""
        # The text is part of the seed: another text would draw other faults for known seeds.
        dice = Random(f"{self.seed} blows")
        deck = _deck(dice, self.parts)
        host_faults = _deck(dice, HOST_FAULTS)
        while _wait(self._next_interval(dice), until):
            self.world.back_up()
            parts = {next(deck), next(deck)} if dice.random() < PAIR_PROBABILITY else {next(deck)}
            faults_by_part = [
                (part, next(host_faults) if part in HOSTS else self._draw_fault(dice, part))
                for part in sorted(parts)
            ]
            # First: a worker that is started again to have another clock needs what it starts with.
            faults_by_part.sort(key=lambda each: each[1] is not Fault.WRONG_CLOCK)
            self.say(", ".join(f"{part} {fault}" for part, fault in faults_by_part))
            outages = [self._inject(part, fault, dice) for part, fault in faults_by_part]
            longest = max((LONG.get(fault, DOWNTIME) for _, fault in faults_by_part))
            time.sleep(dice.uniform(*(self.freeze or longest)))
            # The emulator last: when it starts, it validates its webhook at the gateway. A worker
            # after Temporal, without which it does not start.
            for outage in sorted(outages, key=lambda each: (each.part is Part.EMULATOR, each.part)):
                self.world.heal(outage)

    def may_begin(self, number: int, of: int) -> bool:
        """Tell if the scenario with this number may begin, so that every part meets a fault.

        Some faults last longer than a short run: its scenarios are spread over the first round of
        all parts, the last one begins when each has met a fault; and hosts each fault of theirs.
        """
        host_faults = HOST_FAULTS if {*HOSTS} & {*self.parts} else ()
        return len(self.met) >= number * (len(self.parts) + len(host_faults)) // of

    @property
    def parts(self) -> list[Part]:
        """The parts that this cluster has."""
        has_directory = self.world.cluster.plan.has_directory
        parts = self.only or ON_ONE_HOST
        return [part for part in parts if has_directory or part is not Part.ARCHIVE]

    def _inject(self, part: Part, fault: Fault, dice: Random) -> Outage:
        is_worker = part in self.world.cluster.workers
        identity = self.world.cluster.identity(part) if is_worker else ""
        outage = self.world.inject(part, fault, dice)
        self.met |= {part, fault} if part in HOSTS else {part}
        if is_worker and fault in LEAVES_WORK:
            # At once: Temporal forgets who ran an activity as soon as another attempt begins.
            self.on_worker_killed(identity, outage.began)
        return outage

    def _draw_fault(self, dice: Random, part: Part) -> Fault:
        if self.freeze:
            return Fault.FREEZE
        return dice.choices([*FAULT_WEIGHTS[part]], [*FAULT_WEIGHTS[part].values()])[0]

    def _next_interval(self, dice: Random) -> float:
        return min(
            max(dice.expovariate(1 / self.fault_interval), MIN_FAULT_INTERVAL),
            3 * self.fault_interval,
        )


def _deck(dice: Random, cards: Sequence[Card]) -> Iterator[Card]:
    """Yield all in random order, each once before any comes again."""
    while True:
        yield from dice.sample(cards, len(cards))


def _wait(seconds: float, until: Callable[[], bool]) -> bool:
    """Wait; return False as soon as the end is reached."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            return True
        time.sleep(0.1)
    return False
