"""Requests: which are one and the same, and what became of each."""

from typing import Any

import pytest

from callvault.contracts.consent import ConsentHold, ConsentTerms
from callvault.contracts.requests import (
    RESUME_EXPIRY,
    ControlRequest,
    RecordingRequest,
    StartRequest,
)
from callvault.contracts.states import Actual, RequestState
from callvault.contracts.status import CallStatus, ControlRecord, PauseRecord
from workflows.call.commands import Operation
from workflows.call.pauses import GATE
from workflows.call.request_records import Requests, asked_at, content_of, expiry_of, fail

from .facts import a_call, a_recording, at, at_or_none, seconds, silent

PAUSE, RESUME, START, STOP = Operation.PAUSE, Operation.RESUME, Operation.START, Operation.STOP
EXPIRY = RESUME_EXPIRY.total_seconds()


def adds(
    status: CallStatus,
    operation: Operation,
    when: float = 10,
    refused: str | None = None,
    **facts: Any,
) -> ControlRecord:
    """Record a request about the first recording."""
    model = StartRequest if operation is START else ControlRequest
    return Requests(status).add(operation, model(**facts), 1, at(when), refused)


def held(who: str, when: float = 3) -> PauseRecord:
    return PauseRecord(requested_by=who, reason="", requested_at=at(when), received_at=at(when))


@pytest.mark.parametrize(("told", "asked"), [(None, 10), (9, 9), (10, 10), (11, 10)])
def test_nothing_was_asked_later_than_that_is_known(told: float | None, asked: float) -> None:
    request = ControlRequest(requested_at=at_or_none(told))
    assert seconds(asked_at(request, at(10))) == asked


@pytest.mark.parametrize(
    ("operation", "facts", "expires"),
    [
        (RESUME, {}, 10 + EXPIRY),
        (RESUME, {"requested_at": at(4)}, 4 + EXPIRY),
        (RESUME, {"expires_at": at(12)}, 12),
        (RESUME, {"requested_by": GATE}, None),
        (PAUSE, {"expires_at": at(12)}, None),
        (STOP, {"expires_at": at(12)}, None),
    ],
)
def test_a_resume_from_outside_expires_and_nothing_else(
    operation: Operation, facts: dict[str, Any], expires: float | None
) -> None:
    assert seconds(expiry_of(operation, ControlRequest(**facts), at(10))) == expires


@pytest.mark.parametrize(
    ("facts", "is_same"),
    [
        ({"requested_at": at(5)}, True),
        ({"expires_at": at(5)}, True),
        ({"request_id": "other"}, True),
        ({"reason": "other"}, False),
        ({"requested_by": "other"}, False),
        ({"force": True}, False),
    ],
)
def test_a_request_is_the_same_whenever_it_is_sent(facts: dict[str, Any], is_same: bool) -> None:
    content = content_of(RESUME, ControlRequest())
    assert (content_of(RESUME, ControlRequest(**facts)) == content) is is_same
    assert content_of(PAUSE, ControlRequest()) != content


def test_a_start_is_the_same_as_an_input_and_as_an_update() -> None:
    start = StartRequest(requested_by="b", pause_on_start=True)
    same = RecordingRequest(server_call_id="call", requested_by="b", pause_on_start=True)
    assert content_of(START, start) == content_of(START, same)
    assert content_of(START, StartRequest(requested_by="b")) != content_of(START, start)


def test_a_request_is_known_by_its_id_and_content_and_clashes_if_these_differ() -> None:
    status = a_call(a_recording())
    record = adds(status, PAUSE, request_id="r1")
    requests, same = Requests(status), ControlRequest(request_id="r1")
    other = ControlRequest(request_id="r1", reason="other")
    assert (requests.known(PAUSE, same), requests.clashing(PAUSE, same)) == (record, None)
    assert (requests.known(PAUSE, other), requests.clashing(PAUSE, other)) == (None, record)
    without = ControlRequest()
    assert (requests.known(PAUSE, without), requests.clashing(PAUSE, without)) == (None, None)


def test_a_request_without_an_id_of_its_own_or_with_a_taken_one_replaces_no_other() -> None:
    status = a_call(a_recording())
    ids = ["#2", None, "r1", "r1", None]
    records = [adds(status, PAUSE, request_id=each) for each in ids]
    assert list(status.requests.values()) == records
    assert list(status.requests) == ["#2", "#3", "r1", "#4", "#5"]


