"""Files arrive in one event or many, in any order, repeated, early, late or never."""

from datetime import timedelta

import pytest

from tests.decisions.facts import A_SEAL
from tests.policies import a_policy
from workflows.call import chunks, recording_state
from workflows.call.chunks import ChunkKey

from .call import (
    NOON,
    POLICY,
    WINDOW,
    Call,
    archived,
    chunk,
    event,
    more,
    recording_call,
    stopped_call,
)

HOUR = timedelta(hours=1)

# Whole, or not.


def test_one_chunk_that_ends_its_recording_is_the_whole_of_it() -> None:
    call = stopped_call()
    call.announced(chunk())
    assert recording_state.is_whole(call.recording)
    assert call.recording.state == "archiving"
    call.archives(chunk())
    assert (call.recording.state, call.recording.expires_at) == ("archived", None)


def test_several_events_in_any_order_make_one_recording() -> None:
    call = stopped_call()
    call.announced(chunk(2))
    call.announced(more(0))
    assert not recording_state.is_whole(call.recording)
    call.announced(more(1))
    assert recording_state.is_whole(call.recording)
    assert len(call.life.status.recordings) == 1


def test_a_gap_in_the_indices_is_waited_for() -> None:
    call = stopped_call()
    call.announced(more(0), chunk(2))
    call.archives(more(0))
    call.archives(chunk(2))
    assert call.recording.state == "archiving"
    assert chunks.next_awaited(call.life.status) is not None


def test_chunks_without_an_end_are_waited_for() -> None:
    call = stopped_call()
    call.announced(more(0))
    call.archives(more(0))
    assert (call.recording.state, recording_state.is_whole(call.recording)) == ("archiving", False)


def test_two_documents_under_one_index_are_both_kept() -> None:
    call = stopped_call()
    call.announced(chunk(0, document="primary"))
    call.announced(chunk(0, document="failover"))
    assert {c.chunk.document_id for c in call.recording.chunks} == {"primary", "failover"}
    call.archives(chunk(0, document="primary"))
    assert call.recording.state == "archiving"
    call.archives(chunk(0, document="failover"))
    assert call.recording.state == "archived"


def test_what_is_being_recorded_is_not_to_be_exported() -> None:
    call = recording_call()
    call.announced(chunk(reason="ChunkIsBeingRecorded"), ended="SessionStillOngoing")
    assert chunks.to_export(call.life.status) == set()
    assert call.recording.chunks == []


def test_one_lost_chunk_makes_the_recording_lost() -> None:
    call = stopped_call()
    call.announced(more(0), chunk(1))
    call.archives(more(0))
    call.loses(chunk(1), "404 for an hour" * 1_000)
    assert call.recording.state == "lost"
    assert len(call.recording.chunks[1].lost_reason) <= 1_024


# Repeated and late events.


def test_a_repeated_event_changes_nothing_but_the_timeline() -> None:
    call = stopped_call()
    call.announced(more(0), chunk(1), at=NOON)
    before = call.recording.model_dump_json()
    call.now += 10 * HOUR
    call.announced(more(0), chunk(1), at=NOON)
    assert call.recording.model_dump_json() == before


def test_a_repeated_event_never_moves_a_deadline_later() -> None:
    call = stopped_call()
    call.announced(chunk(), at=NOON)
    assert call.recording.chunks[0].expires_at == NOON + WINDOW
    call.now += 10 * HOUR
    call.announced(chunk(), at=NOON + 9 * HOUR)
    assert call.recording.chunks[0].expires_at == NOON + WINDOW


def test_a_repeated_event_that_knows_of_an_earlier_time_moves_the_deadline_there() -> None:
    call = stopped_call()
    call.announced(chunk(), at=NOON)
    call.announced(chunk(), at=NOON - HOUR)
    assert call.recording.expires_at == NOON - HOUR + WINDOW


def test_a_repeated_event_leaves_an_archived_file_archived() -> None:
    call = stopped_call()
    call.announced(chunk())
    call.archives(chunk())
    call.announced(chunk())
    assert call.recording.state == "archived"
    assert chunks.to_export(call.life.status) == set()


