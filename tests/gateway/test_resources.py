"""Does a key that is bound to resources see the calls of others on any route?"""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import ValidationError
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from callvault.config.gateway import KeySettings
from callvault.config.types import Role
from callvault.contracts import names
from callvault.temporal.call_list import Filter, chosen
from callvault.temporal.executions import Execution
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.declared import document
from tests.gateway.issuer import AUDIENCE, issuing

RECORDINGS = "/v1/recordings"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVERY_ROLE: list[Role] = [
    *("control", "read", "consent", "loosen"),
    *("listen", "privacy", "hold", "erase"),
]
DECISION = {"participant": "4:+4930123456", "given": False}


def requests_about(call: Call) -> dict[str, tuple[str, str, dict[str, Any] | None, dict[str, str]]]:
    """Return a request about the call for every operation, but for the list: see below."""
    one = f"{RECORDINGS}/{call.workflow_id}"
    start = {"serverCallId": call.server_call_id, "resource": "europe"}
    return {
        "startRecording": ("POST", RECORDINGS, start, {}),
        "pauseRecording": ("POST", f"{one}:pause", {}, {}),
        "resumeRecording": ("POST", f"{one}:resume", {}, {}),
        "stopRecording": ("POST", f"{one}:stop", {}, {}),
        "acknowledgeAlarms": ("POST", f"{one}:acknowledge", {}, {}),
        "recordConsent": ("POST", f"{one}/consents", DECISION, {}),
        "getRecording": ("GET", one, None, {}),
        "openRecording": ("POST", f"{RECORDINGS}:open", {"id": call.server_call_id}, {}),
        "getEvidence": ("POST", f"{RECORDINGS}:evidence", {"id": call.server_call_id}, {}),
        "getEvidencePage": ("POST", f"{RECORDINGS}:evidence-page", {"id": call.server_call_id}, {}),
        "lookUpRecording": ("GET", f"{RECORDINGS}:lookup", None, {"id": call.server_call_id}),
    }


