"""Measures requests: how many, with which answers, and how long they take."""

import re
import time
from datetime import timedelta

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio.common import MetricMeter

from callvault.telemetry.metrics import request_durations

NO_ROUTE = "(none)"
"""Route of requests to paths that do not exist: their paths are the caller's words."""

OTHER_METHOD = "_OTHER"
"""Method of requests with a method that HTTP does not define, as OpenTelemetry has it."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Middleware around all others, so that refused requests are measured too."""

    def __init__(self, app: ASGIApp, *, meter: MetricMeter) -> None:
        self._app = app
        self._durations = request_durations(meter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 500  # what a client sees of an error that nothing here answers

        async def sending(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            attributes: dict[str, str | int | float | bool] = {
                "method": _method(scope),
                "route": _route(scope),
                "status": status,
            }
            self._durations.record(timedelta(seconds=time.monotonic() - started), attributes)


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else OTHER_METHOD


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", NO_ROUTE)
    # Without the form of a part of the path, which is nothing to ask metrics for.
    return re.sub(r":\w+(?=})", "", path)
