"""Limits of requests and of bytes under way, which keep room for events.

Requests beyond a limit are answered 503 before they cost anything, and Event Grid sends them again.
A queue in memory would make all of them wait longer than Event Grid does, and end with the process.
"""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callvault.contracts.names import EVENTS_PATH
from callvault.gateway.error_responses import error_response
from callvault.gateway.health import ALIVE

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of bodies of all requests under way; beyond it new requests are refused."""

OTHERS_PER_EVENT = 4
"""Other requests that are let in for each event: theirs may wait half a minute for ACS."""


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
        is_under_way = True

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            # Counted as they arrive: a length that a client announces proves nothing.
            size = len(message.get("body", b"")) if is_under_way else 0
            taken += size
            self._bytes += size
            return message

        async def sending(message: Message) -> None:
            # The work is done. A client that does not read must not hold the place of others.
            done()
            await send(message)

        def done() -> None:
            nonlocal is_under_way
            if is_under_way:
                is_under_way = False
                self._requests -= 1
                self._bytes -= taken

        self._requests += 1
        try:
            await self._app(scope, counting, sending)
        finally:
            done()
