"""What a call came to."""

import pytest

from callvault.contracts.results import CallResult
from callvault.contracts.states import RecordingState
from workflows.call.results import result_of, worst

from .call import Call, chunk, more, recording_call, stopped_call


def archived_call() -> Call:
    call = stopped_call()
    call.announced(chunk())
    call.archives(chunk())
    return call


def lost_call() -> Call:
    call = stopped_call()
    call.announced(more(0), chunk(1))
    call.archives(more(0))
    call.loses(chunk(1), "404 for an hour")
    return call


def test_a_result_tells_of_every_recording_and_every_chunk() -> None:
    call = lost_call()
    result = result_of(call.life.status)
    assert (result.server_call_id, result.resource, result.outcome) == ("call-1", "default", "lost")
    [recording] = result.recordings
    assert (recording.number, recording.recording_id, recording.state) == (1, "recording-1", "lost")
    first, second = recording.chunks
    assert (first.index, first.state, first.lost_reason) == (0, "archived", "")
    assert first.archived is not None
    assert first.archived.size == 10
    assert (second.index, second.state, second.archived) == (1, "lost", None)
    assert second.lost_reason == "404 for an hour"


def test_a_result_tells_of_every_pause() -> None:
    call = recording_call()
    call.asks("pause", requested_by="agent", reason="card number")
    call.confirms("pause")
    call.asks("stop")
    call.confirms("stop")
    call.announced(chunk())
    call.archives(chunk())
    [recording] = result_of(call.life.status).recordings
    assert [pause.reason for pause in recording.pauses] == ["card number"]


def test_a_result_does_not_change_with_the_state_it_was_made_of() -> None:
    call = archived_call()
    result = result_of(call.life.status)
    before = result.model_dump_json()
    call.announced(more(7))
    assert result.model_dump_json() == before
    assert CallResult.model_validate_json(before) == result


def test_one_lost_chunk_makes_the_call_lost_whatever_else_is_archived() -> None:
    call = lost_call()
    call.announced(chunk(document="of-two"), of="foreign")
    call.archives(chunk(document="of-two"))
    assert [r.state for r in call.life.status.recordings] == ["lost", "archived"]
    assert result_of(call.life.status).outcome == "lost"


def test_a_start_that_failed_shows_even_if_another_recording_is_archived() -> None:
    call = archived_call()
    call.asks("start")
    call.refuses(call.is_asked("start"))
    assert result_of(call.life.status).outcome == "failed_to_start"


def test_an_empty_recording_does_not_hide_an_archived_one() -> None:
    call = archived_call()
    call.asks("start")
    call.asks("stop")
    assert [r.state for r in call.life.status.recordings] == ["archived", "empty"]
    assert result_of(call.life.status).outcome == "archived"


def test_a_call_without_recordings_is_empty() -> None:
    result = result_of(Call(start_recording=False).life.status)
    assert (result.outcome, result.recordings) == ("empty", ())


def test_while_something_goes_on_that_is_what_an_operator_sees() -> None:
    call = lost_call()
    call.asks("start")
    call.confirms("start", "confirm")
    assert worst(call.life.status) == "recording"


def test_of_several_that_go_on_an_operator_sees_the_newest() -> None:
    call = stopped_call()
    call.announced(chunk())
    call.asks("start")
    call.confirms("start", "confirm")
    assert [r.state for r in call.life.status.recordings] == ["archiving", "recording"]
    assert worst(call.life.status) == "recording"


@pytest.mark.parametrize("state", [state for state in RecordingState if state.is_final])
def test_every_final_state_has_its_rank(state: RecordingState) -> None:
    status = archived_call().life.status
    status.recordings[0].state = state
    assert worst(status) is state
