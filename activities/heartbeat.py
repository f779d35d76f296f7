"""A sign of life from an activity whose work has no natural moments for one."""

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio import activity

BEATS_EVERY = timedelta(seconds=10)
"""Well below the heartbeat time-out: one beat may be missed."""


@contextmanager
def beating(every: timedelta = BEATS_EVERY) -> Iterator[None]:
    """Heartbeat in the background until the block ends.

    It says that the worker lives, not that the work advances: give the activity an end of its own
    (start-to-close). Without it, what a killed worker was doing waits for that end.
    """
    over = threading.Event()

    def beat() -> None:
        while not over.wait(every.total_seconds()):
            activity.heartbeat()

    # The activity is known by its context, which a new thread does not have.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(beat,), name="beating", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
