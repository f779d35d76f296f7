"""Requests that were overtaken: by what, and who still holds."""

import pytest

from callvault.contracts.states import Wanted
from callvault.contracts.status import CallStatus, ControlRecord, RecordingStatus
from workflows.call.commands import Operation
from workflows.call.pauses import GUARD
from workflows.call.request_records import Requests

from .facts import a_call, a_recording, at
from .test_request_records import PAUSE, RESUME, STOP, adds, held


def superseded(
    status: CallStatus, recording: RecordingStatus, operation: Operation, who: str = "ana"
) -> ControlRecord:
    record = adds(status, operation, requested_by=who)
    Requests(status).close(recording, at(30))
    assert record.state == "superseded"
    return record


@pytest.mark.parametrize(
    ("holders", "names", "says"),
    [
        (["ben"], ["ben"], "stays paused by ben"),
        (["ben", "ana"], ["ben", "ana"], "superseded"),
        ([], [], "superseded"),
    ],
)
def test_a_resume_that_comes_to_nothing_names_those_who_hold_it_unless_it_is_their_own(
    holders: list[str], names: list[str], says: str
) -> None:
    recording = a_recording(wanted=Wanted.PAUSED, pauses=[held(each) for each in holders])
    record = superseded(a_call(recording), recording, RESUME)
    assert [holder.requested_by for holder in record.held_by] == names
    assert says in record.problem


def test_a_resume_that_a_stop_overtakes_names_no_holders() -> None:
    recording = a_recording(wanted=Wanted.STOPPED, pauses=[held("ben")])
    record = superseded(a_call(recording), recording, RESUME)
    assert (record.held_by, record.problem) == ([], "superseded by the recording's end")


@pytest.mark.parametrize(
    ("others", "wanted", "says"),
    [
        ([], "active", "superseded"),
        ([(RESUME, 10, "ben")], "active", "superseded by the resume of ben"),
        ([(RESUME, 9, "ben")], "active", "superseded"),
        ([(PAUSE, 11, "ben")], "active", "superseded"),
        ([(RESUME, 11, "ben"), (RESUME, 12, "cem")], "active", "superseded by the resume of cem"),
        ([(STOP, 11, "ben"), (STOP, 12, "cem")], "stopped", "superseded by the stop of ben"),
        ([(RESUME, 11, "ben")], "stopped", "superseded by the recording's end"),
    ],
)
def test_a_request_that_was_overtaken_says_by_what(
    others: list[tuple[Operation, float, str]], wanted: str, says: str
) -> None:
    status = a_call(a_recording(wanted=wanted), a_recording(number=2))
    record = adds(status, PAUSE)
    for operation, when, who in others:
        adds(status, operation, when, requested_by=who)
    adds(status, RESUME, 13, "refused", requested_by="dan")
    adds(status, RESUME, 13, requested_by="eva").recording = 2
    Requests(status).close(status.recordings[0], at(30))
    assert record.problem == says


def test_why_a_request_came_to_nothing_is_not_overwritten() -> None:
    status = a_call(a_recording())
    record = adds(status, PAUSE, requested_by=GUARD)
    record.problem = "not confirmed in time"
    Requests(status).close(status.recordings[0], at(30))
    assert (record.state, record.problem) == ("superseded", "not confirmed in time")
