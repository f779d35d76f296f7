"""The same request again: which record answers it, and what may be said of it."""

import pytest

from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import RequestState
from callvault.contracts.status import ControlRecord
from tests.unit.call import SECOND, Call, paused_call, recording_call
from workflows.call import repeats
from workflows.call.commands import Operation

CARD = {"requested_by": "agent", "reason": "card number", "request_id": "r1"}


def asks_again(call: Call, operation: str = "pause", at_first: bool = True) -> ControlRecord:
    first = call.life.status.requests["r1"]
    when = first.requested_at if at_first else first.requested_at + SECOND
    request = ControlRequest(**CARD, requested_at=when)
    return call.life.request(Operation(operation), request, call.ticks())


@pytest.mark.parametrize("operation", ["resume", "stop"])
def test_a_request_that_is_no_pause_is_answered_from_memory(operation: str) -> None:
    call = paused_call()
    first = call.asks(operation, **CARD)
    call.confirms(operation)
    assert asks_again(call, operation, at_first=False) is first


@pytest.mark.parametrize("at_first", [True, False])
def test_a_pause_that_is_pending_is_answered_by_itself(at_first: bool) -> None:
    call = recording_call()
    first = call.asks("pause", **CARD)
    assert asks_again(call, at_first=at_first) is first


@pytest.mark.parametrize("at_first", [True, False])
@pytest.mark.parametrize("is_released", [True, False])
def test_a_pause_that_was_answered_is_asked_anew_unless_it_is_a_repetition_from_before_its_release(
    is_released: bool, at_first: bool
) -> None:
    call = recording_call()
    first = call.asks("pause", **CARD)
    call.confirms("pause")
    if is_released:
        call.asks("resume")
    again = asks_again(call, at_first=at_first)
    assert (again is first) is (is_released and at_first)


def test_a_pause_of_what_is_stopped_is_answered_from_memory() -> None:
    call = recording_call()
    first = call.asks("pause", **CARD)
    call.confirms("pause")
    call.asks("stop")
    call.confirms("stop")
    assert asks_again(call, at_first=False) is first


def test_a_pause_that_was_released_before_it_was_confirmed_is_asked_anew() -> None:
    call = recording_call()
    first = call.asks("pause", **CARD)
    call.asks("resume", requested_by=first.requested_by)
    assert asks_again(call) is first
    assert asks_again(call, at_first=False) is not first


def test_a_pause_that_failed_is_asked_anew() -> None:
    call = recording_call()
    first = call.asks("pause", **CARD)
    call.refuses(call.is_asked("pause"))
    call.recording.pauses.clear()
    assert asks_again(call) is not first


@pytest.mark.parametrize("is_released", [True, False])
@pytest.mark.parametrize("state", RequestState)
@pytest.mark.parametrize("operation", ["pause", "resume"])
def test_a_pause_that_is_held_no_more_is_never_said_to_be_confirmed(
    operation: str, state: RequestState, is_released: bool
) -> None:
    call = paused_call()
    record = call.asks(operation, **CARD)
    record.state = state
    if is_released:
        for pause in call.recording.pauses:
            pause.released_at = call.now
    told = repeats.answer_of(call.life.status, record, call.ticks())
    is_taken_back = state is RequestState.CONFIRMED and is_released and operation == "pause"
    if state is RequestState.PENDING:
        assert told.problem.startswith("it is not confirmed yet")
    elif is_taken_back:
        assert (told.state, told.problem) == ("superseded", "it was released since: ask again")
        assert record.state is RequestState.CONFIRMED
    else:
        assert told is record
