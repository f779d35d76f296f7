"""Signed tokens (JWT) of an OpenID issuer: those in ACS's callbacks, and those of callers.

PyJWT checks them. Its own client for keys would hold a thread for every question; here all requests
that need a key at the same time wait for one answer, and the event loop goes on.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import httpx
import jwt
import structlog

from callvault.config.types import is_loopback
from callvault.errors import AccessDenied, ConfigurationError, Unavailable
from callvault.http_transports import AsyncTransport

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Asymmetric ones only: a public key must never be taken for a shared secret."""

LEEWAY = 30
"""Seconds by which a caller's clock and ours may differ."""

ACS_LEEWAY = 300
"""Seconds by which the clock of ACS and ours may differ: ACS takes as many for the time with which
requests to it are signed, and Microsoft's libraries for the times of tokens."""

KEY_LIFETIME = 3_600.0
"""Seconds after which keys are fetched again, so that a withdrawn one is forgotten."""

MIN_FETCH_INTERVAL = 30.0
"""Fewest seconds between two requests for keys: tokens with invented key ids cost no more."""

FETCH_TIMEOUT = 5.0
"""Seconds for the configuration and the keys of an issuer together, from name to last byte."""

MAX_DOCUMENT = 1 << 20
"""Longest document of an issuer that is read, in bytes; Microsoft's key sets have some twenty
thousand."""

MAX_WAITING = 32
"""Requests that wait for an issuer's answer; more are asked to come again, for most are junk."""

_UNFETCHED = (
    *(httpx.HTTPError, httpx.InvalidURL, jwt.PyJWTError),
    *(ConfigurationError, ValueError, KeyError, TypeError, TimeoutError, RecursionError),
)

log = structlog.get_logger(__name__)


class SigningKeys:
    """The public keys of an issuer, by id; fetched when first needed, and when they rotate."""

    def __init__(self, issuer: str, configuration_url: str) -> None:
        self._issuer = issuer
        self._configuration_url = configuration_url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -KEY_LIFETIME
        self._requested_at = -MIN_FETCH_INTERVAL
        self._waiting = 0
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK:
        """Return the key of this id. Raises `AccessDenied` if there is none, `Unavailable`."""
        if not self._is_known(key_id):
            await self._fetch_for(key_id)
        # Also one that should have been fetched again: while the issuer is away it is used on.
        if key_id in self._keys:
            return self._keys[key_id]
        # The last attempt failed, so the key may well exist.
        if self._fetched_at < self._requested_at:
            raise Unavailable(f"the keys of {self._issuer} cannot be fetched: try again")
        raise AccessDenied("the token is signed with a key that its issuer does not publish")

    async def _fetch_for(self, key_id: str) -> None:
        if self._waiting >= MAX_WAITING:
            raise Unavailable(f"{self._issuer} is being asked for its keys: try again")
        self._waiting += 1
        try:
            async with self._lock:
                # Another request may have fetched it while this one waited for the lock.
                if self._may_fetch() and not self._is_known(key_id):
                    await self._refresh()
        finally:
            self._waiting -= 1

    def _is_known(self, key_id: str) -> bool:
        return key_id in self._keys and time.monotonic() - self._fetched_at < KEY_LIFETIME

    def _may_fetch(self) -> bool:
        return time.monotonic() - self._requested_at >= MIN_FETCH_INTERVAL

    async def _refresh(self) -> None:
        """Fetch the keys; if that fails, those known are used on."""
        self._requested_at = time.monotonic()
        try:
            self._keys = await self._fetch()
            self._fetched_at = time.monotonic()
        except _UNFETCHED as error:
            log.warning(
                "keys of an issuer not fetched", issuer=self._issuer, problem=type(error).__name__
            )

    async def _fetch(self) -> dict[str, jwt.PyJWK]:
        # One deadline for it all: httpx's own begins anew with every byte.
        async with (
            asyncio.timeout(FETCH_TIMEOUT),
            httpx.AsyncClient(transport=AsyncTransport(), timeout=FETCH_TIMEOUT) as http,
        ):
            configuration = await _json(http, self._configuration_url)
            if configuration["issuer"] != self._issuer:
                raise ValueError("the configuration is another issuer's")
            published = await _json(http, str(configuration["jwks_uri"]))
        return _verifying_keys(published)


def _verifying_keys(published: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """Return the keys of a set that verify signatures, by id (RFC 7517, sections 4.2 and 4.3)."""
    said = published.get("keys")
    usable = [key for key in said if _may_verify(key)] if isinstance(said, list) else []
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict({"keys": usable}).keys if key.key_id}


def _may_verify(key: Any) -> bool:
    if not isinstance(key, dict):
        return False
    # A key that is published to encrypt for its holder says nothing about who signed.
    operations = key.get("key_ops", ["verify"])
    return (
        key.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    )


async def _json(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    target = httpx.URL(url)
    if target.scheme != "https" and not is_loopback(target.host):
        raise ValueError("keys are only fetched over https")
    # Unpacked, a few kilobytes can fill the memory.
    plain = {"accept-encoding": "identity"}
    async with http.stream("GET", target, headers=plain) as answer:
        answer.raise_for_status()
        body = await _bounded(answer)
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the document is no JSON object")
    return document


async def _bounded(answer: httpx.Response) -> bytes:
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise ValueError("the document came compressed although that was ruled out")
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > MAX_DOCUMENT:
            raise ValueError("the document is longer than any of its kind")
    return bytes(body)


class TokenValidator:
    """Accepts the tokens of one issuer for one of some audiences."""

    def __init__(
        self,
        issuer: str,
        configuration_url: str,
        audiences: Sequence[str],
        *,
        leeway: int = LEEWAY,
    ) -> None:
        """``leeway`` is in seconds."""
        self._issuer = issuer
        self._leeway = leeway
        self._audiences = tuple(audiences)
        self._keys = SigningKeys(issuer, configuration_url)

    async def claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a genuine token. Raises `AccessDenied` for others, `Unavailable`."""
        key = await self._keys.key(_key_id(token))
        try:
            return jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self._audiences,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise AccessDenied(f"the token is not accepted: {_reason(error)}") from None


def _key_id(token: str) -> str:
    """Return the id of the token's key. Nothing is known to be genuine yet: junk ends here."""
    try:
        head = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise AccessDenied("the token is no signed JWT") from None
    if head.get("alg") not in ALGORITHMS or not isinstance(head.get("kid"), str):
        raise AccessDenied("the token names no key, or an algorithm that is not accepted")
    key_id: str = head["kid"]
    return key_id


_REASONS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet; do the clocks agree?"),
    (jwt.InvalidAudienceError, "it was made for another audience"),
    (jwt.InvalidIssuerError, "it has another issuer"),
    (jwt.MissingRequiredClaimError, "it lacks one of exp, iss and aud"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
)


def _reason(error: jwt.PyJWTError) -> str:
    """Return why a token is not accepted."""
    # In our words: PyJWT's own may repeat what the token holds.
    return next((text for kind, text in _REASONS if isinstance(error, kind)), "it is malformed")
