"""A signing key in Azure Key Vault, which never leaves it: ES256 over the vault's REST API.

Written from the reference of api-version 7.4 (Get Key, Sign); never run against Azure itself. The
identity needs the role Key Vault Crypto User.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers

from callvault.archive.manifests.keys import PublicKey, Signer
from callvault.azure_storage.identity import ProcessIdentity
from callvault.causes import Cause
from callvault.errors import (
    AccessDenied,
    CallvaultError,
    ConfigurationError,
    Throttled,
    Unavailable,
)
from callvault.header_values import retry_after
from callvault.http_transports import Transport

API_VERSION = "7.4"

ANSWER_TIMEOUT = 10.0
"""Seconds for each step of an exchange."""

_KEY_TYPES = {"EC", "EC-HSM"}


def key_vault_signer(url: str, credential: TokenCredential | None = None) -> Signer:
    """Return the signer of a key, ``https://VAULT/keys/NAME`` or one version of it.

    ``credential`` is the identity of this process unless another one is given. Without a version
    the newest one is taken, and stays this signer's: its public half is the one that was read.
    Raises `AccessDenied`, `Throttled`, `Unavailable`, or `ConfigurationError` for another key.
    """
    vault = _Vault(url, credential or ProcessIdentity())
    told = vault.ask("GET", url)
    key = told.get("key")
    if not isinstance(key, dict):
        raise vault.error("its answer names no key")
    public = _public_key(url, key)
    version = str(key.get("kid", ""))

    def sign(data: bytes) -> bytes:
        digest = _base64url(hashlib.sha256(data).digest())
        signed = vault.ask("POST", f"{version}/sign", {"alg": "ES256", "value": digest})
        return _bytes(str(signed.get("value", "")))

    return Signer(public, sign)


@dataclass(frozen=True)
class _Vault:
    url: str
    credential: TokenCredential

    def ask(self, method: str, url: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Send one request of the REST API; every failure is one of ours."""
        if urlsplit(url)[:2] != urlsplit(self.url)[:2]:
            # The token is good for every vault: it must reach none but the one of the settings.
            raise self.error(f"it names {urlsplit(url).netloc} as a place of its own")
        headers = {"authorization": f"Bearer {self._token()}"}
        try:
            with httpx.Client(transport=Transport(), timeout=ANSWER_TIMEOUT) as http:
                answer = http.request(
                    method, url, params={"api-version": API_VERSION}, json=body, headers=headers
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.error(str(error) or type(error).__name__) from error
        return self._read(answer)

    def error(self, why: str) -> CallvaultError:
        return Unavailable(f"{self.url} does not sign: {why}", cause=Cause.SERVICE)

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        status = answer.status_code
        if status in {401, 403, 404}:
            raise self._denied(status)
        if status == httpx.codes.TOO_MANY_REQUESTS:
            raise Throttled(
                f"{self.url} is asked for too many signatures; it is tried again",
                status=status,
                retry_after=retry_after(answer.headers.get("Retry-After")),
            )
        try:
            told = answer.json()
        except ValueError:
            told = None
        if status != httpx.codes.OK or not isinstance(told, dict):
            raise self.error(f"it answers {status}")
        return told

    def _token(self) -> str:
        # vault.azure.net, vault.azure.cn …: each cloud has an audience of its own.
        audience = (urlsplit(self.url).hostname or "").partition(".")[2]
        try:
            return self.credential.get_token(f"https://{audience}/.default").token
        except ClientAuthenticationError as error:
            raise self._denied(401) from error
        except AzureError as error:
            raise self.error("the token service of Entra ID was not reached") from error

    def _denied(self, status: int) -> CallvaultError:
        return AccessDenied(
            f"{self.url} does not sign for this identity ({status}): correct the key's name, enable"
            " the key, or give the identity the role Key Vault Crypto User",
            status=status,
            cause=Cause.KEY,
        )


def _public_key(url: str, key: dict[str, Any]) -> PublicKey:
    if key.get("kty") not in _KEY_TYPES or key.get("crv") != "P-256":
        raise ConfigurationError(
            f"{url} is no EC key on the curve P-256: make one, which signs with ES256"
        )
    x, y = (int.from_bytes(_bytes(str(key.get(each, "")))) for each in "xy")
    try:
        return PublicKey(EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key())
    except ValueError:
        raise ConfigurationError(f"{url} has no point of the curve P-256 for a key") from None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
