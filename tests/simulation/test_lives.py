"""Does a promise break in random lives of the real workflow? `make simulate` plays many more."""

import pytest

from bench.simulation import protocol
from bench.simulation.life import Life
from bench.simulation.play import find
from callvault.contracts.alarms import AlarmKind

LIVES = 80


@pytest.mark.lives
@pytest.mark.slow("lives of the real workflow, some 20 in a second")
def test_no_random_life_breaks_a_promise() -> None:
    assert [str(problem) for problem in find(0, LIVES)] == []


# In the first five terms named nobody once they were cut, or a reading was heard of after the end.
# In four others silence was proven after its pause had been released, a mark was missing of what
# began paused and was never read, a start that found another one in its way had still begun, and
# the simulation expected of a query what a timer was to do next. Of the last four, the first had a
# start that was given up, of which a callback told just as the pause that it met was over, the
# second sound in a silence, heard of once that was over, the third a doubt that ended as it began;
# the fourth a pause that was told of and released, beside another that had time to be confirmed.
# In those of the last row a reading that was under way as sound came and went counted as proof of
# the time before it, what a start had begun was forgotten with a later refusal, a proof that was
# heard of late left a doubt beside it, what had begun paused and been resumed had half a minute for
# a pause, a reading came in the very activation in which its run handed over, a file that was
# doubted once it had been sealed kept its manifest, and nobody was told of a start that hung,
# and was to begin paused after it had waited for consent.
BROKEN_ONCE = (
    *(45, 54, 223, 290, 330, 112, 432, 442, 481, 775, 1404, 1635, 2119, 3181, 3189, 5138),
    *(50203, 70004, 70137, 70530, 700781, 3002965, 7003157, 7004251),
    *(37334, 42236, 43516, 64419, 46260, 52529, 53748, 76927, 91976),
)


@pytest.mark.parametrize("seed", BROKEN_ONCE)
def test_a_life_that_broke_a_promise_once_breaks_none(seed: int) -> None:
    assert [str(problem) for problem in find(seed, 1)] == []


def test_the_alarm_of_a_call_that_is_cancelled_before_it_began_is_sent() -> None:
    """It was lost: nothing else was left to do, so that no loop was begun."""
    life = Life(1)
    life.server.begin()
    life.server.deliver(protocol.cancellation())
    life.end()
    alarms = {record.alarm.kind: record.sent_at for record in life.status.alarms}
    assert alarms[AlarmKind.CANCELLED] is not None


def test_a_life_that_is_told_twice_is_the_same_life() -> None:
    first, second = Life(7), Life(7)
    first.live()
    second.live()
    assert first.story == second.story
    assert first.server.result == second.server.result
