"""Does an activity without moments of its own show that its worker lives?"""

import asyncio
import threading
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.heartbeat import background_heartbeat
from workflows import activity_options
from workflows.call.deadlines import HEARTBEAT_TIMEOUT

OFTEN = timedelta(milliseconds=1)


def test_it_beats_while_the_work_goes_on_and_not_longer() -> None:
    heard = threading.Semaphore(0)
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: heard.release()

    def work() -> int:
        with background_heartbeat(OFTEN):
            for _ in range(3):
                assert heard.acquire(timeout=10)
        return threading.active_count()

    before = threading.active_count()
    assert environment.run(work) <= before


async def test_an_asynchronous_activity_beats_within_its_event_loop() -> None:
    heard: asyncio.Queue[threading.Thread] = asyncio.Queue()
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *_: heard.put_nowait(threading.current_thread())

    async def work() -> set[threading.Thread]:
        with background_heartbeat(OFTEN):
            return {await asyncio.wait_for(heard.get(), 10) for _ in range(3)}

    before = threading.active_count()
    assert await environment.run(work) == {threading.current_thread()}
    assert threading.active_count() <= before


def test_an_error_of_the_work_ends_the_heartbeats_too() -> None:
    def work() -> None:
        with background_heartbeat(OFTEN):
            raise ValueError("of the work")

    before = threading.active_count()
    with pytest.raises(ValueError, match="of the work"):
        ActivityEnvironment().run(work)
    assert threading.active_count() <= before


def test_whatever_may_take_long_is_missed_within_a_minute_when_its_worker_dies() -> None:
    for options in (activity_options.export("e", "r", 5), activity_options.seal("s")):
        assert options["heartbeat_timeout"] == HEARTBEAT_TIMEOUT
