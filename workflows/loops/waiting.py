"""Waiting for a condition: all tasks of a run wait behind a single wait of the SDK's.

`workflow.wait_condition` makes three coroutines and a copy of the context for each wait, some 2 KiB
together. An open recording has twenty tasks that wait: a quarter of its memory went to that.
"""

import asyncio
from collections.abc import Awaitable, Callable

from temporalio import workflow

Condition = Callable[[], bool]


class Waiting:
    """The conditions that tasks of one run wait for; `check` must run beside them."""

    def __init__(self) -> None:
        self._awaited: list[tuple[Condition, asyncio.Future[None]]] = []

    def until(self, condition: Condition) -> Awaitable[None]:
        """Await until a condition holds, once everybody has done what is to be done now.

        Those that come true at the same time go on in the order in which they began to wait.
        """
        # The future itself: a coroutine around it would be one more thing to keep for each wait.
        come_true = asyncio.get_running_loop().create_future()
        self._awaited.append((condition, come_true))
        return come_true

    async def check(self) -> None:
        """Check all conditions whenever the SDK checks its own; never returns."""
        await workflow.wait_condition(self._checked)

    def _checked(self) -> bool:
        """Wake those whose condition holds; never true itself."""
        # What is awaited no more was cancelled: its task ends with the run.
        self._awaited[:] = [each for each in self._awaited if not _is_over(*each)]
        return False


def _is_over(condition: Condition, come_true: "asyncio.Future[None]") -> bool:
    if not come_true.done() and condition():
        come_true.set_result(None)
    return come_true.done()
