"""Files: whose they are, what of them is new, and what is to be done with each."""

from typing import Any

import pytest

from callvault.contracts.states import ChunkState
from callvault.contracts.status import CallStatus, RecordingStatus
from tests.policies import a_policy
from tests.unit.call import WINDOW, chunk, event, more
from workflows.call import chunks
from workflows.call.chunks import ChunkKey

from .facts import A_SEAL, a_call, a_chunk, a_recording, at, seconds

KEY = ChunkKey.of(chunk(0))


def announced(status: CallStatus, *files: Any, **facts: Any) -> chunks.Announced:
    when = facts.pop("now", 20)
    return chunks.announce(status, event(*files, **{"at": at(15), **facts}), at(when))


def a_told(number: int = 1, **facts: Any) -> RecordingStatus:
    """Make a recording that an event announced."""
    known = {"origin": "announced", "wanted": "stopped", "actual": "stopped", "was_active": True}
    return a_recording(number=number, **{**known, **facts})


def indices(recording: RecordingStatus) -> list[int]:
    return [each.chunk.index for each in recording.chunks]


# Whose files these are.


@pytest.mark.parametrize(("of", "number"), [("r1", 1), ("r2", 2), ("other", 3), (None, 1)], ids=str)
def test_files_belong_to_the_recording_with_their_id_or_to_a_new_one(
    of: str | None, number: int
) -> None:
    status = a_call(a_recording(recording_id="r1"), a_recording(recording_id="r2", number=2))
    recording, _ = announced(status, chunk(0), of=of, recording_start_time=at(0))
    assert recording is status.recordings[number - 1]
    assert (recording.number, recording.origin == "announced") == (number, number == 3)


def test_a_file_without_an_id_belongs_to_the_recording_that_has_it() -> None:
    second = a_recording(number=2, requested_at=at(9), chunks=[a_chunk(0)])
    status = a_call(a_recording(), second)
    recording, _ = announced(status, chunk(0), of=None, recording_start_time=at(0))
    assert recording is second


@pytest.mark.parametrize(
    ("begun", "number"),
    [
        ([{"recording_start_time": at(1)}, {"recording_start_time": at(18)}], 2),
        ([{"started_at": at(1)}, {"started_at": at(30)}], 1),
        ([{"requested_at": at(1)}, {"requested_at": at(18)}], 2),
        ([{"recording_start_time": at(9), "started_at": at(99)}, {"started_at": at(1)}], 1),
        ([{"started_at": at(9), "requested_at": at(-99)}, {"started_at": at(1)}], 1),
    ],
)
def test_a_file_that_nobody_has_belongs_to_the_recording_that_began_nearest(
    begun: list[dict[str, Any]], number: int
) -> None:
    status = a_call(*(a_recording(number=n, **facts) for n, facts in enumerate(begun, 1)))
    recording, _ = announced(status, chunk(0), of=None, recording_start_time=at(12))
    assert recording is not None
    assert recording.number == number


@pytest.mark.parametrize(("started", "number"), [(None, 2), (1, 1)])
def test_a_file_that_tells_no_beginning_counts_by_the_time_of_its_event(
    started: float | None, number: int
) -> None:
    status = a_call(a_recording(), a_recording(number=2, requested_at=at(16)))
    told = {} if started is None else {"recording_start_time": at(started)}
    recording, _ = announced(status, chunk(0), of=None, **told)
    assert recording is status.recordings[number - 1]


@pytest.mark.parametrize(
    ("origin", "of", "is_gone"),
    [("announced", None, True), ("announced", "other", False), ("requested", None, False)],
)
def test_an_event_with_an_id_corrects_what_was_guessed_without(
    origin: str, of: str | None, is_gone: bool
) -> None:
    guessed = a_told(origin=origin, recording_id=of, chunks=[a_chunk(0)])
    known = a_recording(number=2, recording_id="r2", actual="stopped", wanted="stopped")
    status = a_call(guessed, known, policy=a_policy(export_window=WINDOW))
    guessed.expires_at = at(1)
    recording, _ = announced(status, chunk(0), of="r2")
    assert recording is known
    assert indices(recording) == [0]
    assert recording.expires_at == at(10) + WINDOW
    assert guessed.expires_at != at(1), "its deadlines are those of what is left"
    assert guessed.chunks == []
    assert (guessed not in status.recordings) is is_gone


