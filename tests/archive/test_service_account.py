"""Is silence claimed only as far as the service's own account agrees? (faults G6, G7)"""

from datetime import timedelta

import pytest

from callvault.archive.manifests.seal import seal
from callvault.archive.store import Archive
from callvault.contracts.activity_io import RecordedPause, SealedRecording
from callvault.contracts.manifest import Manifest
from callvault.contracts.silence import SilenceAccount, SilentInterval, SoundEvidence
from callvault.contracts.status import RecordingStatus

from .sealed import NOON, SIGNER, archived, manifest_of, paused, recording, seal_input, wav

Spans = list[tuple[float, float]]
"""Beginnings and ends, in seconds of the call."""

LENGTH = 40.0
"""Seconds from the answer to the start until the stop."""


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def call(
    archive: Archive,
    *,
    ours: Spans,
    theirs: Spans | None,
    latency: float = 0.5,
    ahead: float = 0,
    played: float | None = None,
) -> RecordingStatus:
    """Make a call of `LENGTH`, of whose silence we and the service tell.

    Sound began ``latency`` seconds after the start was answered; the service's clock is ``ahead``
    by so many seconds; ``played`` is the length of its file, else what its account leaves.
    """
    told = theirs or []
    start = NOON + after(latency + ahead)
    silent = sum(end - begin for begin, end in told)
    chunk = archived(
        archive,
        media=wav(played if played is not None else LENGTH - latency - silent),
        duration_ms=None,
        start_time=start if theirs is not None else None,
        pauses=tuple(
            RecordedPause(start_time=NOON + after(begin + ahead), duration_ms=1000 * (end - begin))
            for begin, end in told
        ),
    )
    account = SilenceAccount(
        silent=[
            SilentInterval(since=NOON + after(begin), until=NOON + after(end), proof="read back")
            for begin, end in ours
        ]
    )
    return recording(
        chunk,
        silence=account,
        sound=SoundEvidence(begun_at=NOON),
        started_at=NOON,
        stopped_at=NOON + after(LENGTH),
        recording_duration_ms=None,
    )


def sealed(archive: Archive, of: RecordingStatus) -> tuple[SealedRecording, Manifest]:
    found = seal(archive, seal_input(archive, of), SIGNER, lambda: NOON)
    return found, manifest_of(archive, found)


@pytest.mark.parametrize("ahead", [0, 3.7, -300, 300])
@pytest.mark.parametrize("latency", [0.1, 2.0, 29.0])
def test_equal_accounts_agree_by_any_clock(archive: Archive, ahead: float, latency: float) -> None:
    pauses = [(30.0, 33.0), (35.0, 39.0)]
    of = call(
        archive,
        ours=[(30.1, 32.95), (35.05, 39.0)],
        theirs=pauses,
        latency=latency,
        ahead=ahead,
    )
    found, manifest = sealed(archive, of)
    assert found.contradictions == manifest.contradictions == ()
    assert found.silence is None
    assert manifest.silence == of.silence


@pytest.mark.parametrize("ahead", [0, 300])
@pytest.mark.parametrize("latency", [-2, -11.5, -30])
def test_accounts_agree_however_late_the_answer_to_the_start_was_heard_of(
    archive: Archive, ahead: float, latency: float
) -> None:
    """A lost answer, a worker that died: sound counted from when its answer was handled."""
    of = call(archive, ours=[(10.1, 17.95)], theirs=[(10.0, 18.0)], latency=latency, ahead=ahead)
    of.sound.begun_at = NOON + after(latency - 0.5)
    of.sound.active_at = NOON + after(0.6)
    found, manifest = sealed(archive, of)
    assert found.contradictions == ()
    assert manifest.silence == of.silence


