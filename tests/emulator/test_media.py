"""The files themselves, parsed with PyAV."""

import io
import json
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from callvault.emulator.media.voices import fundamental
from tests.emulator.stage import Acs, StagedCall

RATE = 16_000
FRAME = 1 / 8
AUDIBLE, INAUDIBLE = 0.05, 0.02
FORMATS = {
    "mp4": {},
    "mp3": {"recordingContentType": "audio", "recordingFormatType": "mp3"},
    "wav": {"recordingContentType": "audio", "recordingFormatType": "wav"},
}
UNMIXED = {
    "recordingContentType": "audio",
    "recordingChannelType": "unmixed",
    "recordingFormatType": "wav",
}


def play_card_call(acs: Acs, **options: Any) -> tuple[dict[str, Any], bytes, dict[str, Any]]:
    """Ana speaks, Ben reads his card number while paused, Ana speaks again: truth and files."""
    call = StagedCall(acs, "Ana", "Ben")
    recording = call.is_recorded(**options)
    call.begins_to_speak("Ana")
    call.lasts(1)
    call.falls_silent("Ana")
    acs.pause(recording)
    call.begins_to_speak("Ben")
    call.lasts(1.5)
    call.falls_silent("Ben")
    acs.resume(recording)
    call.begins_to_speak("Ana")
    call.lasts(1)
    acs.stop(recording)
    truth = call.rendered()
    assert truth["media"] == "ready"
    chunk = truth["chunks"][0]
    metadata = acs.fetch(chunk["metadataLocation"])
    return truth, acs.fetch(chunk["contentLocation"]).content, json.loads(metadata.content)


