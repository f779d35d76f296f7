import asyncio
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from callvault.contracts import names
from callvault.contracts.requests import RecordingRequest
from callvault.temporal import call_client as recordings
from callvault.temporal import earlier_runs, unanswered
from tests.gateway.conftest import Call, Gateway, GatewayOf
from tests.gateway.fake_workflow import ANSWERS, RECORDING_ID

RECORDINGS = "/v1/recordings"


ASYNC = {"prefer": "respond-async"}


async def _start(gateway: Gateway, call: Call, **more: Any) -> Any:
    """Keep a call, without waiting for ACS."""
    body = {"serverCallId": call.server_call_id, **more}
    return await gateway.http.post(RECORDINGS, json=body, headers=ASYNC)


async def _record(gateway: Gateway, call: Call, **more: Any) -> Any:
    """Record a call, and wait for ACS."""
    return await gateway.http.post(RECORDINGS, json={"serverCallId": call.server_call_id, **more})


async def test_one_request_begins_the_workflow_and_yields_the_recording_id(
    gateway: Gateway, call: Call
) -> None:
    answer = await _record(gateway, call, requestedBy="crm")
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{RECORDINGS}/{call.workflow_id}"
    body = answer.json()
    assert (body["workflowId"], body["isNew"]) == (call.workflow_id, True)
    assert (body["recording"], body["recordingId"]) == (1, RECORDING_ID)
    assert (body["record"]["requestedBy"], body["record"]["state"]) == ("crm", "confirmed")


async def test_the_same_request_again_is_answered_alike(gateway: Gateway, call: Call) -> None:
    first = await _record(gateway, call, requestId="1")
    assert (await _record(gateway, call, requestId="1")).json() == first.json()
    assert await call.names_received() == ["start and wait"]


async def test_a_call_that_is_being_recorded_is_not_recorded_twice(
    gateway: Gateway, call: Call
) -> None:
    await _record(gateway, call, requestId="1")
    again = await _record(gateway, call, requestId="2")
    assert again.status_code == 200
    assert again.json() == {
        "workflowId": call.workflow_id,
        "isNew": False,
        "recording": 1,
        "recordingId": RECORDING_ID,
        "record": None,
    }


async def test_a_start_that_is_refused_is_a_conflict_with_its_sentence(
    gateway: Gateway, call: Call
) -> None:
    await _record(gateway, call, requestId="1")
    await gateway.http.post(f"{RECORDINGS}/{call.workflow_id}:stop")
    answer = await _record(gateway, call, requestId="2")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "refused")
    assert "The call is over" in answer.json()["error"]["message"]


async def test_a_start_that_acs_refuses_is_said_so(gateway: Gateway, call: Call) -> None:
    answer = await _record(gateway, call, reason="ACS says no")
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "not_done")


async def test_who_does_not_wait_is_told_where_the_call_is_kept(
    gateway: Gateway, call: Call
) -> None:
    answer = await _start(gateway, call, requestedBy="crm", requestId="1")
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{RECORDINGS}/{call.workflow_id}"
    body = answer.json()
    assert (body["workflowId"], body["isNew"]) == (call.workflow_id, True)
    assert body["runId"]


async def test_both_spellings_of_the_keys_are_read(gateway: Gateway, call: Call) -> None:
    body = {"server_call_id": call.server_call_id, "pauseOnStart": True}
    assert (await gateway.http.post(RECORDINGS, json=body)).status_code == 201


async def test_a_second_request_is_told_to_the_running_workflow(
    gateway: Gateway, call: Call
) -> None:
    first = await _start(gateway, call, requestId="1")
    second = await _start(gateway, call, requestId="1")
    assert second.status_code == 200
    assert second.json() == {**first.json(), "isNew": False}
    [(name, request)] = await call.received()
    assert (name, request["requestId"]) == (names.START, "1")


async def test_a_second_request_that_only_archives_tells_the_running_workflow_nothing(
    gateway: Gateway, call: Call
) -> None:
    await _start(gateway, call)
    assert (await _start(gateway, call, startRecording=False)).status_code == 200
    assert await call.received() == []


@pytest.mark.parametrize("operation", [names.PAUSE, names.RESUME, names.STOP])
async def test_a_verb_is_answered_with_its_confirmed_record(
    operation: str, gateway: Gateway, call: Call
) -> None:
    await _start(gateway, call)
    body = {"requestedBy": "agent-7", "reason": "card number", "requestId": "r1"}
    answer = await gateway.http.post(f"{RECORDINGS}/{call.workflow_id}:{operation}", json=body)
    assert answer.status_code == 200
    record = answer.json()
    assert (record["operation"], record["state"]) == (operation, "confirmed")
    assert (record["requestedBy"], record["reason"]) == ("agent-7", "card number")


