"""The id of each request: the caller's own or a new one, in the answer and in every log line.

Called ``http_request_id`` where a ``requestId`` could be taken for that of a control request.
"""

import re
import uuid

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-request-id"

KEY = "http_request_id"
"""Key in log lines."""

_USABLE = re.compile(r"[A-Za-z0-9._~+/=:@-]{1,128}")
"""An id that is safe in a header, a log line and a body; with another one, a new id is made."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-.{2,}")
"""W3C Trace Context, section 3.2: version, trace id, parent id, flags."""

OF_EVERY_ANSWER = {
    # A proxy may keep what was asked for with x-api-key: RFC 9111 speaks of Authorization alone.
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
}


async def answer_with_id(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have a request answered with its id and `OF_EVERY_ANSWER`, and logged with its id."""
    headers = Headers(scope=scope)
    request_id = id_of(headers.get(HEADER, ""), headers.get("traceparent", ""))

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update({**OF_EVERY_ANSWER, HEADER: request_id})
        await send(message)

    tokens = structlog.contextvars.bind_contextvars(**{KEY: request_id})
    await app(scope, receive, sending)
    # Not where an error leaves the application: it is logged by the server, with the id.
    structlog.contextvars.reset_contextvars(**tokens)


def id_of(told: str, traceparent: str) -> str:
    """Return the caller's own id, else that of the trace the request belongs to, else a new one."""
    if _USABLE.fullmatch(told):
        return told
    trace = _TRACEPARENT.fullmatch(traceparent)
    return trace[1] if trace else uuid.uuid4().hex


def current_id() -> str:
    """Return the id of the request that is being answered; empty outside of one."""
    return str(structlog.contextvars.get_contextvars().get(KEY, ""))