def sound(media: bytes) -> NDArray[np.float64]:
    """All samples, one row per channel, between -1 and 1."""
    with av.open(io.BytesIO(media)) as container:
        resampler = av.AudioResampler(format="fltp", rate=RATE)
        frames = [
            part.to_ndarray()
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return np.hstack(frames).astype(np.float64)


def loudness(samples: NDArray[np.float64], hertz: float) -> float:
    """The greatest amplitude at one frequency within any half second.

    Not of the whole: across a cut-out pause a voice goes on with another phase and can cancel out.
    """
    halves = range(0, max(1, samples.size - RATE // 4), RATE // 4)
    return max(_amplitude(samples[start : start + RATE // 2], hertz) for start in halves)


def _amplitude(samples: NDArray[np.float64], hertz: float) -> float:
    window = np.hanning(samples.size)
    turn = np.exp(-2j * np.pi * hertz * np.arange(samples.size) / RATE)
    return float(2 * abs(np.sum(samples * window * turn)) / np.sum(window))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_pause_is_absent_and_the_rest_is_one_file(acs: Acs, kind: str) -> None:
    truth, media, metadata = play_card_call(acs, **FORMATS[kind])
    samples = sound(media)[0]
    assert samples.size / RATE == pytest.approx(2.0, abs=0.2)
    assert samples.size / RATE == pytest.approx(truth["durationMs"] / 1000, abs=FRAME)
    assert loudness(samples[: RATE // 2], fundamental(0)) > AUDIBLE
    assert loudness(samples[-RATE // 2 :], fundamental(0)) > AUDIBLE
    assert loudness(samples, fundamental(1)) < INAUDIBLE
    assert metadata["chunkDuration"] == truth["durationMs"]
    (interval,) = metadata["pauseResumeIntervals"]
    assert interval == truth["pausedIntervals"][0]
    assert interval["duration"] == pytest.approx(1500, abs=125)


def test_mp4_is_what_the_service_makes(acs: Acs) -> None:
    truth, media, _ = play_card_call(acs)
    with av.open(io.BytesIO(media)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.name == "h264"
        assert (video.width, video.height, video.pix_fmt) == (1920, 1080, "yuv420p")
        assert video.average_rate == 8
        assert (audio.codec_context.name, audio.rate, audio.channels) == ("aac", 16_000, 1)
        stamps = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    steps = {later - earlier for earlier, later in pairwise(stamps)}
    assert steps == {Fraction(1, 8)}, "one continuous file has no gap at the pause"
    assert len(stamps) * 125 == truth["durationMs"]


@pytest.mark.parametrize(("kind", "codec"), [("mp3", "mp3"), ("wav", "pcm_s16le")])
def test_audio_files_are_16_khz_mono(acs: Acs, kind: str, codec: str) -> None:
    _, media, metadata = play_card_call(acs, **FORMATS[kind])
    with av.open(io.BytesIO(media)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name.startswith(codec)
        assert (stream.rate, stream.channels) == (16_000, 1)
    assert "videoConfiguration" not in metadata["recordingInfo"]


def test_unmixed_has_one_participant_per_channel_in_the_order_of_speaking(acs: Acs) -> None:
    call = StagedCall(acs, "Ana", "Ben")
    recording = call.is_recorded(**UNMIXED)
    call.begins_to_speak("Ben")
    call.lasts(1)
    call.begins_to_speak("Ana")
    call.lasts(1)
    acs.stop(recording)
    chunk = call.rendered()["chunks"][0]
    samples = sound(acs.fetch(chunk["contentLocation"]).content)
    levels = [[loudness(channel, fundamental(voice)) for voice in (0, 1)] for channel in samples]
    assert levels[0][1] > AUDIBLE > INAUDIBLE > levels[0][0]
    assert levels[1][0] > AUDIBLE > INAUDIBLE > levels[1][1]
    participants = acs.fetch(chunk["metadataLocation"]).json()["participants"]
    assert participants == [
        {"participantId": call.raw_ids["Ben"], "channel": 0},
        {"participantId": call.raw_ids["Ana"], "channel": 1},
    ]


def test_an_asked_for_channel_order_is_kept(acs: Acs) -> None:
    call = StagedCall(acs, "Ana", "Ben", "Cleo")
    ordering = [{"communicationUser": {"id": call.raw_ids["Cleo"]}}]
    recording = call.is_recorded(**UNMIXED, audioChannelParticipantOrdering=ordering)
    call.begins_to_speak("Ben")
    call.lasts(0.5)
    acs.stop(recording)
    chunk = call.rendered()["chunks"][0]
    participants = acs.fetch(chunk["metadataLocation"]).json()["participants"]
    names = {raw_id: name for name, raw_id in call.raw_ids.items()}
    assert [names[p["participantId"]] for p in participants] == ["Cleo", "Ben", "Ana"]


def test_metadata_has_the_form_of_todays_files(acs: Acs) -> None:
    call = StagedCall(acs, "Ana", "Ben")
    recording = call.is_recorded()
    call.lasts(1)
    acs.stop(recording)
    chunk = call.rendered()["chunks"][0]
    metadata = acs.fetch(chunk["metadataLocation"]).json()
    assert metadata == {
        "resourceId": metadata["resourceId"],
        "callId": call.call_id,
        "chunkDocumentId": chunk["documentId"],
        "chunkIndex": 0,
        "chunkStartTime": call.truth()["recordings"][0]["activeAt"],
        "chunkDuration": chunk["durationMs"],
        "pauseResumeIntervals": [],
        "recordingInfo": {
            "contentType": "audioVideo",
            "channelType": "mixed",
            "format": "mp4",
            "audioConfiguration": {"sampleRate": 16000, "bitRate": 128000, "channels": 1},
            "videoConfiguration": {
                "longerSideLength": 1920,
                "shorterSideLength": 1080,
                "framerate": 8,
                "bitRate": 1000000,
            },
        },
        "participants": [{"participantId": raw_id} for raw_id in call.raw_ids.values()],
    }


def test_only_who_was_there_while_recording_is_in_the_metadata(acs: Acs) -> None:
    call = StagedCall(acs, "Ana", "Ben")
    call.lasts(1)
    call.is_left_by("Ben")
    recording = call.is_recorded(**FORMATS["wav"])
    call.lasts(1)
    call.is_joined_by("Cleo")
    call.lasts(1)
    acs.stop(recording)
    chunk = call.rendered()["chunks"][0]
    participants = acs.fetch(chunk["metadataLocation"]).json()["participants"]
    expected = [call.raw_ids["Ana"], call.raw_ids["Cleo"]]
    assert [each["participantId"] for each in participants] == expected


def test_the_picture_has_a_tile_for_each_participant_and_a_running_clock(acs: Acs) -> None:
    call = StagedCall(acs, "Ana")
    recording = call.is_recorded()
    call.lasts(1)
    call.is_joined_by("Ben")
    call.lasts(1)
    acs.stop(recording)
    media = acs.fetch(call.rendered()["chunks"][0]["contentLocation"]).content
    with av.open(io.BytesIO(media)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    between_tiles = np.s_[300:800, 955:965]
    assert pictures[1][between_tiles].mean() > 20, "one tile fills the picture"
    assert pictures[-1][between_tiles].mean() < 10, "two tiles leave a gap"
    assert np.abs(pictures[-1].astype(int) - pictures[-5]).max() > 100, "the clock moves"
