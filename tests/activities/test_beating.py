"""Does an activity without moments of its own show that its worker lives?"""

import threading
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.heartbeat import beating
from workflows import activity_options as policies
from workflows.call.deadlines import HEARTBEAT_TIMEOUT

OFTEN = timedelta(milliseconds=1)


def test_it_beats_while_the_work_goes_on_and_not_longer() -> None:
    heard = threading.Semaphore(0)
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: heard.release()

    def work() -> int:
        with beating(OFTEN):
            for _ in range(3):
                assert heard.acquire(timeout=10)
        return threading.active_count()

    before = threading.active_count()
    assert environment.run(work) <= before


def test_an_error_of_the_work_ends_the_beating_too() -> None:
    def work() -> None:
        with beating(OFTEN):
            raise ValueError("of the work")

    before = threading.active_count()
    with pytest.raises(ValueError, match="of the work"):
        ActivityEnvironment().run(work)
    assert threading.active_count() <= before


def test_whatever_may_take_long_is_missed_within_a_minute_when_its_worker_dies() -> None:
    for options in (policies.export("e", "r", 5), policies.seal("s")):
        assert options["heartbeat_timeout"] == HEARTBEAT_TIMEOUT
