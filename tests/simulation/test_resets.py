"""Is nothing answered, or claimed, from what a reset run knows, before it knows the rest?"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from bench.simulation import protocol
from bench.simulation.server import Server
from callvault.contracts import names
from callvault.contracts.activity_io import Beginning, ControlResult
from callvault.contracts.states import Actual, RequestState, Wanted
from callvault.contracts.status import CallStatus, RecordingStatus
from callvault.contracts.takeover import LastState, Recalled
from tests.decisions.facts import A_SEAL
from tests.policies import a_policy

from .calls import STOPPED, answer, ask, begun, learns, recorded, starts, wait

ANA = "a" * 64
CONSENT = {"consentPolicy": "all_parties", "participants": [ANA]}
WAITING = CONSENT | {"beforeConsent": "wait"}


def tell(server: Server, name: str, **request: Any) -> None:
    server.deliver(protocol.signal(name, [protocol.payload(request)]))


def status_of(server: Server) -> CallStatus:
    status: CallStatus = server.run.workflow.call.status
    return status


def recording_of(server: Server) -> RecordingStatus:
    return status_of(server).recordings[0]


def under_way(server: Server) -> set[str]:
    return {each.kind for each in server.activities.values()}


def was_reset(server: Server) -> None:
    """Let the run find that it was reset to its beginning."""
    answer(server, "begin_run", Beginning(policy=a_policy(), was_reset=True))


def is_told(server: Server, dead: Server) -> None:
    """Let the run know what the one before knew."""
    last = LastState(run_id="run-0", status=status_of(dead).model_copy(deep=True))
    answer(server, names.RECALL_ACTIVITY, Recalled(last=last))


def agreed(server: Server) -> Server:
    tell(server, names.CONSENT, participant=ANA, given=True)
    return server


@pytest.mark.parametrize("is_early", [True, False])
def test_a_stop_of_what_never_began_here_waits_until_it_is_known_if_it_was_on(
    is_early: bool,
) -> None:
    """It was confirmed, and ACS, which recorded, was asked for nothing ever."""
    server = begun()
    if is_early:
        ask(server, names.STOP, "u", requestId="s")
    was_reset(server)
    if not is_early:
        ask(server, names.STOP, "u", requestId="s")
    stop = status_of(server).requests["s"]
    assert stop.state is RequestState.PENDING
    is_told(server, recorded())
    assert (recording_of(server).recording_id, recording_of(server).actual) == ("r", Actual.ACTIVE)
    assert "stop_recording" in under_way(server)
    answer(server, "stop_recording", STOPPED)
    assert stop.state is RequestState.CONFIRMED


def test_a_stop_of_what_never_began_anywhere_is_confirmed_once_that_is_known() -> None:
    server = begun()
    was_reset(server)
    ask(server, names.STOP, "u", requestId="s")
    answer(server, names.RECALL_ACTIVITY, Recalled())
    assert status_of(server).requests["s"].state is RequestState.CONFIRMED


def test_a_stop_that_comes_before_the_beginning_is_known_is_answered() -> None:
    """The run was over as soon as it had begun, and its caller got no answer."""
    server = begun()
    ask(server, names.STOP, "u", requestId="s")
    learns(server)
    assert server.result is not None
    assert server.open_updates == set()


@pytest.mark.parametrize("asks", ["consent", "pause"])
def test_nobody_is_told_that_what_waits_for_consent_is_silent(asks: str) -> None:
    """The run before had begun it, with consent: ACS recorded."""
    dead = agreed(begun(WAITING))
    learns(dead)
    starts(dead)
    server = agreed(begun(WAITING))
    was_reset(server)
    told = {"participant": ANA, "given": False, "requestId": "w"}
    tell(server, names.CONSENT, **told)
    if asks == "pause":
        ask(server, names.PAUSE, "u", requestId="p")
        assert status_of(server).requests["p"].state is RequestState.PENDING
    else:
        ask(server, names.CONSENT, "u", **told)
    assert server.open_updates == {"u"}
    is_told(server, dead)
    assert server.open_updates == {"u"}
    assert "pause_recording" in under_way(server)
    assert recording_of(server).target is Wanted.PAUSED


def is_reset(server: Server) -> None:
    """Reset the run to this moment: another one has gone further, and all is to be recalled."""
    job = protocol.Job()
    job.update_random_seed.randomness_seed = 7
    server.deliver(job)


@pytest.mark.parametrize("is_known_here", [True, False])
def test_a_withdrawal_before_the_recall_marks_what_was_recorded_and_seals_it_anew(
    is_known_here: bool,
) -> None:
    """The manifest that stood did not tell of it, and nothing was marked that came to be known."""
    server = agreed(begun(CONSENT | {"onWithdrawal": "pause_and_mark"}))
    learns(server)
    starts(server)
    wait(server, 60)
    dead = status_of(server).model_copy(deep=True)
    [sealed] = dead.recordings
    sealed.actual, sealed.wanted, sealed.stopped_at = Actual.STOPPED, Wanted.STOPPED, server.now
    sealed.sound.over_at, sealed.sealed = server.now, A_SEAL
    if not is_known_here:
        sealed.number, sealed.recording_id = 2, "another"
    is_reset(server)
    tell(server, names.CONSENT, participant=ANA, given=False)
    last = LastState(run_id="run-0", status=dead)
    answer(server, names.RECALL_ACTIVITY, Recalled(last=last))
    recalled = status_of(server).recordings[0]
    assert recalled.number == (1 if is_known_here else 2)
    assert recalled.sealed is None
    assert {mark.participant for mark in recalled.marked} == {ANA}


def test_what_nobody_can_recall_leaves_no_silence_claimed_since_the_last_reading() -> None:
    """The run before had resumed, and paused again: that time was claimed to be silent."""
    server = recorded()
    tell(server, names.PAUSE, requestedBy="agent")
    answer(server, "pause_recording", read_at(server.now))
    [silence] = recording_of(server).silence.silent
    assert silence.until is None
    server.pass_time(timedelta(seconds=5))
    is_reset(server)
    recall = next(e for e in server.activities.values() if e.kind == names.RECALL_ACTIVITY)
    server.resolve(recall, protocol.failed("Unavailable", "it is not to be had", is_final=True))
    account = recording_of(server).silence
    assert [each.until for each in account.silent if each.until is None] == []
    assert account.unconfirmed[-1].until is None
    assert recording_of(server).pauses[0].resumed_at is not None
    assert "read_state" in under_way(server)


def test_a_pause_before_the_recall_is_not_answered_from_what_the_run_before_remembers() -> None:
    """It came under the number of an older one, which was confirmed, and so was it at once."""
    dead, server = recorded(), recorded()
    tell(dead, names.PAUSE, requestedBy="agent", requestedAt=dead.now.isoformat())
    answer(dead, "pause_recording", read_at(dead.now))
    server.pass_time(timedelta(seconds=60))
    is_reset(server)
    asked = {"requestedBy": "agent", "requestedAt": server.now.isoformat()}
    ask(server, names.PAUSE, "u", **asked)
    is_told(server, dead)
    assert server.open_updates == {"u"}
    answer(server, "pause_recording", read_at(server.now))
    assert server.open_updates == set()
    pause = status_of(server).requests["#2"]
    assert (pause.state, pause.requested_at) == (RequestState.CONFIRMED, server.now)


@pytest.mark.parametrize("is_early", [True, False])
def test_who_joins_before_the_recall_is_recorded_once_they_have_heard_that_they_are(
    is_early: bool,
) -> None:
    """The announcement to them was forgotten as it was under way: no task of the run went on."""
    dead, server = begun(), begun()
    policy = {"announce_late_joiners": True, "announce_within": timedelta(seconds=30)}
    for each in [dead] if is_early else [dead, server]:
        learns(each, **policy)
        answer(each, "announce_recording", None)
        starts(each)
    if is_early:
        answer(server, "begin_run", Beginning(policy=a_policy(**policy), was_reset=True))
        answer(server, "announce_recording", None)
    else:
        is_reset(server)
    # Who had come by then has heard the announcement to all.
    wait(server, 1)
    tell(server, names.PARTICIPANT_CHANGED, participant=ANA, joined=True)
    assert under_way(server) >= {"announce_recording", names.RECALL_ACTIVITY}
    is_told(server, dead)
    assert recording_of(server).target is Wanted.PAUSED
    assert under_way(server) >= {"announce_recording", "pause_recording"}
    answer(server, "announce_recording", None)
    assert recording_of(server).target is Wanted.ACTIVE


def read_at(moment: datetime) -> ControlResult:
    """Return an answer that the recording is paused, as it was read at this moment."""
    told = {"read_at": moment, "received_at": moment, "state": "inactive"}
    return STOPPED.model_copy(update=told)
