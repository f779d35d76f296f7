"""Bounds: how many things at once, how long for one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def for_each(do: Callable[[T], Awaitable[R]], items: Iterable[T], at_once: int) -> list[R]:
    """Do it with every item, ``at_once`` at a time; the results are in the order of the items.

    An error is raised once all have come to an end, so that one's fault does not cut off others.
    """
    room = asyncio.Semaphore(at_once)

    async def one(item: T) -> R:
        async with room:
            return await do(item)

    results = await asyncio.gather(*map(one, items), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def happens_within(event: asyncio.Event, time: timedelta) -> bool:
    """Wait for an event for so long at most; whether it happened."""
    try:
        async with asyncio.timeout(time.total_seconds()):
            return await event.wait()
    except TimeoutError:
        return False
