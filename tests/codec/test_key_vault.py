"""Keys from Azure Key Vault, or rather from a double of its REST API as api-version 7.4 has it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from callvault.codec.key_vault import KeyVaultKeys
from callvault.codec.payload_key import PayloadKey
from callvault.errors import AccessDenied, CallvaultError, ConfigurationError, Unavailable
from tests.acs.service import Answer, Seen, Service, serving
from tests.codec.conftest import new_key


@dataclass
class Version:
    name: str
    created: int
    value: str = field(default_factory=new_key)
    is_enabled: bool = True


class Vault:
    """A vault with one secret: pages of two versions, a bearer token on every request."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.versions: list[Version] = []
        self.next_page = ""
        """Replaces the link to a next page."""
        service.decide = self.answer

    def answer(self, seen: Seen) -> Answer:
        url = urlsplit(seen.target)
        query = parse_qs(url.query)
        if seen.headers.get("authorization") != "Bearer token-1":
            return Answer(401, b'{"error":{"code":"Unauthorized"}}')
        assert query["api-version"] == ["7.4"], seen.target
        _, secrets, name, version = url.path.split("/")
        assert (seen.method, secrets) == ("GET", "secrets")
        if name != "payload-keys":
            return Answer(404, b'{"error":{"code":"SecretNotFound"}}')
        if version == "versions":
            return self._page(int(query.get("$skiptoken", ["0"])[0]))
        (found,) = (each for each in self.versions if each.name == version)
        # Of a disabled version the service gives nothing.
        if not found.is_enabled:
            return Answer(403, b'{"error":{"innererror":{"code":"SecretDisabled"}}}')
        return said({"value": found.value, **self._item(found)})

    def _page(self, begin: int) -> Answer:
        more = len(self.versions) > begin + 2
        base = f"{self.service.url}/secrets/payload-keys/versions?api-version=7.4"
        following = self.next_page or f"{base}&$skiptoken={begin + 2}&maxresults=2"
        return said(
            {
                "value": [self._item(each) for each in self.versions[begin : begin + 2]],
                "nextLink": following if more else None,
            }
        )

    def _item(self, version: Version) -> dict[str, Any]:
        return {
            "id": f"{self.service.url}/secrets/payload-keys/{version.name}",
            "attributes": {"enabled": version.is_enabled, "created": version.created},
        }

    def keys(self, secret: str = "payload-keys", credential: Any = None) -> KeyVaultKeys:
        return KeyVaultKeys(self.service.url, secret, credential or Identity())


class Identity:
    """A `TokenCredential`."""

    def __init__(self, token: str = "token-1", error: Exception | None = None) -> None:
        self.scopes: list[str] = []
        self._token, self._error = token, error

    def get_token(self, *scopes: str, **options: object) -> AccessToken:
        self.scopes += scopes
        if self._error:
            raise self._error
        return AccessToken(self._token, 4_102_444_800)


def said(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"content-type": "application/json"})


@pytest.fixture
def vault() -> Iterator[Vault]:
    with serving() as service:
        yield Vault(service)


def ids(*versions: Version) -> list[str]:
    return [PayloadKey.from_secret(each.value).id for each in versions]


def test_the_newest_enabled_version_comes_first_and_disabled_ones_not_at_all(vault: Vault) -> None:
    old, newest, disabled, middle = vault.versions = [
        Version("a", 100),
        Version("b", 300),
        Version("c", 400, is_enabled=False),
        Version("d", 200),
    ]
    assert disabled.value not in (old.value, newest.value)
    assert [key.id for key in vault.keys().read()] == ids(newest, middle, old)


def test_a_new_version_is_a_rotation_and_an_old_one_is_not_fetched_again(vault: Vault) -> None:
    first = Version("a", 100)
    vault.versions = [first]
    keys = vault.keys()
    assert [key.id for key in keys.read()] == ids(first)
    vault.versions.append(second := Version("b", 200))
    assert [key.id for key in keys.read()] == ids(second, first)
    fetched = [seen.target for seen in vault.service.seen if "/versions" not in seen.target]
    assert len(fetched) == 2


def test_the_token_is_asked_for_the_clouds_own_audience() -> None:
    for url, scope in (
        ("https://contoso.vault.azure.net", "https://vault.azure.net/.default"),
        ("https://contoso.vault.azure.cn", "https://vault.azure.cn/.default"),
    ):
        identity = Identity(error=ServiceRequestError("away"))
        with pytest.raises(Unavailable, match="token service"):
            KeyVaultKeys(url, "payload-keys", identity).read()
        assert identity.scopes == [scope]


@pytest.mark.parametrize(
    ("secret", "identity", "kind", "words"),
    [
        ("payload-keys", Identity("wrong"), AccessDenied, "role Key Vault Secrets User"),
        ("no-such", Identity(), AccessDenied, "no-such"),
        (
            "payload-keys",
            Identity(error=ClientAuthenticationError("no identity")),
            AccessDenied,
            "role Key Vault Secrets User",
        ),
        ("payload-keys", Identity(), ConfigurationError, "has no enabled version"),
    ],
)
def test_a_vault_that_gives_no_key_says_what_to_do(
    vault: Vault, secret: str, identity: Identity, kind: type[CallvaultError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        vault.keys(secret, identity).read()


@pytest.mark.parametrize("answer", [Answer(500), Answer(200, b"<html>"), Answer(302)])
def test_a_vault_that_fails_is_unavailable(vault: Vault, answer: Answer) -> None:
    vault.service.decide = lambda _: answer
    with pytest.raises(Unavailable, match="cannot be read"):
        vault.keys().read()


def test_a_version_that_is_no_key_is_named_without_its_value(vault: Vault) -> None:
    vault.versions = [Version("a", 1, value="hunter2")]
    with pytest.raises(ConfigurationError, match="secret payload-keys of") as raised:
        vault.keys().read()
    assert "hunter2" not in str(raised.value)


def test_the_token_goes_to_no_other_host(vault: Vault) -> None:
    vault.versions = [Version(each, 1) for each in "abc"]
    with serving() as other:
        other.answers = [Answer(200, b"{}")]
        vault.next_page = f"{other.url}/secrets/payload-keys/versions"
        with pytest.raises(Unavailable, match="as a place of its own"):
            vault.keys().read()
        assert other.seen == []
