"""The ASGI application: routes, errors in the form each part of the service gives them, journal."""

from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callvault.emulator.calls import CallConflict, UnknownCall
from callvault.emulator.emulator import Emulator
from callvault.emulator.refusals import Refusal, not_implemented

from . import control, objects, recordings
from .requests import target

_CLIENT_REQUEST_ID = "x-ms-client-request-id"


def build_app(emulator: Emulator) -> Starlette:
    parts = (
        recordings.StableRecordings(emulator),
        recordings.PreviewRecordings(emulator),
        objects.Objects(emulator),
        control.Control(emulator),
    )
    app = Starlette(
        routes=[route for part in parts for route in part.routes()],
        middleware=[Middleware(_Journaling, emulator=emulator)],
        exception_handlers={
            Refusal: _refused,
            HTTPException: _unmatched,
            UnknownCall: _unknown,
            CallConflict: _conflict,
        },
    )
    app.router.redirect_slashes = False
    return app


class _Journaling:
    """Notes every answer, and returns the client's request id as the service does."""

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, message)
            await send(message)

        await self._app(scope, receive, noting)

    def _note(self, scope: Scope, message: Message) -> None:
        request_id = Headers(scope=scope).get(_CLIENT_REQUEST_ID)
        if request_id:
            MutableHeaders(scope=message)[_CLIENT_REQUEST_ID] = request_id
        self._emulator.journal.request(scope["method"], target(Request(scope)), message["status"])


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    path = request.url.path
    if path.startswith(objects.PREFIX):
        return Response(status_code=error.status)
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if not path.startswith(recordings.PREVIEW_PREFIX):
        body = {"error": body}
    return JSONResponse(body, status_code=error.status)


def _unmatched(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        message = f"The requested resource does not support http method '{request.method}'."
        return JSONResponse({"message": message}, status_code=405)
    return _refused(request, not_implemented(f"{request.method} {request.url.path}"))


def _unknown(request: Request, error: Exception) -> Response:
    return _refused(request, Refusal(404, "NotFound", str(error)))


def _conflict(request: Request, error: Exception) -> Response:
    return _refused(request, Refusal(409, "Conflict", str(error)))
