"""What went in and out, for whoever debugs against the emulator."""

from collections import deque
from typing import Any

from callvault.emulator.clock import EmulatorClock, service_time

_KEPT = 10_000


class Journal:
    """The last entries, oldest first; safe to write from any thread."""

    def __init__(self, clock: EmulatorClock) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def request(
        self, method: str, path: str, status: int | None, *, operation: str | None, why: str | None
    ) -> None:
        """A request, its answer if it got one, and ``why`` it was that, if it needs a reason."""
        self._note(
            kind="request", method=method, path=path, status=status, operation=operation, why=why
        )

    def event_grid(self, kind: str, endpoint: str, status: int | None, note: str) -> None:
        """A ``handshake``, ``delivery`` or ``callback``; no status when nobody answered."""
        address = endpoint.partition("?")[0]  # the query of a webhook is often its secret
        self._note(kind=kind, method="POST", path=address, status=status, note=note)

    def note(self, kind: str, note: str) -> None:
        """Something that happened inside: an export, a lost event, a dead letter."""
        self._note(kind=kind, note=note)

    def failure(self, note: str) -> None:
        """Something the emulator itself could not do."""
        self._note(kind="failure", note=note)

    def entries(self) -> list[dict[str, Any]]:
        return list(self._entries)

    def _note(self, **entry: Any) -> None:
        self._entries.append({"time": service_time(self._clock.now()), **entry})
