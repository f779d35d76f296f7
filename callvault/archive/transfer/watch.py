"""One thread that looks after every small file that is being moved in this process.

A small file is moved by the thread that wants it, which cannot watch over itself while it waits
for bytes. A thread for each of them would cost more than the file.
"""

import contextvars
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Thread

from callvault.errors import CallvaultError, Unavailable

LOOK_INTERVAL = 0.25
"""Seconds between two looks."""


class Watch:
    """Calls functions several times a second, each for as long as its block runs. Thread-safe."""

    def __init__(self) -> None:
        self._watched: set[_Watched] = set()
        self._is_running = False
        self._lock = Lock()

    @contextmanager
    def over(self, look: Callable[[], None]) -> Iterator[Callable[[], None]]:
        """Call ``look`` several times a second until the block ends; it must not raise.

        It runs in the context of this call, in one thread at a time, and never after the end of
        the block. Yields what calls it at once.
        """
        watched = _Watched(look)
        with self._lock:
            self._watched.add(watched)
            self._start()
        try:
            yield watched.look
        finally:
            with self._lock:
                self._watched.discard(watched)
            watched.end()

    @contextmanager
    def deadline(self, seconds: float, abort: Callable[[], None]) -> Iterator[None]:
        """End the request within the block by ``abort`` once it takes that long: `Unavailable`."""
        until, is_over = time.monotonic() + seconds, False

        def look() -> None:
            nonlocal is_over
            if time.monotonic() > until:
                is_over = True
                abort()  # again at each look: the request may be repeated meanwhile

        late = Unavailable(f"the source did not answer within {seconds:g} s: try again later")
        try:
            with self.over(look):
                yield
        except CallvaultError as error:
            if is_over:
                raise late from error
            raise
        if is_over:  # what seems to be the end of an answer may be the abort's doing
            raise late

    def _start(self) -> None:
        if not self._is_running:
            self._is_running = True
            # a daemon: a look that hangs must not keep the process from ending
            Thread(target=self._run, name="watch", daemon=True).start()

    def _run(self) -> None:
        while watched := self._next():
            for each in watched:
                each.look()

    def _next(self) -> "list[_Watched]":
        """Wait for the next look; return an empty list once there is nothing to look after."""
        time.sleep(LOOK_INTERVAL)
        with self._lock:
            self._is_running = bool(self._watched)
            return list(self._watched)


class _Watched:
    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        # an activity is known by its context
        self._context = contextvars.copy_context()
        self._is_over = False
        self._looking = Lock()

    def look(self) -> None:
        with self._looking:
            if not self._is_over:
                self._context.run(self._look)

    def end(self) -> None:
        # waits for a look under way: what it looks at is given to others afterwards
        with self._looking:
            self._is_over = True