def test_g7_a_late_answer_hides_no_sound(archive: Archive) -> None:
    of = call(archive, ours=[(10.1, 17.95)], theirs=[(5.0, 13.0)], latency=-2)
    of.sound.begun_at, of.sound.active_at = NOON + after(-2.5), NOON + after(0.6)
    found, _ = sealed(archive, of)
    assert found.contradictions


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "broken"),
    [
        ("no pause at all", [(10.0, 18.0)], [], [0]),
        ("somebody else resumed", [(10.0, 18.0)], [(9.9, 12.0)], [0]),
        ("it began late", [(10.0, 18.0)], [(16.0, 18.1)], [0]),
        ("interrupted", [(10.0, 18.0)], [(9.9, 12.0), (15.0, 18.0)], [0]),
        ("one of two: which, cannot be told", [(5.0, 9.0), (20.0, 30.0)], [(4.9, 9.1)], [0, 1]),
        ("paused until the end", [(10.0, 40.0)], [(9.9, 30.0)], [0]),
    ],
)
def test_g7_silence_in_which_the_service_recorded_is_claimed_no_more(
    archive: Archive, name: str, ours: Spans, theirs: Spans, broken: list[int]
) -> None:
    of = call(archive, ours=ours, theirs=theirs)
    found, manifest = sealed(archive, of)
    kept = [each for number, each in enumerate(of.silence.silent) if number not in broken]
    assert manifest.silence.silent == kept, name
    assert found.silence == manifest.silence
    doubted = [(each.since, each.until) for each in manifest.silence.unconfirmed]
    assert doubted == [
        (of.silence.silent[number].since, of.silence.silent[number].until) for number in broken
    ]
    # A finding keeps the service's copy, and a contradiction raises an alarm.
    assert found.findings
    assert "doubtful" in found.contradictions[0]


def test_g7_without_metadata_a_file_that_plays_too_long_contradicts_as_well(
    archive: Archive,
) -> None:
    of = call(archive, ours=[(10.0, 18.0)], theirs=None, played=39.0)
    found, manifest = sealed(archive, of)
    assert manifest.silence.silent == []
    assert "play longer" in found.contradictions[0]


def test_a_file_without_metadata_that_leaves_room_for_the_silence_is_believed(
    archive: Archive,
) -> None:
    found, _ = sealed(archive, call(archive, ours=[(10.0, 18.0)], theirs=None, played=31.5))
    assert found.contradictions == ()


def test_what_was_silent_from_the_start_is_no_sound_that_began_late(archive: Archive) -> None:
    of = call(archive, ours=[(0.0, 12.0)], theirs=[], latency=12.2)
    begun_paused = paused().model_copy(
        update={"requested_at": NOON, "confirmed_at": NOON, "resumed_at": NOON + after(12.0)}
    )
    found, _ = sealed(archive, of.model_copy(update={"pauses": [begun_paused]}))
    assert found.contradictions == ()


def test_a_metadata_file_that_tells_less_than_all_is_no_witness(archive: Archive) -> None:
    of = call(archive, ours=[(10.0, 18.0)], theirs=[], played=31.0)
    chunk = of.chunks[0]
    assert chunk.archived
    odd = chunk.archived.model_copy(update={"metadata_problem": "1 of its pauses: left out"})
    of = of.model_copy(update={"chunks": [chunk.model_copy(update={"archived": odd})]})
    found, _ = sealed(archive, of)
    assert found.contradictions == ()


def test_g6_a_file_of_what_was_declined_is_a_finding(archive: Archive) -> None:
    of = recording(archived(archive), declined="it ended without consent", started_at=NOON)
    found, manifest = sealed(archive, of)
    assert any("nothing was to be recorded" in each for each in found.findings)
    assert found.contradictions == manifest.contradictions != ()


def test_g6_a_file_of_what_failed_to_start_is_a_finding(archive: Archive) -> None:
    found, _ = sealed(archive, recording(archived(archive), problem="start failed: 500"))
    assert any("nothing was to be recorded" in each for each in found.contradictions)


def test_many_pauses_are_compared_quickly(archive: Archive) -> None:
    pauses = [(2.0 + n / 10, 2.05 + n / 10) for n in range(300)]
    found, _ = sealed(archive, call(archive, ours=pauses, theirs=pauses))
    assert found.contradictions == ()
