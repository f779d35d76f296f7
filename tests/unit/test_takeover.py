"""Is what two runs of a call know joined, so that nothing is forgotten, and nothing louder?"""

from callvault.contracts.takeover import LastState

from .call import NOON, Call, chunk, recording_call


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
    dead.asks("pause", request_id="p")
    call = Call()
    waited_for = call.asks("pause", request_id="p")
    joined(call, dead, is_reset=True)
    assert call.life.status.requests["p"] is waited_for
