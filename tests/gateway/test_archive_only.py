"""Is whatever would control a recording of a resource that only archives refused, and clearly?"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from temporalio.client import Client

from callvault.config.settings import Settings
from callvault.contracts.requests import RecordingRequest
from callvault.gateway.app import create_app
from tests.gateway.conftest import Call, Gateway, GatewayOf, settings
from tests.gateway.declared import Declared

ONLY = {"default": {"archive_only": True}}
CHANGE = "set resources.default.archive_only = false, and restart"
PATHS = ("", "/{}:pause", "/{}:resume", "/{}:stop", "/{}/consents")
"""Below that of recordings."""


@pytest_asyncio.fixture(loop_scope="session")
async def archiving(temporal: Client, tmp_path: Path) -> AsyncIterator[Gateway]:
    """Yield a gateway whose only resource only archives."""
    several = settings(tmp_path, resources=ONLY)
    only = several.model_copy(update={"resources": {"default": several.resource("default")}})
    transport = httpx.ASGITransport(Declared(create_app(only, temporal)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        yield Gateway(http, tmp_path)


@pytest.fixture
def mixed(gateway_of: GatewayOf, temporal: Client) -> Gateway:
    """Return a gateway where one of several resources only archives."""
    return gateway_of(temporal, resources=ONLY)


async def asks(gateway: Gateway, call: Call, path: str, prefer: str = "") -> httpx.Response:
    body: dict[str, Any] = {} if path else {"serverCallId": call.server_call_id}
    if path.endswith("consents"):
        body = {"participant": "0" * 64, "given": False}
    url = "/v1/recordings" + path.format(call.workflow_id)
    return await gateway.http.post(url, json=body, headers={"prefer": prefer})


def is_refused(answer: httpx.Response) -> bool:
    error = answer.json()["error"]
    return (answer.status_code, error["code"]) == (409, "refused") and CHANGE in error["message"]


@pytest.mark.parametrize("prefer", ["", "respond-async"])
@pytest.mark.parametrize("path", PATHS)
async def test_every_request_is_refused_with_what_to_change(
    archiving: Gateway, call: Call, path: str, prefer: str
) -> None:
    answer = await asks(archiving, call, path, prefer)
    assert is_refused(answer)
    may_record = answer.json()["error"].get("mayBeRecording", False)
    assert may_record is path.endswith(("pause", "stop"))


@pytest.mark.parametrize("path", PATHS)
async def test_beside_another_resource_it_is_refused_by_the_calls_own(
    mixed: Gateway, call: Call, path: str
) -> None:
    """Where nobody waits, nobody would hear the refusal by the workflow."""
    assert (await mixed.deliver([call.recorded()])).status_code == 200
    assert is_refused(await asks(mixed, call, path, "respond-async"))


async def test_a_call_that_is_not_known_yet_may_be_one_of_them(mixed: Gateway, call: Call) -> None:
    answer = await asks(mixed, call, "/{}:pause")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["mayBeRecording"]) == (404, "not_found", True)
    assert "If it is a call of default: " in error["message"]
    assert CHANGE in error["message"]


async def test_a_withdrawal_counts_whatever_resource_is_said(mixed: Gateway, call: Call) -> None:
    """The resource of a body is for calls that nobody keeps; by default it is ``default``."""
    told = {"participant": "0" * 64, "given": False, "serverCallId": call.server_call_id}
    url = f"/v1/recordings/{call.workflow_id}/consents"
    assert is_refused(await mixed.http.post(url, json=told))
    body = {"serverCallId": call.server_call_id, "resource": "europe"}
    assert (await mixed.http.post("/v1/recordings", json=body)).status_code == 201
    assert (await mixed.http.post(url, json=told)).status_code == 200


async def test_the_files_of_a_recording_that_others_began_are_kept(
    archiving: Gateway, call: Call, temporal: Client
) -> None:
    assert (await archiving.deliver([call.recorded()])).status_code == 200
    handle = temporal.get_workflow_handle(call.workflow_id)
    request = await handle.query("request", result_type=RecordingRequest)
    assert (request.resource, request.start_recording) == ("default", False)


async def test_another_resource_is_controlled_as_ever(mixed: Gateway, call: Call) -> None:
    body = {"serverCallId": call.server_call_id, "resource": "europe"}
    assert (await mixed.http.post("/v1/recordings", json=body)).status_code == 201
    for path in PATHS[1:]:
        assert (await asks(mixed, call, path, "respond-async")).status_code == 202


@pytest.mark.parametrize(
    "setting",
    [
        {"record_all_calls": "mp4"},
        {"adopt_orphans": "mp4", "callback_url": "https://callvault.example"},
        {"consent_policy": "all_parties"},
        {"keep_participants": True},
        {"announcement_url": "env:ANNOUNCEMENT_URL"},
        {"max_duration": "4h"},
    ],
)
def test_what_would_need_control_is_a_contradiction(setting: dict[str, Any]) -> None:
    resource = {
        "endpoint": "https://contoso.communication.azure.com",
        "credential": {"entra": True},
        "archive_only": True,
    }
    archives = {"main": {"kind": "directory", "path": "/never-written"}}
    Settings.model_validate({"resources": {"default": resource}, "archives": archives})
    with pytest.raises(ValueError, match=f"archive_only controls no .*{next(iter(setting))}"):
        Settings.model_validate(
            {"resources": {"default": resource | setting}, "archives": archives}
        )
