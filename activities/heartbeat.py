"""Heartbeats in the background, and heartbeats as notes that an attempt leaves for the next."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Literal

from temporalio import activity

from callvault.contracts.activity_io import ExportProgress, PollProgress
from callvault.contracts.base import AnyMessage, Unreadable, read

HEARTBEAT_INTERVAL = timedelta(seconds=10)
"""Well below the heartbeat time-out: one heartbeat may be missed."""

Denied = Literal["missing_since", "refused_since", "no_metadata_since", "gone_since"]
"""Field of a progress that says since when attempts have been denied something."""


@contextmanager
def background_heartbeat(interval: timedelta = HEARTBEAT_INTERVAL) -> Iterator[None]:
    """Heartbeat until the block ends, in a synchronous or in an asynchronous activity.

    A heartbeat says that the worker lives, not that the work advances: give the activity an end of
    its own (start-to-close). Without heartbeats, what a killed worker was doing waits for that end.
    """
    over = threading.Event()
    heartbeat = _heartbeat_of_this_activity()

    def beat() -> None:
        while not over.wait(interval.total_seconds()):
            heartbeat()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def left_note(kind: type[AnyMessage]) -> AnyMessage | None:
    """Return what the attempt before has left as its heartbeat; None where it left nothing.

    Nor where nobody can read it: a note is of use, and no attempt may fail for want of it.
    """
    details = activity.info().heartbeat_details
    note = read(kind, details[0]) if details else None
    return None if isinstance(note, Unreadable) else note


def denied_since(
    note: ExportProgress | PollProgress, field: Denied, limit: timedelta
) -> datetime | None:
    """Return since when attempts have been denied something, once that is ``limit`` ago, else None.

    Until then the time is left as a heartbeat for the next attempt: ``note`` with ``field`` set.
    """
    info = activity.info()
    before = left_note(type(note)) or note
    since: datetime = getattr(before, field) or info.started_time
    # By the starts of attempts, which the server sets: hosts may differ in their clocks.
    if info.started_time - since >= limit:
        return since
    activity.heartbeat(note.model_copy(update={field: since}))
    return None


def _heartbeat_of_this_activity() -> Callable[[], object]:
    # The activity is known by its context, which a new thread does not have.
    context = contextvars.copy_context()
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return lambda: context.run(activity.heartbeat)
    # An asynchronous activity may heartbeat within its event loop alone.
    return lambda: loop.call_soon_threadsafe(activity.heartbeat, context=context)
