"""The ASGI application: routes, request log, and errors in the form of each part of the service."""

from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callvault.emulator.emulator import Emulator
from callvault.emulator.errors import ServiceError, not_implemented
from callvault.emulator.http import calls, connections, content, control, oidc, recordings
from callvault.emulator.http.control_guard import ControlGuard
from callvault.emulator.http.fault_middleware import FaultMiddleware
from callvault.emulator.http.requests import REASON, request_state, set_request_state, target
from callvault.emulator.model import CallConflict, UnknownCall
from callvault.emulator.operations import operation_of

_CLIENT_REQUEST_ID = "x-ms-client-request-id"
_API = "/calling/recordings"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def build_app(emulator: Emulator) -> Starlette:
    parts = (
        recordings.StableRecordings(emulator),
        recordings.PreviewRecordings(emulator),
        connections.CallConnections(emulator),
        content.Objects(emulator),
        oidc.OpenId(emulator),
        control.Control(emulator),
        calls.Calls(emulator),
    )
    app = Starlette(
        routes=[route for part in parts for route in part.routes()],
        middleware=[  # the outermost first: the log sees the answers of faults, too
            Middleware(_RequestLogging, emulator=emulator),
            Middleware(ControlGuard, emulator=emulator),
            Middleware(_StateSaving, emulator=emulator),
            Middleware(FaultMiddleware, emulator=emulator),
        ],
        exception_handlers={
            ServiceError: _ServiceErrors(emulator),
            HTTPException: _unmatched,
            UnknownCall: _unknown,
            CallConflict: _conflict,
        },
    )
    # An unknown path is 501, never a redirect to the same path with or without a slash.
    app.router.redirect_slashes = False
    return app


class _RequestLogging:
    """Middleware that logs every answer, and returns the client's request id."""

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = False

        async def noting(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._return_id(scope, message)
                if scope["path"].startswith(_API):
                    self._dress(message)
                self._note(scope, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            # A reset or a hang has no answer, and is logged all the same.
            if not answered:
                self._note(scope, None)

    def _return_id(self, scope: Scope, message: Message) -> None:
        request_id = Headers(scope=scope).get(_CLIENT_REQUEST_ID)
        if request_id:
            MutableHeaders(scope=message)[_CLIENT_REQUEST_ID] = request_id

    def _dress(self, message: Message) -> None:
        """Add what the service's front adds to every answer of its API."""
        headers = MutableHeaders(scope=message)
        headers["X-Microsoft-Skype-Chain-ID"] = self._emulator.ids.event_id()
        headers["X-Azure-Ref"] = self._emulator.ids.event_id()
        headers["X-Cache"] = "CONFIG_NOCACHE"
        if headers.get("content-type") == "application/json":
            headers["content-type"] = "application/json; charset=utf-8"

    def _note(self, scope: Scope, status: int | None) -> None:
        self._emulator.request_log.request(
            scope["method"],
            target(Request(scope)),
            status,
            operation=operation_of(scope["method"], scope["path"]),
            reason=request_state(scope, REASON),
        )


class _StateSaving:
    """Middleware that saves the state before a request that may have changed it is answered."""

    def __init__(self, app: ASGIApp, emulator: Emulator) -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def saving(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._emulator.save()
            await send(message)

        await self._app(scope, receive, send if scope["method"] in _SAFE else saving)


class _ServiceErrors:
    """Handler that answers with an error in the form of the part of the service that was asked."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def __call__(self, request: Request, error: Exception) -> Response:
        if not isinstance(error, ServiceError):
            raise error
        if not request.url.path.startswith(content.PREFIX):
            return _error_response(request, error)
        set_request_state(request.scope, REASON, _reason(error))
        as_json = self._emulator.behaviours.now.content_unauthorized == "json"
        if as_json and error.status == 401:
            return JSONResponse(content.AMS_UNAUTHORIZED, 401)
        return Response(status_code=error.status)


def _error_response(request: Request, error: ServiceError) -> Response:
    set_request_state(request.scope, REASON, _reason(error))
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if not request.url.path.startswith(recordings.PREVIEW_PREFIX):
        body = {"error": body}
    return JSONResponse(body, status_code=error.status)


def _reason(error: ServiceError) -> str:
    return f"{error.code}: {error.message}"


def _unmatched(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        # The service's own words, as recorded.
        message = f"The requested resource does not support http method '{request.method}'."
        return JSONResponse({"message": message}, status_code=405)
    if request.url.path.startswith(content.PREFIX):
        return Response(status_code=404)
    return _error_response(request, not_implemented(f"{request.method} {request.url.path}"))


def _unknown(request: Request, error: Exception) -> Response:
    return _error_response(request, ServiceError(404, "NotFound", str(error)))


def _conflict(request: Request, error: Exception) -> Response:
    return _error_response(request, ServiceError(409, "Conflict", str(error)))
