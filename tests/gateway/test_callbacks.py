"""Do ACS's callbacks reach their workflow, and those of others none?"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from callvault.contracts import names
from callvault.contracts.events import RecordingStateChanged
from callvault.emulator.credentials import CONFIGURATION_PATH
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.stage import Acs, StagedCall
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.issuer import AUDIENCE, Issuer, issuing
from tests.gateway.test_server import Process

ASYNC = {"prefer": "respond-async"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def guarded(gateway_of: GatewayOf, temporal: Client, issuer: Issuer) -> Gateway:
    callbacks = {"issuer": issuer.issuer, "configuration_url": issuer.url}
    return gateway_of(temporal, callbacks=callbacks, callback_audience=AUDIENCE)


def changed(state: str = "active", **data: Any) -> dict[str, Any]:
    """A callback's event, in the observed form."""
    return {
        "id": "1",
        "source": "calling/recordings/x/r/RecordingStateChanged",
        "type": "Microsoft.Communication.RecordingStateChanged",
        "data": {"recordingId": "r-1", "state": state, "serverCallId": "s", **data},
        "time": "2026-07-18T12:00:00.1234567+00:00",
        "specversion": "1.0",
    }


async def tell(gateway: Gateway, call: Call, body: Any, token: str | None = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    content = body if isinstance(body, bytes) else json.dumps(body)
    path = names.callback_path(call.workflow_id, 2)
    return await gateway.http.post(path, content=content, headers=headers)


async def is_kept(gateway: Gateway, call: Call) -> None:
    body = {"serverCallId": call.server_call_id}
    answer = await gateway.http.post("/v1/recordings", json=body, headers=ASYNC)
    assert answer.status_code == 201


async def test_a_signed_callback_reaches_the_workflow_of_its_address(
    guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    await is_kept(guarded, call)
    answer = await tell(guarded, call, [changed("inactive"), changed()], issuer.token())
    assert answer.status_code == 200
    received = await call.received()
    assert [name for name, _ in received] == [names.RECORDING_STATE_CHANGED] * 2
    first, second = (RecordingStateChanged.model_validate(payload) for _, payload in received)
    assert (first.state, second.state, second.recording) == ("inactive", "active", 2)
    assert second.recording_id == "r-1"
    assert second.at.isoformat() == "2026-07-18T12:00:00.123456+00:00"


async def test_a_failed_start_says_why(guarded: Gateway, issuer: Issuer, call: Call) -> None:
    await is_kept(guarded, call)
    failed = changed(resultInformation={"code": 500, "subCode": 9999, "message": "no"})
    failed["type"] = "Microsoft.Communication.StartRecordingFailed"
    assert (await tell(guarded, call, [failed], issuer.token())).status_code == 200
    [(_, payload)] = await call.received()
    assert payload["state"] == ""
    assert payload["problem"] == "ACS could not start it (500/9999): no"


async def test_nobody_else_is_believed(guarded: Gateway, issuer: Issuer, call: Call) -> None:
    await is_kept(guarded, call)
    tokens = [None, "junk", issuer.token(aud="another resource"), issuer.token(exp=1)]
    answers = [await tell(guarded, call, [changed()], token) for token in tokens]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert await call.received() == []


async def test_without_an_audience_a_loopback_gateway_believes_programs_but_no_web_pages(
    gateway: Gateway, call: Call
) -> None:
    await is_kept(gateway, call)
    path = names.callback_path(call.workflow_id, 1)
    page = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await gateway.http.post(path, json=[changed()], headers=page)).status_code == 403
    assert (await gateway.http.post(path, json=[changed()])).status_code == 200
    assert await call.names_received() == [names.RECORDING_STATE_CHANGED]


ODD: list[Any] = [
    b"?",
    [],
    [7],
    [{**changed(), "data": None}],
    [changed(recordingId=None)],
    [{**changed(), "time": "yesterday"}],
    [{**changed(), "type": "Microsoft.Communication.CallConnected"}],
]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
async def test_what_is_genuine_but_odd_changes_nothing_and_does_not_come_again(
    body: Any, guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    await is_kept(guarded, call)
    assert (await tell(guarded, call, body, issuer.token())).status_code == 200
    assert await call.received() == []


async def test_of_several_the_readable_ones_are_told(
    guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    await is_kept(guarded, call)
    assert (await tell(guarded, call, [7, changed()], issuer.token())).status_code == 200
    assert await call.names_received() == [names.RECORDING_STATE_CHANGED]


async def test_a_callback_for_an_unknown_call_is_taken_and_forgotten(
    guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    assert (await tell(guarded, call, [changed()], issuer.token())).status_code == 200


async def test_while_temporal_or_the_issuer_is_away_a_callback_may_come_again(
    gateway_of: GatewayOf, temporal: Client, temporal_away: Client, call: Call
) -> None:
    away = {"issuer": "https://a.example", "configuration_url": "http://127.0.0.1:9"}
    guarded = gateway_of(temporal, callbacks=away, callback_audience=AUDIENCE)
    with issuing() as issuer:
        answers = [
            await tell(gateway_of(temporal_away), call, [changed()]),
            await tell(guarded, call, [changed()], issuer.token()),
        ]
    assert [answer.status_code for answer in answers] == [503, 503]


async def test_the_emulators_callbacks_reach_a_gateway_that_checks_them(
    tmp_path: Path, temporal: Client, call: Call
) -> None:
    settings = EmulatorSettings()
    with running(settings) as emulator, httpx.Client(trust_env=False) as http:
        more = {
            "CALLVAULT_RESOURCES__DEFAULT__CALLBACK_AUDIENCE": str(settings.resource_uuid),
            "CALLVAULT_GATEWAY__CALLBACKS__CONFIGURATION_URL": emulator.endpoint
            + CONFIGURATION_PATH,
        }
        address = temporal.service_client.config.target_host
        process = await asyncio.to_thread(Process, tmp_path, address, **more)
        try:
            staged = StagedCall(Acs(emulator, http))
            workflow_id = names.workflow_id(staged.server_call_id)
            uri = process.endpoint + names.callback_path(workflow_id, 1)
            async with httpx.AsyncClient(base_url=process.endpoint, trust_env=False) as backend:
                body = {"serverCallId": staged.server_call_id}
                assert (
                    await backend.post("/v1/recordings", json=body, headers=ASYNC)
                ).status_code == 201
                assert (await backend.post(uri, json=[changed()])).status_code == 401
            staged.acs.start(staged.server_call_id, recordingStateCallbackUri=uri)
            staged.lasts(1)
            async with asyncio.timeout(10):
                while len(received := await call.received(workflow_id)) < 2:
                    await asyncio.sleep(0.05)
        finally:
            process.end()
    assert [payload["state"] for _, payload in received] == ["inactive", "active"]
