"""When the next request may go out: one answer for all threads of a copy."""

import random
import time
from dataclasses import dataclass
from threading import Condition, Event

from callvault.errors import AccessDenied, CallvaultError, Throttled, TryAgain


@dataclass(frozen=True, slots=True)
class Patience:
    """How much a copy bears before it leaves the matter to whoever started it. In seconds."""

    tries: int = 6
    """How often a block is asked for in a row without progress."""
    denials: int = 2
    """How often of these with credentials refused: a signature may have aged on its way."""
    first_pause: float = 0.25
    """Before the second try; it doubles from then on, and is drawn at random up to that."""
    longest_pause: float = 30.0
    """A longer wish of the service's is not waited out here."""
    slowest_piece: float = 15.0
    """For a piece of 64 KiB, or of 1 MiB on a line that was fast; then it is asked for again."""


class Gate:
    """Lets requests out. Thread-safe.

    Throttled, it closes for all threads at once and halves how many of them may work; each block
    that succeeds lets one more of them work again.
    """

    def __init__(self, parallelism: int, patience: Patience, over: Event) -> None:
        self._parallelism = parallelism
        self._allowed = parallelism
        self._patience = patience
        self._over = over
        self._opens_at = 0.0
        self._changed = Condition()

    @property
    def is_closed(self) -> bool:
        """Whether everybody waits because the service asked for it."""
        return time.monotonic() < self._opens_at

    def wait(self, number: int = 0) -> None:
        """Wait until thread ``number`` may ask, or until the copy is over."""
        with self._changed:
            while not self._over.is_set():
                left = self._opens_at - time.monotonic()
                if left <= 0 and number < self._allowed:
                    return
                self._changed.wait(min(max(left, 0.02), 0.2))

    def succeeded(self) -> None:
        with self._changed:
            self._allowed = min(self._allowed + 1, self._parallelism)
            self._changed.notify_all()

    def failed(self, error: CallvaultError, tries: int) -> None:
        """Wait before trying again, after ``tries`` in a row came to nothing; or raise."""
        allowed = (
            self._patience.denials if isinstance(error, AccessDenied) else self._patience.tries
        )
        if not isinstance(error, TryAgain | AccessDenied) or tries >= allowed:
            raise error
        pause = self._pause(error, tries)
        if pause > self._patience.longest_pause:
            raise error
        if isinstance(error, Throttled) or error.retry_after is not None:
            self._close(pause)
        else:
            self._over.wait(pause)

    def _pause(self, error: CallvaultError, tries: int) -> float:
        if error.retry_after is not None:
            return error.retry_after.total_seconds()
        longest = self._patience.first_pause * 2 ** (tries - 1)
        return random.uniform(longest / 2, longest)  # noqa: S311 (no secret)

    def _close(self, seconds: float) -> None:
        with self._changed:
            if not self.is_closed:
                self._allowed = max(self._allowed // 2, 1)
            self._opens_at = max(self._opens_at, time.monotonic() + seconds)
