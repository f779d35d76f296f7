"""The messages of a call: how each is read, and what it changes."""

from typing import Any

import pytest
from temporalio import workflow

from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.requests import ControlRequest
from callvault.contracts.takeover import LastState
from tests.unit.call import SECOND, Call, paused_call, recording_call
from workflows.call.commands import Operation
from workflows.messages import Messages
from workflows.recording import RecordingWorkflow

AGENT = {"requestedBy": "agent", "reason": "card number"}
ODD_PAUSES = (
    {**AGENT, "expiresAt": "soon"},
    {**AGENT, "reason": 17},
    {**AGENT, "force": "maybe"},
    {**AGENT, "requestId": "x" * 300},
    {**AGENT, "requestedBy": "consent-gate"},
    "card",
    ["card"],
)


def messages(call: Call, recalled: Any = None) -> Messages:
    return Messages(call.life, call.alarms, call.gate, recalled)


def take(call: Call, name: str, *payloads: Any) -> Any:
    return messages(call).take(name, payloads, call.ticks())


def test_every_signal_of_the_workflow_is_of_a_kind_that_can_be_folded() -> None:
    """What a history is folded without is forgotten by whoever takes over: a legal hold, say."""
    definition = workflow._Definition.must_from_class(RecordingWorkflow)
    # The one that changes nothing, and what has a name that nobody knows.
    signals = set(definition.signals) - {names.HAND_OVER, None}
    assert set(messages(recording_call()).kinds) == signals
    assert set(definition.updates) - {None} <= signals


@pytest.mark.parametrize("payload", ODD_PAUSES)
def test_a_pause_that_cannot_be_read_in_full_is_taken(payload: Any) -> None:
    call = recording_call()
    taken = take(call, names.PAUSE, payload)
    [pause] = call.recording.pauses
    assert pause.received_at == taken.result.received_at == call.now
    assert pause.requested_by != "consent-gate"


def test_what_cannot_be_read_changes_nothing_and_stands_in_the_timeline() -> None:
    call = recording_call()
    assert take(call, names.RESUME, {"expiresAt": "soon"}) is None
    assert call.life.status.timeline[-1].what.startswith("resume could not be read: expiresAt")
    assert len(call.life.status.requests) == 1


@pytest.mark.parametrize("force", [True, False])
def test_those_whose_pauses_are_released_by_force_are_told_once(force: bool) -> None:
    call = paused_call()
    for _ in range(2):
        request = ControlRequest(requested_by="boss", request_id="r", force=force)
        messages(call).request(Operation.RESUME, request, call.ticks())
    told = [each.alarm.kind for each in call.life.status.alarms]
    assert told == [AlarmKind.PAUSE_FORCED] * force


def test_a_hold_is_placed_and_released() -> None:
    call, counsel = recording_call(), {"requestedBy": "counsel", "hold": "0" * 16}
    take(call, names.PLACE_HOLD, {**counsel, "recordingId": "recording-1", "reason": "case 7"})
    take(call, names.RELEASE_HOLD, {**counsel, "reason": "over"})
    [hold] = call.life.status.legal_holds
    assert hold.placed_at == call.now - SECOND
    assert hold.release is not None
    told = [entry.what for entry in call.life.status.timeline[-2:]]
    assert told == [
        "a legal hold is placed by counsel on recording recording-1: case 7",
        f"hold {'0' * 16} is released by counsel: over",
    ]


def test_an_alarm_is_seen() -> None:
    call = recording_call()
    call.alarms.failed_to_start(call.recording, "no answer", call.now)
    [record] = call.life.status.alarms
    take(call, names.ACKNOWLEDGE, {"requestedBy": "operator", "alarmId": record.alarm.id})
    assert record.acknowledged_at == call.now
    assert call.life.status.timeline[-1].what == "1 alarms seen by operator"


@pytest.mark.parametrize("of", ["call-1", "call-2"])
def test_the_last_state_of_another_call_is_not_taken_over(of: str) -> None:
    call = recording_call()
    status = call.life.status.model_copy(update={"server_call_id": of})
    told: list[LastState] = []
    last = LastState(run_id="run-1", status=status)
    messages(call, lambda each, _: told.append(each)).take(names.TAKE_OVER, [last], call.ticks())
    assert bool(told) is (of == "call-1")
