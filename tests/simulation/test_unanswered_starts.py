"""Is nobody told that it is silent what a start without an answer may have begun?"""

from datetime import timedelta
from typing import Any

from bench.simulation import protocol
from bench.simulation.instance import Opening
from bench.simulation.life import NOON
from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.activity_io import Beginning, ToldRecording
from callvault.contracts.alarms import AlarmKind
from callvault.contracts.states import RequestState
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.loops.continue_as_new import CarriedState

from .calls import answer, begun, learns, recorded, starts, stops

ANA = "a" * 64
WAITING = {"consentPolicy": "all_parties", "beforeConsent": "wait"}


def tell(server: Server, name: str, **request: Any) -> None:
    server.deliver(protocol.signal(name, [protocol.payload(request)]))


def status_of(server: Server) -> CallStatus:
    status: CallStatus = server.run.workflow.call.status
    return status


def current(server: Server) -> RecordingStatus:
    return status_of(server).recordings[-1]


def under_way(server: Server, kind: str) -> bool:
    return any(each.kind == kind for each in server.activities.values())


def tells_that_it_records(server: Server) -> None:
    """Let ACS tell by its signed callback that the newest recording is on, and confirm its id."""
    told = {"recording": current(server).number, "recordingId": "told", "state": "active"}
    tell(server, names.RECORDING_STATE_CHANGED, **told, at=server.now.isoformat(), isSigned=True)
    answer(server, "identify_recording", ToldRecording(is_known=True, is_of_call=True))


def finds_another_in_its_way(server: Server) -> None:
    """Let the start's first attempt be lost, and the next one meet what that has begun."""
    start = next(each for each in server.activities.values() if each.kind == "start_recording")
    unanswered = ("an earlier attempt got no answer",)
    occupied = protocol.failed("AlreadyRecording", "8553", is_final=True, details=unanswered)
    server.resolve(start, occupied)
    # Until then a callback may tell whose recording that is.
    server.pass_time(timedelta(seconds=6))


def test_a_stop_of_what_a_start_may_have_begun_says_that_acs_may_be_recording() -> None:
    server = begun()
    learns(server)
    server.pass_time(timedelta(minutes=11))
    tell(server, names.STOP, requestId="s")
    stop = status_of(server).requests["s"]
    assert (stop.state, stop.may_be_recording) == (RequestState.FAILED, True)


def test_what_was_stopped_as_its_start_was_to_be_asked_anew_is_looked_for() -> None:
    """The stop was confirmed, and ACS's callback that it records was of no use."""
    server = recorded()
    stops(server)
    tell(server, names.START)
    tell(server, names.STOP, requestId="s")
    finds_another_in_its_way(server)
    stop = status_of(server).requests["s"]
    assert (stop.state, stop.may_be_recording) == (RequestState.FAILED, True)
    assert AlarmKind.FAILED_TO_START in {each.alarm.kind for each in status_of(server).alarms}
    tells_that_it_records(server)
    assert under_way(server, "stop_recording")


def test_no_pause_is_confirmed_while_it_waits_for_consent_and_may_have_begun() -> None:
    server = begun({**WAITING, "participants": [ANA]})
    tell(server, names.CONSENT, participant=ANA, given=True)
    learns(server)
    starts(server)
    stops(server)
    tell(server, names.START, **WAITING)
    tell(server, names.CONSENT, participant=ANA, given=False, decidedAt=server.now.isoformat())
    finds_another_in_its_way(server)
    tell(server, names.PAUSE, requestId="p")
    assert status_of(server).requests["p"].state is RequestState.PENDING
    tells_that_it_records(server)
    assert current(server).recording_id == "told"
    assert under_way(server, "pause_recording")


def test_a_run_that_takes_over_a_start_in_flight_confirms_no_stop() -> None:
    """ACS had begun it, and the run that heard of that was dead."""
    dead = begun()
    learns(dead)
    carried = CarriedState.taken_over(status_of(dead)).model_dump(mode="json")
    request = {"server_call_id": "call-1", "resource": "default", "start_recording": False}
    payloads = (protocol.payload(request), protocol.payload(carried))
    server = Server(
        opening=Opening(names.workflow_id("call-1"), "run-2", NOON, payloads, seed=1),
        now=NOON,
        on_activation=lambda jobs, activate: activate(),
        on_scheduled=lambda activity: None,
    )
    server.begin([protocol.signal(names.STOP, [protocol.payload({"requestId": "s"})])])
    answer(server, "begin_run", Beginning())
    stop = status_of(server).requests["s"]
    assert (stop.state, stop.may_be_recording) == (RequestState.FAILED, True)
    tells_that_it_records(server)
    assert under_way(server, "stop_recording")
