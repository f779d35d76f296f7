"""What is more than can be done at once is asked to come again, before it costs anything.

A queue in memory would make everybody wait longer than Event Grid does, and end with the process.
Event Grid keeps what is answered 503, and sends it again.
"""

from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callvault.gateway.error_responses import problem
from callvault.gateway.events import PATH as EVENTS
from callvault.gateway.health import ALIVE

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of bodies, of all requests under way, from which on new ones are asked to come again."""


OTHERS = 4
"""So many times as many other requests as events: theirs may wait half a minute for ACS."""


class Overload:
    """Lets so many requests in; events have a share of their own, which nothing else takes."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._events = _Share(app, most)
        self._others = _Share(app, OTHERS * most)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or ask to come again; who probes for life is always answered."""
        if scope["type"] != "http" or scope["path"] == ALIVE:
            await self._app(scope, receive, send)
            return
        share = self._events if scope["path"] == EVENTS else self._others
        await share.take(scope, receive, send)


class _Share:
    """Counts requests under way, and the bytes of their bodies."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._requests = 0
        self._bytes = 0

    async def take(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._requests >= self._most or self._bytes >= MOST_BYTES:
            message = "more requests are under way than can be answered: send it again"
            answer = problem(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", message)
            await answer(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
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
