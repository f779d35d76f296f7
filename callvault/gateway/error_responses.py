"""Error responses: every error as ``{"error": {"code", "message"}}``."""

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from callvault.contracts.printable import printable
from callvault.errors import (
    AccessDenied,
    CallvaultError,
    ConfigurationError,
    InvalidRequest,
    TryAgain,
)

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


def error_response(
    status: int,
    code: str,
    message: str,
    *,
    retry_after: timedelta | None = None,
    details: Mapping[str, object] | None = None,
) -> JSONResponse:
    """Return an error response; one that asks the client to come again says when.

    The message may quote what the client sent: it is made inert here. ``details`` stand beside it.
    """
    wait = int(retry_after.total_seconds()) if retry_after else RETRY_AFTER
    comes_again = retry_after or status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"retry-after": str(wait)} if comes_again else {}
    error = {"code": code, "message": printable(message), **(details or {})}
    return JSONResponse({"error": error}, status, headers)


def error_response_for(
    error: CallvaultError, *, details: Mapping[str, object] | None = None
) -> JSONResponse:
    """Return the response for one of our errors, which may bring its own status and code."""
    status, code = next((s, code) for kind, s, code in _STATUS if isinstance(error, kind))
    return error_response(
        error.status or status,
        error.code or code,
        str(error),
        retry_after=error.retry_after,
        details=details,
    )


def install(app: FastAPI) -> None:
    """Let the application answer every error in this form."""

    @app.exception_handler(CallvaultError)
    async def _ours(request: Request, error: CallvaultError) -> JSONResponse:
        return error_response_for(error)

    @app.exception_handler(HTTPException)
    async def _of_http(request: Request, error: HTTPException) -> JSONResponse:
        name = HTTPStatus(error.status_code).name.lower()
        answer = error_response(error.status_code, name, f"{error.detail}: {request.url.path}")
        answer.headers.update(error.headers or {})
        return answer
