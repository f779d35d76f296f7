"""Where exactly does the service's account begin to contradict ours, and what if one is silent?"""

from datetime import UTC, datetime, timedelta

import pytest

from callvault.archive.manifests.service_account import Comparison, compare
from callvault.contracts.activity_io import RecordedPause
from callvault.contracts.manifest import ManifestChunk
from callvault.contracts.media import MediaCheck, MediaFacts, MediaVerdict
from callvault.contracts.silence import SilenceAccount, SilentInterval, SoundEvidence
from callvault.contracts.states import ChunkState
from callvault.contracts.status import RecordingStatus

from .sealed import NOON, recording

LENGTH = 40.0
"""Seconds from the answer to the start until the stop."""


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def recorded(begin: float, end: float | None, **facts: object) -> RecordingStatus:
    """Make a recording whose silence is told by its seconds."""
    until = None if end is None else NOON + at(end)
    silent = SilentInterval(since=NOON + at(begin), until=until, proof="read back")
    times = {"started_at": NOON, "stopped_at": NOON + at(LENGTH), **facts}
    sound = SoundEvidence(begun_at=times.pop("begun_at", NOON))
    return recording(silence=SilenceAccount(silent=[silent]), sound=sound, **times)


def file(
    played: float, *pauses: tuple[float, float], is_dated: bool = True, index: int = 0
) -> ManifestChunk:
    """Make a file that begins at noon; of its pauses the service's metadata tells."""
    facts = MediaFacts(duration_ms=1000 * played)
    return ManifestChunk.model_construct(
        index=index,
        state=ChunkState.ARCHIVED,
        check=MediaCheck(verdict=MediaVerdict.COMPLETE, facts=facts),
        service_start_time=NOON if is_dated else None,
        service_pauses=tuple(
            RecordedPause(start_time=NOON + at(begin), duration_ms=1000 * (end - begin))
            for begin, end in pauses
        ),
    )


def compared(of: RecordingStatus, *files: ManifestChunk) -> Comparison:
    return compare(of, files)


@pytest.mark.parametrize(("seconds", "is_compared"), [(0.3, False), (0.5, False), (0.6, True)])
def test_a_silence_within_the_tolerance_of_its_ends_is_not_compared(
    seconds: float, is_compared: bool
) -> None:
    found = compared(recorded(35, 35 + seconds), file(LENGTH))
    assert bool(found.contradictions) is is_compared


def test_a_silence_without_an_end_lasts_until_the_stop_and_is_not_compared_before() -> None:
    assert compared(recorded(10, None), file(LENGTH)).contradictions
    going_on = recorded(10, None, stopped_at=None)
    assert compared(going_on, file(LENGTH)) == Comparison(going_on.silence)


def test_a_file_that_ends_with_a_pause_has_no_sound_behind_it() -> None:
    assert not compared(recorded(10, 40), file(10, (10, 30))).contradictions
    assert compared(recorded(10, 40), file(20, (10, 30))).contradictions


def test_two_documents_of_one_part_play_once() -> None:
    """After a failover the service has a file twice, under two ids and one index."""
    of, twin = recorded(10, 20), file(30, is_dated=False)
    assert not compared(of, twin, twin).contradictions
    assert compared(of, twin, file(30, is_dated=False, index=1)).contradictions


@pytest.mark.parametrize("never", [datetime.min, datetime.max])
def test_a_time_that_cannot_be_right_is_no_witness(never: datetime) -> None:
    """.NET's first and last time were once taken over, and of the last one no length leads on."""
    of, at_never = recorded(10, 20), never.replace(tzinfo=UTC)
    beginning = file(20, is_dated=True).model_copy(update={"service_start_time": at_never})
    pause = RecordedPause(start_time=at_never, duration_ms=10)
    pausing = file(20).model_copy(update={"service_pauses": (pause,)})
    assert not compared(of, beginning).contradictions
    assert not compared(of, pausing).contradictions


def test_a_recording_without_its_end_has_no_length_to_compare() -> None:
    of = recorded(10, 20, stopped_at=None)
    assert not compared(of, file(100, is_dated=False)).contradictions


def test_without_when_its_start_was_sent_the_answer_to_it_begins_its_length() -> None:
    of = recorded(10, 20, begun_at=None)
    assert compared(of, file(100, is_dated=False)).contradictions


@pytest.mark.parametrize(
    ("length", "longest"),
    [(40.0, 31.0), (1_000.0, 1_000.0)],
    ids=["a second more", "a hundredth more"],
)
def test_files_may_play_as_much_longer_as_is_tolerated_and_no_more(
    length: float, longest: float
) -> None:
    of = recorded(10, 20, stopped_at=NOON + at(length))
    assert not compared(of, file(longest, is_dated=False)).contradictions
    assert compared(of, file(longest + 0.001, is_dated=False)).contradictions
