"""Is a broken promise told again, and in short?"""

import pytest

from bench.simulation import ending
from bench.simulation.acs import FakeAcs
from bench.simulation.activities import Surroundings
from bench.simulation.instance import Broken
from bench.simulation.play import find, shortest, shrink
from bench.simulation.server import Server


def test_steps_that_do_not_matter_are_left_out() -> None:
    assert list(shortest(range(60), lambda steps: {7, 31} <= set(steps))) == [7, 31]


def test_the_shortest_story_of_a_broken_promise_breaks_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse_all(server: Server, acs: FakeAcs, surroundings: Surroundings) -> None:
        raise Broken("nothing is promised")

    monkeypatch.setattr(ending, "check", refuse_all)
    assert [str(each) for each in find(3, 1)] == ["scenario 3: nothing is promised"]
    what, story = shrink(3)
    assert what == "nothing is promised"
    assert story == [story[-1]]
