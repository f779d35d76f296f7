"""Does consent reach its workflow, without the name of any participant?"""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from callvault import rereading
from callvault.contracts import names
from callvault.contracts.participants import UNKNOWN_PARTICIPANT, participant_hash
from callvault.contracts.requests import RecordingRequest

from .conftest import TOPIC, Call, Gateway, GatewayOf, as_cloud_event

RAW_ID = "8:acs:e333a5b5-c1e4-4984-b752-447bf92d10b7_0000000f-5a35-fb16"
KEY = "the key of the hashes"
HIDDEN = participant_hash(RAW_ID, KEY)


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLVAULT_TEST_PARTICIPANT_KEY", KEY)


@pytest.fixture
def hiding_gateway(keyed: None, gateway_of: GatewayOf, temporal: Client) -> Gateway:
    participants = {"key": "env:CALLVAULT_TEST_PARTICIPANT_KEY"}
    return gateway_of(temporal, participants=participants)


def came(call: Call, **changes: Any) -> dict[str, Any]:
    """Return Event Grid's event about a participant who joined the call."""
    identifier = {"rawId": RAW_ID, "communicationUser": {"id": RAW_ID}}
    return {
        "id": "1",
        "topic": TOPIC + "default",
        "subject": f"call/{call.server_call_id}/participant/{RAW_ID}",
        "data": {
            "user": {"communicationIdentifier": identifier, "role": "Attendee"},
            "displayName": "Ana Example",
            "participantId": "041e3b8a-1cce-4ebf-b587-131312c39410",
            "serverCallId": call.server_call_id,
        },
        "eventType": "Microsoft.Communication.CallParticipantAdded",
        "eventTime": "2026-07-27T15:20:21.1234567Z",
        **changes,
    }


async def test_a_decision_is_told_under_the_key_as_it_is_now(
    gateway_of: GatewayOf,
    temporal: Client,
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under another one it would be somebody else's, and pause for nobody who is in the call."""
    (tmp_path / "key").write_text(f"not {KEY}")
    gateway = gateway_of(temporal, participants={"key": f"file:{tmp_path / 'key'}"})
    (tmp_path / "key").write_text(KEY)
    monkeypatch.setattr(rereading, "REREAD_INTERVAL", 0.0)
    await start(gateway, call)
    for given in (True, False):
        await decide(gateway, call, participant=RAW_ID, given=given)
    assert [each["participant"] for _, each in await call.received()] == [HIDDEN, HIDDEN]


async def start(gateway: Gateway, call: Call, **more: Any) -> None:
    body = {"serverCallId": call.server_call_id, "startRecording": False, **more}
    assert (await gateway.http.post("/v1/recordings", json=body)).status_code == 201


async def decide(gateway: Gateway, call: Call, prefer: str = "", **body: Any) -> httpx.Response:
    path = f"/v1/recordings/{call.workflow_id}/consents"
    return await gateway.http.post(path, json=body, headers={"Prefer": prefer} if prefer else {})


async def history_of(call: Call) -> str:
    handle = call.client.get_workflow_handle(call.workflow_id)
    return (await handle.fetch_history()).to_json()


async def test_a_decision_reaches_the_workflow_under_the_participants_hash(
    hiding_gateway: Gateway, call: Call
) -> None:
    await start(hiding_gateway, call)
    body = {"participant": RAW_ID, "given": True, "requestedBy": "ivr", "jurisdiction": "DE"}
    path = f"/v1/recordings/{call.workflow_id}/consents"
    answer = await hiding_gateway.http.post(path, json=body)
    assert (answer.status_code, answer.json()["participant"]) == (200, HIDDEN)
    hidden = {**body, "participant": HIDDEN}
    prefer = {"Prefer": "respond-async"}
    sent = await hiding_gateway.http.post(path, json=hidden, headers=prefer)
    assert sent.status_code == 202
    received = await call.received()
    assert [(name, each["participant"]) for name, each in received] == [
        ("consent and wait", HIDDEN),
        ("consent", HIDDEN),
    ]


@pytest.mark.parametrize("prefer", ["", "respond-async"])
async def test_a_withdrawal_without_its_time_gets_that_at_which_it_was_received(
    prefer: str, hiding_gateway: Gateway, call: Call
) -> None:
    """Its workflow may see it much later; whoever withdrew is not to be heard from here on."""
    await start(hiding_gateway, call)
    own = datetime.now(UTC) - timedelta(minutes=1)
    before = datetime.now(UTC)
    await decide(hiding_gateway, call, prefer, participant=RAW_ID, given=False)
    after = datetime.now(UTC)
    await decide(
        hiding_gateway, call, prefer, participant=RAW_ID, given=False, decidedAt=own.isoformat()
    )
    await decide(hiding_gateway, call, prefer, participant=RAW_ID, given=True)
    told = [each["decidedAt"] for _, each in await call.received()]
    assert before <= datetime.fromisoformat(told[0]) <= after
    assert datetime.fromisoformat(told[1]) == own
    assert told[2] is None, "agreements count by the order in which they come"


async def test_who_is_named_in_a_request_is_hidden_too(
    hiding_gateway: Gateway, call: Call, temporal: Client
) -> None:
    named = {"consentPolicy": "named", "consentParticipants": [RAW_ID], "participants": [RAW_ID]}
    await start(hiding_gateway, call, **named)
    handle = temporal.get_workflow_handle(call.workflow_id)
    request = await handle.query("request", result_type=RecordingRequest)
    assert request.consent_participants == request.participants == (HIDDEN,)


async def test_what_the_workflow_refuses_is_a_conflict_with_its_sentence(
    hiding_gateway: Gateway, call: Call
) -> None:
    await start(hiding_gateway, call)
    await hiding_gateway.http.post(f"/v1/recordings/{call.workflow_id}:stop")
    answer = await decide(hiding_gateway, call, participant=RAW_ID, given=True)
    assert answer.status_code == 409
    assert answer.json()["error"]["message"].startswith("The call is over")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"given": True}, "participant"),
        ({"participant": "", "given": True}, "participant"),
        ({"participant": RAW_ID, "given": True, "evidenc": "x"}, "evidenc"),
    ],
)
async def test_an_agreement_that_says_too_little_is_refused_by_the_field(
    body: dict[str, Any], says: str, hiding_gateway: Gateway, call: Call
) -> None:
    answer = await decide(hiding_gateway, call, **body)
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]
    assert RAW_ID not in answer.text


