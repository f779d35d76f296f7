"""Does what has fallen due count first, also where no timer could fire in time?"""

from datetime import timedelta
from typing import Any

import pytest

from bench.simulation.life import NOON
from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.activity_io import ControlResult
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.states import RequestState

from .calls import (
    A_MOMENT,
    ACTIVE,
    STOPPED,
    answer,
    ask,
    begun,
    has_handed_over,
    learns,
    recorded,
    tell,
    under_way,
)

MINUTES = timedelta(minutes=10)


def test_a_resume_that_has_expired_before_the_start_makes_no_sound() -> None:
    """The start was asked for first, and sounded; then the resume was taken back."""
    server = begun()
    tell(server, names.PAUSE, requestId="p", requestedBy="agent")
    tell(server, names.RESUME, requestId="r", requestedBy="agent")
    server.pass_time(MINUTES)
    learns(server)
    resume = server.run.workflow.call.status.requests["r"]
    assert resume.state is RequestState.FAILED
    assert "expired" in resume.problem
    assert under_way(server, "start_recording").input.pause_on_start


def test_a_resume_that_expires_while_no_worker_runs_is_not_asked_for_again() -> None:
    """ACS had not answered the first attempt, and the second one was begun as the worker was back:
    it recorded, after the time that the caller had given it."""
    server = recorded()
    tell(server, names.PAUSE, requestId="p", requestedBy="agent")
    answer(server, "pause_recording", ACTIVE.model_copy(update={"state": "inactive"}))
    asked_at = server.now.isoformat()
    tell(server, names.RESUME, requestId="r", requestedBy="agent", requestedAt=asked_at)
    assert under_way(server, "resume_recording").is_quick
    server.be_away(MINUTES)
    assert server.run.workflow.call.status.requests["r"].state is RequestState.FAILED
    assert not any(each.kind == "resume_recording" for each in server.activities.values())


def test_a_run_whose_history_is_long_ends_with_all_of_its_loops() -> None:
    """An alarm fell due as it was complete: most loops had ended, and nobody sent it any more."""
    server = begun({"consentPolicy": "all_parties", "onPauseFailure": "stop"})
    learns(server, max_history_events=30)
    started = ControlResult(recording_id="r", state="inactive", accepted_at=NOON)
    answer(server, "start_recording", started)
    server.pass_time(MINUTES)
    answer(server, "raise_alarm", None)
    answer(server, "stop_recording", STOPPED)
    # The next run says what became of it.
    has_handed_over(server)
    answer(server, "raise_alarm", None)
    # ACS had begun it: a file of it may come until the window closes.
    server.pass_time(timedelta(hours=48))
    assert server.result is not None
    alarms = [each.alarm.kind for each in server.run.workflow.call.status.alarms]
    assert alarms == [AlarmKind.PAUSE_UNCONFIRMED] * 2


CONSENT_FIRST = {
    "consentPolicy": "all_parties",
    "participants": ["a" * 64],
    "beforeConsent": "wait",
}


def repeats(server: Server, name: str, **request: Any) -> None:
    """Ask for the same until more updates came than the server takes at a time."""
    for number in range(12):
        ask(server, name, f"{name}-{number}", **request)
        server.pass_time(timedelta(seconds=20))


@pytest.mark.parametrize(
    ("begins", "name"),
    [({}, names.STOP), (CONSENT_FIRST, names.START), ({"requestedBy": "app"}, names.START)],
)
def test_those_who_wait_for_acs_leave_room_for_pauses_and_withdrawals(
    begins: dict[str, Any], name: str
) -> None:
    """The server takes ten updates at a time: a participant's withdrawal was refused."""
    asked = {**begins, "requestId": "x"}
    if name == names.START:
        server = begun(asked)
        learns(server)
    else:
        server = recorded()
    repeats(server, name, **asked)
    # The newest wait: the first have given up, mostly.
    assert server.open_updates == {f"{name}-{number}" for number in range(7, 12)}
    assert set(server.answers.values()) == {"completed"}
    ask(server, names.PAUSE, "p", requestId="p")
    server.pass_time(timedelta(seconds=6))
    assert "p" in server.run.workflow.call.status.requests
    assert server.answers["p"] == "completed"


def test_who_waits_for_consent_keeps_no_run_whose_history_is_long() -> None:
    """It could hand over to none for a day, whatever came meanwhile."""
    asked = {**CONSENT_FIRST, "requestId": "x"}
    server = begun(asked)
    learns(server, max_history_events=60)
    ask(server, names.START, "u", **asked)
    assert server.open_updates == {"u"}
    for number in range(30):
        tell(server, names.ACKNOWLEDGE, requestedBy=f"operator-{number}")
        server.pass_time(A_MOMENT)
    assert server.open_updates == set()
    has_handed_over(server)
    assert server.run.workflow.call.status.requests["x"].state is RequestState.PENDING
