"""Credentials: keys and tokens that are accepted, and the SDK's errors for others."""

import time
from typing import Any

import pytest
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from callvault.emulator.settings import EmulatorSettings
from tests.contract.addresses import on_microsofts_host
from tests.contract.client import Client, order
from tests.contract.conftest import SETTINGS, TOKEN
from tests.contract.resource import Resource, client_class
from tests.contract.sdks import Sdk
from tests.emulator.stage import Acs, StagedCall

WRONG_KEY = EmulatorSettings(seed=1).access_keys[0]
SCOPE = "https://communication.azure.com//.default"


class Identity:
    """A credential as of azure-identity, with a token that the emulator knows."""

    def __init__(self, token: str) -> None:
        self.scopes: list[str] = []
        self._token = token

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._token, int(time.time()) + 3600)

    def close(self) -> None:
        """Nothing is open."""


class AsyncIdentity(Identity):
    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:  # type: ignore[override]
        return super().get_token(*scopes, **options)

    async def close(self) -> None:  # type: ignore[override]
        """Nothing is open."""


def identity(style: str, token: str) -> Identity:
    return Identity(token) if style == "sync" else AsyncIdentity(token)


def https_endpoint(emulator: Acs) -> str:
    return f"https://{emulator.host}"


@pytest.mark.parametrize("key", SETTINGS.access_keys, ids=["primary", "secondary"])
async def test_both_keys_are_accepted(
    emulator: Acs, resource: Resource, sdk: Sdk, style: str, call: StagedCall, key: str
) -> None:
    client = resource.client_of(sdk, style, https_endpoint(emulator), AzureKeyCredential(key))
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    assert (await client.state(started.recording_id)).recording_id == started.recording_id
    await client.close()


async def test_wrong_key_is_an_authentication_error(
    resource: Resource, sdk: Sdk, style: str, server_call_id: str
) -> None:
    wrong = resource.connection_string.replace(resource.access_key, WRONG_KEY)
    client = resource.client(sdk, style, conn_str=wrong)
    with pytest.raises(ClientAuthenticationError) as raised:
        await client.start(server_call_id=server_call_id, **order(sdk))
    assert raised.value.status_code == 401
    await client.close()


async def test_wrong_key_opens_no_file(
    emulator: Acs, resource: Resource, sdk: Sdk, style: str, recorded: dict[str, Any]
) -> None:
    credential = AzureKeyCredential(WRONG_KEY)
    intruder = resource.client_of(sdk, style, https_endpoint(emulator), credential)
    with pytest.raises(ClientAuthenticationError):
        await intruder.read(on_microsofts_host(recorded["contentLocation"]))
    if style == "sync" or sdk.deletes_asynchronously:
        with pytest.raises(ClientAuthenticationError):
            await intruder.delete(on_microsofts_host(recorded["deleteLocation"]))
    await intruder.close()


async def test_token_credential_is_accepted_for_control_and_files(
    emulator: Acs,
    resource: Resource,
    sdk: Sdk,
    style: str,
    call: StagedCall,
    recorded: dict[str, Any],
) -> None:
    credential = identity(style, TOKEN)
    client = resource.client_of(sdk, style, https_endpoint(emulator), credential)
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    await client.stop(started.recording_id)
    content = await client.read(on_microsofts_host(recorded["contentLocation"]))
    assert len(content) == recorded["size"]
    assert set(credential.scopes) == {SCOPE}
    await client.close()


async def test_unknown_token_is_an_authentication_error(
    emulator: Acs, resource: Resource, sdk: Sdk, style: str, call: StagedCall
) -> None:
    credential = identity(style, "expired")
    client = resource.client_of(sdk, style, https_endpoint(emulator), credential)
    with pytest.raises(ClientAuthenticationError):
        await client.start(server_call_id=call.server_call_id, **order(sdk))
    await client.close()


async def test_plain_http_endpoint_needs_no_transport_of_its_own(
    emulator: Acs, sdk: Sdk, style: str, call: StagedCall
) -> None:
    key = AzureKeyCredential(emulator.key)
    client = Client(client_class(sdk, style)(emulator.emulator.endpoint, key))
    started = await client.start(server_call_id=call.server_call_id, **order(sdk))
    call.lasts(2)
    await client.stop(started.recording_id)
    (chunk,) = call.rendered()["chunks"]
    if sdk.accepts_only_microsofts_hosts:
        with pytest.raises(ValueError, match="HTTPS"):
            await client.read(chunk["contentLocation"])
    else:
        assert len(await client.read(chunk["contentLocation"])) == chunk["size"]
    await client.close()


async def test_slash_after_the_endpoint_is_the_sdks_own_mistake(
    emulator: Acs, sdk: Sdk, style: str, call: StagedCall
) -> None:
    """It signs the host with the slash; the service refuses that, and so does the emulator."""
    endpoint = emulator.emulator.endpoint + "/"
    client = Client(client_class(sdk, style)(endpoint, AzureKeyCredential(emulator.key)))
    with pytest.raises(HttpResponseError):
        await client.start(server_call_id=call.server_call_id, **order(sdk))
    await client.close()
