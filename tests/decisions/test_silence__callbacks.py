"""Callbacks of sound, and slow answers: which silence each takes back, or has read again."""

import pytest

from callvault.contracts.silence import SilentInterval
from workflows.call import intervals, silence

from .facts import a_recording, at, doubts_of, seconds, silences_of, silent


@pytest.mark.parametrize(
    ("sound", "is_taken_back"),
    [
        ({"sounds_sent": 1}, False),
        ({"sounds_sent": 1, "sounds_told": 1}, True),
        ({"sounds_sent": 2, "sounds_told": 1}, False),
        ({"sounds_sent": 0}, True),
    ],
)
def test_a_callback_of_sound_takes_a_silence_back_if_no_request_explains_it(
    sound: dict[str, float], is_taken_back: bool
) -> None:
    recording = a_recording(silent(5), sound={"begun_at": 1, "inactive_at": 7, **sound})
    assert silence.active_told(recording, at(9), at(10)) is is_taken_back
    assert silences_of(recording) == ([] if is_taken_back else [(5, None)])
    assert doubts_of(recording) == ([(5, 5, True)] if is_taken_back else [])
    # What is somebody else's is acted on, and then is no part of the balance.
    assert recording.sound.sounds_told == sound.get("sounds_told", 0) + (not is_taken_back)


@pytest.mark.parametrize("silences", [(), (silent(5, 7),)])
def test_a_sound_of_somebody_else_counts_once(silences: tuple[SilentInterval, ...]) -> None:
    """Each later resume of ours counted as somebody else's: proven silence was lost."""
    sound = {"begun_at": 1, "sounds_sent": 1, "sounds_told": 1}
    recording = a_recording(*silences, sound=sound)
    assert silence.active_told(recording, at(6), at(8)) is bool(silences)
    recording.silence.silent.append(silent(10, 20))
    silence.sound_asked(recording, at(20))
    assert not silence.active_told(recording, at(6), at(21)), "told twice"
    assert not silence.active_told(recording, at(20), at(21))
    assert silences_of(recording) == [(10, 20)]
    assert silence.active_told(recording, at(15), at(22)), "another one is somebody else's again"


CLOCKS = intervals.MAX_CLOCK_DIFFERENCE.total_seconds()


@pytest.mark.parametrize(
    ("told", "until", "inactive_at", "left", "doubts"),
    [
        (9 + CLOCKS, None, None, [(5, 9)], [(9, 9, True)]),
        (9 + CLOCKS, None, 7, [(5, 7)], [(7, 7, True)]),
        (9 + CLOCKS, None, 99, [(5, 9)], [(9, 9, True)]),
        (9 + CLOCKS, 10, None, [(5, 9)], [(9, 10, True)]),
        (10 + CLOCKS, 10, None, [(5, 10)], []),
        (11 + CLOCKS, 10, None, [(5, 10)], []),
    ],
)
def test_a_callback_takes_a_silence_back_from_its_own_time_less_what_clocks_may_differ(
    told: float, until: float | None, inactive_at: float | None, left: list, doubts: list
) -> None:
    sound = {"begun_at": 1, "inactive_at": inactive_at}
    recording = a_recording(silent(1, 2), silent(5, until), sound=sound)
    assert silence.active_told(recording, at(told), at(900)) is bool(doubts)
    assert silences_of(recording) == [(1, 2), *left]
    assert doubts_of(recording) == doubts
    assert not silence.active_told(a_recording(sound=sound), at(told), at(900))


@pytest.mark.parametrize(
    ("silences", "lasted", "is_slow"),
    [
        ([silent(10)], 0.5, False),
        ([silent(10)], 0.6, True),
        ([silent(9)], 0.6, False),
        ([silent(10, 11)], 0.6, False),
        ([], 0.6, False),
    ],
)
def test_silence_that_a_slow_answer_proved_is_read_again(
    silences: list, lasted: float, is_slow: bool
) -> None:
    recording = a_recording(*silences, sound={"begun_at": 1})
    assert silence.is_to_be_read_again(recording, at(10 - lasted), at(10)) is is_slow


def test_a_callback_that_comes_twice_tells_of_one_sound() -> None:
    recording = a_recording(silent(5), sound={"begun_at": 1, "sounds_sent": 1})
    for _ in range(2):
        assert not silence.active_told(recording, at(9), at(10))
    assert recording.sound.sounds_told == 1
    assert list(map(seconds, recording.sound.sounds_told_at)) == [9]
    assert silence.active_told(recording, at(8), at(11))


@pytest.mark.parametrize(
    ("told", "now", "until", "is_taken_back"),
    [
        (400, 700, None, True),
        (5 + CLOCKS, 700, None, True),
        (4.9 + CLOCKS, 700, None, False),
        (400, 450, None, True),
        (400, 900, 400 + CLOCKS, True),
        (400, 900, 399.9 + CLOCKS, False),
        (9_000, 400, None, True),
    ],
)
def test_a_sound_within_a_silence_by_any_clock_is_explained_by_no_request(
    told: float, now: float, until: float | None, is_taken_back: bool
) -> None:
    recording = a_recording(silent(5, until), sound={"begun_at": 1, "sounds_sent": 9})
    assert silence.active_told(recording, at(told), at(now)) is is_taken_back
    assert recording.sound.sounds_told == (0 if is_taken_back else 1)


def test_a_sound_takes_back_the_silence_that_it_lies_in_and_no_later_one() -> None:
    silences = (silent(5, 2_000), silent(3_000))
    recording = a_recording(*silences, sound={"begun_at": 1, "inactive_at": 3_001})
    assert silence.active_told(recording, at(1_000), at(3_002))
    assert silences_of(recording) == [(5, 1_000 - CLOCKS), (3_000, None)]