@pytest.mark.parametrize(
    ("operation", "force", "is_forced"),
    [(RESUME, True, True), (RESUME, False, False), (PAUSE, True, False)],
)
@pytest.mark.parametrize("refused", [None, "no"])
def test_a_record_says_what_was_asked_and_one_that_is_refused_has_failed_at_once(
    operation: Operation, force: bool, is_forced: bool, refused: str | None
) -> None:
    record = adds(a_call(a_recording()), operation, 10, refused, force=force, requested_at=at(4))
    assert record.force is is_forced
    assert (seconds(record.requested_at), seconds(record.received_at)) == (4, 10)
    state = RequestState.FAILED if refused else RequestState.PENDING
    told = (record.state, record.problem, seconds(record.settled_at))
    assert told == (state, refused or "", 10 if refused else None)


def test_pending_are_those_of_a_recording_that_are_not_settled() -> None:
    status = a_call(a_recording(), a_recording(number=2))
    first, second, third = adds(status, PAUSE), adds(status, RESUME), adds(status, STOP)
    first.state, third.recording = RequestState.CONFIRMED, 2
    assert Requests(status).pending(status.recordings[0]) == [second]
    assert Requests(status).pending(status.recordings[1]) == [third]


@pytest.mark.parametrize(
    ("operation", "is_awaited", "waits"),
    [(RESUME, True, True), (RESUME, False, False), (PAUSE, True, False)],
)
def test_a_resume_waits_until_its_time_is_known(
    operation: Operation, is_awaited: bool, waits: bool
) -> None:
    status = a_call(a_recording())
    record = adds(status, operation)
    record.is_time_awaited = is_awaited
    assert Requests(status).is_time_awaited(status.recordings[0]) is waits


@pytest.mark.parametrize(
    ("operation", "told", "accepted"),
    [
        (PAUSE, 12, 12),
        (PAUSE, 3, 4),
        (PAUSE, 99, 20),
        (PAUSE, None, None),
        (RESUME, 12, None),
    ],
)
def test_a_request_is_accepted_between_its_asking_and_now(
    operation: Operation, told: float | None, accepted: float | None
) -> None:
    status = a_call(a_recording())
    record = adds(status, PAUSE, requested_at=at(4))
    Requests(status).accepted(status.recordings[0], operation, at_or_none(told), at(20))
    assert seconds(record.accepted_at) == accepted


READ = {"begun_at": 1, "inactive_at": 10}
BEGUN = {"sound": {"begun_at": 1}}
OVER = {"sound": {"begun_at": 1, "over_at": 9}}
WAITING = {
    "holds": [ConsentHold(since=at(1), reason="")],
    "consent": ConsentTerms(before_consent="wait"),
}


@pytest.mark.parametrize(
    ("operation", "facts", "state"),
    [
        (START, {"recording_id": "r", "actual": Actual.STARTING}, "confirmed"),
        (START, {"actual": Actual.NONE, "wanted": "paused"}, "pending"),
        (START, {"actual": Actual.NONE, "wanted": "stopped"}, "superseded"),
        (PAUSE, {"actual": Actual.NONE, "wanted": "paused"}, "pending"),
        (PAUSE, {"actual": Actual.NONE, "wanted": "paused", **WAITING}, "confirmed"),
        (PAUSE, {"actual": Actual.NONE, "wanted": "paused", **WAITING, **BEGUN}, "pending"),
        (PAUSE, {"actual": Actual.PAUSED, "wanted": "paused"}, "pending"),
        (PAUSE, {"actual": Actual.PAUSED, "wanted": "paused", "sound": READ}, "confirmed"),
        (PAUSE, {"actual": Actual.PAUSED, "wanted": "active", "sound": READ}, "confirmed"),
        (PAUSE, {"actual": Actual.ACTIVE, "wanted": "active"}, "superseded"),
        (PAUSE, {"actual": Actual.ACTIVE, "wanted": "paused"}, "pending"),
        (RESUME, {"actual": Actual.ACTIVE, "wanted": "active"}, "confirmed"),
        (RESUME, {"actual": Actual.PAUSED, "wanted": "active"}, "pending"),
        (RESUME, {"actual": Actual.ACTIVE, "wanted": "paused"}, "superseded"),
        (STOP, {"actual": Actual.STOPPED, "wanted": "stopped"}, "confirmed"),
        (STOP, {"actual": Actual.STOPPED, "wanted": "stopped", **OVER}, "confirmed"),
        (STOP, {"actual": Actual.STOPPED, "wanted": "stopped", **BEGUN}, "failed"),
        (STOP, {"actual": Actual.ACTIVE, "wanted": "stopped"}, "pending"),
        (STOP, {"actual": Actual.UNKNOWN, "wanted": "stopped", **BEGUN}, "pending"),
    ],
)
def test_a_request_is_confirmed_once_acs_was_seen_to_do_it_and_superseded_by_another_wish(
    operation: Operation, facts: dict[str, Any], state: str
) -> None:
    silences = [silent(12)] if facts.get("sound") is READ else []
    recording = a_recording(*silences, **facts)
    status = a_call(recording)
    record = adds(status, operation)
    Requests(status).close(recording, at(20))
    assert record.state == state
    assert seconds(record.settled_at) == (None if state == "pending" else 20)
    assert record.recording_id == recording.recording_id
    assert record.may_be_recording is (state == "failed")


