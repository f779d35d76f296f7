"""Is the service's metadata file read however it is spelt?"""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from callvault.contracts.chunk_metadata import (
    MAX_PAUSES,
    ChunkMetadata,
    ChunkParticipant,
    PauseResumeInterval,
    parse_chunk_metadata,
)
from callvault.contracts.media import ChannelType, ContentType, FormatType, MediaKind
from callvault.errors import BrokenContent


def test_pauses_that_are_null_are_none() -> None:
    metadata = parse_chunk_metadata(b'{"chunkDuration": 5000, "pauseResumeIntervals": null}')
    assert (metadata.chunk_duration, metadata.pause_resume_intervals) == (5000, ())


def test_a_pause_may_come_without_its_length() -> None:
    [pause] = parse_chunk_metadata(
        b'{"pauseResumeIntervals": [{"startTime": "2026-01-02T03:04:05.1234567Z"}]}'
    ).pause_resume_intervals
    assert pause.duration is None


def test_what_is_no_metadata_file_is_broken_content() -> None:
    with pytest.raises(BrokenContent, match="cannot be read"):
        parse_chunk_metadata(b"<html>sorry</html>")


START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REAL = {
    "resourceId": "631fa8d8-aab5-4ac5-8e15-261aa2590750",
    "chunkDocumentId": "0-eus-d16-4d30207fd28f8fe681e1d5523b1ba242",
    "chunkIndex": 0,
    "chunkStartTime": "2026-01-02T03:04:05.0000000Z",
    "chunkDuration": 19320,
    "pauseResumeIntervals": [{"startTime": "2026-01-02T03:04:05Z", "duration": 5220}],
    "participants": [{"participantId": "8:acs:1"}],
}
FACTS = ChunkMetadata(
    "0-eus-d16-4d30207fd28f8fe681e1d5523b1ba242",
    START,
    19_320,
    (PauseResumeInterval(START, 5_220),),
    participants=(ChunkParticipant("8:acs:1"),),
)


UNMIXED = MediaKind(content=ContentType.AUDIO, channel=ChannelType.UNMIXED, format=FormatType.WAV)


def written(**members: object) -> bytes:
    return json.dumps(REAL | members).encode()


SPELT = {
    "as it is": written(),
    "with lines": json.dumps(REAL, indent=2).replace("\n", "\r\n").encode(),
    "a BOM": b"\xef\xbb\xbf" + written(),
    "two BOMs": b"\xef\xbb\xbf" * 2 + written(),
    "UTF-16": json.dumps(REAL).encode("utf-16"),
    "NULs behind it": written() + b"\0" * 500,
    "lines and NULs": b"\r\n" + written() + b"\n\0\n\0",
    "more behind it": written() + b"}{",
    "half an emoji": written(participants=[{"participantId": "8:acs:1", "displayName": "\ud83d"}]),
    "half an emoji in bytes": written()[:-1] + b',"displayName":"\xf0\x9f"}',
    "half an emoji, encoded": written()[:-1] + b',"displayName":"\xed\xa0\xbd"}',
    "a long number": written()[:-1] + b',"more":' + b"9" * 9_000 + b"}",
    "no numbers": written()[:-1] + b',"more":[NaN,-Infinity,1e999]}',
    "lengths as texts": written(chunkDuration="19320.0"),
    "floats": written(chunkDuration=19320.0),
    "a number as id": written(resourceId=5, callId=None),
}


@pytest.mark.parametrize("content", SPELT.values(), ids=SPELT)
def test_d5_odd_spelling_and_odd_fields_that_are_not_needed_do_no_harm(content: bytes) -> None:
    assert parse_chunk_metadata(content) == FACTS


@pytest.mark.parametrize(
    "length", [math.nan, math.inf, -1, 1e300, "long", {}, [], 10**400, 366 * 86_400_001]
)
def test_d5_an_odd_length_is_left_out_and_the_rest_kept(length: object) -> None:
    told = parse_chunk_metadata(written(chunkDuration=length))
    assert told == replace(FACTS, chunk_duration=None, unread=("chunkDuration",))


NEVER = [
    "0001-01-01T00:00:00Z",
    "2019-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z",
    "9999-12-31T23:59:59.9999999Z",
]
"""Times that are none of a recording: .NET's first and last one, and those beyond the bounds."""


@pytest.mark.parametrize("start", ["unknown", "2026-02-30T00:00:00Z", {}, "\ud83d", 1e300, *NEVER])
def test_d5_an_odd_time_is_left_out_and_the_rest_kept(start: object) -> None:
    told = parse_chunk_metadata(written(chunkStartTime=start))
    assert told == replace(FACTS, chunk_start_time=None, unread=("chunkStartTime",))


