"""Ids of requests, methods, and what to present: the parts of HTTP that every path has alike."""

import json
import logging
import re

import httpx
import pytest
import structlog
from temporalio.client import Client

from callvault.config.settings import LogSettings
from callvault.contracts import names
from callvault.gateway import request_ids
from callvault.gateway.app import create_app
from callvault.telemetry.logs import logging_as
from tests.gateway.conftest import Gateway, GatewayOf, settings

RECORDINGS = "/v1/recordings"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-request-id": "order-42/try=1"}, "order-42/try=1"),
        ({"x-request-id": "mine", "traceparent": PARENT}, "mine"),
        ({"traceparent": PARENT}, TRACE),
        ({"traceparent": f"01-{TRACE}-b7ad6b7169203331-01-later"}, TRACE),
    ],
)
async def test_the_callers_id_comes_back_in_the_header_and_in_the_error(
    headers: dict[str, str], expected: str, gateway: Gateway
) -> None:
    answer = await gateway.http.get(f"{RECORDINGS}/x", headers=headers)
    assert answer.headers["x-request-id"] == expected
    assert answer.json()["error"]["httpRequestId"] == expected
    assert (await gateway.http.get("/healthz", headers=headers)).headers["x-request-id"] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-request-id": ""},
        {"x-request-id": "x" * 129},
        {"x-request-id": 'a", "level": "error'},
        {"x-request-id": "a b"},
        {"x-request-id": "ünreadable".encode("latin-1")},
        {"traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"},
        {"traceparent": f"ff-{TRACE}-b7ad6b7169203331-01"},
        {"traceparent": TRACE},
    ],
)
async def test_without_a_usable_id_each_request_gets_a_new_one(
    headers: dict[str, str], gateway: Gateway
) -> None:
    answers = [await gateway.http.get("/nothing", headers=headers) for _ in range(2)]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


async def test_log_lines_of_a_request_have_its_id_and_no_others_do(
    gateway_of: GatewayOf, temporal: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = gateway_of(temporal, callback_url="http://127.0.0.1:8080")
    path = names.callback_path(names.workflow_id("a call"), 1)
    with logging_as(LogSettings(format="json")):
        await gateway.http.post(path, content=b"[7]", headers={"x-request-id": "mine"})
        structlog.get_logger("tests").warning("afterwards")
        logging.getLogger().handlers[0].flush()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get(request_ids.KEY) for line in lines] == ["mine", None]


async def test_an_error_that_nobody_foresaw_is_answered_in_the_same_form_and_logged_with_its_id(
    temporal: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    gateway_app = create_app(settings(tmp_path), temporal)  # type: ignore[arg-type]

    async def fails(*_: object) -> None:
        assert request_ids.current_id() == "mine"
        raise ZeroDivisionError

    monkeypatch.setattr("callvault.temporal.call_client.CallClient.status", fails)
    transport = httpx.ASGITransport(gateway_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        url = f"{RECORDINGS}/{names.workflow_id('x')}"
        answer = await http.get(url, headers={"x-request-id": "mine"})
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert (error["code"], error["httpRequestId"]) == ("internal_error", "mine")
    assert "ZeroDivisionError" not in answer.text


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (RECORDINGS, "GET, HEAD, OPTIONS, POST"),
        (f"{RECORDINGS}:lookup", "GET, HEAD, OPTIONS"),
        (f"{RECORDINGS}/recording-0", "GET, HEAD, OPTIONS"),
        (f"{RECORDINGS}/recording-0:pause", "OPTIONS, POST"),
        (f"{RECORDINGS}/recording-0:acknowledge", "OPTIONS, POST"),
        (f"{RECORDINGS}/recording-0/consents", "OPTIONS, POST"),
        ("/v1/events", "OPTIONS, POST"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
        ("/openapi.json", "GET, HEAD, OPTIONS"),
        ("/docs", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_and_options_tell_all_methods_of_the_path(
    path: str, allowed: str, gateway: Gateway
) -> None:
    for method in ("DELETE", "PATCH", "TRACE"):
        refused = await gateway.http.request(method, path)
        assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
        assert refused.json()["error"]["code"] == "method_not_allowed"
    asked = await gateway.http.options(path)
    assert asked.headers["allow"].replace("POST, OPTIONS", "OPTIONS, POST") == allowed
    assert asked.status_code == (200 if path == "/v1/events" else 204)
    assert asked.content == b""


async def test_options_of_a_path_that_is_none_is_not_found(gateway: Gateway) -> None:
    assert (await gateway.http.options("/nothing")).status_code == 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/docs", "/openapi.json", RECORDINGS])
async def test_head_is_answered_as_get(path: str, gateway: Gateway) -> None:
    head, get = await gateway.http.head(path), await gateway.http.get(path)
    assert head.status_code == get.status_code == 200
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_head_needs_the_role_of_get(
    gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "right")
    gateway = gateway_of(temporal, keys={"a": {"secret": "env:KEY", "roles": ["control"]}})
    for path in (RECORDINGS, f"{RECORDINGS}:lookup?id=x", f"{RECORDINGS}/x"):
        assert (await gateway.http.head(path)).status_code == 401
        assert (await gateway.http.head(path, headers=key("right"))).status_code == 403


def key(presented: str) -> dict[str, str]:
    return {"authorization": f"Bearer {presented}"}


@pytest.mark.parametrize(
    ("path", "headers", "status", "expected"),
    [
        (f"{RECORDINGS}/x", {}, 401, 'Bearer realm="callvault"'),
        (
            f"{RECORDINGS}/x",
            key("wrong"),
            401,
            'Bearer realm="callvault", error="invalid_token"',
        ),
        (
            f"{RECORDINGS}/x",
            key("right"),
            403,
            'Bearer realm="callvault", error="insufficient_scope"',
        ),
        ("/v1/events", {}, 401, 'Secret realm="callvault events", header="x-callvault-secret"'),
        ("/v1/callbacks/recording-0/1", {}, 401, 'Bearer realm="callvault"'),
    ],
)
async def test_who_is_not_let_in_is_told_what_to_present(
    path: str,
    headers: dict[str, str],
    status: int,
    expected: str,
    gateway_of: GatewayOf,
    temporal: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEY", "right")
    gateway = gateway_of(
        temporal,
        event_secrets=["env:KEY"],
        keys={"a": {"secret": "env:KEY", "roles": ["control"]}},
        callback_audience="audience",
    )
    method = "GET" if path.startswith(RECORDINGS) else "POST"
    answer = await gateway.http.request(method, path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (status, expected)


async def test_who_is_asked_to_come_again_is_told_when(
    gateway_of: GatewayOf, temporal_away: Client
) -> None:
    away = gateway_of(temporal_away)
    for path in ("/readyz", f"{RECORDINGS}/{names.workflow_id('x')}", RECORDINGS):
        answer = await away.http.get(path)
        assert answer.status_code == 503, path
        assert int(answer.headers["retry-after"]) > 0
