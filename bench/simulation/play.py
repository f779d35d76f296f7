"""Plays lives, and shrinks the story of one in which a promise broke."""

import gc
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count

from bench.simulation.faults import DEFAULT, Fault
from bench.simulation.instance import Broken
from bench.simulation.life import STEPS, Life
from bench.simulation.messages import Theme

_CHUNK = 50

LIFE_TIMEOUT = 5.0
"""Seconds of processor time for one life, which takes a tenth of one: a workflow that goes round in
circles within one activation is stopped."""


class Endless(KeyboardInterrupt):
    """A life takes too long; of a kind that no event loop keeps to itself."""


@dataclass(frozen=True)
class Problem:
    """A promise that broke in a life."""

    seed: int
    what: str

    def __str__(self) -> str:
        return f"scenario {self.seed}: {self.what}"


def play(
    seed: int, steps: Sequence[int] = range(STEPS), faults: frozenset[Fault] = DEFAULT
) -> tuple[str | None, list[str]]:
    """Play one life; return what broke in it, or None, and its story."""
    life = Life(seed, faults)
    before = signal.signal(signal.SIGVTALRM, _interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIFE_TIMEOUT)
    try:
        life.live(steps)
    except Broken as broken:
        return str(broken), life.story
    except Endless:
        return "the workflow goes round in circles", life.story
    except Exception as error:
        # An error of the simulation's own must name its scenario, too.
        return f"{type(error).__name__}: {error}", life.story
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return None, life.story


def _interrupt(number: int, frame: object) -> None:
    raise Endless


def find(first: int, scenarios: int, faults: frozenset[Fault] = DEFAULT) -> list[Problem]:
    """Play lives in this process, and return all that broke."""
    # Every refused update would be logged with its traceback.
    logging.disable(logging.CRITICAL)
    found = []
    try:
        for seed in range(first, first + scenarios):
            what, _ = play(seed, faults=faults)
            if what is not None:
                found.append(Problem(seed, what))
    finally:
        logging.disable(logging.NOTSET)
    return found


def silent() -> Iterator[int]:
    """Yield the numbers of the lives that are full of pauses, without end."""
    return (seed for seed in count() if Life(seed).theme is Theme.SILENCE)


def collect_rarely() -> None:
    """Let this process look for circles of garbage seldom: that takes a third of a life's time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def find_on_all_processors(
    first: int, scenarios: int, faults: frozenset[Fault] = DEFAULT
) -> list[Problem]:
    """Play lives on all processors, and return all that broke."""
    starts = range(first, first + scenarios, _CHUNK)
    with ProcessPoolExecutor(initializer=collect_rarely) as pool:
        parts = [
            pool.submit(find, start, min(_CHUNK, first + scenarios - start), faults)
            for start in starts
        ]
        return [problem for part in parts for problem in part.result()]


def shrink(seed: int, faults: frozenset[Fault] = DEFAULT) -> tuple[str | None, list[str]]:
    """Leave out steps as long as the same promise breaks; return it and the shortest story."""
    what, story = play(seed, faults=faults)
    if what is None:
        return None, story

    def breaks(steps: Sequence[int]) -> bool:
        return play(seed, steps, faults)[0] == what

    return play(seed, shortest(range(STEPS), breaks), faults)


def shortest(steps: Sequence[int], breaks: Callable[[Sequence[int]], bool]) -> Sequence[int]:
    """Leave out ever smaller parts, as long as what is left still breaks."""
    size = len(steps)
    while size:
        at = 0
        while at < len(steps):
            rest = [*steps[:at], *steps[at + size :]]
            if breaks(rest):
                steps = rest
            else:
                at += size
        size //= 2
    return steps
