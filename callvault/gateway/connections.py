"""Limits of connections: how many, how long without a request, how long with an unread answer.

uvicorn waits for ever for the head of a request and for a client to read, and where there are too
many connections refuses requests on all of them. Here a connection has seconds for either, and
where there are too many the one that has held its place longest for nothing makes room.
"""

import asyncio
import os
import resource
import socket
from collections.abc import Iterable

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_TIMEOUT = 10.0
"""Seconds in which the head of a request must be there."""

KEEP_ALIVE_TIMEOUT = 300
"""Seconds that a connection may idle between two requests: more than clients and reverse proxies
keep one (httpx 5 s, nginx 60 s, Azure's gateways 240 s), or a request meets the closing."""

WRITE_TIMEOUT = 10.0
"""Seconds in which a client must read an answer, once it is more than the buffers hold."""

MAX_CONNECTIONS = 512
"""Connections at the same time, where the process may open enough files."""

MAX_UNREAD = 64
"""Connections whose answers are not being read: beyond it the oldest of them are closed."""

MAX_HEADER_SIZE = 65_536
"""Longest head of a request, in bytes. Event Grid's ten delivery attributes may have 40,960."""

KERNEL_BACKLOG = 2_048
"""Connections that the system keeps until they are accepted; they cost no descriptor."""


def connection_limit() -> int:
    """Return how many connections are kept: at most half of the files that may be open."""
    return max(1, min(MAX_CONNECTIONS, _descriptors() // 2))


def accept_limit() -> int:
    """Return how many connections are accepted at once, before any of them can be closed.

    The loop accepts again before it closes what is too much, so that some such numbers must fit
    beside `connection_limit`; the rest of the descriptors is for Temporal and the quarantine.
    """
    return max(1, min(MAX_CONNECTIONS, _descriptors() // 16))


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 20


def let_the_system_queue(listening: Iterable[socket.socket]) -> None:
    """Let the system keep more connections waiting than are accepted at once.

    asyncio takes one number for both, and accepts that many before it looks at any.
    """
    for each in listening:
        with socket.socket(fileno=os.dup(each.fileno())) as same:
            same.listen(KERNEL_BACKLOG)


class LimitedProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, but connections that idle or do not read are closed."""

    _idle_since = 0.0
    _unread_since: float | None = None
    _deadline: asyncio.TimerHandle | None = None
    _write_deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """True if no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if need be in the place of another."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._await_head()
        if len(self.connections) > connection_limit():
            self._close_one()

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request; the head of one that begins must be there soon."""
        if self._deadline is None:
            self._await_head()
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for ever (`KEEP_ALIVE_TIMEOUT`).

        A client that has sent it already, without reading the answer, sends it again: hundreds of
        such clients would have the gateway do nothing but answer what nobody reads.
        """
        is_pipelined = self.conn.their_state is h11.DONE and self.conn.trailing_data[0]
        if is_pipelined:
            self.transport.close()
        self._idle_since = self.loop.time()
        self._stop_deadline()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Wait for the client to read, but not for ever."""
        super().pause_writing()
        self._unread_since = self.loop.time()
        # Aborted, not closed: bytes still to be written would wait for a client that does not read.
        self._write_deadline = self.loop.call_later(WRITE_TIMEOUT, self.transport.abort)
        unread = [each for each in self._others() if each._unread_since is not None]
        if len(unread) > MAX_UNREAD:
            min(unread, key=_place_held).transport.abort()

    def resume_writing(self) -> None:
        """Go on with a client that reads."""
        self._stop_write_deadline()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that is closed."""
        self._stop_write_deadline()
        self._stop_deadline()
        super().connection_lost(exc)

    def _stop_write_deadline(self) -> None:
        self._unread_since = None
        if self._write_deadline:
            self._write_deadline.cancel()

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(HEAD_TIMEOUT, self._close_if_idle)

    def _stop_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = None

    def _close_if_idle(self) -> None:
        if self.is_idle:
            self.transport.abort()

    def _close_one(self) -> None:
        """Close the connection that has held its place longest for nothing, perhaps this one."""
        useless = [
            each for each in self._others() if each.is_idle or each._unread_since is not None
        ]
        if useless:
            min(useless, key=_place_held).transport.abort()

    def _others(self) -> list["LimitedProtocol"]:
        ours = (each for each in self.connections if isinstance(each, LimitedProtocol))
        return [each for each in ours if not each.transport.is_closing()]


def _place_held(connection: LimitedProtocol) -> tuple[bool, float]:
    """Return the order in which connections make room: those that do not read come first."""
    unread_since = connection._unread_since
    return unread_since is None, connection._idle_since if unread_since is None else unread_since
