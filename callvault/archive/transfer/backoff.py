"""Pauses between failed requests, one decision for all threads of a copy."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition, Event
from typing import TypeVar

from callvault.errors import AccessDenied, CallvaultError, Throttled, TryAgain

_Answer = TypeVar("_Answer")


class Aborted(Exception):
    """The copy is over; this thread has nothing to say about the reason."""


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """Limits within which a copy retries by itself; beyond them its caller decides.

    Times are in seconds.
    """

    max_attempts: int = 6
    """Attempts at a block in a row without progress."""
    max_denied: int = 2
    """The same while credentials are refused: a signature may have aged on its way."""
    first_delay: float = 0.25
    """Before the second attempt; doubles from then on, and is drawn at random up to that."""
    max_pause: float = 30.0
    """Longest pause that the service may ask for; a longer one is left to the caller."""
    answer_timeout: float = 60.0
    """From the first request until the headers of its answer, or until an error is read whole."""
    stall_timeout: float = 15.0
    """For a piece of 64 KiB, or of 1 MiB on a line that was fast; then the request is repeated."""


class Backoff:
    """Decides when a request may go out. Thread-safe.

    A throttled copy pauses in all its threads at once and halves how many of them may work; each
    block that succeeds lets one more of them work again.
    """

    def __init__(self, parallelism: int, limits: RetryLimits, stopped: Event) -> None:
        self.limits = limits
        self._stopped = stopped
        self._parallelism = parallelism
        self._max_active = parallelism
        self._resumes_at = 0.0
        self._changed = Condition()

    @property
    def is_over(self) -> bool:
        """True once there is nothing to gain any more."""
        return self._stopped.is_set()

    @property
    def is_paused(self) -> bool:
        """True while all threads wait because the service asked for it."""
        return time.monotonic() < self._resumes_at

    def wait(self, number: int = 0) -> None:
        """Wait until thread ``number`` may send a request; raise `Aborted` if the copy is over."""
        with self._changed:
            while not self.is_over:
                left = self._resumes_at - time.monotonic()
                if left <= 0 and number < self._max_active:
                    return
                # the end of the copy does not notify: waits are short
                self._changed.wait(min(max(left, 0.02), 0.2))
        raise Aborted

    def send(self, request: Callable[[], _Answer]) -> _Answer:
        """Send to the archive, again while it is throttled; `Aborted` once the copy is over."""
        attempts = 0
        while not self.is_over:
            try:
                answer = request()
            except Throttled as error:
                attempts += 1
                self.retry_or_raise(error, attempts)
            else:
                self.succeeded()
                return answer
        raise Aborted

    def succeeded(self) -> None:
        """Let one more thread work, up to all of them."""
        with self._changed:
            self._max_active = min(self._max_active + 1, self._parallelism)
            self._changed.notify_all()

    def retry_or_raise(self, error: CallvaultError, attempts: int) -> None:
        """Wait before the next attempt, after ``attempts`` in a row failed; or raise ``error``."""
        denied = isinstance(error, AccessDenied)
        allowed = self.limits.max_denied if denied else self.limits.max_attempts
        if not isinstance(error, TryAgain | AccessDenied) or attempts >= allowed:
            raise error
        pause = self._pause(error, attempts)
        if pause > self.limits.max_pause:
            raise error
        if isinstance(error, Throttled) or error.retry_after is not None:
            self._pause_all(pause)
        else:
            self._stopped.wait(pause)

    def _pause(self, error: CallvaultError, attempts: int) -> float:
        if error.retry_after is not None:
            return error.retry_after.total_seconds()
        longest = self.limits.first_delay * 2 ** (attempts - 1)
        return random.uniform(longest / 2, longest)  # noqa: S311 (no secret)

    def _pause_all(self, seconds: float) -> None:
        with self._changed:
            # threads that were throttled together count as one sign of overload
            if not self.is_paused:
                self._max_active = max(self._max_active // 2, 1)
            self._resumes_at = max(self._resumes_at, time.monotonic() + seconds)
