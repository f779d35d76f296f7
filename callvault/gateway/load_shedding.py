"""Limits that keep room for events: of requests, of bytes, of connections and of their idle time.

Requests beyond a limit are answered 503 before they cost anything, and Event Grid sends them again.
A queue in memory would make all of them wait longer than Event Grid does, and end with the process.

uvicorn waits for ever for the head of a request, and where there are too many connections refuses
requests on all of them. Here a connection without a request under way has seconds to bring one, and
where there are too many the one that has idled longest makes room for the new one.
"""

import asyncio
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from callvault.contracts.names import EVENTS_PATH
from callvault.gateway.error_responses import error_response
from callvault.gateway.health import ALIVE

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of bodies of all requests under way; beyond it new requests are refused."""

OTHERS_PER_EVENT = 4
"""Other requests that are let in for each event: theirs may wait half a minute for ACS."""

HEAD_TIMEOUT = 10.0
"""Seconds in which the head of a request must be there."""

MAX_CONNECTIONS = 512
"""Connections at the same time: half of the files that a process usually may open."""

MAX_HEADER_SIZE = 65_536
"""Longest head of a request, in bytes. Event Grid's ten delivery attributes may have 40,960."""


class LoadShedding:
    """Middleware that limits requests; events have a share of their own that nothing else takes."""

    def __init__(self, app: ASGIApp, *, max_in_flight: int) -> None:
        self._app = app
        self._events = _Quota(app, max_in_flight)
        self._others = _Quota(app, OTHERS_PER_EVENT * max_in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it; the probe for life is always answered."""
        if scope["type"] != "http" or scope["path"] == ALIVE:
            await self._app(scope, receive, send)
            return
        quota = self._events if scope["path"] == EVENTS_PATH else self._others
        await quota.handle(scope, receive, send)


class _Quota:
    """Counts requests under way, and the bytes of their bodies."""

    def __init__(self, app: ASGIApp, max_requests: int) -> None:
        self._app = app
        self._max_requests = max_requests
        self._requests = 0
        self._bytes = 0

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._requests >= self._max_requests or self._bytes >= MAX_BYTES:
            message = "more requests are under way than can be answered: send it again"
            answer = error_response(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", message)
            await answer(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            # Counted as they arrive: a length that a client announces proves nothing.
            size = len(message.get("body", b""))
            taken += size
            self._bytes += size
            return message

        self._requests += 1
        try:
            await self._app(scope, counting, send)
        finally:
            self._requests -= 1
            self._bytes -= taken


class IdleTimeoutProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, but idle connections are closed; others never are."""

    _idle_since = 0.0
    _deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """True if no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, if need be in the place of another."""
        super().connection_made(transport)
        self._start_timeout()
        if len(self.connections) > MAX_CONNECTIONS:
            self._close_idlest()

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for ever."""
        super().on_response_complete()
        self._start_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection that is closed."""
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _start_timeout(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._idle_since = self.loop.time()
        self._deadline = self.loop.call_later(HEAD_TIMEOUT, self._close_if_idle)

    def _close_if_idle(self) -> None:
        # Aborted, not closed: bytes still to be written would wait for a client that does not read.
        if self.is_idle:
            self.transport.abort()

    def _close_idlest(self) -> None:
        """Close the connection that has idled longest, perhaps this one."""
        ours = (each for each in self.connections if isinstance(each, IdleTimeoutProtocol))
        idle = [each for each in ours if each.is_idle and not each.transport.is_closing()]
        if idle:
            min(idle, key=lambda each: each._idle_since).transport.abort()
