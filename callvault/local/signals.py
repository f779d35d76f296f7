"""The signals that ask this program to end, raised where no child process is left behind."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any] | int | None

ASKED_TO_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or another signal that asks to end; ``signum`` says which."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class EndSignals:
    """Raises `Interrupted` for SIGINT, SIGTERM and SIGHUP, later where they must not disturb.

    ``at_once`` is called for a Ctrl-C while an earlier one is being followed: whoever presses it
    again does not want to wait.
    """

    def __init__(self, at_once: Callable[[], None]) -> None:
        self._at_once = at_once
        self._previous: dict[signal.Signals, Handler] = {}
        self._is_deferring = False
        self._is_ending = False
        self._pending: int | None = None

    def take(self) -> None:
        """Handle the signals from now on; SIGHUP stays ignored where it is, as `nohup` wants it.

        SIGINT is ignored in the background of a script, too. It is taken all the same: the parts
        are not to outlive the script that a Ctrl-C ends.
        """
        for signum in ASKED_TO_END:
            if signum != signal.SIGHUP or signal.getsignal(signum) is not signal.SIG_IGN:
                self._previous[signum] = signal.signal(signum, self._interrupt)

    def give_back(self) -> None:
        """Restore the handlers that were there before."""
        for signum, handler in self._previous.items():
            # None stands for a handler that was not installed from Python.
            signal.signal(signum, handler or signal.SIG_DFL)

    @contextmanager
    def deferred(self, *, is_ending: bool = False) -> Iterator[None]:
        """Raise a signal of this block only behind it."""
        self._is_deferring, self._is_ending = True, is_ending
        try:
            yield
        finally:
            self._is_deferring = self._is_ending = False
            pending, self._pending = self._pending, None
        # Not in `finally`: an error of the block is not to be replaced by a signal.
        if pending is not None:
            raise Interrupted(pending)

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        if self._is_ending and signum == signal.SIGINT:
            self._at_once()
        if self._is_deferring:
            self._pending = signum
        else:
            raise Interrupted(signum)