def test_what_was_guessed_rightly_stays_where_it_is() -> None:
    guessed = a_told(chunks=[a_chunk(0), a_chunk(1)])
    status = a_call(guessed, a_recording(number=2, recording_id="r2"))
    announced(status, chunk(0), of="r2")
    assert [indices(each) for each in status.recordings] == [[1], [0]]
    announced(status, chunk(1), of=None)
    assert [indices(each) for each in status.recordings] == [[1], [0]]
    announced(status, chunk(0), of="r2", now=30)
    assert [indices(each) for each in status.recordings] == [[1], [0]]


def test_a_file_without_an_id_that_another_recording_has_stays_there_and_counts_anew() -> None:
    first = a_recording(chunks=[a_chunk(0, chunk=more(0))])
    second = a_recording(number=2, chunks=[a_chunk(1)], actual="stopped", wanted="stopped")
    status = a_call(first, second, policy=a_policy(export_window=WINDOW))
    announced(status, more(0), chunk(1), of=None, at=at(3))
    assert [indices(each) for each in status.recordings] == [[0], [1]]
    assert [each.expires_at for each in status.recordings] == [at(3) + WINDOW] * 2


@pytest.mark.parametrize(
    ("facts", "of", "ended", "is_read"),
    [
        ({"recording_id": "r"}, "r", "CallEnded", False),
        ({"recording_id": "r"}, None, "", True),
        ({"recording_id": "r", "actual": "paused"}, None, "", True),
        ({"recording_id": None}, None, "", False),
        ({"recording_id": None, "needs_read": True}, None, "", True),
        ({"recording_id": "r", "actual": "stopped"}, None, "CallEnded", False),
        ({"recording_id": "r", "origin": "announced"}, None, "CallEnded", False),
    ],
)
def test_a_guess_ends_nothing_that_may_be_on(
    facts: dict[str, Any], of: str | None, ended: str, is_read: bool
) -> None:
    recording = a_recording(**facts)
    announced(a_call(recording), chunk(0), of=of)
    assert (recording.session_end_reason, recording.needs_read) == (ended, is_read)


# What of them is new.


def test_a_new_file_is_kept_with_its_times_and_unseals_its_recording() -> None:
    recording = a_recording(recording_id="r", sealed=A_SEAL)
    status = a_call(recording, policy=a_policy(export_window=WINDOW))
    assert announced(status, chunk(0), of="r", recording_start_time=at(5)) == (recording, 0)
    [known] = recording.chunks
    times = (known.announced_at, known.retention_starts_at, known.notified_at)
    assert [seconds(each) for each in times] == [20, 5, 15]
    assert known.expires_at == at(5) + WINDOW
    assert recording.sealed is None


@pytest.mark.parametrize(
    ("told", "now", "starts", "notified"),
    [(15, 20, 10, 15), (8, 20, 8, 8), (12, 9, 9, 9), (30, 40, 10, 15)],
)
def test_a_file_that_is_told_again_can_only_be_older(
    told: float, now: float, starts: float, notified: float
) -> None:
    known = a_chunk(0, notified_at=at(15))
    recording = a_recording(recording_id="r", chunks=[known], sealed=A_SEAL)
    announced(a_call(recording), chunk(0), of="r", at=at(told), now=now)
    assert (seconds(known.retention_starts_at), seconds(known.notified_at)) == (starts, notified)
    assert recording.sealed is not None, "nothing of it is new"


@pytest.mark.parametrize(("told", "notified"), [(12, 10), (8, 8)])
def test_a_file_whose_telling_is_not_known_was_told_when_it_was_announced(
    told: float, notified: float
) -> None:
    known = a_chunk(0)
    announced(a_call(a_recording(recording_id="r", chunks=[known])), chunk(0), of="r", at=at(told))
    assert seconds(known.notified_at) == notified


