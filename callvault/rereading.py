"""Secrets are read again here, and in no other place.

A secret is replaced in its place (a file, mostly) while processes run. What is made of it is made
anew within `REREAD_INTERVAL`. `callvault.secret_checks` finds those that cannot be used.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from callvault.errors import CallvaultError

REREAD_INTERVAL = 5.0
"""Seconds after which a secret is read again: a rotation needs no restart."""

MAX_REPLACED = 2
"""Clients that are kept open after their secret was replaced, for whoever still works with them."""

S = TypeVar("S")
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Reread(Generic[T]):
    """A secret, or what was made of it, read again now and then. Thread-safe.

    A secret that cannot be read again stays in use as it was: a file may be away for a moment while
    it is replaced.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        """Read it now: ``read`` raises `ConfigurationError` where there is none."""
        self._read = read
        self.value = read()
        """As it was read last."""
        self._read_at = time.monotonic()

    @property
    def is_old(self) -> bool:
        """True if it is to be read again before it is used."""
        return time.monotonic() - self._read_at >= REREAD_INTERVAL

    def current(self) -> T:
        """Return it as it is now, or was `REREAD_INTERVAL` ago at most."""
        return self.again() if self.is_old else self.value

    def again(self) -> T:
        """Read it at once."""
        # Before the attempt: one that cannot be read is not read again for every request.
        self._read_at = time.monotonic()
        try:
            self.value = self._read()
        except CallvaultError as error:
            log.warning("secret not read again, the last one is used on", problem=str(error))
        return self.value


class Remade(Generic[S, T]):
    """A client that is made of a secret, made when first used, and anew once that was replaced.

    Thread-safe. One that is replaced may still be in use and is closed only after `MAX_REPLACED`
    further ones, or with the last one.
    """

    def __init__(
        self, read: Callable[[], S], make: Callable[[S], T], close: Callable[[T], None]
    ) -> None:
        """``read`` reads the secret, in a form that can be compared; ``make`` makes a client."""
        self._read = read
        self._make = make
        self._close = close
        self._secret: Reread[S] | None = None
        self._made: list[tuple[S, T]] = []
        """The clients with their secrets, the newest last."""
        self._lock = threading.Lock()

    def current(self) -> T:
        """Return the client for the secret as it is now; raises what reading and making raise."""
        with self._lock:
            # Under the lock: else two threads open two clients, and one is never closed.
            self._secret = self._secret or Reread(self._read)
            secret = self._secret.current()
            if not self._made or self._made[-1][0] != secret:
                self._made.append((secret, self._make(secret)))
            while len(self._made) > MAX_REPLACED + 1:
                self._close(self._made.pop(0)[1])
            return self._made[-1][1]

    def close(self) -> None:
        """Close every client."""
        with self._lock:
            for _, client in self._made:
                self._close(client)
            self._made.clear()
