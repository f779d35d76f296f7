"""Credentials for ACS: an access key, or a token of Entra ID."""

import base64
import binascii
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from callvault import name_service
from callvault.acs import signing
from callvault.causes import Cause
from callvault.errors import AccessDenied, ConfigurationError, Unavailable
from callvault.header_values import http_time
from callvault.rereading import Reread

ENTRA_SCOPE = "https://communication.azure.com//.default"
"""The scope ACS expects; the double slash is right (``auth_policy_utils.py`` of the SDK)."""

MAX_AHEAD = timedelta(minutes=1)
"""Difference of clocks that is none: ACS takes signatures that are five minutes off."""


@dataclass(frozen=True)
class AccessKey:
    """Primary or secondary key of an ACS resource, in base64 as the portal shows it."""

    key: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.key_bytes:
            raise ConfigurationError("the ACS access key is empty: copy it from the resource")

    @property
    def key_bytes(self) -> bytes:
        """The key decoded; ConfigurationError where it is not base64."""
        try:
            # Without `validate` a damaged key is decoded to another one: other letters are skipped.
            return base64.b64decode(self.key, validate=True)
        except (binascii.Error, ValueError):
            raise ConfigurationError(
                "the ACS access key is not base64: copy it whole from the resource's Keys page"
            ) from None

    def authenticator(self, acs_host: str) -> "Authenticator":
        key = self.key_bytes
        return _KeyAuth(lambda: key, lambda: key, acs_host)


class RotatingKey:
    """An access key that may be replaced in its place of storage; ``read`` reads it from there.

    It is read again as `callvault.rereading` says, and at once on a 401 of ACS.
    """

    def __init__(self, read: Callable[[], AccessKey]) -> None:
        self.key = Reread(lambda: read().key_bytes)

    def authenticator(self, acs_host: str) -> "Authenticator":
        return _KeyAuth(self.key.current, self.key.again, acs_host)


@dataclass(frozen=True)
class EntraToken:
    """An identity of Entra ID; ``credential`` caches its tokens and renews them in time."""

    credential: TokenCredential = field(repr=False)

    def authenticator(self, acs_host: str) -> "Authenticator":
        return _TokenAuth(self.credential)


Credential = AccessKey | RotatingKey | EntraToken


class Authenticator(httpx.Auth):
    """Authenticates every request anew, just before it is sent."""

    # httpx reads the body before `auth_flow`, which signs its hash.
    requires_request_body = True

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        """Build the headers of a request; ``target`` is the path with its query, as it is sent."""
        raise NotImplementedError

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        # As it is sent: a path that is encoded again no longer fits (azure-sdk-for-python #30476).
        target = request.url.raw_path.decode("ascii")
        request.headers.update(self.headers(request.method, target, request.content))
        yield request


class _KeyAuth(Authenticator):
    """Signs with a key of the resource at ``acs_host``; on 401 with the one that replaced it."""

    def __init__(
        self, current: Callable[[], bytes], reread: Callable[[], bytes], acs_host: str
    ) -> None:
        self._current = current
        self._reread = reread
        self._acs_host = acs_host
        self._ahead = timedelta()
        """Time by which ACS's clock is ahead of this machine's, where it has refused ours."""

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        return self._signed(self._current(), method, target, body)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        used, ahead = self._current(), self._ahead
        response = yield self._sign(request, used)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        self._ahead = _ahead(response)
        # Once, and with another key or time alone: the same ones would be refused again.
        if (key := self._reread()) != used or abs(self._ahead - ahead) > MAX_AHEAD:
            yield self._sign(request, key)

    def _sign(self, request: httpx.Request, key: bytes) -> httpx.Request:
        target = request.url.raw_path.decode("ascii")
        request.headers.update(self._signed(key, request.method, target, request.content))
        return request

    def _signed(self, key: bytes, method: str, target: str, body: bytes) -> dict[str, str]:
        return signing.signed_headers(
            key,
            method=method,
            target=target,
            host=self._acs_host,
            body=body,
            at=datetime.now(UTC) + self._ahead,
        )


class _TokenAuth(Authenticator):
    """Sends a bearer token of Entra ID."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        return {"Authorization": f"Bearer {_token(self._credential)}"}


def _ahead(response: httpx.Response) -> timedelta:
    """Return the time by which the sender's clock is ahead of ours; none if it is small."""
    theirs = http_time(response.headers.get("Date"))
    if theirs is None:
        return timedelta()
    ahead = theirs - datetime.now(UTC)
    return ahead if abs(ahead) > MAX_AHEAD else timedelta()


def _token(credential: TokenCredential) -> str:
    try:
        return credential.get_token(ENTRA_SCOPE).token
    # A subclass of ClientAuthenticationError, so it is caught first.
    except CredentialUnavailableError as error:
        # also raised by a managed identity while its local endpoint is briefly away
        raise Unavailable(
            "no Entra ID credential is available on this machine: if this lasts, configure a "
            "managed identity or another credential",
            owner="callvault",
        ) from error
    except ClientAuthenticationError as error:
        raise AccessDenied(
            "Entra ID refused to issue a token for ACS: check the identity, its secret and tenant"
        ) from error
    except AzureError as error:
        raise Unavailable(
            "Entra ID could not be reached for a token for ACS",
            cause=name_service.cause_of(error) or Cause.UNREACHABLE,
        ) from error


def parse_connection_string(text: str) -> tuple[str, AccessKey]:
    """Split ``endpoint=https://…;accesskey=…`` into the endpoint and its key.

    Raises ConfigurationError naming the missing part; the text itself is never repeated.
    """
    # `partition`, not `split`: a key in base64 may end in "=".
    pairs = (part.partition("=") for part in text.strip().split(";") if part.strip())
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    for name in ("endpoint", "accesskey"):
        if not parts.get(name):
            raise ConfigurationError(
                f"the ACS connection string has no {name}: it must read "
                "endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
            )
    return parts["endpoint"].rstrip("/"), AccessKey(parts["accesskey"])