def test_d5_a_leap_second_is_the_second_before_it() -> None:
    told = parse_chunk_metadata(written(chunkStartTime="2026-12-31T23:59:60Z"))
    at = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert told == replace(FACTS, chunk_start_time=at)


PAUSE = {"startTime": "2026-01-02T03:04:05Z", "duration": 5220}


@pytest.mark.parametrize(
    ("odd", "unread"),
    [
        ({"duration": 1}, "pauseResumeIntervals.0.startTime"),
        ({"startTime": None, "duration": 1}, "pauseResumeIntervals.0.startTime"),
        ({"startTime": "unknown", "duration": 1}, "pauseResumeIntervals.0.startTime"),
        *(({"startTime": at}, "pauseResumeIntervals.0.startTime") for at in NEVER),
        (None, "pauseResumeIntervals (1 of 2)"),
        ("a pause", "pauseResumeIntervals (1 of 2)"),
    ],
)
def test_d5_an_odd_pause_is_left_out_and_the_others_kept(odd: object, unread: str) -> None:
    told = parse_chunk_metadata(written(pauseResumeIntervals=[odd, PAUSE]))
    assert told == replace(FACTS, unread=(unread,))


def test_d5_a_pause_without_a_readable_length_keeps_its_start() -> None:
    told = parse_chunk_metadata(written(pauseResumeIntervals=[PAUSE | {"duration": math.nan}]))
    assert told.pause_resume_intervals == (PauseResumeInterval(START, None),)
    assert told.unread == ("pauseResumeIntervals.0.duration",)


@pytest.mark.parametrize("intervals", ["", 0, False, {}, []])
def test_d5_pauses_that_are_empty_in_any_way_are_none(intervals: object) -> None:
    told = parse_chunk_metadata(written(pauseResumeIntervals=intervals))
    assert told == replace(FACTS, pause_resume_intervals=())


def test_d5_more_pauses_than_a_history_can_hold_are_counted() -> None:
    told = parse_chunk_metadata(written(pauseResumeIntervals=[PAUSE] * 100_000))
    assert len(told.pause_resume_intervals) == MAX_PAUSES
    assert told.unread == (f"pauseResumeIntervals ({100_000 - MAX_PAUSES} of 100000)",)


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 900, b"[]", b"5", b'{"chunkDuration": 5', b"[" * 100_000, b"\xff\xfe"]
)
def test_d5_what_is_no_object_is_broken_content(content: bytes) -> None:
    with pytest.raises(BrokenContent, match="cannot be read"):
        parse_chunk_metadata(content)


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"contentType": "audio", "channelType": "unmixed", "format": "wav"}, UNMIXED),
        ({"contentType": "unmixed", "channelType": "audio", "format": "wav"}, UNMIXED),
        ({"contentType": "Audio", "channelType": "UNMIXED", "format": "Wav"}, UNMIXED),
        ({"format": "mp3", "contentType": 5}, MediaKind(format=FormatType.MP3)),
        ({"format": "ogg"}, MediaKind()),
        ("mp3", MediaKind()),
        (None, MediaKind()),
    ],
)
def test_d2_the_kind_is_read_by_its_words_and_not_by_their_places(
    info: object, kind: MediaKind
) -> None:
    """Real files of 2021 have content and channel swapped."""
    assert parse_chunk_metadata(written(recordingInfo=info)) == replace(FACTS, kind=kind)


def test_participants_are_read_with_their_channels() -> None:
    told = parse_chunk_metadata(
        written(
            participants=[{"participantId": "8:acs:1", "channel": 1}, {"participantId": "4:+1"}]
        )
    )
    assert told.participants == (ChunkParticipant("8:acs:1", 1), ChunkParticipant("4:+1"))
    assert told.unread == ()


@pytest.mark.parametrize("odd", [{}, {"participantId": " "}, {"participantId": 5}, {"rawId": "x"}])
def test_a_participant_without_an_id_is_told_and_the_others_kept(odd: object) -> None:
    told = parse_chunk_metadata(written(participants=[odd, {"participantId": "8:acs:1"}]))
    assert told.participants == (ChunkParticipant("8:acs:1"),)
    assert told.unread == ("participants.0.participantId",)


def test_an_odd_channel_is_left_out_and_the_person_kept() -> None:
    told = parse_chunk_metadata(
        written(participants=[{"participantId": "8:acs:1", "channel": "left"}])
    )
    assert told.participants == (ChunkParticipant("8:acs:1"),)
    assert told.unread == ("participants.0.channel",)


def test_raw_ids_do_not_show_where_metadata_is_logged() -> None:
    assert "8:acs" not in repr(parse_chunk_metadata(written()))
