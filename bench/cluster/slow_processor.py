"""A slow host: its programs are stopped most of the time, in short turns."""

import os
import signal
import threading
from contextlib import suppress

TURN = 0.1
"""Seconds of one turn."""
SHARE = 0.15
"""Share of a turn in which they run."""


class SlowProcessor:
    """Slows down a process group until `end`; a thread of its own takes the turns."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take_turns, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Let the programs run again; returns once they do."""
        self._over.set()
        self._thread.join()

    def _take_turns(self) -> None:
        # The group may end meanwhile.
        with suppress(ProcessLookupError):
            while not self._over.is_set():
                os.killpg(self._group, signal.SIGSTOP)
                self._over.wait((1 - SHARE) * TURN)
                os.killpg(self._group, signal.SIGCONT)
                self._over.wait(SHARE * TURN)