@pytest.mark.parametrize(
    ("body", "who"),
    [
        ({"participant": RAW_ID}, HIDDEN),
        ({"participant": RAW_ID, "given": False, "evidenc": "x"}, HIDDEN),
        ({"participant": HIDDEN.upper(), "given": "no!"}, HIDDEN),
        ({"participant": 17, "given": False}, UNKNOWN_PARTICIPANT),
        (b"not JSON", UNKNOWN_PARTICIPANT),
        (b"", UNKNOWN_PARTICIPANT),
    ],
)
async def test_a_withdrawal_is_never_refused_for_its_form(
    body: dict[str, Any] | bytes, who: str, hiding_gateway: Gateway, call: Call
) -> None:
    await start(hiding_gateway, call)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    path = f"/v1/recordings/{call.workflow_id}/consents"
    answer = await hiding_gateway.http.post(path, content=content)
    assert answer.status_code == 200
    [(_, received)] = await call.received()
    assert (received["participant"], received["given"]) == (who, False)
    assert received["problem"]


@pytest.mark.parametrize(
    "spelling", [RAW_ID.upper(), f" {RAW_ID} ", RAW_ID.replace(":", "%3A"), HIDDEN.upper()]
)
async def test_one_person_is_one_person_under_every_spelling(
    spelling: str, hiding_gateway: Gateway, call: Call
) -> None:
    await start(hiding_gateway, call)
    answer = await decide(hiding_gateway, call, participant=spelling, given=False)
    assert answer.json()["participant"] == HIDDEN
    await hiding_gateway.deliver([came(call)])
    assert {each["participant"] for _, each in await call.received()} == {HIDDEN}


async def test_another_decision_under_the_same_id_reaches_the_workflow(
    hiding_gateway: Gateway, call: Call
) -> None:
    """Temporal answers an update by its id alone, whatever comes under it."""
    await start(hiding_gateway, call)
    for given in (True, False):
        await decide(hiding_gateway, call, participant=RAW_ID, given=given, requestId="c1")
    assert [decision["given"] for _, decision in await call.received()] == [True, False]


