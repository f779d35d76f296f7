"""Does every host meet faults, and every fault a host, while other runs stay as they were?"""

from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from bench.chaos import nemesis
from bench.chaos.nemesis import Nemesis
from bench.chaos.parts import (
    HISTORY,
    HOST_FAULTS,
    HOSTS,
    LEAVES_WORK,
    ON_ONE_HOST,
    WORKERS,
    Fault,
    Part,
)
from bench.chaos.world import Outage

SCENARIOS = 20


@dataclass
class Seen:
    """A world that only remembers its faults."""

    workers: tuple[Part, ...] = HOSTS
    faults: list[Outage] = field(default_factory=list)

    @property
    def cluster(self) -> Any:
        return SimpleNamespace(
            workers=self.workers,
            identity=lambda part: f"{part}.1",
            plan=SimpleNamespace(has_directory=True),
        )

    def back_up(self) -> None:
        pass

    def inject(self, part: Part, fault: Fault, dice: Random) -> Outage:
        self.faults.append(Outage(part, fault, 0))
        return self.faults[-1]

    def heal(self, outage: Outage) -> None:
        outage.ended = 1


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nemesis, "time", SimpleNamespace(sleep=lambda _: None, monotonic=_Clock()))


class _Clock:
    """A clock that is far ahead each time it is read."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1000
        return self.now


def played(world: Seen, *only: Part, faults: int = 12) -> tuple[Nemesis, list[str]]:
    left: list[str] = []
    blows = Nemesis(world, 1, 5, lambda who, _: left.append(who), lambda _: None, only)
    blows.run(until=lambda: len(world.faults) >= faults)
    return blows, left


def test_every_host_and_every_fault_of_hosts_is_met() -> None:
    world = Seen()
    blows, _ = played(world, *HOSTS, *HISTORY, faults=30)
    assert {each.part for each in world.faults} == {*HOSTS, *HISTORY}
    assert {each.fault for each in world.faults if each.part in HOSTS} == {*HOST_FAULTS}
    assert {each.fault for each in world.faults if each.part in HISTORY} == {Fault.KILL}
    assert all(each.ended for each in world.faults)
    assert blows.may_begin(SCENARIOS, SCENARIOS)


def test_the_last_scenario_waits_for_the_last_fault() -> None:
    blows, _ = played(Seen(), *HOSTS, faults=2)
    assert not blows.may_begin(SCENARIOS, SCENARIOS)
    assert blows.may_begin(1, SCENARIOS)


def test_the_work_of_a_host_that_is_cut_off_is_looked_for() -> None:
    world = Seen()
    _, left = played(world, *HOSTS, faults=20)
    leaving = [f"{each.part}.1" for each in world.faults if each.fault in LEAVES_WORK]
    assert left == leaving


def test_parts_that_are_to_stand_still_meet_nothing_else() -> None:
    world = Seen(workers=WORKERS)
    quiet = Nemesis(world, 1, 5, lambda *_: None, lambda _: None, WORKERS, freeze=(31, 34))
    quiet.run(until=lambda: len(world.faults) >= 12)
    assert {each.part for each in world.faults} == {*WORKERS}
    assert {each.fault for each in world.faults} == {Fault.FREEZE}


def test_a_run_on_one_host_has_no_others() -> None:
    world = Seen(workers=(Part.WORKER_1, Part.WORKER_2))
    played(world, faults=30)
    assert {each.part for each in world.faults} == {*ON_ONE_HOST}


class NeedsTemporal(Seen):
    """A world in which a worker is started, as its clock is set or set right, beside Temporal."""

    both = 0
    """Times that Temporal went away while a worker had another clock."""

    def inject(self, part: Part, fault: Fault, dice: Random) -> Outage:
        self._check(fault)
        self.both += part is Part.TEMPORAL and Fault.WRONG_CLOCK in {f.fault for f in self._out()}
        return super().inject(part, fault, dice)

    def heal(self, outage: Outage) -> None:
        self._check(outage.fault)
        super().heal(outage)

    def _check(self, fault: Fault) -> None:
        if fault is Fault.WRONG_CLOCK:
            assert Part.TEMPORAL not in {each.part for each in self._out()}

    def _out(self) -> list[Outage]:
        return [each for each in self.faults if each.ended is None]


def test_a_worker_is_given_its_clock_while_temporal_is_there() -> None:
    """Else it waits for a Temporal that nobody starts before it is ready."""
    world = NeedsTemporal(workers=(Part.WORKER_1, Part.WORKER_2))
    played(world, Part.TEMPORAL, Part.WORKER_1, Part.WORKER_2, faults=100)
    assert world.both
