"""A pause that is not confirmed: when its caller is answered, and why it is not."""

from datetime import timedelta
from typing import Any

import pytest

from callvault.causes import Cause
from callvault.contracts.states import RequestState
from callvault.contracts.status import ControlRecord, Trouble
from workflows.call import unconfirmed
from workflows.call.pauses import GATE

from .facts import a_recording, at, seconds, silent

BEGUN = {"begun_at": 1}
TROUBLE = Trouble(operation="pause", what="the key is refused", cause=Cause.KEY, at=at(9))
NO_CAUSE = TROUBLE.model_copy(update={"cause": None})


def a_pause(asked: float = 10, received: float = 10, **facts: Any) -> ControlRecord:
    known = {"operation": "pause", "requested_by": "ana", "reason": "", "recording": 1}
    times = {"requested_at": at(asked), "received_at": at(received)}
    return ControlRecord(**{**known, "state": RequestState.PENDING, **times, **facts})


@pytest.mark.parametrize(
    ("record", "due"),
    [
        (a_pause(), 15),
        (a_pause(10, 13), 15),
        (a_pause(10, 14), 15),
        (a_pause(10, 16), 17),
    ],
)
def test_a_pauses_caller_is_answered_in_time_and_a_moment_after_it_was_seen_late(
    record: ControlRecord, due: float
) -> None:
    assert seconds(unconfirmed.answer_due(record, timedelta(seconds=5))) == due


PAUSED = {"actual": "paused", "wanted": "paused"}


@pytest.mark.parametrize(
    ("facts", "record", "says", "cause"),
    [
        ({"trouble": TROUBLE}, a_pause(), "the key is refused", Cause.KEY),
        ({"trouble": TROUBLE, "sound": {}}, a_pause(), "the key is refused", Cause.KEY),
        ({"trouble": NO_CAUSE}, a_pause(), "no answer of ACS for 20 s", Cause.NO_ANSWER),
        ({"sound": {}}, a_pause(), "ACS has not been asked to record yet", None),
        ({}, a_pause(), "no answer of ACS for 20 s", Cause.NO_ANSWER),
        ({}, a_pause(0, 20), "no worker took it for 20 s", Cause.WORKER),
        ({}, a_pause(10, 20), "no answer of ACS for 10 s", Cause.NO_ANSWER),
        ({}, a_pause(9, 20), "no worker took it for 11 s", Cause.WORKER),
        ({}, a_pause(9, 20, requested_by=GATE), "word of its reason came 11 s late", None),
        ({}, a_pause(10, 20, requested_by=GATE), "no answer of ACS for 10 s", Cause.NO_ANSWER),
        (
            {**PAUSED, "sound": {**BEGUN, "may_arrive_until": 31}},
            a_pause(),
            "ACS reports it inactive, which until 12:00:31 UTC may also mean",
            None,
        ),
        (
            {**PAUSED, "sound": {**BEGUN, "may_arrive_until": 30}},
            a_pause(),
            "no answer of ACS for 20 s",
            Cause.NO_ANSWER,
        ),
        (
            {**PAUSED, "sound": {**BEGUN, "may_arrive_until": 31}},
            a_pause(operation="resume"),
            "no answer of ACS for 20 s",
            Cause.NO_ANSWER,
        ),
        ({"sound": {**BEGUN, "may_arrive_until": 31}}, a_pause(), "no answer", Cause.NO_ANSWER),
        (PAUSED, a_pause(), "no answer of ACS for 20 s", Cause.NO_ANSWER),
    ],
)
def test_why_a_pause_is_not_confirmed_is_said_with_its_cause(
    facts: dict[str, Any], record: ControlRecord, says: str, cause: Cause | None
) -> None:
    recording = a_recording(**{"sound": BEGUN, **facts})
    told, found = unconfirmed.why(recording, record, at(30))
    assert told.startswith(f"it is not confirmed yet: {says}")
    assert found is cause


@pytest.mark.parametrize("is_silent", [True, False])
@pytest.mark.parametrize("problem", ["", "it failed before"])
def test_the_answer_says_what_is_known_and_changes_no_record(is_silent: bool, problem: str) -> None:
    recording = a_recording(*([silent(5)] if is_silent else []), sound=BEGUN)
    record = a_pause(problem=problem)
    told = unconfirmed.answer(recording, record, at(30))
    assert told.may_be_recording is not is_silent
    goes_on = "no answer of ACS for 20 s: ACS is asked again until it is proven to pause"
    assert told.problem == (problem or f"it is not confirmed yet: {goes_on}")
    assert (record.problem, record.may_be_recording) == (problem, False)


@pytest.mark.parametrize("is_silent", [True, False])
@pytest.mark.parametrize("operation", ["start", "resume", "stop"])
def test_who_is_waited_for_no_more_hears_that_it_may_still_take_effect(
    operation: str, is_silent: bool
) -> None:
    recording = a_recording(*([silent(5)] if is_silent else []), sound=BEGUN)
    told = unconfirmed.answer(recording, a_pause(operation=operation), at(30))
    assert told.may_be_recording is (operation == "stop" and not is_silent)
    assert told.problem == (
        "it is not confirmed yet: no answer of ACS for 20 s: it may still take effect: repeat it"
        " with the same requestId, or ask for the status"
    )


@pytest.mark.parametrize(
    ("operation", "says", "may_record"),
    [
        ("pause", "ACS is asked again until it is proven to pause", True),
        ("stop", "it may still take effect", True),
        ("resume", "it may still take effect", False),
    ],
)
def test_while_a_run_before_a_reset_may_know_more_each_caller_hears_what_follows(
    operation: str, says: str, may_record: bool
) -> None:
    told = unconfirmed.answer_while_recalling(a_recording(sound={}), a_pause(operation=operation))
    assert told.problem.partition("recorded then: ")[2].startswith(says)
    assert told.may_be_recording is may_record


@pytest.mark.parametrize(
    ("state", "sound", "is_doubtful"),
    [
        (RequestState.PENDING, {}, True),
        (RequestState.PENDING, BEGUN, False),
        (RequestState.CONFIRMED, {}, False),
    ],
)
def test_while_a_run_before_a_reset_may_know_more_what_never_began_may_be_recording(
    state: RequestState, sound: dict[str, Any], is_doubtful: bool
) -> None:
    record = a_pause(state=state)
    told = unconfirmed.answer_while_recalling(a_recording(sound=sound), record)
    assert told.may_be_recording is is_doubtful
    assert ("whether the call's workflow was reset" in told.problem) is is_doubtful