async def test_a_verb_needs_no_body_and_a_repeated_request_id_asks_once(
    gateway: Gateway, call: Call
) -> None:
    await _start(gateway, call)
    pause = f"{RECORDINGS}/{call.workflow_id}:pause"
    assert (await gateway.http.post(pause)).status_code == 200
    answers = [await gateway.http.post(pause, json={"requestId": "same"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert await call.names_received() == ["pause and wait"] * 2


@pytest.mark.parametrize(
    ("operation", "reason", "status", "error"),
    [
        ("pause", "superseded", 409, {"code": "superseded", "mayBeRecording": True}),
        ("pause", "overdue", 504, {"code": "pause_unconfirmed", "mayBeRecording": True}),
        ("pause", "failed", 502, {"code": "pause_failed", "mayBeRecording": True}),
        ("pause", "pending", 504, {"code": "pause_unconfirmed", "mayBeRecording": True}),
        ("stop", "pending", 504, {"code": "not_confirmed", "mayBeRecording": True}),
        ("resume", "pending", 504, {"code": "not_confirmed"}),
        ("stop", "failed", 502, {"code": "not_done", "mayBeRecording": True}),
        ("resume", "superseded", 409, {"code": "superseded"}),
        ("resume", "expired", 504, {"code": "expired"}),
        (
            "resume",
            "still paused",
            409,
            {
                "code": "still_paused",
                "heldBy": [
                    {
                        "requestedBy": "ben",
                        "authenticatedAs": "",
                        "reason": "diagnosis",
                        "since": "2026-03-02T12:00:00Z",
                    }
                ],
            },
        ),
    ],
)
async def test_what_did_not_come_about_is_never_answered_as_done(
    operation: str,
    reason: str,
    status: int,
    error: dict[str, Any],
    gateway: Gateway,
    call: Call,
) -> None:
    """Fault G9: a pause that had been superseded was answered 200."""
    await _start(gateway, call)
    url = f"{RECORDINGS}/{call.workflow_id}:{operation}"
    answer = await gateway.http.post(url, json={"reason": reason})
    assert answer.status_code == status
    told = answer.json()["error"]
    assert told.pop("message") == ANSWERS[reason]["problem"]
    del told["httpRequestId"]
    assert told == error


async def test_a_start_that_was_superseded_is_no_success(gateway: Gateway, call: Call) -> None:
    answer = await _record(gateway, call, reason="superseded")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "superseded")


async def test_another_start_under_an_id_that_was_used_is_a_conflict(
    gateway: Gateway, call: Call
) -> None:
    await _record(gateway, call, requestId="1")
    answer = await _record(gateway, call, requestId="1", reason="another")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "request_id_reused")


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}])
@pytest.mark.parametrize(("own", "is_kept"), [(-60, True), (60, False), (None, False)])
async def test_a_request_is_passed_on_with_the_time_at_which_it_came(
    headers: dict[str, str], own: int | None, is_kept: bool, gateway: Gateway, call: Call
) -> None:
    await _start(gateway, call)
    before = datetime.now(UTC)
    told = before + timedelta(seconds=own) if own else None
    await gateway.http.post(
        f"{RECORDINGS}/{call.workflow_id}:pause",
        json={"requestedAt": told.isoformat()} if told else {},
        headers=headers,
    )
    [(_, request)] = await call.received()
    asked = datetime.fromisoformat(request["requestedAt"])
    assert asked == told if is_kept else before <= asked <= datetime.now(UTC)


async def test_a_start_is_passed_on_with_the_time_at_which_it_came(
    gateway: Gateway, call: Call
) -> None:
    before = datetime.now(UTC)
    await _start(gateway, call)
    handle = call.client.get_workflow_handle(call.workflow_id)
    asked = (await handle.query("request", result_type=RecordingRequest)).requested_at
    assert asked is not None
    assert before <= asked <= datetime.now(UTC)


async def test_who_prefers_not_to_wait_sends_a_signal(gateway: Gateway, call: Call) -> None:
    await _start(gateway, call)
    answer = await gateway.http.post(
        f"{RECORDINGS}/{call.workflow_id}:pause",
        json={"reason": "card number"},
        headers={"Prefer": "respond-async"},
    )
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    [(name, request)] = await call.received()
    assert (name, request["reason"]) == (names.PAUSE, "card number")


