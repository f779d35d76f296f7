"""The service's account of sound: at which edge it contradicts ours of silence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callvault.archive.manifests import service_account
from callvault.archive.manifests.service_account import (
    LENGTH_TOLERANCE,
    MAX_LATENCY,
    TOLERANCE,
    Span,
    compare,
)
from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.manifest import ManifestChunk
from callvault.contracts.media import MediaCheck, MediaFacts, MediaVerdict
from callvault.contracts.states import ChunkState
from callvault.contracts.status import PauseRecord, RecordingStatus

from .facts import a_recording, at, at_or_none, doubtful, doubts_of, seconds, silences_of, silent

NEVER = datetime.max.replace(tzinfo=UTC)
EDGE = TOLERANCE.total_seconds()
TIMES: dict[str, Any] = {
    "sound": {"begun_at": 0},
    "started_at": at(0),
    "stopped_at": at(100),
}


def a_file(
    played: float | None, *pauses: tuple[float, float], start: float | None = 0, **facts: Any
) -> ManifestChunk:
    """Make a file of which the service tells, by seconds: when it began, and when it paused."""
    check = None
    if played is not None:
        told = MediaFacts(duration_ms=1000 * played)
        check = MediaCheck(verdict=MediaVerdict.COMPLETE, facts=told)
    known = {
        "index": 0,
        "state": ChunkState.ARCHIVED,
        "check": check,
        "service_start_time": at_or_none(start),
        "metadata_problem": "",
        "service_pauses": tuple(
            RecordedPause(start_time=at(begin), duration_ms=1000 * (end - begin))
            for begin, end in pauses
        ),
    }
    return ManifestChunk.model_construct(**{**known, **facts})


def is_contradicted(recording: RecordingStatus, *files: ManifestChunk) -> bool:
    return bool(compare(recording, files).contradictions)


HEARD = a_file(100)
"""A file that plays all the time, with no pause."""


@pytest.mark.parametrize(
    ("silence", "facts", "is_compared"),
    [
        (silent(40, 50), {}, True),
        (silent(40, 40 + 2 * EDGE), {}, False),
        (silent(40, 40.01 + 2 * EDGE), {}, True),
        (silent(40), {}, True),
        (silent(40), {"stopped_at": None}, False),
    ],
)
def test_a_silence_is_compared_if_it_is_longer_than_its_edges(
    silence: Any, facts: dict[str, Any], is_compared: bool
) -> None:
    assert is_contradicted(a_recording(silence, **{**TIMES, **facts}), HEARD) is is_compared


@pytest.mark.parametrize(
    ("files", "is_compared"),
    [
        ([], False),
        ([HEARD], True),
        ([a_file(100, state=ChunkState.LOST)], False),
        ([a_file(None)], False),
        ([HEARD, a_file(None, index=1)], False),
    ],
)
def test_the_accounts_are_compared_if_every_file_is_there_to_tell(
    files: list[ManifestChunk], is_compared: bool
) -> None:
    assert is_contradicted(a_recording(silent(40, 50), **TIMES), *files) is is_compared


@pytest.mark.parametrize(
    ("facts", "is_witness"),
    [
        ({}, True),
        ({"start": None}, False),
        ({"metadata_problem": "cut"}, False),
        ({"service_start_time": NEVER}, False),
        ({"service_pauses": (RecordedPause(start_time=NEVER, duration_ms=1),)}, False),
    ],
)
def test_a_file_whose_metadata_is_whole_is_a_witness(
    facts: dict[str, Any], is_witness: bool
) -> None:
    recording = a_recording(silent(40, 60), **TIMES)
    files = [a_file(40), a_file(40, **{"start": 40, **facts})]
    assert is_contradicted(recording, *files) is is_witness


@pytest.mark.parametrize(
    ("played", "pauses", "sound"),
    [
        (10, [], [(0, 10)]),
        (10, [(4, 6)], [(0, 4), (6, 12)]),
        (10, [(8, 9), (4, 6)], [(0, 4), (6, 8), (9, 13)]),
        (10, [(0, 6)], [(6, 16)]),
        (0, [(0, 6)], []),
        (0, [], []),
        (10, [(4, 8), (5, 6)], [(0, 4), (8, 15)]),
        (10, [(-2, 3)], [(3, 15)]),
        (None, [], []),
    ],
)
def test_sound_is_what_a_file_plays_around_the_pauses(
    played: float | None, pauses: list[tuple[float, float]], sound: list[tuple[float, float]]
) -> None:
    told = service_account._sound(a_file(played, *pauses))
    assert [(seconds(span.since), seconds(span.until)) for span in told] == sound


@pytest.mark.parametrize(
    ("sound", "ahead", "agrees"),
    [
        ([(0, 40)], 0, True),
        ([(0, 40 + EDGE)], 0, True),
        ([(0, 40.01 + EDGE)], 0, False),
        ([(50, 60)], 0, True),
        ([(50 - EDGE, 60)], 0, True),
        ([(49.99 - EDGE, 60)], 0, False),
        ([(0, 45)], 5, True),
        ([(0, 45)], 4, False),
        ([(55, 60)], 5, True),
        ([(53, 60)], 5, False),
        ([(0, 40), (50, 70), (80, 99)], 0, True),
        ([(0, 40), (50, 71)], 0, False),
        ([], 0, True),
    ],
)
def test_silence_is_free_of_sound_but_for_its_edges(
    sound: list[tuple[float, float]], ahead: float, agrees: bool
) -> None:
    claims = [Span(at(40), at(50)), Span(at(70), at(80))]
    told = [Span(at(begin), at(end)) for begin, end in sound]
    assert service_account._agree(claims, told, timedelta(seconds=ahead)) is agrees


def a_pause(asked: float, resumed: float | None, released: float | None = None) -> PauseRecord:
    return PauseRecord(
        requested_by="a",
        reason="",
        requested_at=at(asked),
        received_at=at(asked),
        released_at=at_or_none(resumed if released is None else released),
        resumed_at=at_or_none(resumed),
    )


LATENCY = MAX_LATENCY.total_seconds()


@pytest.mark.parametrize(
    ("begun", "started", "active", "began"),
    [
        (None, None, None, (0, LATENCY)),
        (1, None, None, (1, 1 + LATENCY)),
        (1, 3, None, (1, 3 + LATENCY)),
        (1, 12, None, (1, 12 + LATENCY)),
        (1, 12, 5, (1, 5)),
        (1, 3, 3 + LATENCY, (1, 3 + LATENCY)),
        (1, 3, 99, (1, 3 + LATENCY)),
    ],
)
def test_sound_began_between_the_request_and_the_first_reading_that_told_of_it(
    begun: float | None, started: float | None, active: float | None, began: tuple[float, float]
) -> None:
    sound = {"begun_at": begun, "active_at": active}
    recording = a_recording(sound=sound, started_at=at_or_none(started))
    since, until = service_account._beginning(recording)
    assert (seconds(since), seconds(until)) == began


@pytest.mark.parametrize(
    ("pause", "active", "began"),
    [
        (a_pause(0, 9), None, (9, 9 + LATENCY)),
        (a_pause(2, 9), None, (9, 9 + LATENCY)),
        (a_pause(2.1, 9), None, (2, 3 + LATENCY)),
        (a_pause(2, 9), 9, (9, 9)),
        (a_pause(2, 9), 99, (9, 99)),
        (a_pause(2, 9), 8, (2, 8)),
        (a_pause(2, None), None, (2, 3 + LATENCY)),
        (a_pause(2, None, 9), 99, (2, 99)),
        (a_pause(1, None, 2), 99, (2, 3 + LATENCY)),
        (a_pause(1, None, 2.1), 99, (2, 99)),
    ],
)
def test_what_began_paused_sounds_from_its_resume_on_whenever_that_came_through(
    pause: PauseRecord, active: float | None, began: tuple[float, float]
) -> None:
    sound = {"begun_at": 2, "active_at": active}
    recording = a_recording(sound=sound, started_at=at(3), pauses=[pause, a_pause(50, 60)])
    since, until = service_account._beginning(recording)
    assert (seconds(since), seconds(until)) == began


def test_the_files_of_what_was_adopted_are_no_witness() -> None:
    """It was on before that: each pause of such a recording was contradicted by its own files."""
    recording = a_recording(silent(40, 50), **TIMES)
    assert is_contradicted(recording, a_file(90, (-100, -90), start=-200))
    recording.adopted_at = at(0)
    assert not is_contradicted(recording, a_file(90, (-100, -90), start=-200))


def test_the_clocks_may_differ_by_what_lies_between_the_request_and_the_first_sound() -> None:
    recording = a_recording(sound={"begun_at": 0, "active_at": 4})
    claims, sound = [Span(at(40), at(50))], [Span(at(7), at(46)), Span(at(54), at(90))]
    tried = service_account._clock_differences(claims, sound, recording)
    ahead = [each.total_seconds() for each in tried]
    latest, earliest = 7 + EDGE, 7 - EDGE - 4
    assert ahead[:2] == [earliest, latest]
    assert set(ahead[2:]) == {6 - EDGE, 6 + EDGE, 4 - EDGE, 4 + EDGE} - {
        each for each in (6 - EDGE, 6 + EDGE, 4 - EDGE, 4 + EDGE) if not earliest <= each <= latest
    }


@pytest.mark.parametrize(
    ("played", "silence", "facts", "is_too_long"),
    [
        (91, (40, 50), {}, False),
        (91.1, (40, 50), {}, True),
        (91, (40, 50), {"started_at": at(12)}, False),
        (91, (40, 50), {"sound": {}}, False),
        (91.1, (40, 50), {"sound": {}}, True),
        (91, (40, 50), {"sound": {}, "started_at": None}, False),
        (91.1, (40, 50), {"sound": {}, "started_at": None}, True),
        (100, (40, 50), {"stopped_at": None}, False),
        (1000 - 100 + 10, (40, 140), {"stopped_at": at(1000)}, False),
        (1000 - 100 + 10.1, (40, 140), {"stopped_at": at(1000)}, True),
    ],
)
def test_files_play_no_longer_than_the_recording_lasted_without_its_silence(
    played: float, silence: tuple[float, float], facts: dict[str, Any], is_too_long: bool
) -> None:
    assert timedelta(seconds=1) == LENGTH_TOLERANCE
    recording = a_recording(silent(*silence), **{**TIMES, **facts})
    assert is_contradicted(recording, a_file(played, start=None)) is is_too_long


@pytest.mark.parametrize(
    ("indices", "lengths", "is_too_long"),
    [
        ((0, 1), (50, 45), True),
        ((0, 0), (50, 45), False),
        ((0, 0), (45, 92), True),
        ((0, 0), (92, 45), True),
    ],
)
def test_two_documents_of_one_part_count_once_and_the_longer_one(
    indices: tuple[int, int], lengths: tuple[float, float], is_too_long: bool
) -> None:
    recording = a_recording(silent(40, 50), **TIMES)
    files = [a_file(p, start=None, index=n) for n, p in zip(indices, lengths, strict=True)]
    assert is_contradicted(recording, *files) is is_too_long


def test_what_is_contradicted_is_claimed_no_more_and_all_else_stays() -> None:
    recording = a_recording(
        silent(10, 10.1),
        silent(40, 50),
        silent(60),
        doubts=(doubtful(45, 46), doubtful(5, 6)),
        **TIMES,
    )
    found = compare(recording, [HEARD])
    told = recording.model_copy(update={"silence": found.silence})
    assert silences_of(told) == [(10, 10.1)]
    assert doubts_of(told) == [(5, 6, False), (40, 50, True), (45, 46, False), (60, None, True)]
    [said] = found.contradictions
    when = "from 2026-03-02 12:00:40 to 12:01:40 UTC"
    why = "the service's own account tells of sound in them"
    assert said == f"2 silences {when} are doubtful: {why}"
    assert compare(recording, [a_file(50, (40, 50), (60, 100))]).silence == recording.silence
