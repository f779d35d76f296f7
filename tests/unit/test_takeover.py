"""Is what two runs of a call know joined, so that nothing is forgotten, and nothing louder?"""

import pytest

from callvault.contracts.events import RecordingStateChanged
from callvault.contracts.takeover import ADOPTED, LastState
from workflows.call import callbacks, consent, presence

from .call import ALL, NOON, SECOND, Call, agreed, awaiting, chunk, hashed, recording_call


def joined(call: Call, dead: Call, *, is_reset: bool, run_id: str = "dead") -> bool:
    last = LastState(run_id=run_id, status=dead.life.status)
    return call.life.recalled(last, NOON, is_reset=is_reset)


def test_after_a_reset_the_quieter_wish_counts() -> None:
    dead = recording_call()
    dead.asks("pause")
    call = Call()
    assert joined(call, dead, is_reset=True)
    [recording] = call.life.status.recordings
    assert recording.recording_id == dead.recording.recording_id
    assert recording.wanted == "paused"
    assert recording.needs_read, "what ACS does is read before it is believed"


def test_what_is_adopted_is_told_as_that_and_not_as_a_run_that_ended_too_early() -> None:
    """Nobody had ended anything, and the alarm sent its reader to look for who had."""
    call, dead = Call(), recording_call()
    joined(call, dead, is_reset=False, run_id=f"{ADOPTED}recording-1")
    began = Call()
    began.life.taken_over(NOON, is_adopted=True)
    for each in (call, began):
        assert "a recording is adopted" in each.life.status.timeline[-1].what
        assert not any("ended too early" in entry.what for entry in each.life.status.timeline)


def test_the_same_state_is_joined_once() -> None:
    call, dead = recording_call(), recording_call()
    assert joined(call, dead, is_reset=False)
    assert not joined(call, dead, is_reset=False)


def test_files_of_both_are_known() -> None:
    dead, call = recording_call(), recording_call()
    dead.announced(chunk(0, document="a"))
    call.announced(chunk(0, document="b"))
    joined(call, dead, is_reset=False)
    [recording] = call.life.status.recordings
    assert {each.chunk.document_id for each in recording.chunks} == {"a", "b"}


def test_a_recording_that_is_not_known_here_is_controlled_from_now_on() -> None:
    dead, call = recording_call(), recording_call()
    dead.recording.recording_id = "another"
    joined(call, dead, is_reset=False)
    assert [r.number for r in call.life.status.recordings] == [1, 2]
    assert call.life.current is not None
    assert call.life.current.recording_id == "another"


def test_an_update_that_waits_for_a_request_keeps_its_record() -> None:
    dead = recording_call()
    asked = dead.asks("pause", request_id="p")
    call = Call()
    waited_for = call.asks("pause", request_id="p")
    dead.confirms("pause")
    joined(call, dead, is_reset=True)
    assert call.life.status.requests["p"] is waited_for
    assert waited_for == asked, "it is answered as ACS has answered before"


@pytest.mark.parametrize("is_reset", [True, False])
def test_what_waits_for_acs_in_the_dead_run_is_answered_here(is_reset: bool) -> None:
    dead, call = recording_call(), recording_call()
    dead.asks("pause", request_id="p")
    joined(call, dead, is_reset=is_reset)
    assert call.life.status.requests["p"].state == "pending"
    call.confirms("pause")
    assert call.life.status.requests["p"].state == "confirmed"


def test_another_request_under_the_same_id_is_kept_beside_the_own() -> None:
    dead, call = recording_call(), recording_call()
    dead.asks("pause", request_id="p")
    mine = call.asks("stop", request_id="p")
    joined(call, dead, is_reset=True)
    requests = call.life.status.requests
    assert requests["p"] is mine
    assert requests["p of run dead"].operation == "pause"


def test_it_stays_paused_for_everybody_who_held_it_in_either_run() -> None:
    dead, call = recording_call(), recording_call()
    dead.asks("pause", requested_by="ana")
    call.asks("pause", requested_by="ben")
    joined(call, dead, is_reset=False)
    assert call.asks("resume", requested_by="ben").held_by[0].requested_by == "ana"
    assert call.recording.wanted == "paused"
    call.asks("resume", requested_by="ana")
    assert call.recording.wanted == "active"


def test_the_stays_of_both_are_one_history() -> None:
    dead, call = agreed(), Call(consent_policy=ALL)
    dead.joins("cem", connection="a")
    call.now = dead.now
    call.leaves("cem", connection="a")
    call.joins("dan", connection="d")
    joined(call, dead, is_reset=False)
    assert presence.here(call.life.status) == {hashed(who) for who in ("ana", "ben", "dan")}
    assert presence.gone(call.life.status) == {hashed("cem")}