async def test_what_the_workflow_refuses_is_a_conflict_with_its_sentence(
    gateway: Gateway, call: Call
) -> None:
    await _start(gateway, call)
    await gateway.http.post(f"{RECORDINGS}/{call.workflow_id}:stop")
    answer = await gateway.http.post(f"{RECORDINGS}/{call.workflow_id}:pause")
    assert answer.status_code == 409
    told = answer.json()["error"]
    del told["httpRequestId"]
    assert told == {
        "code": "refused",
        "message": "Recording 1 is stopped, and a stop is final.",
        "mayBeRecording": True,
    }


async def test_what_acs_refuses_is_said_so(gateway: Gateway, call: Call) -> None:
    await _start(gateway, call)
    resume = f"{RECORDINGS}/{call.workflow_id}:resume"
    answer = await gateway.http.post(resume, json={"reason": "ACS says no"})
    assert answer.status_code == 502
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("not_done", "8573: not allowed")


async def test_what_is_not_confirmed_in_time_is_said_so_and_may_be_asked_again(
    gateway: Gateway, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _start(gateway, call)
    monkeypatch.setattr(unanswered, "UPDATE_TIMEOUT", timedelta(milliseconds=200))
    resume = f"{RECORDINGS}/{call.workflow_id}:resume"
    body = {"reason": "ACS answers after a pause", "requestId": "r1"}
    late = await gateway.http.post(resume, json=body)
    assert (late.status_code, late.json()["error"]["code"]) == (504, "not_confirmed")
    assert "ACS has not confirmed it" in late.json()["error"]["message"], "a worker answers"
    pause = f"{RECORDINGS}/{call.workflow_id}:pause"
    await gateway.http.post(pause, headers={"Prefer": "respond-async"})
    monkeypatch.undo()
    answer = await gateway.http.post(resume, json=body)
    assert answer.json()["state"] == "confirmed"
    assert await call.names_received() == ["pause", "resume and wait"]


async def test_the_status_is_readable_while_the_call_is_kept_and_afterwards(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    await _start(gateway, call)
    running = await gateway.http.get(f"{RECORDINGS}/{call.workflow_id}")
    await gateway.deliver([call.ended()])
    await temporal.get_workflow_handle(call.workflow_id).result()
    ended = await gateway.http.get(f"{RECORDINGS}/{call.workflow_id}")
    assert running.status_code == ended.status_code == 200
    assert running.json()["serverCallId"] == call.server_call_id


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}])
async def test_an_ended_workflow_cannot_be_controlled(
    headers: dict[str, str], gateway: Gateway, call: Call, temporal: Client
) -> None:
    await _start(gateway, call)
    await gateway.deliver([call.ended()])
    await temporal.get_workflow_handle(call.workflow_id).result()
    answer = await gateway.http.post(f"{RECORDINGS}/{call.workflow_id}:pause", headers=headers)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "already_ended"


async def test_a_call_may_be_kept_again_after_its_workflow_ended(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    await _start(gateway, call)
    await gateway.deliver([call.ended()])
    handle = temporal.get_workflow_handle(call.workflow_id)
    await handle.result()
    assert (await _start(gateway, call, requestedBy="crm")).status_code == 201
    assert (await handle.query("carried"))["status"]["serverCallId"] == call.server_call_id
    [(name, request)] = await call.received()
    assert (name, request["requestedBy"]) == ("start", "crm"), "it goes on with what was known"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", ":pause"), ("POST", ":resume"), ("POST", ":stop")],
)
async def test_an_unknown_workflow_is_not_found(method: str, path: str, gateway: Gateway) -> None:
    for unknown in (names.workflow_id("unknown"), "recording-0"):
        for headers in ({}, {"Prefer": "respond-async"}):
            url = f"{RECORDINGS}/{unknown}{path}"
            answer = await gateway.http.request(method, url, headers=headers)
            assert answer.status_code == 404
            error = answer.json()["error"]
            # Of what was to be silenced it is said that it may record.
            assert error.get("mayBeRecording", False) is (path in (":pause", ":stop"))
            assert error["code"] == "not_found"
            assert error["message"].startswith(f"there is no recording {unknown}")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"serverCallId": "s", "resource": "asia"}, "known: asking, default"),
        ({"serverCallId": ""}, "serverCallId"),
        ({"serverCallId": "a b"}, "serverCallId"),
        ({"serverCallId": "x" * 2_049}, "serverCallId"),
        ({}, "serverCallId: Field required"),
        ({"serverCallId": "s", "pauseOnStrat": True}, "pauseOnStrat: Extra inputs"),
        (
            {"serverCallId": "s", "recordingContentType": "audio"},
            "ACS does not record audio + mixed + mp4",
        ),
        (
            {
                "serverCallId": "s",
                "recordingContentType": "audio",
                "recordingChannelType": "unmixed",
                "recordingFormatType": "mp3",
            },
            "ACS does not record audio + unmixed + mp3",
        ),
        ([], "payload"),
        (b"{", "Invalid JSON"),
        (b"\xff", "Invalid JSON"),
    ],
)
async def test_a_bad_request_is_explained(body: Any, message: str, gateway: Gateway) -> None:
    options = {"content": body} if isinstance(body, bytes) else {"json": body}
    answer = await gateway.http.post(RECORDINGS, **options)
    assert answer.status_code == 422
    assert message in answer.json()["error"]["message"]


