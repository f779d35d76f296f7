"""The challenge of a 401 or 403: what to present, in the header ``WWW-Authenticate`` (RFC 9110)."""

from http import HTTPStatus

from fastapi import Request

from callvault.contracts.names import EVENTS_PATH
from callvault.gateway.request_url import SECRET_HEADER

HEADER = "www-authenticate"

_BEARER = 'Bearer realm="callvault"'
_SECRET = f'Secret realm="callvault events", header="{SECRET_HEADER}"'


def challenge(request: Request, status: int, code: str) -> dict[str, str]:
    """Return the header for an error response; none where nothing presented would help."""
    if status == HTTPStatus.UNAUTHORIZED:
        return {HEADER: _unauthorized(request)}
    # RFC 6750, section 3.1.
    if code == "role_missing":
        return {HEADER: f'{_BEARER}, error="insufficient_scope"'}
    return {}


def _unauthorized(request: Request) -> str:
    if request.scope["path"] == EVENTS_PATH:
        return _SECRET
    # No error is named to who presented nothing (RFC 6750, section 3.1).
    presented = "authorization" in request.headers
    return f'{_BEARER}, error="invalid_token"' if presented else _BEARER