@pytest.mark.parametrize("state", [ChunkState.ANNOUNCED, ChunkState.LOST, ChunkState.ARCHIVED])
@pytest.mark.parametrize(("was_known", "is_told"), [(False, True), (False, False), (True, True)])
def test_an_address_that_was_missing_is_taken_and_what_was_lost_is_to_be_copied(
    state: ChunkState, was_known: bool, is_told: bool
) -> None:
    bare = chunk(0).model_copy(update={"content_location": None})
    other = chunk(0).model_copy(update={"content_location": "https://x.asm.skype.com/other"})
    known = a_chunk(0, chunk=chunk(0) if was_known else bare, state=state, lost_reason="404")
    recording = a_recording(recording_id="r", chunks=[known], sealed=A_SEAL)
    announced(a_call(recording), other if is_told else bare, of="r")
    is_news = is_told and not was_known
    assert known.chunk == (other if is_news else chunk(0) if was_known else bare)
    assert known.lost_reason == ("" if is_news else "404")
    assert (recording.sealed is None) is is_news
    is_again = is_news and state is ChunkState.LOST
    assert known.state == (ChunkState.ANNOUNCED if is_again else state)


@pytest.mark.parametrize(("room", "left_out"), [(3, 0), (2, 1), (1, 2)])
def test_files_beyond_the_most_of_a_call_are_left_out(
    room: int, left_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MAX_CHUNKS", room)
    recording = a_recording(recording_id="r", chunks=[a_chunk(0)])
    status = a_call(recording, a_recording(number=2))
    assert announced(status, chunk(0), chunk(1), chunk(2), of="r").left_out == left_out
    assert len(recording.chunks) == room


def size_of(file: Any) -> int:
    return sum(map(len, (file.document_id, file.end_reason, file.content_location or "")))


@pytest.mark.parametrize(("spare", "left_out"), [(0, 0), (-1, 1)])
def test_files_with_more_text_than_a_call_may_have_are_left_out(
    spare: int, left_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [chunk(n, document="d" * (n + 1)) for n in range(3)]
    room = sum(map(size_of, files))
    monkeypatch.setattr(chunks, "MAX_CHUNKS_SIZE", room + spare)
    status = a_call(a_recording(recording_id="r", chunks=[a_chunk(0, chunk=files[0])]))
    assert announced(status, *files[1:], of="r").left_out == left_out


@pytest.mark.parametrize(("spare", "is_taken"), [(0, True), (-1, False)])
def test_an_address_is_taken_while_there_is_room_for_it(
    spare: int, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = chunk(0).model_copy(update={"content_location": None})
    monkeypatch.setattr(chunks, "MAX_CHUNKS", 1)
    monkeypatch.setattr(chunks, "MAX_CHUNKS_SIZE", size_of(bare) + size_of(chunk(0)) + spare)
    known = a_chunk(0, chunk=bare)
    announced(a_call(a_recording(recording_id="r", chunks=[known])), chunk(0), of="r")
    assert (known.chunk.content_location is not None) is is_taken


def test_each_address_that_is_taken_leaves_less_room(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = [chunk(n).model_copy(update={"content_location": None}) for n in range(2)]
    monkeypatch.setattr(chunks, "MAX_CHUNKS_SIZE", sum(map(size_of, (*bare, chunk(0)))))
    known = [a_chunk(n, chunk=file) for n, file in enumerate(bare)]
    recording = a_recording(recording_id="r", chunks=known)
    announced(a_call(recording), chunk(0), chunk(1), of="r")
    assert [each.chunk.content_location is not None for each in known] == [True, False]


@pytest.mark.parametrize(
    ("told", "asked", "is_left_out"), [(1, 0, False), (2, 0, True), (1, 2, False)]
)
def test_recordings_that_events_announce_have_a_limit_of_their_own(
    told: int, asked: int, is_left_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "MAX_RECORDINGS", 2)
    recordings = [a_told(n, recording_id=f"t{n}") for n in range(1, 1 + told)]
    recordings += [a_recording(number=5 + n, recording_id=f"a{n}") for n in range(asked)]
    status = a_call(*recordings)
    recording, left_out = announced(status, chunk(0), chunk(1), of="new")
    assert (recording is None, left_out) == (is_left_out, 2 if is_left_out else 0)
    assert announced(status, chunk(3), of="t1").left_out == 0
