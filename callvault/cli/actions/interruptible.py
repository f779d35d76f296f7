"""Asynchronous work that Ctrl-C ends at once, whatever its threads wait for."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
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
        return await work

    return asyncio.run(with_threads_that_can_be_left())
