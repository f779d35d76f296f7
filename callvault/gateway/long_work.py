"""Work of the gateway that takes seconds: exports and pages, a few at a time, in their threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from callvault.errors import CallvaultError, InvalidRequest, NotDone, Unavailable

MAX_LONG_WORK = 2
"""Exports and pages that are made at the same time: each reads up to hundreds of megabytes."""

T = TypeVar("T")


class LongWork:
    """Threads for what takes seconds, of which nobody waits for a place."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MAX_LONG_WORK, "long")
        self._free = MAX_LONG_WORK

    async def run(self, work: Callable[[], T]) -> T:
        """Do it now; `Unavailable` where no place is free, or an archive fails it.

        An error that is the caller's has a status of its own.
        """
        if self._free <= 0:
            raise Unavailable(
                "as many exports and pages as may be at a time are being made: ask again",
                owner="callvault",
                code="overloaded",
            )
        self._free -= 1
        doing = asyncio.get_running_loop().run_in_executor(self._threads, work)
        # The place is free once the thread is, and not once its caller has gone.
        doing.add_done_callback(self._done)
        try:
            return await asyncio.shield(doing)
        except (InvalidRequest, NotDone) as error:
            if error.status is not None:
                raise
            raise Unavailable(f"it cannot be made: {error}", owner="callvault") from error
        except Unavailable:
            raise
        except CallvaultError as error:
            raise Unavailable(f"the archive cannot be used: {error}", owner="archive") from error

    def _done(self, doing: asyncio.Future[T]) -> None:
        self._free += 1
        if not doing.cancelled():
            doing.exception()  # of a caller who has gone, nobody asks for it
