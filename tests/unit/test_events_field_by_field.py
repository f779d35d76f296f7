"""An event is read field by field: an odd field costs itself only (faults D6, D12, A5, A7)."""

import json
import time
from typing import Any

import pytest
from pydantic import ValidationError

from callvault.acs.models import RecordingResultResponse
from callvault.contracts.events import (
    MAX_CHUNK_INDEX,
    MAX_CHUNKS,
    FileStatusUpdated,
    known_time,
    parse_subject,
)
from callvault.contracts.field_by_field import MAX_NOTES
from callvault.contracts.requests import CallEnded

from .call import NOON, recording_call

CHUNK = {
    "documentId": "0-eus-d1",
    "index": 1,
    "endReason": "SessionEnded",
    "contentLocation": "https://storage.asm.skype.com/v1/objects/0-eus-d1/content/video",
    "metadataLocation": "https://storage.asm.skype.com/v1/objects/0-eus-d1/content/acsmetadata",
    "deleteLocation": "https://us-storage.asm.skype.com/v1/objects/0-eus-d1",
}
DATA = {
    "recordingStorageInfo": {"recordingChunks": [CHUNK]},
    "recordingStartTime": "2026-07-27T15:20:23.6089755Z",
    "recordingDurationMs": 6620,
    "recordingContentType": "AudioVideo",
    "sessionEndReason": "CallEnded",
}
EVENT = {
    "id": "1",
    "subject": "/recording/call/c/serverCallId/s/recordingId/r",
    "eventType": "Microsoft.Communication.RecordingFileStatusUpdated",
    "eventTime": "2026-07-27T15:20:34.2199328Z",
    "data": DATA,
}


def read(chunk: dict[str, Any] | None = None, data: Any = None, **envelope: Any) -> Any:
    chunks = [{**CHUNK, **(chunk or {})}]
    whole = {**DATA, "recordingStorageInfo": {"recordingChunks": chunks}, **(data or {})}
    return FileStatusUpdated.model_validate({**EVENT, "data": whole, **envelope})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recordingDurationMs", -1),
        ("recordingDurationMs", float("nan")),
        ("recordingDurationMs", float("inf")),
        ("recordingDurationMs", 1e300),
        ("recordingDurationMs", "long"),
        ("recordingStartTime", "unknown"),
        ("recordingStartTime", "1" * 100_000),
        ("recordingStartTime", "0001-01-01T00:00:00+10:00"),
        ("recordingStartTime", "0001-01-01T00:00:00Z"),
        ("recordingStartTime", "9999-12-31T23:59:59.9999999Z"),
        ("sessionEndReason", "x" * 1_025),
        ("sessionEndReason", "\ud83d"),
        ("recordingContentType", 7),
        ("recordingFormatType", "x" * 100_000),
        ("recordingChannelType", ["mixed"]),
    ],
)
def test_d6_an_odd_field_is_left_out_and_said_so(field: str, value: Any) -> None:
    files = read(data={field: value})
    [note] = files.left_out
    assert note.startswith(f"{field}: ")
    assert len(note) <= 200
    assert (files.recording_id, files.chunks, files.chunks_left_out) == ("r", read().chunks, 0)
    again = FileStatusUpdated.model_validate(files.model_dump(mode="json"))
    assert again == files


def test_d6_what_was_left_out_stands_in_the_timeline() -> None:
    call = recording_call()
    call.life.files_announced(read(data={"recordingDurationMs": -1}), NOON)
    told = [entry.what for entry in call.life.status.timeline]
    assert any("left out of its event, recordingDurationMs: " in what for what in told)


