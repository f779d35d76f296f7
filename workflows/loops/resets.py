"""Resets of a run that was going on already, of which only the SDK's random seed tells."""

import asyncio
from collections.abc import Callable

from temporalio import workflow


def on_reset(act: Callable[[], None]) -> None:
    """Have ``act`` called once this run is reset, and its conditions checked. Call it in `init`.

    The SDK tells of a reset that it meets later, and of none before the first workflow task.
    """
    loop = asyncio.get_running_loop()

    def reset(_: int) -> None:
        act()
        # The SDK checks conditions once something has run, and this runs apart from that: where
        # the workflow task brings nothing else, nobody would wake.
        loop.call_soon(lambda: None)

    workflow.register_random_seed_callback(reset)
