"""Refusals: which request makes no sense, at each boundary."""

from typing import Any

import pytest

from callvault.contracts.consent import ConsentHold
from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Wanted
from callvault.contracts.status import PauseRecord
from tests.unit.call import chunk, recording_call
from workflows.call import pauses, refusals
from workflows.call.commands import Operation
from workflows.call.pauses import GATE
from workflows.call.refusals import refuse_control, refuse_expired, refuse_reused, refuse_start
from workflows.call.state_limits import MAX_RECORDINGS

from .facts import a_recording, at, at_or_none

HELD = [ConsentHold(since=at(1), reason="nobody has agreed")]


@pytest.mark.parametrize(
    ("wanted", "ended", "started", "says"),
    [
        (None, None, 0, None),
        (None, 5, 0, "The call is over"),
        (Wanted.STOPPED, None, 0, None),
        (Wanted.PAUSED, None, 0, "Recording 1 of this call is still"),
        (Wanted.ACTIVE, None, 0, "Recording 1 of this call is still"),
        (None, None, MAX_RECORDINGS - 1, None),
        (None, None, MAX_RECORDINGS, "it may not have more"),
    ],
)
def test_a_start_is_refused_after_the_end_during_another_and_beyond_the_limit(
    wanted: Wanted | None, ended: float | None, started: int, says: str | None
) -> None:
    current = a_recording(wanted=wanted) if wanted else None
    said = refuse_start(current, at_or_none(ended), started)
    assert (said is None) if says is None else (says in (said or ""))


@pytest.mark.parametrize(
    ("operation", "facts", "says"),
    [
        (Operation.PAUSE, None, "start one first"),
        (Operation.STOP, None, "start one first"),
        (Operation.PAUSE, {"wanted": "stopped", "actual": "stopped"}, "is stopped, and a stop is"),
        (Operation.RESUME, {"wanted": "stopped", "actual": "stopped"}, "is stopped, and a stop is"),
        (Operation.PAUSE, {"wanted": "stopped"}, None),
        (Operation.RESUME, {"wanted": "stopped"}, "is being stopped, and a stop is final"),
        (Operation.STOP, {"wanted": "stopped", "actual": "stopped"}, None),
        (Operation.STOP, {"wanted": "stopped"}, None),
        (Operation.STOP, {}, None),
        (Operation.PAUSE, {}, None),
        (Operation.RESUME, {"wanted": "paused"}, None),
        (Operation.RESUME, {"holds": HELD}, "because nobody has agreed"),
        (Operation.PAUSE, {"holds": HELD}, None),
        (Operation.STOP, {"holds": HELD}, None),
    ],
)
def test_control_is_refused_without_a_recording_after_its_stop_and_a_resume_without_consent(
    operation: Operation, facts: dict[str, Any] | None, says: str | None
) -> None:
    said = refuse_control(operation, None if facts is None else a_recording(**facts))
    assert (said is None) if says is None else (says in (said or ""))


@pytest.mark.parametrize(
    ("askers", "says"),
    [
        ([], "it goes on by itself once consent is given."),
        ([GATE], "it goes on by itself once consent is given."),
        ([GATE, "agent"], "it stays paused by agent, until that is released: resume then."),
        (["agent", GATE, "app"], "it stays paused by agent, app, until that is released"),
    ],
)
def test_who_resumes_without_consent_is_told_what_follows_once_it_is_given(
    askers: list[str], says: str
) -> None:
    times = {"requested_at": at(1), "received_at": at(1)}
    held = [PauseRecord(requested_by=asker, reason="", **times) for asker in askers]
    recording = a_recording(holds=HELD, pauses=held)
    pauses.review(recording)
    said = refuse_control(Operation.RESUME, recording) or ""
    assert says in said
    assert said.endswith(".")
    assert ("by itself" in said) is (recording.wanted is Wanted.ACTIVE)


@pytest.mark.parametrize(
    ("operation", "expires", "is_refused"),
    [
        (Operation.RESUME, 9, True),
        (Operation.RESUME, 10, False),
        (Operation.RESUME, 11, False),
        (Operation.RESUME, None, False),
        (Operation.PAUSE, 9, False),
        (Operation.STOP, 9, False),
    ],
)
def test_a_resume_alone_expires_and_only_after_its_moment(
    operation: Operation, expires: float | None, is_refused: bool
) -> None:
    assert (refuse_expired(operation, at_or_none(expires), at(10)) is not None) is is_refused


@pytest.mark.parametrize(
    ("operation", "is_refused"),
    [
        (Operation.START, True),
        (Operation.RESUME, True),
        (Operation.PAUSE, False),
        (Operation.STOP, False),
    ],
)
def test_an_id_that_stands_for_another_request_refuses_all_but_what_protects(
    operation: Operation, is_refused: bool
) -> None:
    call = recording_call()
    known = call.asks("pause", request_id="r1")
    request = ControlRequest(request_id="r1", requested_by="b")
    assert (refuse_reused(operation, request, known) is not None) is is_refused
    assert refuse_reused(operation, request, None) is None


def test_the_limit_of_recordings_counts_those_that_were_asked_for_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusals, "MAX_RECORDINGS", 2)
    call = recording_call()
    call.asks("stop")
    call.confirms("stop")
    call.announced(chunk(7), of="somebody-elses")
    assert call.asks("start", request_id="s2").state == "pending"
    call.asks("stop")
    assert "may not have more" in call.asks("start", request_id="s3").problem
