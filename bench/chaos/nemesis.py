"""Nemesis: kills and freezes parts of the cluster at seeded moments, and heals them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from bench.chaos.cluster import WORKERS, Blow, House, Outage, Part

SHORTEST_PEACE = 2.0
"""Seconds."""
DOWN = (0.3, 6.0)
"""Seconds that a part stays down, at least and at most; its start comes on top."""
TOGETHER = 0.2
"""Share of the faults that hit two parts at once."""

BLOWS: dict[Part, dict[Blow, int]] = {
    Part.TEMPORAL: {Blow.KILL: 1},
    # Azurite writes what it knows of its blobs every five seconds: killed, it forgets what it has
    # acknowledged, which no archive may.
    Part.AZURITE: {Blow.END: 2, Blow.FREEZE: 1},
    Part.EMULATOR: {Blow.KILL: 3, Blow.FREEZE: 1},
    Part.GATEWAY: {Blow.KILL: 3, Blow.FREEZE: 1},
    Part.WORKER_1: {Blow.KILL: 3, Blow.END: 1},
    Part.WORKER_2: {Blow.KILL: 3, Blow.END: 1},
}


@dataclass
class Destroyer:
    """Injects faults; for the main thread only, as processes are."""

    house: House
    seed: int
    peace: float
    """Seconds between two blows, on average."""
    on_worker_gone: Callable[[str, float], None]
    """Called with identity and time of each killed worker."""
    say: Callable[[str], None]

    def rage(self, *, until: Callable[[], bool]) -> None:
        """Inject and heal faults until the end; everything works again then."""
        dice = Random(f"{self.seed} blows")
        deck = _deck(dice)
        while _wait(self._peace(dice), until):
            parts = {next(deck), next(deck)} if dice.random() < TOGETHER else {next(deck)}
            blows = [(part, _blow(dice, part)) for part in sorted(parts)]
            self.say(", ".join(f"{part} {blow}" for part, blow in blows))
            outages = [self._strike(part, blow) for part, blow in blows]
            time.sleep(dice.uniform(*DOWN))
            # The emulator last: on its return it validates its webhook at the gateway.
            for outage in sorted(outages, key=lambda each: each.part is Part.EMULATOR):
                self.house.mend(outage)

    def _strike(self, part: Part, blow: Blow) -> Outage:
        identity = self.house.identity(part)
        outage = self.house.strike(part, blow)
        if part in WORKERS and blow is Blow.KILL:
            self.on_worker_gone(identity, outage.began)
        return outage

    def _peace(self, dice: Random) -> float:
        return min(max(dice.expovariate(1 / self.peace), SHORTEST_PEACE), 3 * self.peace)


def _deck(dice: Random) -> Iterator[Part]:
    """Yield parts in random order, each once before any comes again."""
    while True:
        yield from dice.sample([*Part], len(Part))


def _blow(dice: Random, part: Part) -> Blow:
    return dice.choices([*BLOWS[part]], [*BLOWS[part].values()])[0]


def _wait(seconds: float, until: Callable[[], bool]) -> bool:
    """Wait; return False as soon as the end has come."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            return True
        time.sleep(0.1)
    return False