def test_an_event_that_is_delivered_again_has_its_archived_files_copied_anew() -> None:
    """An archive went back while the call was open: nobody looked for what it had lost."""
    call = stopped_call()
    call.announced(chunk(), more(1))
    call.archives(chunk())
    call.archives(more(1))
    call.recording.sealed = A_SEAL
    call.announced(more(1), again=True)
    assert chunks.to_export(call.life.status) == {ChunkKey.of(more(1))}
    [_, gone] = call.recording.chunks
    assert (gone.state, gone.archived, gone.gone is not None) == ("announced", None, True)
    assert call.recording.sealed is None
    call.announced(more(1), again=True)
    call.archives(more(1))
    assert call.recording.state == "archived"


def test_a_late_file_reopens_a_recording_that_was_given_up() -> None:
    call = stopped_call()
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "lost"
    call.announced(chunk())
    assert call.recording.state == "archiving"
    call.archives(chunk())
    assert (call.recording.state, call.recording.problem) == ("archived", "")


# Whose files.


def test_files_find_their_recording_by_its_id() -> None:
    call = stopped_call()
    call.asks("start")
    call.confirms("start", "confirm")
    call.announced(chunk(document="of-two"), of="recording-2")
    call.announced(chunk(document="of-one"), of="recording-1")
    assert [r.chunks[0].chunk.document_id for r in call.life.status.recordings] == [
        "of-one",
        "of-two",
    ]


def test_files_without_an_id_find_their_recording_by_its_beginning() -> None:
    call = stopped_call()
    call.now += HOUR
    call.asks("start")
    call.confirms("start", "confirm")
    call.announced(chunk(), of=None, at=NOON + 3 * HOUR, recording_start_time=NOON)
    assert len(call.life.recording(1).chunks) == 1
    assert call.life.recording(2).chunks == []


def test_files_of_a_recording_nobody_asked_for_are_kept_all_the_same() -> None:
    call = Call(start_recording=False)
    call.announced(chunk(), of="foreign", call_id="c1", recording_format_type="Mp3")
    [orphan] = call.life.status.recordings
    assert (orphan.origin, orphan.recording_id, orphan.call_id) == ("announced", "foreign", "c1")
    assert (orphan.state, orphan.recording_format_type) == ("archiving", "mp3")
    assert call.next is None


def test_files_without_any_id_of_a_call_nobody_knows_are_kept_all_the_same() -> None:
    call = Call(start_recording=False)
    call.announced(more(0), of=None, ended="")
    call.announced(chunk(1), of=None)
    [orphan] = call.life.status.recordings
    assert len(orphan.chunks) == 2


def test_a_file_known_already_stays_with_its_recording_when_an_event_has_no_id() -> None:
    """Counted for two recordings, it would be archived for one and missed for ever by the other."""
    call = stopped_call()
    call.now += HOUR
    call.asks("start")
    call.confirms("start", "confirm")
    call.announced(chunk(), of="recording-1")
    call.announced(chunk(), of=None, at=call.now)
    assert [len(r.chunks) for r in call.life.status.recordings] == [1, 0]
    assert call.life.recording(2).state == "recording", "the event told of the first one's end"
    call.archives(chunk())
    assert call.recording.state == "archived"


def test_an_event_with_an_id_corrects_what_one_without_an_id_made_believe() -> None:
    call = stopped_call()
    call.now += HOUR
    call.asks("start")
    call.confirms("start", "confirm")
    call.announced(more(0), of=None, at=call.now, ended="")
    assert [len(r.chunks) for r in call.life.status.recordings] == [0, 1]
    call.announced(more(0), of="recording-1", at=call.now)
    assert [len(r.chunks) for r in call.life.status.recordings] == [1, 0]
    assert [r.state for r in call.life.status.recordings] == ["archiving", "recording"]


def test_an_event_without_an_id_ends_no_recording_that_is_on() -> None:
    """It told of the files of the first one; the second one was taken for over, and recorded on."""
    call = stopped_call()
    call.now += HOUR
    call.asks("start")
    call.confirms("start", "confirm")
    call.announced(chunk(), of=None, at=call.now)
    assert call.life.recording(2).state == "recording"
    assert call.next == "read"
    assert call.asks("pause").state == "pending"


def test_an_orphan_that_gets_its_id_later_is_one_recording_still() -> None:
    call = Call(start_recording=False)
    call.announced(chunk(), of=None)
    call.announced(chunk(), of="foreign")
    [orphan] = call.life.status.recordings
    assert (orphan.recording_id, len(orphan.chunks)) == ("foreign", 1)


# Deadlines.