@pytest.mark.parametrize("prefer", ["", "respond-async"])
async def test_what_is_decided_before_the_call_is_kept_begins_to_keep_it(
    prefer: str, hiding_gateway: Gateway, call: Call, temporal: Client
) -> None:
    body = {"participant": RAW_ID, "given": False, "requestedBy": "ivr"}
    unkept = await decide(hiding_gateway, call, **body)
    assert unkept.status_code == 404
    assert "serverCallId" in unkept.json()["error"]["message"]
    other = await decide(hiding_gateway, call, **body, serverCallId="b3RoZXI")
    assert other.status_code == 404, "of another call than the one in the path"

    named = {**body, "serverCallId": call.server_call_id, "resource": "europe"}
    answer = await decide(hiding_gateway, call, prefer, **named)

    assert answer.status_code == (202 if prefer else 200)
    handle = temporal.get_workflow_handle(call.workflow_id)
    request = await handle.query("request", result_type=RecordingRequest)
    assert (request.start_recording, request.resource) == (False, "europe")
    assert [each["participant"] for _, each in await call.received()] == [HIDDEN]


@pytest.mark.parametrize("prefer", ["", "respond-async"])
async def test_a_withdrawal_after_the_end_goes_on_with_all_that_was_known(
    prefer: str, hiding_gateway: Gateway, call: Call, temporal: Client
) -> None:
    await start(hiding_gateway, call)
    await hiding_gateway.deliver([call.ended()])
    handle = temporal.get_workflow_handle(call.workflow_id)
    await handle.result()
    agreement = await decide(hiding_gateway, call, participant=RAW_ID, given=True)
    assert agreement.status_code == 409

    answer = await decide(hiding_gateway, call, prefer, participant=RAW_ID, given=False)

    assert answer.status_code == (202 if prefer else 200)
    carried = await handle.query("carried")
    assert carried["reopened"] is True
    assert carried["status"]["serverCallId"] == call.server_call_id
    assert [each["participant"] for _, each in await call.received()] == [HIDDEN]


@pytest.mark.parametrize("shape", ["data", "subject", "cloud event"])
async def test_comings_and_goings_are_told_to_the_call_that_is_kept(
    shape: str, hiding_gateway: Gateway, call: Call
) -> None:
    await start(hiding_gateway, call)
    event = came(call)
    if shape == "subject":
        del event["data"]["user"], event["data"]["serverCallId"]
    left = {**event, "eventType": "Microsoft.Communication.CallParticipantRemoved"}
    for each in (event, left):
        delivery = as_cloud_event(each) if shape == "cloud event" else [each]
        assert (await hiding_gateway.deliver(delivery)).status_code == 200
    received = await call.received()
    assert [(name, each["participant"], each["joined"]) for name, each in received] == [
        (names.PARTICIPANT_CHANGED, HIDDEN, True),
        (names.PARTICIPANT_CHANGED, HIDDEN, False),
    ]
    assert received[0][1]["connection"] == received[1][1]["connection"] != ""
    assert received[0][1]["at"] == "2026-07-27T15:20:21.123456Z"


async def test_no_person_stands_in_clear_in_a_history(hiding_gateway: Gateway, call: Call) -> None:
    await start(hiding_gateway, call, participants=[RAW_ID])
    await hiding_gateway.deliver([came(call)])
    path = f"/v1/recordings/{call.workflow_id}/consents"
    await hiding_gateway.http.post(path, json={"participant": RAW_ID, "given": True})
    history = await history_of(call)
    clear = json.dumps(history)
    payloads = "".join(_decoded(json.loads(history)))
    assert HIDDEN in payloads
    for secret in (RAW_ID, "Ana Example", "041e3b8a", KEY):
        assert secret not in clear
        assert secret not in payloads


def _decoded(part: Any) -> list[str]:
    """The payloads of a history as text."""
    if isinstance(part, dict):
        own = [base64.b64decode(part["data"]).decode()] if isinstance(part.get("data"), str) else []
        return own + [text for inner in part.values() for text in _decoded(inner)]
    return [text for inner in part for text in _decoded(inner)] if isinstance(part, list) else []