@pytest.mark.parametrize(
    ("facts", "silences", "state"),
    [
        ({"refused_operation": "stop", **BEGUN}, [], "failed"),
        ({"refused_operation": "stop", **BEGUN}, [silent(5)], "confirmed"),
        ({"refused_operation": "stop", **OVER}, [], "confirmed"),
        ({"refused_operation": "pause", **BEGUN}, [], "confirmed"),
        (BEGUN, [], "confirmed"),
    ],
)
@pytest.mark.parametrize("operation", [PAUSE, STOP])
def test_a_pause_is_not_confirmed_while_an_earlier_recording_may_be_on_whose_stop_was_refused(
    operation: Operation, facts: dict[str, Any], silences: list, state: str
) -> None:
    earlier = a_recording(*silences, number=1, wanted="stopped", actual=Actual.UNKNOWN, **facts)
    is_pause = operation is PAUSE
    is_done = {"actual": "paused" if is_pause else "stopped", "sound": READ}
    recording = a_recording(silent(12), number=2, wanted=is_done["actual"], **is_done)
    status = a_call(earlier, recording)
    record = adds(status, operation)
    record.recording = 2
    Requests(status).close(recording, at(20))
    is_failed = is_pause and state == "failed"
    assert record.state == ("failed" if is_failed else "confirmed")
    assert record.may_be_recording is is_failed
    assert ("recording 1 of this call may" in record.problem) is is_failed


@pytest.mark.parametrize("operation", [START, PAUSE, RESUME, STOP])
@pytest.mark.parametrize("is_silent", [True, False])
def test_only_of_silence_that_came_to_nothing_it_is_said_that_acs_may_be_recording(
    operation: Operation, is_silent: bool
) -> None:
    recording = a_recording(*([silent(5)] if is_silent else []), sound={"begun_at": 1})
    status = a_call(recording)
    record = adds(status, operation)
    Requests(status).fail(recording, {operation}, "no", at(20))
    assert record.may_be_recording is (operation in (PAUSE, STOP) and not is_silent)
    assert (record.state, record.problem, seconds(record.settled_at)) == ("failed", "no", 20)


def test_what_fails_is_of_the_named_kinds_and_pending() -> None:
    status = a_call(a_recording())
    pause, resume = adds(status, PAUSE), adds(status, RESUME)
    Requests(status).fail(status.recordings[0], {RESUME}, "no", at(20))
    assert (pause.state, resume.state) == ("pending", "failed")
    other = adds(status, STOP)
    fail(other, "never", at(21))
    assert (other.state, other.problem) == ("failed", "never")


@pytest.mark.parametrize(("confirmed", "told"), [(None, None), (12, 11)])
def test_what_acs_told_of_a_pause_without_proof_was_of_something_else(
    confirmed: float | None, told: float | None
) -> None:
    pause = held("ana", 10)
    pause.confirmed_at, pause.notified_at = at_or_none(confirmed), at(11)
    status = a_call(a_recording(pauses=[pause], sound={"begun_at": 1}))
    record = adds(status, PAUSE, requested_by="ana")
    record.notified_at = at(11)
    Requests(status).fail(status.recordings[0], {PAUSE}, "no", at(20))
    assert seconds(pause.notified_at) == seconds(record.notified_at) == (told or None)