def test_there_is_no_deadline_before_the_window_is_known() -> None:
    call = Call(start_recording=False)
    call.life.status.policy = None
    call.announced(chunk(), at=NOON)
    assert call.life.status.recordings[0].chunks[0].expires_at is None
    assert chunks.next_awaited(call.life.status) is None
    call.life.policy_known(a_policy(export_window=HOUR))
    assert call.life.status.recordings[0].chunks[0].expires_at == NOON + HOUR


def test_the_nearest_deadline_of_what_is_not_archived_is_the_recordings() -> None:
    call = stopped_call()
    call.announced(more(0), at=NOON - HOUR, ended="")
    call.announced(chunk(1), at=NOON)
    assert call.recording.expires_at == NOON - HOUR + WINDOW
    call.archives(more(0))
    assert call.recording.expires_at == NOON + WINDOW


def test_a_recording_without_files_is_awaited_a_window_after_its_stop() -> None:
    call = stopped_call()
    stopped_at = call.recording.stopped_at
    assert stopped_at is not None
    assert chunks.next_awaited(call.life.status) == (stopped_at + WINDOW, 1)
    assert call.recording.expires_at == stopped_at + WINDOW


def test_nothing_is_awaited_of_a_recording_that_goes_on() -> None:
    assert chunks.next_awaited(recording_call().life.status) is None


def test_nothing_is_awaited_of_a_recording_that_is_whole() -> None:
    call = stopped_call()
    call.announced(chunk())
    assert chunks.next_awaited(call.life.status) is None
    assert call.recording.expires_at == call.recording.chunks[0].expires_at


def test_of_several_recordings_the_nearest_is_awaited_first() -> None:
    call = stopped_call()
    call.now += HOUR
    call.asks("start")
    call.asks("stop")
    call.announced(more(0), of="foreign", at=NOON - HOUR, ended="SessionStillOngoing")
    awaited = chunks.next_awaited(call.life.status)
    assert awaited == (NOON - HOUR + WINDOW, 3)


# The window closes.


def test_a_window_that_closes_on_nothing_leaves_an_active_recording_lost() -> None:
    call = stopped_call()
    assert call.recording.state == "processing"
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "lost"
    assert "no file was announced" in call.recording.problem
    assert chunks.next_awaited(call.life.status) is None


def test_a_window_that_closes_on_nothing_leaves_a_recording_that_stayed_paused_empty() -> None:
    call = Call(pause_on_start=True).confirms("start")
    call.asks("stop")
    call.confirms("stop")
    call.life.window_closed(1, call.ticks())
    assert (call.recording.state, call.recording.problem) == ("empty", "")


def test_a_recording_stopped_before_it_was_seen_active_is_lost_rather_than_silently_empty() -> None:
    call = Call().confirms("start")
    call.asks("stop")
    call.confirms("stop")
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "lost"


def test_a_window_that_closes_on_a_gap_names_what_there_is() -> None:
    call = stopped_call()
    call.announced(more(0), chunk(2))
    call.archives(more(0))
    call.archives(chunk(2))
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "lost"
    assert "only chunks 0, 2 were announced" in call.recording.problem


def test_a_window_that_closes_on_a_gap_still_waits_for_the_copies_under_way() -> None:
    call = stopped_call()
    call.announced(more(0))
    call.life.window_closed(1, call.ticks())
    assert call.recording.state == "archiving"
    call.archives(more(0))
    assert call.recording.state == "lost"


# Looking things up.


def test_a_chunk_is_known_by_document_and_index() -> None:
    call = stopped_call()
    call.announced(more(0), chunk(1))
    assert chunks.to_export(call.life.status) == {ChunkKey.of(more(0)), ChunkKey.of(chunk(1))}
    recording, found = chunks.find_chunk(call.life.status, ChunkKey.of(chunk(1)))
    assert (recording.number, found.chunk.index) == (1, 1)


def test_a_chunk_that_nobody_announced_is_a_mistake() -> None:
    with pytest.raises(StopIteration):
        stopped_call().life.chunk_archived(ChunkKey("nobody's", 0), archived(), NOON)


def test_what_an_event_tells_first_stays() -> None:
    call = Call(start_recording=False)
    call.life.policy_known(POLICY)
    call.life.files_announced(
        event(more(0), ended="", recording_duration_ms=5, recording_start_time=NOON), NOON
    )
    call.life.files_announced(
        event(chunk(1), recording_duration_ms=9, recording_start_time=NOON - HOUR), NOON
    )
    [recording] = call.life.status.recordings
    assert (recording.recording_duration_ms, recording.recording_start_time) == (5, NOON)
