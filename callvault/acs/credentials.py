"""What proves to ACS who asks: an access key, or a token of Entra ID."""

import base64
import binascii
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from callvault.acs import signing
from callvault.errors import AccessDenied, ConfigurationError, Unavailable

ENTRA_SCOPE = "https://communication.azure.com//.default"
"""The scope ACS expects; the double slash is right (``auth_policy_utils.py`` of the SDK)."""


@dataclass(frozen=True)
class AccessKey:
    """Primary or secondary key of an ACS resource, in base64 as the portal shows it."""

    key: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.key_bytes:
            raise ConfigurationError("the ACS access key is empty: copy it from the resource")

    @property
    def key_bytes(self) -> bytes:
        try:
            return base64.b64decode(self.key, validate=True)
        except (binascii.Error, ValueError):
            raise ConfigurationError(
                "the ACS access key is not base64: copy it whole from the resource's Keys page"
            ) from None

    def authenticator(self, acs_host: str) -> "Authenticator":
        return _KeyAuth(self.key_bytes, acs_host)


@dataclass(frozen=True)
class EntraToken:
    """An identity of Entra ID; ``credential`` caches its tokens and renews them in time."""

    credential: TokenCredential = field(repr=False)

    def authenticator(self, acs_host: str) -> "Authenticator":
        return _TokenAuth(self.credential)


class Authenticator(httpx.Auth):
    """Authenticates every request anew, just before it is sent."""

    requires_request_body = True

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        """What proves who asks; ``target`` is the path with its query, as it is sent."""
        raise NotImplementedError

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        target = request.url.raw_path.decode("ascii")
        request.headers.update(self.headers(request.method, target, request.content))
        yield request


class _KeyAuth(Authenticator):
    """Signs with the key of the resource at ``acs_host``."""

    def __init__(self, key: bytes, acs_host: str) -> None:
        self._key = key
        self._acs_host = acs_host

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        return signing.signed_headers(
            self._key,
            method=method,
            target=target,
            host=self._acs_host,
            body=body,
            at=datetime.now(UTC),
        )


class _TokenAuth(Authenticator):
    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        return {"Authorization": f"Bearer {_token(self._credential)}"}


def _token(credential: TokenCredential) -> str:
    try:
        return credential.get_token(ENTRA_SCOPE).token
    except CredentialUnavailableError as error:
        # Also what a managed identity raises while its local endpoint is briefly away.
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
        raise Unavailable("Entra ID could not be reached for a token for ACS") from error


def parse_connection_string(text: str) -> tuple[str, AccessKey]:
    """Split ``endpoint=https://…;accesskey=…`` into the endpoint and its key.

    Raises ConfigurationError naming the missing part; the text itself is never repeated.
    """
    pairs = (part.partition("=") for part in text.strip().split(";") if part.strip())
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    for name in ("endpoint", "accesskey"):
        if not parts.get(name):
            raise ConfigurationError(
                f"the ACS connection string has no {name}: it must read "
                "endpoint=https://<resource>.communication.azure.com/;accesskey=<key>"
            )
    return parts["endpoint"].rstrip("/"), AccessKey(parts["accesskey"])
