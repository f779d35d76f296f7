"""Log of requests, deliveries and callbacks, for debugging against the emulator."""

from collections import deque
from typing import Any

from callvault.emulator.clock import EmulatorClock, service_time

_MAX_ENTRIES = 10_000


class RequestLog:
    """The last 10,000 entries, oldest first; safe to write from any thread."""

    def __init__(self, clock: EmulatorClock) -> None:
        self._clock = clock
        self._entries: deque[dict[str, Any]] = deque(maxlen=_MAX_ENTRIES)

    def request(
        self,
        method: str,
        path: str,
        status: int | None,
        *,
        operation: str | None,
        reason: str | None,
    ) -> None:
        """Note a request, the status of its answer if there was one, and the reason for it."""
        self._note(
            kind="request",
            method=method,
            path=path,
            status=status,
            operation=operation,
            reason=reason,
        )

    def event_grid(self, kind: str, endpoint: str, status: int | None, note: str) -> None:
        """Note a ``handshake``, ``delivery`` or ``callback``; no status without an answer."""
        address = endpoint.partition("?")[0]  # the query of a webhook is often its secret
        self._note(kind=kind, method="POST", path=address, status=status, note=note)

    def note(self, kind: str, note: str) -> None:
        """Note an event inside the emulator: an export, a lost event, a dead letter."""
        self._note(kind=kind, note=note)

    def failure(self, note: str) -> None:
        """Note a failure of the emulator itself."""
        self._note(kind="failure", note=note)

    def entries(self) -> list[dict[str, Any]]:
        return list(self._entries)

    def _note(self, **entry: Any) -> None:
        # Without a lock: a deque's `append` is atomic, at its greatest length, too.
        self._entries.append({"time": service_time(self._clock.now()), **entry})
