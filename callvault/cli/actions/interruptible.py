"""Asynchronous work that Ctrl-C ends at once, whatever its threads wait for."""

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class _Threads(ThreadPoolExecutor):
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        # A thread that waits for a service cannot be interrupted, but left: its process ends soon.
        super().shutdown(wait=False, cancel_futures=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it as `asyncio.run` does, which after a Ctrl-C waits until every thread has ended."""

    async def with_threads_that_can_be_left() -> T:
        asyncio.get_running_loop().set_default_executor(_Threads())
        with _interrupted_between_callbacks():
            return await work

    return asyncio.run(with_threads_that_can_be_left())


@contextmanager
def _interrupted_between_callbacks() -> Iterator[None]:
    """Have the loop carry out what `asyncio.run` does at a Ctrl-C.

    It would cancel a future within the signal handler, while the loop may be setting its result:
    the loop then logs an error with a traceback.
    """
    loop, theirs = asyncio.get_running_loop(), signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or not callable(theirs):  # it is ignored, as in the background of a script
        yield
        return
    asked: asyncio.Handle | None = None

    def end(signum: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:  # the loop may be kept from its callbacks
            asked.cancel()
            raise KeyboardInterrupt
        asked = loop.call_soon_threadsafe(theirs, signum, frame)

    signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, theirs)
