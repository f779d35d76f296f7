"""RecordingStateChanged and its signed token, to a real HTTP receiver."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest

from callvault.emulator.behaviours import Behaviours
from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings
from tests.emulator.stage import Acs, StagedCall, eventually
from tests.emulator.webhook import Received, Webhook

SETTINGS = EmulatorSettings()


@pytest.fixture(scope="module")
def own(http: httpx.Client) -> Iterator[Acs]:
    with running(SETTINGS) as emulator:
        yield Acs(emulator, http)


def started(acs: Acs, webhook: Webhook, **options: Any) -> tuple[StagedCall, str]:
    call = StagedCall(acs)
    answer = acs.start(call.server_call_id, recordingStateCallbackUri=webhook.url, **options)
    assert answer.status_code in {200, 202}, answer.text
    return call, answer.json()["recordingId"]


def states(webhook: Webhook) -> list[str]:
    return [_event(each)["data"]["state"] for each in webhook.requests]


def _event(received: Received) -> dict[str, Any]:
    (event,) = received.body
    assert isinstance(event, dict)
    return event


def test_every_change_of_state_is_told_in_order(own: Acs, webhook: Webhook) -> None:
    call, recording = started(own, webhook)
    call.lasts(1)
    own.pause(recording)
    own.resume(recording)
    own.stop(recording)
    eventually(lambda: len(webhook.requests) == 5)
    assert states(webhook) == ["inactive", "active", "inactive", "active", "inactive"]


def test_a_callback_has_the_observed_form(own: Acs, webhook: Webhook) -> None:
    call, recording = started(own, webhook)
    call.lasts(0.2)
    eventually(lambda: len(webhook.requests) == 2)
    before, active = (_event(each) for each in webhook.requests)
    truth = call.truth()
    assert before["data"]["startDateTime"] == "0001-01-01T00:00:00+00:00"
    assert active["type"] == "Microsoft.Communication.RecordingStateChanged"
    assert active["specversion"] == "1.0"
    assert active["datacontenttype"] == "application/json"
    assert active["source"] == active["subject"]
    assert active["source"].endswith(f"/{recording}/RecordingStateChanged")
    begun = datetime.fromisoformat(active["data"].pop("startDateTime"))
    assert begun == datetime.fromisoformat(truth["recordings"][0]["activeAt"])
    assert active["data"] == {
        "recordingId": recording,
        "state": "active",
        "recordingKind": "azureCommunicationServices",
        "resultInformation": {"code": 200, "subCode": 0, "message": ""},
        "version": active["data"]["version"],
        "callConnectionId": truth["callConnectionId"],
        "serverCallId": call.server_call_id,
        "correlationId": call.call_id,
        "publicEventType": "Microsoft.Communication.RecordingStateChanged",
        "eventSource": active["source"],
    }


def test_its_token_verifies_against_the_openid_configuration(own: Acs, webhook: Webhook) -> None:
    started(own, webhook)
    eventually(lambda: webhook.requests)
    scheme, _, token = webhook.requests[0].headers["authorization"].partition(" ")
    address = f"{own.emulator.endpoint}/calling/.well-known/acsopenidconfiguration"
    configuration = own.http.get(address).json()
    keys = jwt.PyJWKSet.from_dict(own.http.get(configuration["jwks_uri"]).json())
    claims = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=configuration["id_token_signing_alg_values_supported"],
        audience=str(SETTINGS.resource_uuid),
        issuer=configuration["issuer"],
    )
    assert (scheme, configuration["issuer"]) == ("Bearer", SETTINGS.openid_issuer)
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["iat"] - datetime.now(UTC).timestamp()) < 60
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, keys.keys[0], algorithms=["RS256"], audience="another resource")


def test_a_recording_that_starts_paused_becomes_active_on_resume(
    own: Acs, webhook: Webhook
) -> None:
    call, recording = started(own, webhook, pauseOnStart=True)
    call.lasts(1)
    own.resume(recording)
    eventually(lambda: len(webhook.requests) == 2)
    assert states(webhook) == ["inactive", "active"]


def test_the_end_of_the_call_is_told(own: Acs, webhook: Webhook) -> None:
    call, _ = started(own, webhook)
    call.lasts(1)
    call.ends()
    eventually(lambda: len(webhook.requests) == 3)
    assert states(webhook)[-1] == "inactive"


def test_a_receiver_that_is_not_there_is_in_the_request_log_only(own: Acs) -> None:
    call = StagedCall(own)
    uri = "http://127.0.0.1:9/nobody"
    assert own.start(call.server_call_id, recordingStateCallbackUri=uri).status_code == 200
    address = f"{own.emulator.control}/request-log"

    def told() -> list[dict[str, Any]]:
        entries = own.http.get(address).json()["entries"]
        return [each for each in entries if each["kind"] == "callback" and each["path"] == uri]

    eventually(told)
    assert told()[0]["status"] is None


def test_an_accepted_start_becomes_active(webhook: Webhook, http: httpx.Client) -> None:
    behaviours = Behaviours(start="202")
    with running(EmulatorSettings(behaviours=behaviours)) as emulator:
        call = StagedCall(Acs(emulator, http))
        body = call.acs.start(call.server_call_id, recordingStateCallbackUri=webhook.url)
        call.lasts(1)
        eventually(lambda: len(webhook.requests) == 2)
    assert (body.status_code, body.json()["recordingState"]) == (202, "inactive")
    assert states(webhook) == ["inactive", "active"]


def test_an_accepted_start_may_fail(webhook: Webhook, http: httpx.Client) -> None:
    behaviours = Behaviours.parse(["start=202", "start_fails=true"])
    with running(EmulatorSettings(behaviours=behaviours)) as emulator:
        acs = Acs(emulator, http)
        call, recording = started(acs, webhook)
        call.lasts(1)
        eventually(lambda: webhook.requests)
        assert acs.state(recording).status_code == 404
        assert call.truth()["recordings"][0]["media"] == "none"
        assert acs.start(call.server_call_id).status_code == 202
    (received,) = webhook.requests
    event = _event(received)
    assert event["type"] == "Microsoft.Communication.StartRecordingFailed"
    assert event["data"]["recordingId"] == recording
    assert event["data"]["serverCallId"] == call.server_call_id
    assert event["data"]["resultInformation"]["code"] == 500