@pytest.mark.parametrize(
    ("field", "value"),
    [("endReason", 7), ("metadataLocation", "x" * 5_000), ("deleteLocation", {"x": 1})],
)
def test_d6_an_odd_field_of_a_chunk_is_left_out_too(field: str, value: Any) -> None:
    files = read({field: value})
    [note] = files.left_out
    assert note.startswith(f"chunks.0.{field}: ")
    assert files.chunks[0].document_id == CHUNK["documentId"]


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ({"id": 7}, ("7", "s", "r")),
        ({"id": "x" * 2_000}, ("", "s", "r")),
        ({"id": None}, ("", "s", "r")),
        ({"eventTime": "soon"}, ("1", "s", "r")),
        ({"eventTime": None}, ("1", "s", "r")),
        ({"subject": "/recording/call/c/recordingId/r"}, ("1", None, "r")),
        ({"subject": "/recording/call/c/serverCallId/a b/recordingId/r"}, ("1", None, "r")),
        ({"subject": 7}, ("1", None, None)),
    ],
)
def test_d6_odd_fields_of_the_envelope_are_left_out(
    envelope: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    files = read(**envelope)
    assert (files.event_id, files.server_call_id, files.recording_id) == expected
    assert len(files.chunks) == 1


def test_d6_a_leap_second_is_a_time() -> None:
    files = read(eventTime="2026-06-30T23:59:60.5Z", data={"recordingStartTime": "+"})
    assert files.event_time.isoformat() == "2026-06-30T23:59:59.500000+00:00"
    assert known_time(read(eventTime=None).event_time) is None


@pytest.mark.parametrize(
    ("at", "is_known"),
    [
        ("0001-01-01T00:00:00Z", False),
        ("2019-12-31T23:59:59Z", False),
        ("2020-01-01T00:00:00Z", True),
        ("2199-12-31T23:59:59Z", True),
        ("2200-01-01T00:00:00Z", False),
        ("9999-12-31T23:59:59.9999999Z", False),
    ],
)
def test_a_time_that_cannot_be_right_is_not_known(at: str, is_known: bool) -> None:
    found = known_time(read(eventTime=at).event_time)
    assert (found is not None) is is_known
    ended = CallEnded.model_validate({"endedAt": at})
    assert ended.ended_at == found


@pytest.mark.parametrize("value", [5, "\ufeff5\0", " 5\r\n"])
def test_d6_numeric_ids_are_read(value: Any) -> None:
    location = "https://storage.asm.skype.com/v1/objects/5/content/video"
    chunk = {"documentId": value, "contentLocation": location}
    assert read(chunk).chunks[0].document_id == "5"
    subject = "/recording/call/c"
    files = read(subject=subject, data={"serverCallId": value, "recordingId": value})
    assert (files.server_call_id, files.recording_id) == ("5", "5")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("index", MAX_CHUNK_INDEX + 1),
        ("index", 4_294_967_295),
        ("index", 10**30),
        ("index", -1),
        ("documentId", "\ud83d"),
        ("documentId", ""),
        ("contentLocation", 7),
    ],
)
def test_a5_a_chunk_that_lacks_what_is_needed_is_left_out_and_counted(
    field: str, value: Any
) -> None:
    with pytest.raises(ValidationError, match=field):
        read({field: value})
    good = {**CHUNK, "index": MAX_CHUNK_INDEX}
    storage = {"recordingChunks": [{**CHUNK, field: value}, good, 7]}
    files = read(data={"recordingStorageInfo": storage})
    assert ([chunk.index for chunk in files.chunks], files.chunks_left_out) == ([9_999], 2)


def test_a7_the_number_of_chunks_is_bounded() -> None:
    chunks = [{**CHUNK, "index": index} for index in range(MAX_CHUNKS)]
    assert len(read(data={"recordingStorageInfo": {"recordingChunks": chunks}}).chunks) == 1_000
    with pytest.raises(ValidationError, match="at most 1000 are taken"):
        read(data={"recordingStorageInfo": {"recordingChunks": [*chunks, CHUNK] * 2}})


def test_the_notes_are_bounded() -> None:
    chunks = [{**CHUNK, "endReason": 7}] * 500
    files = read(data={"recordingStorageInfo": {"recordingChunks": chunks}})
    assert len(files.left_out) == MAX_NOTES
    assert files.left_out[-1] == "and 481 more"


@pytest.mark.parametrize("kind", ["eventType", "event_type", "type"])
@pytest.mark.parametrize("time_name", ["eventTime", "event_time", "time"])
def test_d12_the_envelope_is_read_in_both_spellings(kind: str, time_name: str) -> None:
    event = {"id": "1", "subject": EVENT["subject"], "data": DATA}
    files = FileStatusUpdated.model_validate(
        {**event, kind: EVENT["eventType"], time_name: EVENT["eventTime"]}
    )
    assert files == read()


