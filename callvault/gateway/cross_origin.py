"""Answers to pages of another origin (CORS): Temporal's Web UI asks the codec endpoint from one."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALLOWED_HEADERS = "authorization, authorization-extras, content-type, x-api-key, x-namespace"
"""The headers that the Web UI sends along, and the two that a key may stand in."""

PREFLIGHT_SECONDS = 600


class CrossOrigin:
    """Middleware that lets pages of some origins read the answers below one path, errors too."""

    def __init__(self, app: ASGIApp, *, path: str, origins: tuple[str, ...]) -> None:
        self._app = app
        self._path = f"{path}/"
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a question for the rights of a page, or tell them with the answer of the path."""
        if scope["type"] != "http" or not scope["path"].startswith(self._path):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        told = self._told(headers.get("origin"))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        answer = Response(status_code=204, headers=_PREFLIGHT) if is_preflight else self._app
        await answer(scope, receive, sending)

    def _told(self, origin: str | None) -> dict[str, str]:
        if origin not in self._origins:
            return {"vary": "Origin"}
        return {
            "vary": "Origin",
            "access-control-allow-origin": origin,
            # For a proxy in front that knows people by a cookie; the gateway reads none itself.
            "access-control-allow-credentials": "true",
        }


_PREFLIGHT = {
    "allow": "OPTIONS, POST",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": str(PREFLIGHT_SECONDS),
}
