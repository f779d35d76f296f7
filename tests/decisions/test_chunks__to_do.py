"""Files that are known: which of them are to be exported, sealed, awaited, or copied anew."""

from typing import Any

import pytest

from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import CallStatus
from tests.policies import a_policy
from tests.unit.call import WINDOW, archived, chunk, more
from workflows.call import chunks
from workflows.call.chunks import ChunkKey

from .facts import A_SEAL, a_call, a_chunk, a_recording, at
from .test_chunks import KEY, a_told, indices

LATER = ChunkKey.of(chunk(1))


@pytest.mark.parametrize("state", ChunkState)
def test_what_is_announced_is_to_be_exported_and_nothing_else(state: ChunkState) -> None:
    status = a_call(a_recording(chunks=[a_chunk(0, state=state), a_chunk(1, state="archived")]))
    assert chunks.to_export(status) == ({KEY} if state is ChunkState.ANNOUNCED else set())


@pytest.mark.parametrize(
    ("state", "sealed", "file", "is_due"),
    [
        (RecordingState.ARCHIVED, None, "archived", True),
        (RecordingState.LOST, None, "archived", True),
        (RecordingState.ARCHIVING, None, "archived", False),
        (RecordingState.ARCHIVED, A_SEAL, "archived", False),
        (RecordingState.LOST, None, "lost", False),
    ],
)
def test_what_has_reached_its_end_with_a_file_is_to_be_sealed_once(
    state: RecordingState, sealed: Any, file: str, is_due: bool
) -> None:
    recording = a_recording(state=state, sealed=sealed, chunks=[a_chunk(0, state=file)])
    assert chunks.to_seal(a_call(recording)) == ([recording] if is_due else [])


def test_one_archived_file_among_lost_ones_is_enough_to_be_sealed() -> None:
    files = [a_chunk(0, state="lost"), a_chunk(1, state="archived")]
    recording = a_recording(state=RecordingState.LOST, chunks=files)
    assert chunks.to_seal(a_call(recording)) == [recording]


STOPPED = {"actual": "stopped", "wanted": "stopped", "state": RecordingState.PROCESSING}
POLICY = a_policy(export_window=WINDOW)


def test_the_wait_for_files_that_ends_next_is_told_with_its_recording() -> None:
    first = a_recording(stopped_at=at(9), **STOPPED)
    second = a_recording(number=2, stopped_at=at(5), **STOPPED)
    status = a_call(first, second, policy=POLICY)
    assert chunks.next_awaited(status) == (at(5) + WINDOW, 2)
    second.undecided_since = at(6)
    assert chunks.next_awaited(status) == (at(9) + WINDOW, 1)
    first.window_closed = True
    assert chunks.next_awaited(status) is None
    status.policy = None
    second.undecided_since = None
    assert chunks.next_awaited(status) is None


@pytest.mark.parametrize(
    ("fallback", "changes", "may_change"),
    [
        (None, 0, False),
        ("main", 0, False),
        ("other", 0, True),
        ("other", 1, True),
        ("other", 2, False),
    ],
)
def test_a_recording_may_change_its_archive_twice_if_there_is_another(
    fallback: str | None, changes: int, may_change: bool
) -> None:
    policy = a_policy(archive="main", fallback_archive=fallback)
    recording = a_recording(archive_changes=changes)
    assert chunks.may_change_archive(a_call(recording, policy=policy), recording) is may_change
    assert not chunks.may_change_archive(a_call(recording), recording)


@pytest.mark.parametrize(
    ("numbers", "told", "following"),
    [([], {}, 1), ([1, 2], {}, 3), ([3, 1], {}, 4), ([1], {5: {}}, 6), ([7], {5: {}}, 8)],
)
def test_a_recordings_number_was_told_of_no_other(
    numbers: list[int], told: dict[int, Any], following: int
) -> None:
    status = a_call(*(a_recording(number=number) for number in numbers), told=told)
    assert chunks.next_number(status) == following


def test_a_file_is_found_by_its_document_and_its_index() -> None:
    other = a_chunk(0, chunk=chunk(0, document="d2"))
    later = a_chunk(1, chunk=chunk(1, document=KEY.document_id))
    known, recording = a_chunk(0), a_recording(number=2)
    recording.chunks = [other, later, known]
    status = a_call(a_recording(chunks=[a_chunk(1)]), recording)
    assert chunks.find_chunk(status, KEY) == (recording, known)
    assert chunks.find_chunk(status, ChunkKey("d2", 0)) == (recording, other)
    assert chunks.find_chunk(status, LATER)[0] is status.recordings[0]


def a_kept(*states: str) -> CallStatus:
    """Make a call of one sealed recording with files in these states."""
    files = [
        a_chunk(n, state=state, archived=archived() if state == "archived" else None)
        for n, state in enumerate(states)
    ]
    sealed = a_recording(
        chunks=files, sealed=A_SEAL, actual="stopped", wanted="stopped", was_active=True
    )
    return a_call(sealed, policy=POLICY)


def test_with_another_archive_every_archived_file_is_exported_again_and_its_copy_known() -> None:
    status = a_kept("archived", "lost")
    [recording] = status.recordings
    chunks.export_again(status, recording)
    first, second = recording.chunks
    assert (first.state, first.archived, first.earlier_copy) == ("announced", None, archived())
    assert (second.state, second.earlier_copy) == ("lost", None)
    assert (recording.sealed, recording.state) == (None, "archiving")
    assert first.expires_at == at(10) + WINDOW


def test_what_the_archive_does_not_hold_any_more_is_exported_once_more_and_nothing_else() -> None:
    status = a_kept("archived", "archived", "lost")
    [recording] = status.recordings
    chunks.export_anew(status, recording, {LATER, ChunkKey.of(chunk(2))})
    first, second, third = recording.chunks
    assert (first.state, first.gone) == ("archived", None)
    assert (second.state, second.archived, second.gone) == ("announced", None, archived())
    assert (third.state, third.gone) == ("lost", None)
    assert (recording.sealed, recording.state) == (None, "archiving")


FACTS = {"call_id": "c", "recording_start_time": at(3), "recording_duration_ms": 7.0}
OTHER = {"call_id": "d", "recording_start_time": at(4), "recording_duration_ms": 8.0}


@pytest.mark.parametrize(
    ("early", "known", "after"),
    [(FACTS, {}, FACTS), (FACTS, OTHER, FACTS), ({}, OTHER, OTHER)],
)
def test_what_was_announced_before_an_id_was_known_comes_to_its_recording(
    early: dict[str, Any], known: dict[str, Any], after: dict[str, Any]
) -> None:
    recording = a_recording(number=1, recording_id="r", chunks=[a_chunk(1)], **known)
    told = a_told(2, recording_id="r", chunks=[a_chunk(0, chunk=more(0))], **early)
    other = a_told(3, recording_id="other", chunks=[a_chunk(5)])
    status = a_call(recording, told, other)
    chunks.adopt_announced(status, recording)
    assert status.recordings == [recording, other]
    assert indices(recording) == [1, 0]
    assert {name: getattr(recording, name) for name in after} == after


@pytest.mark.parametrize(
    ("known", "early", "after"),
    [("", "CallEnded", "CallEnded"), ("Other", "CallEnded", "Other"), ("", "", "")],
)
def test_the_end_that_was_announced_before_an_id_was_known_counts(
    known: str, early: str, after: str
) -> None:
    recording = a_recording(number=1, recording_id="r", session_end_reason=known)
    told = a_told(2, recording_id="r", session_end_reason=early)
    chunks.adopt_announced(a_call(recording, told), recording)
    assert recording.session_end_reason == after
