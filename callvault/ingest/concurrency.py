"""Limits of concurrency and of time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def for_each(do: Callable[[T], Awaitable[R]], items: Iterable[T], limit: int) -> list[R]:
    """Do something with every item, ``limit`` of them at a time; results are in the items' order.

    The first error is raised, once all items have come to an end.
    """
    room = asyncio.Semaphore(limit)

    async def one(item: T) -> R:
        async with room:
            return await do(item)

    # Exceptions are gathered, not raised: an error in one item must not cut off the others.
    results = await asyncio.gather(*map(one, items), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def wait_until_set(event: asyncio.Event, time: timedelta) -> bool:
    """Wait for an event, for ``time`` at most; return True if it happened."""
    try:
        async with asyncio.timeout(time.total_seconds()):
            return await event.wait()
    except TimeoutError:
        return False
