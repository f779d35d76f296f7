"""Authentication of requests: HMAC-SHA256 signatures as ACS checks them, or a bearer token.

Written from the service's documentation and not shared with any client, so that both sides check
each other.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from callvault.emulator.errors import bad_signature, denied

CLOCK_SKEW = timedelta(minutes=5)
"""Assumed; the service's tolerance is not documented."""

_SCHEME = re.compile(
    r"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=(?P<signature>\S+)"
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """The parts of a request that a signature covers; header names are in lower case."""

    method: str
    target: str
    """Path and query exactly as sent."""
    headers: Mapping[str, str]
    body: bytes
    port: int | None = None
    """The port of the endpoint, which the service does not have."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Hosts that the signature may cover: ``x-ms-host`` for requests to a content host.

        Microsoft's SDKs sign the endpoint's host with its port and leave it out of ``x-ms-host``.
        """
        named = self.headers.get("x-ms-host")
        if not named:
            return (self.headers.get("host", ""),)
        return (named,) if self.port is None else (named, f"{named}:{self.port}")


def authenticate(
    request: SignedRequest, keys: tuple[str, ...], tokens: tuple[str, ...], now: datetime
) -> None:
    """Raise a `ServiceError` (401) unless a key signed the request or its token is listed.

    ``now`` is the real time, with which clients sign.
    """
    authorization = request.headers.get("authorization", "")
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() == "bearer":
        _check_token(token.strip(), tokens)
        return
    signature = _SCHEME.fullmatch(authorization)
    if signature is None:
        raise denied("The request carries neither an HMAC-SHA256 signature nor a bearer token.")
    date = _check_date(request, now)
    # Before the signature, which covers this hash and not the body itself.
    digest = _check_content(request)
    _check_signature(request, keys, date, digest, signature["signature"])


def _check_token(token: str, tokens: tuple[str, ...]) -> None:
    if not any(hmac.compare_digest(token.encode(), known.encode()) for known in tokens):
        raise denied("The bearer token is not among the emulator's bearer_tokens.")


def _check_date(request: SignedRequest, now: datetime) -> str:
    date = request.headers.get("x-ms-date") or request.headers.get("date", "")
    try:
        signed_at = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        raise bad_signature("x-ms-date is missing or not of the form of RFC 1123.") from None
    if abs(now - signed_at) > CLOCK_SKEW:
        raise bad_signature("x-ms-date is more than five minutes away from the service's time.")
    return date


def _check_content(request: SignedRequest) -> str:
    digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    if not _equal(digest, request.headers.get("x-ms-content-sha256", "")):
        raise denied("Request 'x-ms-content-sha256' differs from generated content hash.")
    return digest


def _check_signature(
    request: SignedRequest, keys: tuple[str, ...], date: str, digest: str, signature: str
) -> None:
    verb = f"{request.method}\n{request.target}"
    texts = [f"{verb}\n{date};{host};{digest}".encode() for host in request.hosts]
    if not any(_equal(_sign(key, text), signature) for key in keys for text in texts):
        raise bad_signature("the signature does not match the request.")


def _sign(key: str, text: bytes) -> str:
    signed = hmac.new(base64.b64decode(key), text, hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
