import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from callvault.contracts import names
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.results import CallResult
from callvault.gateway import refusals
from tests.gateway.conftest import TOPIC, Call, Gateway, GatewayOf, as_cloud_event
from tests.gateway.fake_workflow import ARCHIVES, KNOWS


async def begin(gateway: Gateway, request: dict[str, Any]) -> None:
    """Begin to keep a call, with nothing told to its workflow beyond the request itself."""
    await gateway.http.post("/v1/recordings", json=request, headers={"prefer": "respond-async"})


async def test_an_event_of_an_unknown_call_begins_a_workflow_that_only_archives(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    answer = await gateway.deliver([call.recorded()])
    assert answer.status_code == 200
    handle = temporal.get_workflow_handle(call.workflow_id)
    request = await handle.query("request", result_type=RecordingRequest)
    assert request.server_call_id == call.server_call_id
    assert request.resource == "default"
    assert request.start_recording is False
    assert request.requested_by == "event-grid"
    [(name, files)] = await call.received()
    assert name == names.FILE_STATUS_UPDATED
    assert files["recordingId"] == call.recording_id
    assert files["recordingStartTime"] == "2026-07-27T15:20:23.608975Z"
    assert gateway.quarantined() == []


async def test_an_event_costs_temporal_one_request(
    gateway: Gateway, call: Call, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four for each call that ended unrecorded were most of the work of a storm."""
    asked: list[str] = []
    send = temporal.service_client._rpc_call

    async def counted(rpc: str, *given: Any, **options: Any) -> Any:
        asked.append(rpc)
        return await send(rpc, *given, **options)

    monkeypatch.setattr(temporal.service_client, "_rpc_call", counted)
    for _ in ("that begins its workflow", "that meets it running"):
        assert (await gateway.deliver([call.recorded()])).status_code == 200
    assert asked == ["signal_with_start_workflow_execution"] * 2


async def test_an_event_reaches_the_workflow_that_runs_already(
    gateway: Gateway, call: Call
) -> None:
    await begin(gateway, {"serverCallId": call.server_call_id})
    await gateway.deliver([call.recorded()])
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]


@pytest.mark.parametrize(
    ("shape", "kept_under"),
    [
        ("/recording/call/{c}/serverCallId/{s}/recordingId/{r}", "server_call_id"),
        ("/recording/call/{c}/serverCallId/{s}", "server_call_id"),
        ("/recording/call/{c}/recordingId/{r}", "recording_id"),
        ("/recording/call/{c}", "call_id"),
    ],
)
async def test_all_four_shapes_of_the_subject_are_understood(
    shape: str, kept_under: str, gateway: Gateway, call: Call
) -> None:
    assert (await gateway.deliver([call.recorded(shape)])).status_code == 200
    workflow_id = names.workflow_id(getattr(call, kept_under))
    assert await call.names_received(workflow_id) == [names.FILE_STATUS_UPDATED]


async def test_an_event_without_server_call_id_finds_the_workflow_that_knows_its_recording(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    begun = {"serverCallId": call.server_call_id, "reason": KNOWS + call.recording_id}
    await begin(gateway, begun)
    await _visible(temporal, call.recording_id)
    await gateway.deliver([call.recorded("/recording/call/{c}/recordingId/{r}")])
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]


async def _visible(client: Client, recording_id: str) -> None:
    for _ in range(100):
        if [w async for w in client.list_workflows(f'CallvaultRecordingId = "{recording_id}"')]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the workflow never became visible")


async def test_an_event_in_another_spelling_of_the_call_reaches_the_same_workflow(
    gateway: Gateway, call: Call
) -> None:
    """A9: the backend has the padded ``serverCallId``, Event Grid tells the unpadded one."""
    padded = replace(call, server_call_id=f"{call.server_call_id}/aT0==")
    await begin(gateway, {"serverCallId": padded.server_call_id})
    url_safe = replace(call, server_call_id=f"{call.server_call_id}_aT0")
    await gateway.deliver([url_safe.recorded()])
    assert await padded.names_received() == [names.FILE_STATUS_UPDATED]


@pytest.mark.parametrize("batch", [False, True])
async def test_cloud_events_are_understood_alone_and_in_a_batch(
    batch: bool, gateway: Gateway, call: Call
) -> None:
    event = as_cloud_event(call.recorded())
    assert (await gateway.deliver([event, event] if batch else event)).status_code == 200
    assert await call.names_received() == [names.FILE_STATUS_UPDATED] * (2 if batch else 1)


async def test_a_single_event_grid_event_without_its_array_is_understood(
    gateway: Gateway, call: Call
) -> None:
    assert (await gateway.deliver(call.recorded())).status_code == 200
    assert len(await call.received()) == 1


async def test_a_delivery_sent_twice_reaches_the_same_workflow(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    event = call.recorded()
    first = await gateway.deliver([event])
    run = (await temporal.get_workflow_handle(call.workflow_id).describe()).run_id
    second = await gateway.deliver([event])
    assert first.status_code == second.status_code == 200
    assert (await temporal.get_workflow_handle(call.workflow_id).describe()).run_id == run


async def test_the_resource_is_found_by_the_topic_whatever_its_case(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    await gateway.deliver([call.recorded(topic=(TOPIC + "europe").upper())])
    handle = temporal.get_workflow_handle(call.workflow_id)
    assert (await handle.query("request", result_type=RecordingRequest)).resource == "europe"


async def test_the_end_of_a_call_reaches_its_workflow(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    await begin(gateway, {"serverCallId": call.server_call_id})
    assert (await gateway.deliver([call.ended()])).status_code == 200
    handle = temporal.get_workflow_handle(call.workflow_id)
    await handle.result()
    [(name, ended)] = await call.received()
    assert (name, ended["endedAt"]) == (names.CALL_ENDED, "2026-07-27T15:20:30.123456Z")


async def test_a_call_of_a_resource_that_records_all_is_recorded_once(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    for _ in range(2):
        assert (await gateway.deliver([call.began()])).status_code == 200
    handle = temporal.get_workflow_handle(call.workflow_id)
    request = await handle.query("request", result_type=RecordingRequest)
    assert (request.resource, request.recording_channel_type) == ("recorded", "unmixed")
    assert request.start_recording
    [(name, again)] = await call.received()
    assert (name, again["requestId"]) == (names.START, request.request_id)


async def test_the_beginning_of_a_call_that_is_over_records_nothing_again(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    await begin(gateway, {"serverCallId": call.server_call_id, "reason": ARCHIVES})
    await gateway.deliver([call.recorded()])
    await gateway.deliver([call.ended()])
    handle = temporal.get_workflow_handle(call.workflow_id)
    await handle.result()
    assert (await gateway.deliver([call.began()])).status_code == 200
    assert (await handle.describe()).status == WorkflowExecutionStatus.COMPLETED


async def test_the_previews_call_leg_begins_a_recording_once_it_is_established(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    handle = temporal.get_workflow_handle(call.workflow_id)
    await gateway.deliver([call.leg("Establishing")])
    with pytest.raises(RPCError, match="not found"):
        await handle.describe()
    await gateway.deliver([call.leg("Established")])
    assert (await handle.query("request", result_type=RecordingRequest)).start_recording


async def test_a_call_of_a_resource_that_records_on_request_begins_nothing(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    assert (await gateway.deliver([call.began(TOPIC + "default")])).status_code == 200
    with pytest.raises(RPCError, match="not found"):
        await temporal.get_workflow_handle(call.workflow_id).describe()


async def test_the_end_of_a_call_that_nobody_keeps_begins_nothing(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    assert (await gateway.deliver([call.ended()])).status_code == 200
    with pytest.raises(RPCError, match="not found"):
        await temporal.get_workflow_handle(call.workflow_id).describe()
    assert gateway.quarantined() == []


async def test_a_late_event_begins_a_new_run_and_a_late_end_does_not(
    gateway: Gateway, call: Call, temporal: Client
) -> None:
    handle = temporal.get_workflow_handle(call.workflow_id)
    await gateway.deliver([call.recorded()])
    await gateway.deliver([call.ended()])
    await handle.result()
    assert (await gateway.deliver([call.ended()])).status_code == 200
    assert (await handle.describe()).status == WorkflowExecutionStatus.COMPLETED
    assert (await gateway.deliver([call.recorded()])).status_code == 200
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING


@pytest.mark.parametrize(
    "subject",
    ["/recording/call/{c}/serverCallId/{s}/recordingId/{r}", "/recording/call/{c}/recordingId/{r}"],
)
async def test_a_late_event_about_files_that_are_archived_begins_nothing(
    subject: str, gateway: Gateway, call: Call, temporal: Client
) -> None:
    begun = {
        "serverCallId": call.server_call_id,
        "reason": f"{KNOWS}{call.recording_id} {ARCHIVES}",
    }
    await begin(gateway, begun)
    await _visible(temporal, call.recording_id)
    await gateway.deliver([call.recorded()])
    await gateway.deliver([call.ended()])
    handle = temporal.get_workflow_handle(call.workflow_id)
    await handle.result()
    first = temporal.get_workflow_handle(
        call.workflow_id, run_id=(await handle.describe()).run_id, result_type=CallResult
    )
    assert (await gateway.deliver([call.recorded(subject)])).status_code == 200
    assert (await handle.describe()).status == WorkflowExecutionStatus.COMPLETED
    with pytest.raises(RPCError, match="not found"):
        await call.received(names.workflow_id(call.recording_id))
    other = call.recorded(subject)
    other["data"]["recordingStorageInfo"]["recordingChunks"][0]["index"] = 1
    assert (await gateway.deliver([other])).status_code == 200
    keeper = call.server_call_id if "serverCallId" in subject else call.recording_id
    assert await call.names_received(names.workflow_id(keeper)) == [names.FILE_STATUS_UPDATED]
    if keeper == call.server_call_id:
        earlier = await handle.query("earlier", result_type=CallResult)
        result = await first.result()
        # All that it knew of its recordings comes along as the state of the run before.
        assert earlier == result.model_copy(update={"recordings": ()})


@pytest.mark.parametrize(
    "event_type",
    ["Microsoft.Communication.CallStarted", "Microsoft.EventGrid.SubscriptionDeletedEvent"],
)
async def test_events_of_no_interest_are_acknowledged_and_not_kept(
    event_type: str, gateway: Gateway
) -> None:
    answer = await gateway.deliver([{"id": "1", "eventType": event_type, "data": {}}])
    assert answer.status_code == 200
    assert gateway.quarantined() == []


async def test_the_event_grid_handshake_is_answered_exactly_as_documented(gateway: Gateway) -> None:
    event = {
        "id": "2d1781af",
        "topic": TOPIC + "default",
        "subject": "",
        "data": {"validationCode": "512d38b6", "validationUrl": "https://rp.eventgrid.azure.net"},
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "eventTime": "2026-01-25T22:12:19.4556811Z",
        "metadataVersion": "1",
        "dataVersion": "1",
    }
    answer = await gateway.deliver([event])
    assert answer.status_code == 200
    assert answer.json() == {"validationResponse": "512d38b6"}


async def test_the_cloud_events_handshake_is_answered(gateway: Gateway) -> None:
    asked = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    answer = await gateway.http.options("/v1/events", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventgrid.azure.net"
    assert answer.headers["webhook-allowed-rate"] == "*"
    assert "POST" in answer.headers["allow"]


async def test_an_old_and_a_new_secret_are_both_valid_while_they_are_rotated(
    gateway_of: GatewayOf, temporal: Client, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", "old-secret")
    monkeypatch.setenv("NEW", "new secret&=%")
    gateway = gateway_of(temporal, event_secrets=["env:OLD", "env:NEW"])
    for presented in (
        {"params": {"code": "old-secret"}},
        {"params": {"code": "new secret&=%", "other": "x"}},
    ):
        assert (await gateway.deliver([call.recorded()], **presented)).status_code == 200
    for header in ("old-secret", "new secret&=%"):
        answer = await gateway.http.post(
            "/v1/events", json=[call.recorded()], headers={"x-callvault-secret": header}
        )
        assert answer.status_code == 200
    assert len(await call.received()) == 4


_RIGHT = "+geheim/ß=="
_UTF8 = _RIGHT.encode()


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("code=wrong", [_UTF8]),
        ("code=", [_UTF8]),
        ("", [b"wrong", _UTF8]),
        ("", [_UTF8, b"wrong"]),
        ("", [b"wrong, " + _UTF8]),
        ("", [_RIGHT.encode("latin-1")]),
        ("code=%2Bgeheim%2F%C3%9F%3D%3D", [b"wrong"]),
        ("code=wrong&code=%2Bgeheim%2F%C3%9F%3D%3D", []),
        ("code=+geheim/%C3%9F==", []),
        ("x=1&code=+geheim/%C3%9F==&y=2", []),
    ],
    ids=range(10),
)
async def test_b10_b11_the_right_secret_is_enough_whatever_stands_beside_it(
    query: str,
    headers: list[bytes],
    gateway_of: GatewayOf,
    temporal: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", f"\ufeff{_RIGHT}\u200b\n")
    gateway = gateway_of(temporal, event_secrets=["env:SECRET"])
    url = httpx.URL("http://127.0.0.1/v1/events", query=query.encode())
    pairs = [(b"x-callvault-secret", header) for header in headers]
    answer = await gateway.http.post(url, json=[{"type": "x"}], headers=pairs)
    assert answer.status_code == 200
    assert (await gateway.http.options(url, headers=pairs)).status_code == 200
    wrong = [(b"x-callvault-secret", header.replace(b"geheim", b"ge")) for header in headers]
    url = httpx.URL("http://127.0.0.1/v1/events", query=query.replace("gehei", "ge").encode())
    assert (await gateway.http.post(url, json=[{}], headers=wrong)).status_code == 401


@pytest.mark.parametrize("path", ["/v1/events/", "/v1/events//", "//v1/events"])
async def test_b12_a_slash_too_many_is_the_same_route(
    path: str, gateway_of: GatewayOf, temporal: Client, call: Call
) -> None:
    gateway = gateway_of(temporal)
    url = f"http://127.0.0.1{path}"
    assert (await gateway.http.post(url, json=[call.recorded()])).status_code == 200
    assert await call.names_received() == [names.FILE_STATUS_UPDATED]
    assert (await gateway.http.options(url)).status_code == 200


@pytest.mark.parametrize("path", ["/healthz/", "/readyz/", "/openapi.json/", "/v1/recordings/x/"])
async def test_b12_no_route_redirects(path: str, gateway: Gateway) -> None:
    answer = await gateway.http.get(path)
    assert answer.status_code == (404 if "recordings" in path else 200)
    assert "location" not in answer.headers


@pytest.mark.parametrize("query", [{}, {"code": ""}, {"code": "old"}, {"code": "geheim-ß-秘密"}])
async def test_a_missing_or_wrong_secret_is_refused_and_nothing_is_kept(
    query: dict[str, str],
    gateway_of: GatewayOf,
    temporal: Client,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLD", "old-secret")
    gateway = gateway_of(temporal, event_secrets=["env:OLD"])
    answer = await gateway.deliver([call.recorded()], params=query)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "access_denied"
    assert "old-secret" not in answer.text
    assert gateway.quarantined() == []
    with pytest.raises(RPCError, match="not found"):
        await temporal.get_workflow_handle(call.workflow_id).describe()


async def test_a_cloud_events_handshake_with_a_wrong_secret_is_refused(
    gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", "old-secret")
    gateway = gateway_of(temporal, event_secrets=["env:OLD"])
    answers = [
        await gateway.http.options("/v1/events", params=query)
        for query in ({"code": "wrong"}, {"code": "old-secret"}, {})
    ]
    assert [answer.status_code for answer in answers] == [401, 200, 200]


async def test_while_temporal_is_away_the_sender_is_asked_to_come_again(
    gateway_of: GatewayOf, temporal_away: Client, call: Call
) -> None:
    gateway = gateway_of(temporal_away)
    deliveries: list[Any] = [
        [call.recorded()],
        [call.recorded("/recording/call/{c}/recordingId/{r}")],
        [call.ended()],
    ]
    for delivery in deliveries:
        answer = await gateway.deliver(delivery)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
    assert gateway.quarantined() == []


async def test_a_batch_is_acknowledged_whole_or_not_at_all(
    gateway_of: GatewayOf, temporal_away: Client, call: Call
) -> None:
    gateway = gateway_of(temporal_away)
    answer = await gateway.deliver([{"not": "an event"}, call.recorded()])
    assert answer.status_code == 503
    assert gateway.quarantined() == [], "it comes again, and would lie there twice"


async def test_a_large_batch_is_delivered_in_time(gateway: Gateway, call: Call) -> None:
    answer = await gateway.deliver([call.recorded(id=str(number)) for number in range(300)])
    assert answer.status_code == 200
    assert len(await call.received()) == 300


@pytest.mark.parametrize("similar", ["{r}", '{r}"', "{r}x", "{r}-1"])
async def test_a_recording_that_is_merely_similar_is_kept_as_an_orphan(
    similar: str, gateway: Gateway, call: Call, temporal: Client
) -> None:
    other = {"serverCallId": call.server_call_id, "reason": KNOWS + call.recording_id}
    await begin(gateway, other)
    await _visible(temporal, call.recording_id)
    other_id = call.subject(similar).swapcase()
    answer = await gateway.deliver([call.recorded(f"/recording/call/c/recordingId/{other_id}")])
    assert answer.status_code == 200
    assert await call.names_received(names.workflow_id(other_id)) == [names.FILE_STATUS_UPDATED]
    assert await call.received() == []


async def test_refused_deliveries_are_logged_once_a_minute_with_their_number(
    gateway_of: GatewayOf, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    gateway = gateway_of(temporal, event_secrets=["env:SECRET"])
    with capture_logs() as lines:
        for _ in range(5):
            assert (
                await gateway.deliver([{}], params={"code": "guessed-secret"})
            ).status_code == 401
        monkeypatch.setattr(refusals, "LOG_INTERVAL", 0.0)
        await gateway.deliver([{}], params={"code": "guessed-secret"})
    received = [line["count"] for line in lines if line["event"].startswith("deliveries refused")]
    assert received == [1, 5]
    assert "guessed-secret" not in str(lines)
