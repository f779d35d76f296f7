"""Do ACS's callbacks reach their workflow, and those of others none?"""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from temporalio.client import Client

from callvault.contracts import names
from callvault.contracts.events import RecordingStateChanged
from callvault.emulator.credentials import CONFIGURATION_PATH
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from callvault.gateway import callbacks
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
    signed_by = {"issuer": issuer.issuer, "configuration_url": issuer.url}
    return gateway_of(temporal, callbacks=signed_by, callback_audience=AUDIENCE)


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
    assert second.is_signed
    assert second.at.isoformat() == "2026-07-18T12:00:00.123456+00:00"


async def test_a_failed_start_says_why(guarded: Gateway, issuer: Issuer, call: Call) -> None:
    await is_kept(guarded, call)
    failed = changed(resultInformation={"code": 500, "subCode": 9999, "message": "no"})
    failed["type"] = "Microsoft.Communication.StartRecordingFailed"
    assert (await tell(guarded, call, [failed], issuer.token())).status_code == 200
    [(_, payload)] = await call.received()
    assert payload["state"] == ""
    assert payload["problem"] == "ACS could not start it (500/9999): no"


async def test_d6_half_an_emoji_in_the_reason_does_not_cost_the_news(
    guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    await is_kept(guarded, call)
    failed = changed(resultInformation={"code": 500, "subCode": 9999, "message": "no \ud83d"})
    failed["type"] = "Microsoft.Communication.StartRecordingFailed"
    assert (await tell(guarded, call, [failed], issuer.token())).status_code == 200
    [(_, payload)] = await call.received()
    assert payload["problem"] == "ACS could not start it (500/9999): no ?"


async def test_nobody_else_is_believed(guarded: Gateway, issuer: Issuer, call: Call) -> None:
    await is_kept(guarded, call)
    tokens = [None, "junk", issuer.token(aud="another resource"), issuer.token(exp=1)]
    answers = [await tell(guarded, call, [changed()], token) for token in tokens]
    assert [answer.status_code for answer in answers] == [401] * 4
    assert await call.received() == []


CALLED = {"callback_url": "http://127.0.0.1:8080"}
"""Settings of a resource that has callbacks, and no audience: on loopback only."""


async def test_without_an_audience_a_loopback_gateway_believes_programs_but_no_web_pages(
    gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    gateway = gateway_of(temporal, **CALLED)
    await is_kept(gateway, call)
    path = names.callback_path(call.workflow_id, 1)
    page = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await gateway.http.post(path, json=[changed()], headers=page)).status_code == 403
    assert (await gateway.http.post(path, json=[changed()])).status_code == 200
    assert await call.names_received() == [names.RECORDING_STATE_CHANGED]
    [(_, payload)] = await call.received()
    assert not payload["isSigned"], "nobody has proven that ACS sent it"


@pytest.mark.parametrize("host", ["127.0.0.1", "callvault.example"])
async def test_b1_without_callbacks_in_the_settings_there_is_no_route(
    host: str, gateway: Gateway, call: Call
) -> None:
    await is_kept(gateway, call)
    path = names.callback_path(call.workflow_id, 1)
    answer = await gateway.http.post(path, json=[changed()], headers={"host": host})
    assert answer.status_code == 404
    assert await call.received() == []


@pytest.mark.parametrize("address", ["10.1.2.3", "::", "192.0.2.7", "callvault.example"])
async def test_b1_open_is_decided_by_the_address_that_is_listened_on_and_by_no_header(
    address: str, gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    gateway = gateway_of(temporal, **CALLED)
    await is_kept(gateway, call)
    shown = f"[{address}]" if ":" in address else address
    requests = [
        ("POST", names.callback_path(call.workflow_id, 1), [changed()]),
        ("POST", "/v1/events", [call.ended()]),
        ("POST", f"/v1/recordings/{call.workflow_id}:pause", {}),
        ("GET", f"/v1/recordings/{call.workflow_id}", None),
    ]
    for method, path, body in requests:
        url, headers = f"http://{shown}:8080{path}", {"host": "127.0.0.1:8080"}
        answer = await gateway.http.request(method, url, json=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_on_loopback")
    assert await call.received() == []


async def test_b2_a_token_of_one_resource_says_nothing_about_the_calls_of_another(
    gateway_of: GatewayOf, temporal: Client, issuer: Issuer, call: Call
) -> None:
    guarded = gateway_of(
        temporal,
        callbacks={"issuer": issuer.issuer, "configuration_url": issuer.url},
        resources={
            "default": {"callback_audience": AUDIENCE},
            "europe": {"callback_audience": "sandbox"},
        },
    )
    await is_kept(guarded, call)
    for audience in ("sandbox", ["sandbox", "other"]):
        answer = await tell(guarded, call, [changed()], issuer.token(aud=audience))
        assert answer.status_code == 401
    assert await call.received() == []
    assert (await tell(guarded, call, [changed()], issuer.token())).status_code == 200
    assert await call.names_received() == [names.RECORDING_STATE_CHANGED]
    unknown = Call(temporal, "unknown", "c", "r")
    assert (await tell(guarded, unknown, [changed()], issuer.token())).status_code == 200


async def test_b7_the_elements_of_a_callback_are_bounded_and_logged_in_one_line(
    guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    await is_kept(guarded, call)
    many = b"[" + b"0," * 50_000 + b"0]"
    with capture_logs() as lines:
        assert (await tell(guarded, call, many, issuer.token())).status_code == 422
        odd = [0] * (callbacks.MAX_ELEMENTS - 1)
        assert (await tell(guarded, call, [*odd, changed()], issuer.token())).status_code == 200
    assert [line["count"] for line in lines if "not understood" in line["event"]] == [len(odd)]
    assert await call.names_received() == [names.RECORDING_STATE_CHANGED]


async def test_b7_the_rate_of_callbacks_of_one_call_is_limited(
    gateway_of: GatewayOf,
    temporal: Client,
    issuer: Issuer,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(callbacks, "CALL_RATE", "2/hour")
    signed = {"issuer": issuer.issuer, "configuration_url": issuer.url}
    guarded = gateway_of(temporal, callbacks=signed, callback_audience=AUDIENCE)
    await is_kept(guarded, call)
    answers = [await tell(guarded, call, [changed()], issuer.token()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    other = Call(temporal, "other", "c", "r")
    assert (await tell(guarded, other, [changed()], issuer.token())).status_code == 200


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
            await tell(gateway_of(temporal_away, **CALLED), call, [changed()]),
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


async def test_h11_a_refused_callback_is_counted_and_told_once_a_minute(
    guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    """A wrong audience or clock refuses all of them; without a word nobody would know."""
    for _ in range(3):
        await tell(guarded, call, [changed()], issuer.token(aud="another resource"))
    with capture_logs() as logs:
        await tell(guarded, call, [changed()], issuer.token(exp=1))
        await tell(guarded, call, [changed()], issuer.token(exp=1))
        await tell(guarded, call, [changed()], issuer.token(aud="another resource"))
    [told] = [line for line in logs if "refused" in line["event"]]
    assert told["channel"] == "callback"
    assert "expired" in told["reason"]


async def test_h11_a_callback_of_a_clock_that_is_minutes_ahead_is_taken(
    guarded: Gateway, issuer: Issuer, call: Call
) -> None:
    await is_kept(guarded, call)
    now = int(time.time())
    ahead = issuer.token(nbf=now + 240, iat=now + 240, exp=now + 3_840)
    assert (await tell(guarded, call, [changed()], ahead)).status_code == 200
    too_far = issuer.token(nbf=now + 400, exp=now + 3_840)
    assert (await tell(guarded, call, [changed()], too_far)).status_code == 401


@pytest.mark.parametrize("number", ["9" * 5_000, "9" * 10, "-1", "1.0", "x", "\u0661"])
async def test_a_number_that_no_recording_has_is_no_path_and_no_fault_of_the_gateway(
    number: str, gateway_of: GatewayOf, temporal: Client
) -> None:
    """Python refuses to convert so many digits: each such request left a traceback in the log."""
    gateway = gateway_of(temporal, callback_url="http://127.0.0.1:8080")
    path = f"/v1/callbacks/{names.workflow_id('x')}/{number}"
    assert (await gateway.http.post(path, json=[])).status_code == 404