def test_a_withdrawal_that_only_the_run_before_knew_outlasts_an_older_agreement() -> None:
    dead, call = agreed(), Call(consent_policy=ALL)
    dead.withdraws("ana")
    call.now = dead.now
    call.agrees("ana", decided_at=NOON)
    joined(call, dead, is_reset=False)
    assert consent.standing(call.life.status)[hashed("ana")] is False
    assert call.recording.is_held


def test_the_marks_of_both_are_kept() -> None:
    dead, call = (agreed(on_withdrawal="pause_and_mark") for _ in range(2))
    dead.withdraws("ana")
    call.withdraws("ben")
    joined(call, dead, is_reset=False)
    [recording] = call.life.status.recordings
    assert {mark.participant for mark in recording.marked} == {hashed("ana"), hashed("ben")}


def test_what_is_known_here_by_its_files_alone_is_the_recording_that_was_asked_for() -> None:
    dead, call = recording_call(), Call(start_recording=False)
    dead.asks("pause")
    call.announced(chunk())
    assert call.recording.origin == "announced"
    joined(call, dead, is_reset=False)
    [recording] = call.life.status.recordings
    assert (recording.origin, recording.number) == ("requested", 1)
    assert recording.pauses == dead.recording.pauses
    assert [each.chunk for each in recording.chunks] == [chunk()]


@pytest.mark.parametrize("is_known_here_alone", [True, False])
def test_what_goes_on_as_its_event_tells_is_not_over(is_known_here_alone: bool) -> None:
    """A chunk of it had begun a workflow: a stop was confirmed, and ACS was asked for nothing."""
    started, orphan = recording_call(), Call(start_recording=False)
    orphan.announced(chunk(reason="ChunkMaximumTimeExceeded"), ended="SessionStillOngoing")
    call, dead = (orphan, started) if is_known_here_alone else (started, orphan)
    joined(call, dead, is_reset=False)
    [recording] = call.life.status.recordings
    assert (recording.wanted, recording.actual, call.next) == ("active", "active", "read")
    stop = call.asks("stop")
    assert (stop.state, call.next) == ("pending", "stop")


@pytest.mark.parametrize("is_known_here_alone", [True, False])
def test_what_has_ended_as_its_event_tells_is_over(is_known_here_alone: bool) -> None:
    started, orphan = recording_call(), Call(start_recording=False)
    orphan.announced(chunk())
    call, dead = (orphan, started) if is_known_here_alone else (started, orphan)
    joined(call, dead, is_reset=False)
    [recording] = call.life.status.recordings
    assert (recording.wanted, recording.actual, call.next) == ("stopped", "stopped", None)
    assert recording.sound.over_at is not None


def test_of_two_runs_that_asked_for_it_the_one_that_keeps_the_call_says_by_whom() -> None:
    dead, call = recording_call(requested_by="robot"), recording_call()
    joined(call, dead, is_reset=False)
    [recording] = call.life.status.recordings
    assert recording.requested_by == "backend"


def test_what_was_known_there_by_its_files_alone_stays_the_recording_that_was_asked_for() -> None:
    dead, call = Call(start_recording=False), recording_call()
    dead.announced(chunk())
    joined(call, dead, is_reset=False)
    [recording] = call.life.status.recordings
    assert (recording.origin, recording.requested_by) == ("requested", "backend")
    assert [each.chunk for each in recording.chunks] == [chunk()]


def test_the_timeline_tells_how_the_run_before_ended() -> None:
    for is_reset, how in ((True, "was reset"), (False, "ended too early")):
        call = recording_call()
        joined(call, recording_call(), is_reset=is_reset)
        assert f"run dead {how}: " in call.timeline


def test_the_timelines_of_both_are_one_in_their_order() -> None:
    dead, call = recording_call(), recording_call()
    for at, of in enumerate((dead, call, dead, call)):
        of.life.note(NOON + (100 + at) * SECOND, f"note {at}")
    joined(call, dead, is_reset=False)
    noted = [e.what for e in call.life.status.timeline if e.what.startswith("note ")]
    assert noted == [f"note {at}" for at in range(4)]


def test_a_start_in_flight_of_a_dead_run_is_stopped_once_acs_tells_that_it_has_begun() -> None:
    """Its callback counted by the dead run's numbers, and was taken for that of another start."""
    dead, call = Call(), awaiting(ALL, "ana", before_consent="wait")
    dead.is_asked("start")
    joined(call, dead, is_reset=False)
    lost, own = call.life.status.recordings
    assert (lost.number, own.number, call.life.current) == (2, 1, own)
    assert (lost.state, own.state) == ("failed_to_start", "awaiting_consent")
    told = {"recording": 1, "recording_id": "told", "state": "active", "at": call.now}
    callbacks.fold(call.life, call.alarms, RecordingStateChanged(**told), call.ticks())
    command = call.life.next_command()
    assert command is not None
    assert (command.operation, command.recording) == ("adopt", 2)
    assert own.callback_recording_id is None
