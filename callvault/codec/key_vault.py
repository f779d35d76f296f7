"""Keys of payloads in Azure Key Vault: the versions of one secret, over its REST API.

Each version is one key in base64. A new version is a rotation: the newest enabled one encrypts, and
all enabled ones decrypt. The identity needs the role Key Vault Secrets User. Written from the
reference of api-version 7.4 (Get Secret Versions, Get Secret); never run against Azure itself.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError

from callvault.azure_storage.identity import ProcessIdentity
from callvault.causes import Cause
from callvault.codec.payload_key import PayloadKey
from callvault.errors import AccessDenied, CallvaultError, ConfigurationError, Unavailable, words_of
from callvault.http_transports import Transport

API_VERSION = "7.4"

ANSWER_TIMEOUT = 10.0
"""Seconds for each step of an exchange."""

MAX_VERSIONS = 100
"""Versions that are read: of more, disable those that no history needs any more."""


class KeyVaultKeys:
    """The keys in one secret of a vault. A version never changes, so each is fetched once."""

    def __init__(self, url: str, secret: str, credential: TokenCredential | None = None) -> None:
        """``credential`` is the identity of this process unless another one is given."""
        self._url = url
        self._secret = secret
        self._credential = credential
        self._known: dict[str, PayloadKey] = {}
        """The keys that were fetched, by the ids of their versions."""

    def read(self) -> Sequence[PayloadKey]:
        """Read the enabled versions, the newest first; blocks.

        Raises `AccessDenied`, `Unavailable`, or `ConfigurationError` for a secret without a key.
        """
        with httpx.Client(transport=Transport(), timeout=ANSWER_TIMEOUT) as http:
            headers = {"authorization": f"Bearer {self._token()}"}
            versions = sorted(self._versions(http, headers), key=_age, reverse=True)
            wanted = [str(each["id"]) for each in versions]
            for version in wanted:
                if version not in self._known:
                    told = self._get(http, version, headers)
                    self._known[version] = self._key(str(told.get("value", "")))
        if not wanted:
            raise ConfigurationError(
                f"secret {self._secret} of {self._url} has no enabled version: add one, 32 bytes in"
                " base64"
            )
        return [self._known[version] for version in wanted]

    def _key(self, text: str) -> PayloadKey:
        try:
            return PayloadKey.from_secret(text)
        except ConfigurationError as error:
            raise ConfigurationError(f"secret {self._secret} of {self._url}: {error}") from None

    def _versions(self, http: httpx.Client, headers: dict[str, str]) -> Iterator[dict[str, Any]]:
        page: str | None = f"{self._url}/secrets/{self._secret}/versions"
        seen = 0
        while page:
            told = self._get(http, page, headers)
            for version in told.get("value", []):
                seen += 1
                if seen <= MAX_VERSIONS and version.get("attributes", {}).get("enabled"):
                    yield version
            page = told.get("nextLink") if seen < MAX_VERSIONS else None

    def _get(self, http: httpx.Client, url: str, headers: dict[str, str]) -> dict[str, Any]:
        if urlsplit(url).netloc != urlsplit(self._url).netloc:
            # The token is good for every vault: it must reach none but the one of the settings.
            raise self._error(f"it names {urlsplit(url).netloc} as a place of its own")
        try:
            answer = http.get(
                httpx.URL(url).copy_merge_params({"api-version": API_VERSION}), headers=headers
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._error(words_of(error)) from error
        if answer.status_code in (401, 403, 404):
            raise self._denied(answer.status_code)
        try:
            answer.raise_for_status()
            told: Any = answer.json()
        except (httpx.HTTPStatusError, ValueError) as error:
            raise self._error(f"it answers {answer.status_code}") from error
        if not isinstance(told, dict):
            raise self._error("its answer is no object")
        return told

    def _token(self) -> str:
        self._credential = self._credential or ProcessIdentity()
        # vault.azure.net, vault.azure.cn …: each cloud has an audience of its own.
        audience = (urlsplit(self._url).hostname or "").partition(".")[2]
        try:
            return self._credential.get_token(f"https://{audience}/.default").token
        except ClientAuthenticationError as error:
            raise self._denied(401) from error
        except AzureError as error:
            raise self._error("the token service of Entra ID was not reached") from error

    def _denied(self, status: int) -> CallvaultError:
        return AccessDenied(
            f"Key Vault {self._url} does not give secret {self._secret} to this identity"
            f" ({status}): correct its name, or give the identity the role Key Vault Secrets User",
            status=status,
            cause=Cause.KEY,
        )

    def _error(self, why: str) -> CallvaultError:
        return Unavailable(f"Key Vault {self._url} cannot be read: {why}", cause=Cause.SERVICE)


def _age(version: dict[str, Any]) -> tuple[int, str]:
    return int(version["attributes"].get("created", 0)), str(version["id"])
