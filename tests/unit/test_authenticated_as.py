"""The key or token behind a request stays with all that becomes of it (fault B19)."""

import pytest
from pydantic import ValidationError

from callvault.archive.manifests.manifest import SealContext, build_manifest
from callvault.contracts.alarms import Acknowledge, AlarmKind, Severity
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.manifest import SealInput
from callvault.contracts.requests import ControlRequest
from workflows.call.alarms import Alarms

from .call import NOON, Call, hashed, recording_call

KEY = "key crm"


def test_b19_request_and_pause_are_kept_with_the_key_behind_them() -> None:
    call = recording_call()
    record = call.asks("pause", requested_by="agent-7", authenticated_as=KEY, reason="card")
    call.confirms("pause")
    [pause] = call.recording.pauses
    assert (record.requested_by, record.authenticated_as) == ("agent-7", KEY)
    assert (pause.requested_by, pause.authenticated_as) == ("agent-7", KEY)
    assert "pause asked by agent-7 (key crm) (card)" in call.timeline


def test_b19_so_is_the_start_and_what_is_sealed_of_it() -> None:
    call = Call(requested_by="crm", authenticated_as=KEY)
    call.confirms("start", "confirm")
    assert call.recording.authenticated_as == KEY
    manifest = build_manifest(_order(call), [], _CONTEXT)
    assert manifest.recording.authenticated_as == KEY
    assert [record.authenticated_as for record in manifest.requests] == [KEY]


def test_b19_so_is_a_decision_on_consent() -> None:
    call = Call(consent_policy="all_parties", participants=[hashed("ana")])
    decision = ConsentDecision(
        participant=hashed("ana"), given=True, requested_by="ivr-2", authenticated_as="key ivr"
    )
    record = call.gate.decided(decision, call.ticks())
    assert record is not None
    assert (record.reported_by, record.authenticated_as) == ("ivr-2", "key ivr")
    assert "told by ivr-2 (key ivr)" in call.timeline
    [consent] = build_manifest(_order(call), [], _CONTEXT).consents
    assert consent.authenticated_as == "key ivr"


def test_b19_so_is_an_acknowledgement() -> None:
    call = recording_call()
    alarms = Alarms(call.life.status, "recording-1")
    alarms.add(AlarmKind.TEST, Severity.ERROR, "a test", None, NOON)
    [record] = call.life.status.alarms
    record.sent_at = NOON
    seen = Acknowledge(requested_by="night-shift", authenticated_as="token t-1")
    assert alarms.acknowledge(seen, NOON) == 1
    assert (record.acknowledged_by, record.acknowledged_as) == ("night-shift", "token t-1")
    assert seen.caller == "night-shift (token t-1)"


def test_without_a_key_the_requester_stands_alone() -> None:
    assert ControlRequest(requested_by="agent-7").caller == "agent-7"


@pytest.mark.parametrize("model", [Acknowledge, ControlRequest])
@pytest.mark.parametrize("field", ["requestedBy", "authenticatedAs"])
@pytest.mark.parametrize("text", ["half an emoji \ud83d", "\udc00"])
def test_half_an_emoji_is_refused_which_no_payload_can_hold(
    model: type[ControlRequest], field: str, text: str
) -> None:
    with pytest.raises(ValidationError, match="unicode"):
        model.model_validate({field: text})
    with pytest.raises(ValidationError, match="unicode"):
        Acknowledge.model_validate({"alarmId": text})


_CONTEXT = SealContext(
    object_name="m",
    input_sha256="0" * 64,
    sealed_at=NOON,
    software="x",
    earlier=None,
    previous=None,
)


def _order(call: Call) -> SealInput:
    return SealInput(
        archive="main",
        resource="default",
        server_call_id="call-1",
        recorded_on=NOON,
        recording=call.recording,
        requests=tuple(call.life.status.requests.values()),
        consents=tuple(call.life.status.consents),
        workflow_id="w",
        run_id="r",
    )
