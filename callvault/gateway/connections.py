"""Connections that do not hurry are closed, so that they never stand in the way of events.

uvicorn waits for ever for the head of a request, and where there are too many connections refuses
requests on all of them. Here a connection without a request under way has seconds to bring one, and
where there are too many the one that has idled longest makes room for the new one.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_WITHIN = 10.0
"""Seconds in which the head of a request must be there."""

MOST = 512
"""Connections at the same time: half of the files that a process usually may open."""

MAX_HEAD = 65_536
"""Longest head of a request, in bytes. Event Grid's ten delivery attributes may have 40,960."""


class HurriedConnection(H11Protocol):
    """HTTP as uvicorn speaks it; only `is_idle` connections are ever closed."""

    _idle_since = 0.0
    _deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, if need be in the place of another."""
        super().connection_made(transport)
        self._hurry()
        if len(self.connections) > MOST:
            self._make_room()

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for ever."""
        super().on_response_complete()
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _hurry(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._idle_since = self.loop.time()
        self._deadline = self.loop.call_later(HEAD_WITHIN, self._give_up)

    def _give_up(self) -> None:
        # At once: what is still to be written waits for somebody who does not read.
        if self.is_idle:
            self.transport.abort()

    def _make_room(self) -> None:
        """Close the oldest of the idle ones, perhaps ourselves."""
        ours = (each for each in self.connections if isinstance(each, HurriedConnection))
        idle = [each for each in ours if each.is_idle and not each.transport.is_closing()]
        if idle:
            min(idle, key=lambda each: each._idle_since).transport.abort()