async def test_who_comes_into_a_call_that_nobody_keeps_begins_nothing(
    hiding_gateway: Gateway, call: Call
) -> None:
    now = datetime.now(UTC)
    assert (await hiding_gateway.deliver([came(call)])).status_code == 200
    assert hiding_gateway.quarantined() == []
    fresh = came(call, topic=TOPIC + "recorded", eventTime=now.isoformat())
    assert (await hiding_gateway.deliver([fresh])).status_code == 503, "it overtook CallStarted"
    late = came(call, topic=TOPIC + "recorded", eventTime=(now - timedelta(hours=1)).isoformat())
    assert (await hiding_gateway.deliver([late])).status_code == 200


async def test_who_comes_before_the_recording_is_asked_for_is_kept_where_consent_matters(
    hiding_gateway: Gateway, call: Call, temporal: Client
) -> None:
    """A backend lists who is there, somebody comes, and only then its request arrives."""
    now = datetime.now(UTC)
    fresh = came(call, topic=TOPIC + "asking", eventTime=now.isoformat())
    for _ in range(2):
        assert (await hiding_gateway.deliver([fresh])).status_code == 200
    handle = temporal.get_workflow_handle(call.workflow_id)
    request = await handle.query("request", result_type=RecordingRequest)
    assert (request.start_recording, request.resource) == (False, "asking")
    assert [each["participant"] for _, each in await call.received()] == [HIDDEN, HIDDEN]


@pytest.mark.parametrize(
    "change",
    [
        {"eventTime": (datetime.now(UTC) - timedelta(hours=1)).isoformat()},
        {"eventType": "Microsoft.Communication.CallParticipantRemoved"},
    ],
)
async def test_who_has_left_or_came_long_ago_begins_nothing(
    change: dict[str, Any], hiding_gateway: Gateway, call: Call
) -> None:
    fresh = {"topic": TOPIC + "asking", "eventTime": datetime.now(UTC).isoformat()}
    assert (await hiding_gateway.deliver([came(call, **{**fresh, **change})])).status_code == 200
    handle = call.client.get_workflow_handle(call.workflow_id)
    with pytest.raises(RPCError):
        await handle.describe()


async def test_an_event_about_nobody_is_kept_in_quarantine(
    hiding_gateway: Gateway, call: Call
) -> None:
    event = came(call, subject=f"call/{call.server_call_id}", data={})
    assert (await hiding_gateway.deliver([event])).status_code == 200
    [(about, _)] = hiding_gateway.quarantined()
    assert "which participant" in about["reason"]


async def test_a_start_that_waits_for_consent_is_not_waited_for(
    hiding_gateway: Gateway, call: Call
) -> None:
    waiting = {"consentPolicy": "all_parties", "beforeConsent": "wait"}
    body = {"serverCallId": call.server_call_id, **waiting}
    answer = await hiding_gateway.http.post("/v1/recordings", json=body)
    assert answer.status_code == 201
    assert "start and wait" not in await call.names_received()


@pytest.mark.parametrize(("role", "status"), [("consent", 200), ("control", 403), ("read", 403)])
async def test_consent_is_told_by_whoever_has_the_role_and_under_their_name(
    role: str,
    status: int,
    gateway_of: GatewayOf,
    temporal: Client,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRM", "crm-key")
    monkeypatch.setenv("IVR", "ivr-key")
    keys = {
        "crm": {"secret": "env:CRM", "roles": ["control"]},
        "ivr": {"secret": "env:IVR", "roles": [role]},
    }
    gateway = gateway_of(temporal, keys=keys)
    begun = {"serverCallId": call.server_call_id, "startRecording": False}
    await gateway.http.post("/v1/recordings", json=begun, headers={"x-api-key": "crm-key"})
    answer = await gateway.http.post(
        f"/v1/recordings/{call.workflow_id}/consents",
        json={"participant": RAW_ID, "given": True},
        headers={"x-api-key": "ivr-key"},
    )
    assert answer.status_code == status
    received = [decision["requestedBy"] for _, decision in await call.received()]
    assert received == (["ivr"] if status == 200 else [])
