import asyncio
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from callvault.cli.actions.interruptible import run


@pytest.fixture
def ctrl_c_interrupts() -> Iterator[None]:
    """As in a terminal, whatever the tests' own process does with it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_interrupts")
def test_ctrl_c_while_a_result_is_being_set_is_no_error() -> None:
    """The loop takes the result of a thread's future just as its waiter is cancelled."""
    said: list[dict[str, Any]] = []

    class Interrupted(Future[str]):
        def result(self, timeout: float | None = None) -> str:
            signal.raise_signal(signal.SIGINT)
            return super().result(timeout)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: said.append(context))
        of_a_thread = Interrupted()
        loop.call_soon(of_a_thread.set_result, "a name")
        await asyncio.wrap_future(of_a_thread)
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run(work())
    assert said == []


@pytest.mark.usefixtures("ctrl_c_interrupts")
def test_a_second_ctrl_c_interrupts_what_keeps_the_loop() -> None:
    async def work() -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(work())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c_interrupts")
def test_where_it_is_ignored_it_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    async def work() -> str:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(0)
        return "done"

    assert run(work()) == "done"
