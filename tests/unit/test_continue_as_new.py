"""What does a run hand to the next one when there is too much?"""

import pytest

from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.consent import ConsentDecision
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.status import PauseRecord
from callvault.temporal.converter import data_converter
from workflows.call import consent, presence, state_limits
from workflows.call.alarms import Alarms
from workflows.call.state_limits import MAX_KEPT_REQUESTS
from workflows.loops.continue_as_new import MAX_CARRIED_BYTES, CarriedState

from .call import NOON, Call, hashed, more, recording_call

MAX_PAYLOAD = 2 * 1_024 * 1_024
"""Bytes that Temporal takes."""


def carried_after(requests: int) -> CarriedState:
    """A recording that was paused once, and again and again by somebody who does not look."""
    call = recording_call()
    for number in range(requests):
        call.asks("pause", request_id=f"r{number}", reason="x" * 1000)
        if number == 0:
            call.confirms("pause")
        else:
            call.reads("inactive")
    return CarriedState(status=call.life.status)


def test_what_fits_is_carried_whole() -> None:
    carried = carried_after(20)
    assert carried.bounded(NOON) == carried_after(20)


def test_more_requests_than_a_call_can_remember_are_given_up_oldest_first() -> None:
    carried = carried_after(2_000)
    # Before it is carried: the timeline is the first that is shortened for that.
    assert any("old requests were given up" in e.what for e in carried.status.timeline)
    carried = carried.bounded(NOON)
    assert len(carried.model_dump_json()) < MAX_CARRIED_BYTES
    kept = len(carried.status.requests)
    assert MAX_KEPT_REQUESTS <= kept < 2_000
    assert [*carried.status.requests] == [f"r{2_000 - n}" for n in range(kept, 0, -1)]
    [recording] = carried.status.recordings
    assert len(recording.pauses) + recording.pauses_left_out == 2_000
    assert recording.pauses[0].confirmed_at is not None, "the first is kept"


EURO = "€" * 1_024
"""As long as a text may be: three times as many bytes, and six times with what JSON escapes."""

CONTROL = "\x01" * 1_024


@pytest.mark.parametrize("text", [EURO, CONTROL], ids=["euro", "control"])
@pytest.mark.parametrize("count", [141, 400])
def test_a6_a_state_is_counted_in_bytes(text: str, count: int) -> None:
    """Fault A6: 141 pauses with such texts were 2.3 MB, and stuck for good."""
    call = recording_call()
    for _ in range(count):
        call.asks("pause", requested_by=text, reason=text)
        call.confirms("pause")
        call.asks("resume", requested_by=text, reason=text)
        call.confirms("resume")
    assert carried_size(call) <= MAX_CARRIED_BYTES
    [recording] = call.life.status.recordings
    assert len(recording.pauses) + recording.pauses_left_out == count
    assert any("more than a call can remember" in e.what for e in call.life.status.timeline)


def test_a6_pauses_without_end_are_given_up_counted_and_told_in_the_manifest() -> None:
    call = recording_call()
    times = {"requested_at": NOON, "received_at": NOON, "confirmed_at": NOON}
    pause = PauseRecord(
        requested_by="x" * 300, reason="", resumed_at=NOON, released_at=NOON, **times
    )
    call.recording.pauses += [pause.model_copy() for _ in range(9_000)]
    assert carried_size(call) <= MAX_CARRIED_BYTES
    [recording] = call.life.status.recordings
    assert 0 < len(recording.pauses) < 9_000
    assert len(recording.pauses) + recording.pauses_left_out == 9_000
    assert f"{recording.pauses_left_out} of its oldest pauses" in recording.problem
    assert f"{recording.pauses_left_out} of its oldest pauses" in call.timeline


def test_a6_a_state_never_outgrows_what_a_payload_may_be_even_between_two_runs() -> None:
    """Of fault A6's kind: the order to seal a recording is a payload as well."""
    call = recording_call()
    largest = 0
    for number in range(300):
        call.asks("pause", requested_by=EURO, reason=EURO, request_id=f"{number}" + "€" * 190)
        largest = max(largest, state_limits.size_of(call.life.status))
    assert largest < MAX_PAYLOAD - 100_000


def test_a6_all_that_can_be_told_of_a_call_together_fits() -> None:
    call = Call(consent_policy="named", consent_participants=[hashed(f"{n}") for n in range(350)])
    for number in range(1_000):
        who, own_id = hashed(f"{number}"), f"{number}" + "€" * 190
        facts = dict.fromkeys(
            ("method", "evidence", "reason", "jurisdiction", "requested_by"), EURO
        )
        decision = {"participant": who, "given": number % 2 == 0, "request_id": own_id, **facts}
        consent.decide(call.life.status, ConsentDecision.model_validate(decision), NOON)
        joined = ParticipantChanged(participant=who, joined=True, connection=own_id)
        presence.move(call.life.status, joined, NOON)
    for n in range(state_limits.MAX_RECORDINGS):
        files = [more(n, document=f"{n}-{m}" + "x" * 500) for m in range(5)]
        call.announced(*files, of=f"other-{n}-" + "y" * 1_900)
    for _ in range(30):
        call.asks("stop", requested_by=CONTROL, reason=CONTROL)
        call.asks("start", requested_by=CONTROL, reason=CONTROL)
    alarms = Alarms(call.life.status, "recording-1")
    for _ in range(3_000):
        alarms.add(AlarmKind.LOST, Severity.CRITICAL, EURO, call.recording, NOON)
    assert carried_size(call) < MAX_PAYLOAD - 200_000
    assert len({record.alarm.id for record in call.life.status.alarms}) >= 250


def carried_size(call: Call) -> int:
    """The bytes of what a run hands over, as Temporal counts them."""
    carried = CarriedState(status=call.life.status).bounded(NOON)
    return len(data_converter.payload_converter.to_payload(carried).data)
