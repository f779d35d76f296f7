"""Does a request protect that another one has overtaken, or is on its way to overtake?"""

from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.states import RequestState

from .calls import (
    after,
    answer,
    begun,
    learns,
    recorded,
    recording_of,
    seen,
    starts,
    tell,
    unconfirmed,
    under_way,
    wait,
)

ANA, BOB = "a" * 64, "b" * 64


def pauses(server: Server, who: str, at: float, key: str = "") -> None:
    asked = {"requestedBy": who, "requestedAt": after(at), "requestId": key or None}
    tell(server, names.PAUSE, **asked)


def resumes(server: Server, who: str, at: float) -> None:
    tell(server, names.RESUME, requestedBy=who, requestedAt=after(at))


def alarms(server: Server) -> list[AlarmKind]:
    return [each.alarm.kind for each in server.run.workflow.call.status.alarms]


def test_a_pause_that_a_stop_overtakes_is_alarmed_while_acs_does_neither() -> None:
    """Nobody was told for as long as ACS was away, and it recorded on."""
    server = recorded({"onPauseFailure": "alarm"})
    wait(server, 30)
    pauses(server, "agent", 30)
    wait(server, 0.5)
    tell(server, names.STOP, requestedBy="app", requestedAt=after(30.5))
    wait(server, 10)
    assert alarms(server) == [AlarmKind.PAUSE_UNCONFIRMED]
    answer(server, "stop_recording", seen(server, "inactive"))
    wait(server, 60)
    assert alarms(server) == [AlarmKind.PAUSE_UNCONFIRMED]


def test_a_stop_that_acs_does_not_answer_is_alarmed_once() -> None:
    server = recorded()
    tell(server, names.STOP, requestedBy="app")
    wait(server, 59)
    tell(server, names.STOP, requestedBy="agent")
    assert alarms(server) == []
    wait(server, 120)
    assert alarms(server) == [AlarmKind.STATE_UNEXPECTED]
    answer(server, "stop_recording", seen(server, "inactive"))
    answer(server, "raise_alarm", None)
    # It is told to be over, too.
    assert under_way(server, "raise_alarm").input.status == "resolved"


def test_a_stop_is_alarmed_also_where_an_earlier_pause_was_late() -> None:
    server = recorded({"onPauseFailure": "alarm"})
    pauses(server, "agent", 0)
    wait(server, 10)
    resumes(server, "agent", 10)
    answer(server, "pause_recording", seen(server, "inactive"))
    answer(server, "resume_recording", seen(server, "active"))
    wait(server, 60)
    tell(server, names.STOP, requestedBy="app")
    wait(server, 61)
    assert alarms(server) == [AlarmKind.PAUSE_UNCONFIRMED, AlarmKind.STATE_UNEXPECTED]


def test_a_pause_while_a_stop_is_not_confirmed_is_taken_and_what_is_recorded_is_told() -> None:
    """It was refused, as if the recording were stopped."""
    server = recorded()
    wait(server, 60)
    tell(server, names.STOP, requestedBy="app", requestedAt=after(60))
    wait(server, 20)
    pauses(server, "agent", 80, key="p")
    wait(server, 40)
    record = server.run.workflow.call.status.requests["p"]
    assert alarms(server) == [AlarmKind.PAUSE_UNCONFIRMED]
    assert record.is_overdue
    answer(server, "stop_recording", seen(server, "inactive"))
    assert record.state is RequestState.SUPERSEDED
    assert unconfirmed(server) == [(80, 120)]
    pauses(server, "agent", 121, key="q")
    refused = server.run.workflow.call.status.requests["q"]
    assert refused.state is RequestState.FAILED
    assert "is stopped" in refused.problem


def test_a_pause_of_what_is_silent_while_a_stop_is_not_confirmed_is_not_alarmed() -> None:
    server = recorded()
    pauses(server, "agent", 0)
    answer(server, "pause_recording", seen(server, "inactive"))
    tell(server, names.STOP, requestedBy="app")
    pauses(server, "other", 0)
    wait(server, 120)
    assert alarms(server) == []


def test_a_pause_by_a_slow_clock_is_not_released_as_it_comes() -> None:
    server = recorded({"maxPause": "PT2M", "onMaxPause": "resume"})
    wait(server, 600)
    pauses(server, "agent", 600 - 180)
    answer(server, "pause_recording", seen(server, "inactive"))
    assert recording_of(server).wanted == "paused"
    wait(server, 121)
    assert recording_of(server).wanted == "active"


def test_a_resume_that_a_pause_of_its_requester_has_overtaken_releases_nothing() -> None:
    server = recorded()
    pauses(server, "agent", 0)
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 70.1)
    pauses(server, "agent", 70)
    wait(server, 10)
    resumes(server, "agent", 60)
    assert recording_of(server).wanted == "paused"
    resumes(server, "agent", 80)
    assert under_way(server, "resume_recording")


def test_a_pause_under_the_id_of_one_that_was_released_before_acs_answered_is_held() -> None:
    server = recorded()
    pauses(server, "agent", 0, key="p")
    pauses(server, "other", 0)
    wait(server, 0.5)
    resumes(server, "agent", 0.5)
    wait(server, 0.5)
    pauses(server, "agent", 1, key="p")
    answer(server, "pause_recording", seen(server, "inactive"))
    wait(server, 5)
    resumes(server, "other", 6)
    assert recording_of(server).wanted == "paused"


def test_a_resume_while_a_stop_is_not_confirmed_is_refused_as_what_it_is() -> None:
    server = recorded()
    tell(server, names.STOP, requestedBy="app")
    tell(server, names.RESUME, requestedBy="app", requestId="r")
    assert "is being stopped" in server.run.workflow.call.status.requests["r"].problem


def test_a_resume_that_consent_refuses_is_told_that_the_pause_of_its_requester_stays() -> None:
    server = begun({"consentPolicy": "all_parties", "participants": [ANA], "requestedBy": "app"})
    tell(server, names.CONSENT, participant=ANA, given=True)
    learns(server)
    starts(server)
    wait(server, 40)
    pauses(server, "agent", 40)
    answer(server, "pause_recording", seen(server, "inactive"))
    tell(server, names.PARTICIPANT_CHANGED, participant=BOB, joined=True, at=after(40))
    tell(server, names.RESUME, requestedBy="agent", requestedAt=after(40), requestId="r")
    told = server.run.workflow.call.status.requests["r"].problem
    assert told.endswith("it stays paused by agent, until that is released: resume then.")
    tell(server, names.CONSENT, participant=BOB, given=True)
    assert recording_of(server).wanted == "paused"
    tell(server, names.RESUME, requestedBy="agent", requestedAt=after(40), requestId="again")
    assert under_way(server, "resume_recording")
