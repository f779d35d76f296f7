"""The metadata file, held against real ones."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from callvault.emulator.media.metadata import MediaSource, metadata_file
from callvault.emulator.media.timeline import Timeline
from callvault.emulator.settings import MetadataForm
from tests.emulator.timelines import person, recorded

OF_2022 = (
    '{"resourceId":"e333a5b5-c1e4-4984-b752-447bf92d10b7",'
    '"callId":"f954192d-52ef-4385-85e3-50662ca971ae",'
    '"chunkDocumentId":"0-wus-d8-9c3c0c769f74d4bb8f8c6af86257dec2","chunkIndex":0,'
    '"chunkStartTime":"2022-02-02T12:07:03.5246240Z","chunkDuration":23820,'
    '"pauseResumeIntervals":[],"recordingInfo":{"contentType":"audioVideo",'
    '"channelType":"mixed","format":"mp4","audioConfiguration":{"sampleRate":16000,'
    '"bitRate":128000,"channels":1},"videoConfiguration":{"longerSideLength":1920,'
    '"shorterSideLength":1080,"framerate":50,"bitRate":1000000}},"participants":['
    '{"participantId":"8:acs:0"},{"participantId":"8:acs:1"}]}'
)
"""Recorded by Microsoft's JavaScript SDK; 15 frames a second there, which no whole number of
samples fits, and longer ids of the participants."""

OF_2021 = {
    "resourceId": "631fa8d8-aab5-4ac5-8e15-261aa2590750",
    "callId": "36cf910b-932c-4101-a443-04e11a98aba5",
    "chunkDocumentId": "0-eus-d16-4d30207fd28f8fe681e1d5523b1ba242",
    "chunkIndex": 0,
    "chunkStartTime": "2021-09-30T22:24:34.9497010Z",
    "chunkDuration": 19250.0,
    "pauseResumeIntervals": [{"startTime": "2021-09-30T22:24:37.9497010Z", "duration": 5250.0}],
    "recordingInfo": {
        "contentType": "mixed",
        "channelType": "audioVideo",
        "format": "mp4",
        "audioConfiguration": {"sampleRate": 16000, "bitRate": 128000, "channels": 1},
        "videoConfiguration": {
            "longerSideLength": 1920,
            "shorterSideLength": 1080,
            "framerate": 8,
            "bitRate": 1000000,
        },
    },
    "participants": [{"participantId": "8:acs:0"}, {"participantId": "8:acs:1"}],
}
"""Recorded the year before, its times moved to the grid of 8 frames a second, its durations written
as floats as in the file of June 2021."""

MP4 = ("audioVideo", "mixed", "mp4")
UNMIXED = ("audio", "unmixed", "wav")
ANYWHERE = MediaSource("resource", "call", MP4)


def described(
    chunk: Timeline, source: MediaSource = ANYWHERE, form: MetadataForm = MetadataForm.TODAY
) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(metadata_file(source, chunk, "0-eus-d1-0", 0, form))
    return read


def test_todays_form_is_that_of_a_real_file() -> None:
    real = json.loads(OF_2022)
    timeline = replace(
        recorded(23.82, person(0, fps=50), person(1, fps=50), fps=50),
        origin=datetime(2022, 2, 2, 12, 7, 3, 524624, UTC),
    )
    source = MediaSource(real["resourceId"], real["callId"], MP4)
    written = metadata_file(source, timeline, real["chunkDocumentId"], 0, MetadataForm.TODAY)
    assert written.decode() == OF_2022


def test_the_form_of_2021_is_that_of_a_real_file() -> None:
    timeline = replace(
        recorded(24.5, person(0), person(1), paused=((3, 8.25),)),
        origin=datetime(2021, 9, 30, 22, 24, 34, 949701, UTC),
    )
    source = MediaSource(str(OF_2021["resourceId"]), str(OF_2021["callId"]), MP4)
    document_id = str(OF_2021["chunkDocumentId"])
    written = metadata_file(source, timeline, document_id, 0, MetadataForm.PREVIEW_2021)
    assert written.decode() == json.dumps(OF_2021, separators=(",", ":"))


def test_audio_has_no_video_configuration() -> None:
    for form in MetadataForm:
        info = described(recorded(1), MediaSource("r", "c", ("audio", "mixed", "mp3")), form)
        assert "videoConfiguration" not in info["recordingInfo"]


def test_a_later_chunk_has_its_own_start_pauses_and_people() -> None:
    company = (
        person(0),
        person(1, present=((0, 3),)),
        person(2, present=((7, 8),)),
        person(3, present=((5, 6),)),
    )
    chunk = recorded(12, *company, paused=((1, 2), (5, 6), (9, 10))).cut(24, 72)
    read = json.loads(metadata_file(ANYWHERE, chunk, "0-eus-d1-1", 1, MetadataForm.TODAY))
    assert (read["chunkIndex"], read["chunkDocumentId"]) == (1, "0-eus-d1-1")
    assert read["chunkStartTime"] == "2026-01-01T12:00:04.0000000Z"
    assert read["chunkDuration"] == 6000
    assert read["pauseResumeIntervals"] == [
        {"startTime": "2026-01-01T12:00:05.0000000Z", "duration": 1000},
        {"startTime": "2026-01-01T12:00:09.0000000Z", "duration": 1000},
    ]
    there = [each["participantId"] for each in read["participants"]]
    assert there == ["8:acs:0", "8:acs:2", "8:acs:3"], "the last one came during a pause"


def test_participants_of_an_unmixed_file_say_their_channel() -> None:
    company = [person(voice) for voice in range(7)]
    channels = ("8:acs:4", None, "8:acs:99", "8:acs:0", "8:acs:1")
    read = described(recorded(1, *company), MediaSource("r", "c", UNMIXED, channels))
    assert read["recordingInfo"]["audioConfiguration"]["channels"] == 5
    assert read["participants"] == [
        {"participantId": "8:acs:4", "channel": 0},
        {"participantId": "8:acs:0", "channel": 3},
        {"participantId": "8:acs:1", "channel": 4},
        {"participantId": "8:acs:2"},
        {"participantId": "8:acs:3"},
        {"participantId": "8:acs:5"},
        {"participantId": "8:acs:6"},
    ]