async def test_a_body_beyond_the_limit_is_refused(
    gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    gateway = gateway_of(temporal, max_body=1_024)
    answer = await _start(gateway, call, reason="x" * 1_024)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("GET", "/recording-0"), ("POST", "/recording-0:pause")],
)
async def test_only_who_presents_an_api_key_is_let_in(
    method: str,
    path: str,
    gateway_of: GatewayOf,
    temporal: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLD", "old-key")
    monkeypatch.setenv("NEW", "new-key")
    gateway = gateway_of(temporal, api_keys=["env:OLD", "env:NEW"])
    expected = {
        "": 401,
        "Bearer wrong": 401,
        "Basic old-key": 401,
        "Bearer old-key": None,
        "bearer new-key": None,
    }
    for presented, status in expected.items():
        headers = {"authorization": presented} if presented else {}
        answer = await gateway.http.request(method, RECORDINGS + path, headers=headers)
        assert (answer.status_code == 401) == (status == 401), presented
    answer = await gateway.http.request(method, RECORDINGS + path, headers={"x-api-key": "old-key"})
    assert answer.status_code in (404, 422)


async def test_while_temporal_is_away_everything_is_unavailable(
    gateway_of: GatewayOf, temporal_away: Client, call: Call
) -> None:
    gateway = gateway_of(temporal_away)
    one = f"{RECORDINGS}/{call.workflow_id}"
    answers = [
        await _start(gateway, call),
        await gateway.http.get(one),
        await gateway.http.post(f"{one}:pause"),
        await gateway.http.post(f"{one}:pause", headers={"Prefer": "respond-async"}),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "unavailable"
        assert "retry-after" in answer.headers


async def test_a_temporal_that_never_answers_is_unavailable_in_bounded_time(
    gateway_of: GatewayOf, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (recordings, earlier_runs):
        monkeypatch.setattr(module, "RPC_TIMEOUT", timedelta(milliseconds=200))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        client = await Client.connect(address, lazy=True, data_converter=pydantic_data_converter)
        gateway = gateway_of(client)
        async with asyncio.timeout(2):
            answer = await gateway.deliver([call.recorded()])
    assert answer.status_code == 503


async def test_a_missing_namespace_is_a_fault_of_the_set_up_and_loses_nothing(
    gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    config = temporal.config()
    config["namespace"] = "nowhere"
    gateway = gateway_of(Client(**config))
    assert (await gateway.deliver([call.ended()])).status_code == 503
    assert (await gateway.deliver([call.recorded()])).status_code == 503
    assert (await gateway.http.get(f"{RECORDINGS}/{call.workflow_id}")).status_code == 503


@pytest.mark.parametrize("path", ["/nothing", "/v1/recordings/x/y"])
async def test_unknown_paths_are_answered_in_the_same_form(path: str, gateway: Gateway) -> None:
    answer = await gateway.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


async def test_a_wrong_method_says_which_is_right(gateway: Gateway) -> None:
    answer = await gateway.http.delete("/v1/recordings/recording-0")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_health_and_readiness(
    gateway_of: GatewayOf, temporal: Client, temporal_away: Client
) -> None:
    there, away = gateway_of(temporal), gateway_of(temporal_away)
    assert (await away.http.get("/healthz")).status_code == 200
    assert (await there.http.get("/readyz")).json() == {"temporal": "ok", "quarantine": "ok"}
    not_ready = await away.http.get("/readyz")
    assert not_ready.status_code == 503
    assert not_ready.json()["temporal"] != "ok"
