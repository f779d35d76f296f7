"""Error responses: every error as ``{"error": {"code", "message", "httpRequestId"}}``.

The form of Microsoft's REST guidelines, which ACS and Azure Storage answer in, too.
"""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from callvault.contracts.base import State, explain_one, shorten
from callvault.contracts.printable import printable
from callvault.contracts.status import PauseHolder
from callvault.errors import (
    AccessDenied,
    CallvaultError,
    ConfigurationError,
    InvalidRequest,
    TryAgain,
)
from callvault.gateway.challenges import challenge
from callvault.gateway.methods import allowed
from callvault.gateway.request_ids import current_id

RETRY_AFTER = 10
"""Seconds after which a client may ask again, where an error passes by itself."""

# The first kind that fits decides, so the base of all errors comes last.
_STATUS = (
    (AccessDenied, HTTPStatus.UNAUTHORIZED, "access_denied"),
    (ConfigurationError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    (InvalidRequest, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    (TryAgain, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    (CallvaultError, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"),
)

_UNFORESEEN = "the gateway failed: repeat the request; its log has the cause under this id"


class ErrorDetail(State):
    """An error: a code for programs, a sentence for people."""

    code: str
    message: str
    """A sentence that says what happened, and what to do."""
    http_request_id: str
    """The answer's ``X-Request-ID``, which the gateway's log lines of this request have, too."""
    may_be_recording: bool = False
    """Of a pause or a stop alone, and there always: true unless ACS is known to record nothing."""
    held_by: list[PauseHolder] = []
    """Of ``still_paused`` alone: the pauses of others, for which the recording stays paused."""


class ErrorResponse(State):
    """The body of every error."""

    error: ErrorDetail


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    retry_after: timedelta | None = None,
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Return an error response; one that asks the client to come again says when.

    The message may quote what the client sent: it is made inert here. ``details`` stand beside it.
    """
    wait = int(retry_after.total_seconds()) if retry_after else RETRY_AFTER
    comes_again = retry_after or status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {**({"retry-after": str(wait)} if comes_again else {}), **(headers or {})}
    error = {"code": code, "message": printable(message), "httpRequestId": current_id()}
    return JSONResponse({"error": {**error, **(details or {})}}, status, headers)


def error_response_for(
    error: CallvaultError,
    *,
    details: Mapping[str, object] | None = None,
    request: Request | None = None,
) -> JSONResponse:
    """Return the response for one of our errors, which may bring its own status and code."""
    status, code = next((s, code) for kind, s, code in _STATUS if isinstance(error, kind))
    status, code = HTTPStatus(error.status or status), error.code or code
    return error_response(
        status,
        code,
        str(error),
        retry_after=error.retry_after,
        details=details,
        headers=challenge(request, status, code) if request else None,
    )


def install(app: FastAPI) -> None:
    """Let the application answer every error in this form."""

    @app.exception_handler(CallvaultError)
    async def _ours(request: Request, error: CallvaultError) -> Response:
        return error_response_for(error, request=request)

    @app.exception_handler(RequestValidationError)
    async def _of_parameters(request: Request, error: RequestValidationError) -> Response:
        said = shorten("; ".join(map(explain_one, error.errors())))
        return error_response(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request", said)

    @app.exception_handler(HTTPException)
    async def _of_http(request: Request, error: HTTPException) -> Response:
        headers = {**(error.headers or {})}
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # The framework names the methods of the first route alone.
            headers = {"allow": allowed(app, request.scope)}
            if request.method == "OPTIONS":
                return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
        name = HTTPStatus(error.status_code).name.lower()
        said = f"{error.detail}: {request.scope['path']}"
        return error_response(error.status_code, name, said, headers=headers)

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, error: Exception) -> Response:
        # The server logs it, for it is raised again after this answer.
        return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", _UNFORESEEN)