def test_d12_so_is_all_within_it() -> None:
    chunk = {
        "document_id": CHUNK["documentId"],
        "index": 1,
        "end_reason": CHUNK["endReason"],
        "content_location": CHUNK["contentLocation"],
        "metadata_location": CHUNK["metadataLocation"],
        "delete_location": CHUNK["deleteLocation"],
    }
    data = {
        "recording_storage_info": {"recording_chunks": [chunk]},
        "recording_start_time": DATA["recordingStartTime"],
        "recording_duration_ms": 6620,
        "recording_content_type": "AudioVideo",
        "session_end_reason": "CallEnded",
    }
    assert FileStatusUpdated.model_validate({**EVENT, "data": data}) == read()


def test_b6_a_subject_that_was_made_for_a_pattern_takes_no_time() -> None:
    """The pattern of before took seconds (cubic) over these."""
    began = time.perf_counter()
    parse_subject("/recording/call/" + "/serverCallId/x" * 100_000)
    parse_subject("recording/call/" + "/serverCallId/x/recordingId/\n" * 100_000)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("subject", "ids"),
    [
        ("/recording/call/c/serverCallId/s/recordingId/r", ("c", "s", "r")),
        ("recording/call/c/serverCallId/s", ("c", "s", None)),
        ("/recording/call/c/recordingId/r", ("c", None, "r")),
        ("/recording/call/c", ("c", None, None)),
        ("/recording/call/c/recordingId/r/serverCallId/s", ("c", None, "r/serverCallId/s")),
        ("/recording/call/c/recordingId/", ("c", None, None)),
        ("/recording/call/", (None, None, None)),
        ("/something/else", (None, None, None)),
        ("", (None, None, None)),
    ],
)
def test_the_ids_in_a_subject(subject: str, ids: tuple[str | None, ...]) -> None:
    assert tuple(parse_subject(subject)) == ids


def test_a_polled_result_is_read_field_by_field_too() -> None:
    chunk = {"documentId": "0-eus-1", "index": 0, "endReason": "sessionEnded"}
    answer = {
        "recordingStorageInfo": {"recordingChunks": [chunk]},
        "recordingStartTime": "yesterday",
        "recordingDurationMs": 1e400,
        "sessionEndReason": ["callEnded"],
        "recordingExpirationTime": "0001-01-01T00:00:00",
        "errors": [{"code": 8522}],
    }
    result = RecordingResultResponse.model_validate_json(json.dumps(answer))
    files = result.announced("call", "recording", NOON)
    assert files is not None
    assert [each.document_id for each in files.chunks] == ["0-eus-1"]
    assert (files.recording_start_time, files.recording_duration_ms) == (None, None)
    assert (result.errors, result.expires_at) == ((), None)
    odd = ("recordingStartTime", "recordingDurationMs", "sessionEndReason", "errors")
    assert all(any(name in note for note in files.left_out) for name in odd)


def test_what_a_polled_result_left_out_stays_told_where_more_is_left_out() -> None:
    chunks = [{"documentId": "0-eus-1", "index": 0, "endReason": "callEnded"}, {"index": 0}]
    answer = {
        "recordingStorageInfo": {"recordingChunks": chunks},
        "recordingStartTime": "9999-12-31T23:59:59.9999999Z",
        "recordingDurationMs": -1,
    }
    files = RecordingResultResponse.model_validate(answer).announced("call", "recording", NOON)
    assert files is not None
    assert (files.recording_start_time, files.chunks_left_out) == (None, 1)
    odd = ("recordingStartTime", "recordingDurationMs", "documentId")
    assert all(any(name in note for note in files.left_out) for name in odd)


@pytest.mark.parametrize("storage", [7, {"recordingChunks": [{"index": 0}]}])
def test_a_polled_result_without_a_file_that_can_be_read_is_not_understood(storage: object) -> None:
    with pytest.raises(ValidationError):
        RecordingResultResponse.model_validate({"recordingStorageInfo": storage})
