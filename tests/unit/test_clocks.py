"""Which clock is wrong, where several differ?"""

from datetime import UTC, datetime, timedelta

import pytest

from callvault.clocks import MEMORY, Clocks

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Machine:
    """A machine whose clock is wrong by some seconds."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.ahead = ahead
        self.elapsed = 0.0
        self.clocks = Clocks(self.local, lambda: self.elapsed)

    def local(self) -> float:
        return self.now().timestamp() + self.ahead

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.elapsed)

    def hears(self, **ahead: float) -> None:
        for whose, seconds in ahead.items():
            self.clocks.learn(whose, self.now() + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("ours", "others", "wrong"),
    [
        (0, {}, set()),
        (0, {"temporal": 0.4, "acs": -0.9}, set()),
        (600, {"temporal": 0, "acs": 0, "archive": 0}, {"this machine"}),
        (600, {"temporal": 0}, {"this machine"}),
        (-600, {"temporal": 0, "acs": 0}, {"this machine"}),
        (0, {"temporal": 86_400, "acs": 0}, {"temporal"}),
        (0, {"temporal": 86_400, "acs": 0, "archive": 0}, {"temporal"}),
        (0, {"temporal": 0, "acs": 0, "archive": -20}, {"archive"}),
        (600, {"temporal": 600, "acs": 0, "archive": 0}, {"this machine", "temporal"}),
    ],
)
def test_the_time_that_most_have_is_agreed_and_the_others_are_told(
    ours: float, others: dict[str, float], wrong: set[str]
) -> None:
    machine = Machine(ours)
    machine.hears(**others)
    assert set(machine.clocks.problems()) == wrong
    assert abs(machine.clocks.now() - NOW) < timedelta(seconds=2)


def test_a_difference_is_told_in_seconds_with_its_direction() -> None:
    machine = Machine(600)
    machine.hears(temporal=0, acs=0)
    assert machine.clocks.problems()["this machine"].startswith("its clock is 600 s ahead")
    assert machine.clocks.differences() == pytest.approx({"temporal": -600, "acs": -600})


def test_a_clock_that_is_set_right_is_no_problem_at_once() -> None:
    machine = Machine(600)
    machine.hears(temporal=0, acs=0)
    machine.ahead = 0
    assert machine.clocks.problems() == {}
    assert machine.clocks.now() == NOW


def test_what_was_told_long_ago_counts_no_more() -> None:
    machine = Machine(600)
    machine.hears(temporal=0)
    machine.elapsed = MEMORY.total_seconds() + 1
    assert machine.clocks.differences() == {}
