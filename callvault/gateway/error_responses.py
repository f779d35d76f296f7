"""Errors as the gateway's clients see them: ``{"error": {"code", "message"}}``."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from callvault.errors import (
    AccessDenied,
    CallvaultError,
    ConfigurationError,
    InvalidRequest,
    TryAgain,
)

RETRY_AFTER = 10
"""Seconds after which a client that met a passing fault may ask again."""

_STATUS = (
    (AccessDenied, HTTPStatus.UNAUTHORIZED, "access_denied"),
    (ConfigurationError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    (InvalidRequest, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request"),
    (TryAgain, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    (CallvaultError, HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"),
)


def problem(
    status: int, code: str, message: str, *, retry_after: timedelta | None = None
) -> JSONResponse:
    """An error answer; one that asks to come again says when."""
    wait = int(retry_after.total_seconds()) if retry_after else RETRY_AFTER
    comes_again = retry_after or status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"retry-after": str(wait)} if comes_again else {}
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def problem_of(error: CallvaultError) -> JSONResponse:
    """The answer to one of our own errors, which may name its own status and code."""
    status, code = next((s, code) for kind, s, code in _STATUS if isinstance(error, kind))
    return problem(
        error.status or status,
        error.code or code,
        str(error),
        retry_after=error.retry_after,
    )


def install(app: FastAPI) -> None:
    """Make the application answer every error in this form."""

    @app.exception_handler(CallvaultError)
    async def _ours(request: Request, error: CallvaultError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(HTTPException)
    async def _of_http(request: Request, error: HTTPException) -> JSONResponse:
        name = HTTPStatus(error.status_code).name.lower()
        answer = problem(error.status_code, name, f"{error.detail}: {request.url.path}")
        answer.headers.update(error.headers or {})
        return answer
