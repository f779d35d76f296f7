"""May callers do what their role says, and no more; and does the evidence say who it was?"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from callvault import rereading
from callvault.contracts import names
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.issuer import AUDIENCE, Issuer, issuing

RECORDINGS = "/v1/recordings"
KEYS = {
    "crm": {"secret": "env:CRM", "roles": ["control"]},
    "auditor": {"secret": "env:OLD,env:AUDITOR", "roles": "read"},
}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def gateway(
    gateway_of: GatewayOf, temporal: Client, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> Gateway:
    for name in ("CRM", "OLD", "AUDITOR", "MASTER"):
        monkeypatch.setenv(name, f"{name.lower()}-key")
    oidc = {"issuer": issuer.issuer, "configuration_url": issuer.url, "audience": AUDIENCE}
    return gateway_of(temporal, keys=KEYS, api_keys=["env:MASTER"], oidc=oidc)


def by(presented: str) -> dict[str, str]:
    return {"authorization": f"Bearer {presented}", "prefer": "respond-async"}


async def _statuses(gateway: Gateway, call: Call, presented: str) -> tuple[int, int, int]:
    """Of keeping a call, of reading it, and of acknowledging its alarms."""
    headers, one = by(presented), f"{RECORDINGS}/{call.workflow_id}"
    body = {"serverCallId": call.server_call_id}
    answers = (
        await gateway.http.post(RECORDINGS, json=body, headers=headers),
        await gateway.http.get(one, headers=headers),
        await gateway.http.post(f"{one}:acknowledge", headers=headers),
    )
    first, second, third = (answer.status_code for answer in answers)
    return first, second, third


@pytest.mark.parametrize(
    ("presented", "may_control", "may_read"),
    [
        ("crm-key", True, False),
        ("old-key", False, True),
        ("auditor-key", False, True),
        ("master-key", True, True),
    ],
)
async def test_a_key_opens_what_its_roles_say(
    presented: str, may_control: bool, may_read: bool, gateway: Gateway, call: Call
) -> None:
    await _statuses(gateway, call, "master-key")
    start, read, acknowledge = await _statuses(gateway, call, presented)
    assert (start, acknowledge) == ((200, 202) if may_control else (403, 403))
    assert read == (200 if may_read else 403)


async def test_a_refusal_says_which_role_is_missing_and_a_wrong_key_says_nothing(
    gateway: Gateway, call: Call
) -> None:
    refused = await gateway.http.get(f"{RECORDINGS}/x", headers=by("crm-key"))
    assert refused.json()["error"]["code"] == "role_missing"
    assert "crm lacks the role read" in refused.json()["error"]["message"]
    wrong = await gateway.http.get(f"{RECORDINGS}/x", headers=by("CRM-key"))
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "access_denied")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"roles": ["Callvault.Control", "Callvault.Read"]}, (201, 200, 202)),
        ({"roles": "Callvault.Control openid"}, (201, 403, 202)),
        ({"roles": ["Callvault.Consent", 7, None]}, (403, 403, 403)),
        ({"roles": {"Callvault.Control": 1}}, (403, 403, 403)),
        ({}, (403, 403, 403)),
        ({"roles": ["Callvault.Control"], "exp": 1}, (401, 401, 401)),
        ({"roles": ["Callvault.Control"], "aud": "x"}, (401, 401, 401)),
    ],
)
async def test_a_token_opens_what_its_claims_say(
    claims: dict[str, Any],
    expected: tuple[int, int, int],
    gateway: Gateway,
    issuer: Issuer,
    call: Call,
) -> None:
    assert await _statuses(gateway, call, issuer.token(sub="app-1", **claims)) == expected


async def test_who_asks_is_filled_in_where_the_request_does_not_say(
    gateway: Gateway, issuer: Issuer, call: Call
) -> None:
    token = issuer.token(sub="app-1", roles=["Callvault.Control"])
    body = {"serverCallId": call.server_call_id}
    pause = f"{RECORDINGS}/{call.workflow_id}:pause"
    await gateway.http.post(RECORDINGS, json=body, headers=by("crm-key"))
    await gateway.http.post(pause, headers=by(token))
    await gateway.http.post(pause, json={"requestedBy": "agent-7"}, headers=by(token))
    await gateway.http.post(pause, headers=by("master-key"))
    request = await call.client.get_workflow_handle(call.workflow_id).query("request")
    assert request["requestedBy"] == "crm"
    said = [payload["requestedBy"] for _, payload in await call.received()]
    assert said == ["app-1", "agent-7", "unknown"]


async def test_an_acknowledgement_reaches_the_workflow(gateway: Gateway, call: Call) -> None:
    body = {"serverCallId": call.server_call_id}
    await gateway.http.post(RECORDINGS, json=body, headers=by("crm-key"))
    address = f"{RECORDINGS}/{call.workflow_id}:acknowledge"
    answer = await gateway.http.post(address, json={"alarmId": "a/1"}, headers=by("crm-key"))
    assert answer.status_code == 202
    assert await call.received() == [
        (
            names.ACKNOWLEDGE,
            {"requestedBy": "crm", "authenticatedAs": "key crm", "alarmId": "a/1"},
        ),
    ]
    unknown = await gateway.http.post(f"{RECORDINGS}/x:acknowledge", headers=by("crm-key"))
    assert unknown.status_code == 404


async def test_too_many_requests_of_one_caller_are_asked_to_wait_and_others_are_not(
    gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    monkeypatch.setenv("CRM", "crm-key")
    monkeypatch.setenv("OLD", "old-key")
    monkeypatch.setenv("AUDITOR", "auditor-key")
    gateway = gateway_of(temporal, keys=KEYS, rate_limit="5/hour")
    address = f"{RECORDINGS}/{call.workflow_id}:pause"
    answers = [await gateway.http.post(address, headers=by("crm-key")) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [404] * 5 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 3_600
    assert answers[-1].json()["error"]["code"] == "too_many_requests"
    other = await gateway.http.get(f"{RECORDINGS}/x", headers=by("auditor-key"))
    assert other.status_code == 404


async def test_event_grid_is_never_asked_to_wait(
    gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    gateway = gateway_of(temporal, rate_limit="1/hour")
    answers = [await gateway.deliver([call.ended()]) for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, 404),
        ({"sec-fetch-site": "same-origin"}, 404),
        ({"sec-fetch-site": "none"}, 404),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example:8080", "origin": "http://evil.example:8080"}, 403),
        ({"host": "evil.example:8080"}, 403),
        ({"host": "["}, 403),
    ],
)
async def test_without_keys_no_web_page_speaks_for_whoever_looks_at_it(
    headers: dict[str, str], status: int, gateway_of: GatewayOf, temporal: Client
) -> None:
    gateway = gateway_of(temporal)
    answer = await gateway.http.get(f"{RECORDINGS}/x", headers=headers)
    assert answer.status_code == status
    events = await gateway.http.post("/v1/events", content=b"[{}]", headers=headers)
    assert events.status_code == (403 if status == 403 else 200)


@pytest.mark.parametrize("host", ["evil.example", "callvault.example", ""])
async def test_with_keys_it_does_not_matter_which_host_was_asked_for(
    host: str, gateway: Gateway
) -> None:
    headers = {**by("master-key"), "host": host, "origin": "https://elsewhere.example"}
    assert (await gateway.http.get(f"{RECORDINGS}/x", headers=headers)).status_code == 404


async def test_a_secret_in_a_file_is_replaced_without_a_restart(
    gateway_of: GatewayOf, temporal: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text("first")
    reference = f"file:{file}"
    keys = {"crm": {"secret": reference, "roles": ["read"]}}
    gateway = gateway_of(temporal, event_secrets=[reference], keys=keys)

    async def accepted(presented: str) -> tuple[bool, bool]:
        event = await gateway.deliver([{}], params={"code": presented})
        read = await gateway.http.get(f"{RECORDINGS}/x", headers=by(presented))
        return event.status_code == 200, read.status_code == 404

    assert await accepted("first") == (True, True)
    file.write_text("second\n")
    assert await accepted("first") == (True, True), "not read again so soon"
    later = time.monotonic() + rereading.REREAD_INTERVAL
    monkeypatch.setattr(rereading.time, "monotonic", lambda: later)
    assert await accepted("second") == (True, True)
    assert await accepted("first") == (False, False)
    file.unlink()
    monkeypatch.setattr(rereading.time, "monotonic", lambda: later + rereading.REREAD_INTERVAL)
    assert await accepted("second") == (True, True), "away for a moment"
    assert await accepted("") == (False, False)


@pytest.mark.parametrize(
    "headers",
    [
        [("x-api-key", "wrong"), ("authorization", "Bearer auditor-key")],
        [("x-api-key", "auditor-key"), ("authorization", "Bearer wrong")],
        [("x-api-key", "wrong"), ("x-api-key", "auditor-key")],
        [("authorization", "Basic x"), ("authorization", "Bearer auditor-key")],
    ],
)
async def test_b10_the_right_key_is_enough_whatever_stands_beside_it(
    headers: list[tuple[str, str]], gateway: Gateway, call: Call
) -> None:
    path = f"{RECORDINGS}/{call.workflow_id}"
    assert (await gateway.http.get(path, headers=headers)).status_code == 404
    wrong = [(name, value.replace("auditor", "x")) for name, value in headers]
    assert (await gateway.http.get(path, headers=wrong)).status_code == 401
