"""Nemesis: kills and freezes parts of the cluster at seeded moments, and heals them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from bench.chaos.cluster import WORKERS, Cluster, Fault, Outage, Part

MIN_FAULT_INTERVAL = 2.0
"""Seconds."""
DOWNTIME = (0.3, 6.0)
"""Seconds that a part stays down, at least and at most; its start comes on top."""
PAIR_PROBABILITY = 0.2
"""Share of the faults that hit two parts at once."""

FAULT_WEIGHTS: dict[Part, dict[Fault, int]] = {
    Part.TEMPORAL: {Fault.KILL: 1},
    # Azurite writes its list of blobs every five seconds: killed, it loses acknowledged blobs,
    # which no real archive does.
    Part.AZURITE: {Fault.END: 2, Fault.FREEZE: 1},
    Part.EMULATOR: {Fault.KILL: 3, Fault.FREEZE: 1},
    Part.GATEWAY: {Fault.KILL: 3, Fault.FREEZE: 1},
    # A frozen worker wakes with tasks that others have taken over meanwhile.
    Part.WORKER_1: {Fault.KILL: 3, Fault.END: 1, Fault.FREEZE: 2},
    Part.WORKER_2: {Fault.KILL: 3, Fault.END: 1, Fault.FREEZE: 2},
}


@dataclass
class Nemesis:
    """Injects faults; for the main thread only, as processes are."""

    cluster: Cluster
    seed: int
    fault_interval: float
    """Seconds between two faults, on average."""
    on_worker_killed: Callable[[str, float], None]
    """Called with identity and time of each killed worker."""
    say: Callable[[str], None]

    def run(self, *, until: Callable[[], bool]) -> None:
        """Inject and heal faults until the end; all parts run again then."""
        # The text is part of the seed: another text would draw other faults for known seeds.
        dice = Random(f"{self.seed} blows")
        deck = _deck(dice)
        while _wait(self._next_interval(dice), until):
            parts = {next(deck), next(deck)} if dice.random() < PAIR_PROBABILITY else {next(deck)}
            faults_by_part = [(part, _draw_fault(dice, part)) for part in sorted(parts)]
            self.say(", ".join(f"{part} {fault}" for part, fault in faults_by_part))
            outages = [self._inject(part, fault) for part, fault in faults_by_part]
            time.sleep(dice.uniform(*DOWNTIME))
            # The emulator last: when it starts, it validates its webhook at the gateway.
            for outage in sorted(outages, key=lambda each: each.part is Part.EMULATOR):
                self.cluster.heal(outage)

    def _inject(self, part: Part, fault: Fault) -> Outage:
        identity = self.cluster.identity(part)
        outage = self.cluster.inject(part, fault)
        if part in WORKERS and fault is Fault.KILL:
            # At once: Temporal forgets who ran an activity as soon as another attempt begins.
            self.on_worker_killed(identity, outage.began)
        return outage

    def _next_interval(self, dice: Random) -> float:
        return min(
            max(dice.expovariate(1 / self.fault_interval), MIN_FAULT_INTERVAL),
            3 * self.fault_interval,
        )


def _deck(dice: Random) -> Iterator[Part]:
    """Yield parts in random order, each once before any comes again."""
    while True:
        yield from dice.sample([*Part], len(Part))


def _draw_fault(dice: Random, part: Part) -> Fault:
    return dice.choices([*FAULT_WEIGHTS[part]], [*FAULT_WEIGHTS[part].values()])[0]


def _wait(seconds: float, until: Callable[[], bool]) -> bool:
    """Wait; return False as soon as the end is reached."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            return True
        time.sleep(0.1)
    return False
