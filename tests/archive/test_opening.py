"""Is a recording found where its workflow says it is, and is it told what became of the others?"""

from typing import Any

import pytest

from callvault.archive.opening.opening import file_name
from callvault.archive.opening.places import Place, places_in, the_one
from callvault.archive.stores.directory import DirectoryArchive
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus, ChunkStatus
from callvault.errors import InvalidRequest

from .sealed import SERVER_CALL, archived, lost, recording

FOLDER = "recordings/2026/03/02/call-1/rec-1"


def call(*recordings: Any) -> CallStatus:
    return CallStatus(server_call_id=SERVER_CALL, resource="default", recordings=list(recordings))


@pytest.fixture
def chunk(directory_archive: DirectoryArchive) -> ChunkStatus:
    return archived(directory_archive)


def test_an_id_of_the_call_finds_its_recording(chunk: ChunkStatus) -> None:
    status = call(recording(chunk, lost(1, "gone")))
    assert places_in(status, SERVER_CALL) == [Place("main", FOLDER)]


def test_a_recordings_own_id_finds_it_alone(
    chunk: ChunkStatus, directory_archive: DirectoryArchive
) -> None:
    second = archived(directory_archive, recording_id="rec-2")
    status = call(recording(chunk), recording(second, recording_id="rec-2"))
    assert places_in(status, "rec-2") == [Place("main", FOLDER.replace("rec-1", "rec-2"))]
    both = places_in(status, SERVER_CALL)
    with pytest.raises(InvalidRequest, match="several recordings: name one of") as caught:
        the_one(both, SERVER_CALL)
    assert (caught.value.status, caught.value.code) == (409, "several_recordings")


@pytest.mark.parametrize(
    ("facts", "status", "code", "said"),
    [
        ({"state": RecordingState.RECORDING}, 409, "not_archived", "it is recording"),
        ({"state": RecordingState.ARCHIVING}, 409, "not_archived", "it is archiving"),
        ({"state": RecordingState.LOST, "problem": "the service"}, 410, "lost", "the service"),
        ({"state": RecordingState.LOST}, 410, "lost", "before it could be archived"),
        (
            {"state": RecordingState.DECLINED, "declined": "no consent"},
            *(404, "not_recorded", "no consent"),
        ),
        (
            {"state": RecordingState.FAILED_TO_START, "problem": "ACS says no"},
            *(404, "not_recorded", "ACS says no"),
        ),
        ({"state": RecordingState.EMPTY}, 404, "not_recorded", "nothing was recorded"),
        (None, 404, "not_recorded", "nothing was recorded"),
    ],
)
def test_what_became_of_a_recording_without_files_is_told(
    facts: dict[str, Any] | None, status: int, code: str, said: str
) -> None:
    known = call(*([] if facts is None else [recording(**facts)]))
    with pytest.raises(InvalidRequest, match=said) as caught:
        places_in(known, SERVER_CALL)
    assert (caught.value.status, caught.value.code) == (status, code)


def test_a_copy_has_a_short_name_that_any_file_system_takes() -> None:
    assert file_name(f"{FOLDER}/0000-0-eus-d1.wav") == "rec-1-0000-0-eus-d1.wav"
    long = file_name(f"recordings/2026/03/02/c/{'r' * 200}/{'d' * 190}.wav")
    assert len(long) < 200
    assert long.endswith(".wav")
