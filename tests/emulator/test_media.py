"""From a call to the files that a client downloads."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from callvault.emulator.server import running
from callvault.emulator.settings import EmulatorSettings, MetadataForm
from tests.emulator.probe import Probe, probe
from tests.emulator.stage import Acs, StagedCall, request_log

FORMATS: dict[str, dict[str, str]] = {
    "mp4": {},
    "mp3": {"recordingContentType": "audio", "recordingFormatType": "mp3"},
    "wav": {"recordingContentType": "audio", "recordingFormatType": "wav"},
}
UNMIXED = {
    "recordingContentType": "audio",
    "recordingChannelType": "unmixed",
    "recordingFormatType": "wav",
}


def play_card_call(acs: Acs, **options: Any) -> dict[str, Any]:
    """Ana speaks, Ben reads his card number while paused, Ana speaks again: the truth."""
    call = StagedCall(acs, "Ana", "Ben")
    began = time.monotonic()
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
    played_for = time.monotonic() - began
    truth = call.rendered()
    assert truth["media"] == "ready"
    return {**truth, "playedFor": played_for}


def downloaded(acs: Acs, chunk: dict[str, Any], directory: Path) -> Probe:
    path = directory / chunk["documentId"]
    path.write_bytes(acs.fetch(chunk["contentLocation"]).content)
    return probe(path)


def metadata(acs: Acs, chunk: dict[str, Any]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(acs.fetch(chunk["metadataLocation"]).content)
    return read


@pytest.mark.parametrize("kind", FORMATS)
def test_a_pause_is_absent_and_the_rest_is_one_file(acs: Acs, kind: str, tmp_path: Path) -> None:
    truth = play_card_call(acs, **FORMATS[kind])
    late = truth["playedFor"]  # real time, which passes beside what the call lasts
    (chunk,) = truth["chunks"]
    found, described = downloaded(acs, chunk, tmp_path), metadata(acs, chunk)
    assert 1.8 <= found.seconds <= 2.2 + late
    assert found.seconds == pytest.approx(truth["durationMs"] / 1000, abs=0.13)
    assert found.heard() == {0}
    assert described["chunkDuration"] == truth["durationMs"]
    (interval,) = described["pauseResumeIntervals"]
    assert interval == truth["pausedIntervals"][0]
    assert 1375 <= interval["duration"] <= 1625 + 1000 * late


def test_unmixed_has_one_participant_per_channel_in_the_order_of_speaking(
    acs: Acs, tmp_path: Path
) -> None:
    call = StagedCall(acs, "Ana", "Ben")
    recording = call.is_recorded(**UNMIXED)
    call.begins_to_speak("Ben")
    call.lasts(1)
    call.begins_to_speak("Ana")
    call.lasts(1)
    acs.stop(recording)
    chunk = call.rendered()["chunks"][0]
    found = downloaded(acs, chunk, tmp_path)
    assert [found.heard(channel) for channel in range(2)] == [{1}, {0}]
    assert metadata(acs, chunk)["participants"] == [
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
    assert channels(acs, call) == {"Cleo": 0, "Ben": 1, "Ana": 2}


def test_of_six_people_the_last_to_speak_is_named_but_not_heard(acs: Acs, tmp_path: Path) -> None:
    names = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn")
    call = StagedCall(acs, *names)
    recording = call.is_recorded(**UNMIXED)
    for name in reversed(names):
        call.begins_to_speak(name)
        call.lasts(0.5)
        call.falls_silent(name)
    acs.stop(recording)
    found = downloaded(acs, call.rendered()["chunks"][0], tmp_path)
    assert [found.heard(channel) for channel in range(5)] == [{5}, {4}, {3}, {2}, {1}]
    assert channels(acs, call) == {"Finn": 0, "Eva": 1, "Dan": 2, "Cleo": 3, "Ben": 4, "Ana": None}


def channels(acs: Acs, call: StagedCall) -> dict[str, int | None]:
    """Read the participants by channel from the metadata file."""
    people = metadata(acs, call.rendered()["chunks"][0])["participants"]
    names = {raw_id: name for name, raw_id in call.raw_ids.items()}
    return {names[each["participantId"]]: each.get("channel") for each in people}


def test_only_who_was_there_while_recording_is_in_the_metadata(acs: Acs) -> None:
    call = StagedCall(acs, "Ana", "Ben")
    call.lasts(1)
    call.is_left_by("Ben")
    recording = call.is_recorded(**FORMATS["wav"])
    call.lasts(1)
    call.is_joined_by("Cleo")
    call.lasts(1)
    acs.stop(recording)
    assert channels(acs, call) == {"Ana": None, "Cleo": None}


@pytest.fixture
def acs_of_2021(http: httpx.Client) -> Iterator[Acs]:
    """Chunks of three quarters of a second."""
    settings = EmulatorSettings(
        max_chunk_duration=timedelta(seconds=0.75), metadata_form=MetadataForm.PREVIEW_2021, fps=16
    )
    with running(settings) as emulator:
        yield Acs(emulator, http)


def test_every_chunk_is_a_file_of_its_own_with_metadata_of_its_own(
    acs_of_2021: Acs, tmp_path: Path
) -> None:
    acs = acs_of_2021
    truth = play_card_call(acs)
    chunks = truth["chunks"]
    assert len({chunk["documentId"] for chunk in chunks}) == len(chunks) >= 3
    assert [chunk["index"] for chunk in chunks] == [*range(len(chunks))]
    *earlier, last = [chunk["endReason"] for chunk in chunks]
    assert (set(earlier), last) == ({"ChunkMaximumTimeExceeded"}, "SessionEnded")
    assert sum(chunk["durationMs"] for chunk in chunks) == truth["durationMs"]
    files = [downloaded(acs, chunk, tmp_path) for chunk in chunks]
    assert {len(file.stamps) for file in files[:-1]} == {12}
    assert {file.frame_rate for file in files} == {16}
    described = [metadata(acs, chunk) for chunk in chunks]
    for chunk, each in zip(chunks, described, strict=True):
        assert each["chunkDocumentId"] == chunk["documentId"]
        assert each["chunkIndex"] == chunk["index"]
        assert each["chunkDuration"] == float(chunk["durationMs"])
        assert isinstance(each["chunkDuration"], float)
        assert each["recordingInfo"]["contentType"] == "mixed"
    assert described[0]["chunkStartTime"] == truth["activeAt"]
    starts = [each["chunkStartTime"] for each in described]
    assert starts == sorted(set(starts))
    assert sum(len(each["pauseResumeIntervals"]) for each in described) == 1


def test_the_same_seed_gives_the_documents_of_all_chunks_the_same_names(
    http: httpx.Client,
) -> None:
    def documents() -> list[str]:
        with running(EmulatorSettings(max_chunk_duration=timedelta(seconds=1))) as emulator:
            truth = play_card_call(Acs(emulator, http), **FORMATS["wav"])
            return [chunk["documentId"] for chunk in truth["chunks"]]

    first, second = documents(), documents()
    # Not of the seed is how many there are: the clock goes on between the requests.
    both = min(len(first), len(second))
    assert both >= 2
    assert first[:both] == second[:both]


def test_a_limit_that_nothing_fits_into_fails_with_a_reason(http: httpx.Client) -> None:
    with running(EmulatorSettings(max_chunk_bytes=50)) as emulator:
        acs = Acs(emulator, http)
        call = StagedCall(acs)
        recording = call.is_recorded(**FORMATS["wav"])
        call.lasts(1)
        acs.stop(recording)
        assert call.rendered()["media"] == "failed"
        (entry,) = request_log(acs, "failure")
        assert "max_chunk_bytes is 50" in json.dumps(entry)