@pytest.fixture
def gateway(gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.setenv("EU", "eu-key")
    monkeypatch.setenv("HOME_KEY", "home-key")
    keys = {
        "eu": {"secret": "env:EU", "roles": EVERY_ROLE, "resources": ["europe"]},
        "home": {"secret": "env:HOME_KEY", "roles": EVERY_ROLE, "resources": "default,europe"},
    }
    return gateway_of(temporal, keys=keys)


def by(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}", "prefer": "respond-async"}


async def kept(gateway: Gateway, call: Call) -> None:
    """Have the call kept by the resource `default`."""
    body = {"serverCallId": call.server_call_id}
    answer = await gateway.http.post(RECORDINGS, json=body, headers=by("home-key"))
    assert answer.status_code == 201, answer.text


def test_every_operation_of_callers_is_tried_here(call: Call) -> None:
    roles = {"bearer", "apiKey"}
    declared = {
        operation["operationId"]
        for operations in document()["paths"].values()
        for operation in operations.values()
        if any(way.keys() & roles for way in operation["security"])
    }
    # By a bound key: payloads below; a person's recordings in `test_find.py`, holds, exports and
    # access logs beside it, erasures in `tests/retention/test_rest.py`.
    others = {
        *("listRecordings", "findPerson", "decodePayloads", "encodePayloads"),
        *("placeHold", "releaseHold", "listHolds", "exportPerson", "searchAccess"),
        *("planErasure", "getErasurePlan", "runErasure", "getErasure", "getErasureCertificates"),
    }
    assert declared == {*requests_about(call), *others}


@pytest.mark.parametrize("operation", [*requests_about(Call(None, "", "", ""))])  # type: ignore[arg-type]
async def test_a_call_of_another_resource_is_unknown_on_every_route(
    operation: str, gateway: Gateway, call: Call
) -> None:
    await kept(gateway, call)
    method, path, body, query = requests_about(call)[operation]

    async def answer(key: str) -> tuple[int, str]:
        sent = await gateway.http.request(method, path, json=body, params=query, headers=by(key))
        is_json = sent.headers["content-type"] == "application/json"
        return sent.status_code, sent.json().get("error", {}).get("code", "") if is_json else ""

    hidden = (403, "resource_denied") if operation == "startRecording" else (404, "not_found")
    assert await answer("eu-key") == hidden
    assert await call.received() == [], "nothing reached the call"
    # A recording that is still on cannot be opened, and that is told to who sees it.
    assert (await answer("home-key"))[0] in (200, 202, 409)


async def test_what_is_hidden_looks_as_what_does_not_exist(gateway: Gateway, call: Call) -> None:
    await kept(gateway, call)
    unknown = names.workflow_id("never-recorded")
    for path in ("{}", "{}:pause", "{}:acknowledge"):
        method = "POST" if ":" in path else "GET"
        told = [
            (
                await gateway.http.request(
                    method, f"{RECORDINGS}/{path.format(each)}", headers=by("eu-key")
                )
            )
            .json()["error"]["message"]
            .replace(each, "ID")
            for each in (call.workflow_id, unknown)
        ]
        assert told[0] == told[1]


async def test_a_list_has_the_calls_of_a_keys_resources_alone(gateway: Gateway, call: Call) -> None:
    await kept(gateway, call)
    query = f"WorkflowId = '{call.workflow_id}' AND {names.RESOURCE.name} = 'default'"
    client = call.client
    while not [run async for run in client.list_workflows(query)]:
        await client.get_workflow_handle(call.workflow_id).query("received")

    async def listed(key: str) -> set[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        cursor: dict[str, str] = {}
        while True:
            page = await gateway.http.get(
                RECORDINGS, params={"limit": 200, **cursor}, headers=by(key)
            )
            body = page.json()
            found |= {(each["workflowId"], each["resource"]) for each in body["calls"]}
            if body["nextCursor"] is None:
                return found
            cursor = {"cursor": body["nextCursor"]}

    assert (call.workflow_id, "default") in await listed("home-key")
    assert {resource for _, resource in await listed("eu-key")} <= {"europe"}


async def test_nothing_is_begun_for_a_resource_that_is_not_the_keys(
    gateway: Gateway, call: Call
) -> None:
    body = {"serverCallId": call.server_call_id, "resource": "default"}
    start = await gateway.http.post(RECORDINGS, json=body, headers=by("eu-key"))
    decision = {**DECISION, "serverCallId": call.server_call_id, "resource": "default"}
    consents = f"{RECORDINGS}/{call.workflow_id}/consents"
    told = await gateway.http.post(consents, json=decision, headers=by("eu-key"))
    for answer in (start, told):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "resource_denied"
        assert "eu may not use resource default" in answer.json()["error"]["message"]
    own = await gateway.http.post(
        consents, json={**decision, "resource": "europe"}, headers=by("eu-key")
    )
    assert own.status_code == 202


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"areas": ["default"]}, 200),
        ({"areas": "europe default"}, 200),
        ({"areas": ["europe"]}, 404),
        ({"areas": [7]}, 404),
        ({"areas": ["Sales (O'Hara)", "default\n", "Default"]}, 404),
        ({"areas": ["Sales (O'Hara)", "default"]}, 200),
        ({"areas": [f"x') OR {names.RESOURCE.name} IN ('default"]}, 404),
        ({}, 404),
    ],
)
async def test_a_token_sees_the_resources_of_its_claim(
    claims: dict[str, Any],
    status: int,
    gateway_of: GatewayOf,
    temporal: Client,
    call: Call,
) -> None:
    with issuing() as issuer:
        oidc = {
            "issuer": issuer.issuer,
            "configuration_url": issuer.url,
            "audience": AUDIENCE,
            "resources_claim": "areas",
        }
        gateway = gateway_of(temporal, oidc=oidc)
        roles = ["Callvault.Control", "Callvault.Read"]
        all_of = by(issuer.token(sub="app-1", roles=roles, areas=["default"]))
        body = {"serverCallId": call.server_call_id}
        assert (await gateway.http.post(RECORDINGS, json=body, headers=all_of)).status_code == 201
        headers = by(issuer.token(sub="app-2", roles=roles, **claims))
        answer = await gateway.http.get(f"{RECORDINGS}/{call.workflow_id}", headers=headers)
        assert answer.status_code == status
        while not (await gateway.http.get(RECORDINGS, headers=all_of)).json()["calls"]:
            await asyncio.sleep(0.1)
        listed = (await gateway.http.get(RECORDINGS, headers=headers)).json()
        seen = {"default"} if status == 200 else set()
        assert {each["resource"] for each in listed["calls"]} - {"europe"} == seen
        if not claims:
            assert listed == {"calls": [], "nextCursor": None}


async def test_a_call_that_the_query_lets_through_is_not_listed_for_another_resource() -> None:
    attributes = SearchAttributePair(names.RESOURCE, "default")
    run = SimpleNamespace(
        id="a", run_id="b", status="running", is_open=True, start_time=NOON, close_time=None,
        typed_search_attributes=TypedSearchAttributes([attributes]),
    )  # fmt: skip
    for resources, count in ((None, 1), (frozenset({"default"}), 1), (frozenset({"europe"}), 0)):
        found = await chosen(
            cast(Client, None), [cast(Execution, run)], Filter(resources=resources)
        )
        assert len(found) == count


def test_a_key_that_is_bound_to_resources_cannot_decode() -> None:
    with pytest.raises(ValidationError, match="a key with the role decode is of all resources"):
        KeySettings.model_validate(
            {"secret": "env:EU", "roles": ["read", "decode"], "resources": ["europe"]}
        )
