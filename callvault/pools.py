"""Clients that threads share, one for each name in the settings."""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from callvault.rereading import Remade


class Closable(Protocol):
    """A client that holds connections."""

    def close(self) -> None: ...


Client = TypeVar("Client", bound=Closable)


class Pool(Generic[Client]):
    """Shares one client per name between threads."""

    def __init__(
        self, make: Callable[[str], Client], secret_of: Callable[[str], object] = lambda _: None
    ) -> None:
        """``secret_of`` reads what a name's client is made of, where it may be replaced."""
        self._make: Callable[[str], Client] = make
        self._secret_of = secret_of
        self._clients: dict[str, Remade[object, Client]] = {}
        self._lock = threading.Lock()

    def __call__(self, name: str) -> Client:
        """Return the client of this name, made now at its first use."""
        with self._lock:
            if name not in self._clients:
                self._clients[name] = self._remade(name)
        # Each has a lock of its own: one whose name service hangs must not hold up the others.
        return self._clients[name].current()

    def close(self) -> None:
        """Close every client that was made."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _remade(self, name: str) -> Remade[object, Client]:
        return Remade(
            lambda: self._secret_of(name), lambda _: self._make(name), lambda made: made.close()
        )
