"""Silence that is wanted: what of it is unconfirmed, and when that is a finding."""

import pytest

from workflows.call import silence
from workflows.call.intervals import Span

from .facts import a_recording, at, at_or_none, doubtful, doubts_of, seconds, silences_of, silent
from .test_silence import STARTING, WITHIN


def test_a_recording_is_over_when_that_was_told_first_and_reopened_with_nothing_lost() -> None:
    recording = a_recording(silent(5), sound={"begun_at": 1, "is_sound_asked": True})
    silence.ended(recording, at(8))
    silence.ended(recording, at(12))
    assert silences_of(recording) == [(5, 8)]
    assert (seconds(recording.sound.over_at), recording.sound.is_sound_asked) == (8, False)
    silence.reopened(recording)
    assert recording.sound.over_at is None


@pytest.mark.parametrize(
    ("begun_at", "is_begun_paused", "active_at", "since", "due"),
    [
        (None, False, None, 10, 15),
        (10, False, None, 10, 15),
        (10, True, None, 10, 10 + STARTING + 5),
        (10, True, None, 9, 10 + STARTING + 5),
        (10, True, 12, 10, 17),
        (10, True, 10 + STARTING + 1, 10, 10 + STARTING + 5),
        (10, True, None, 11, 16),
        (10, True, 12, 11, 16),
    ],
)
def test_silence_is_due_a_moment_after_it_was_asked_and_of_what_began_paused_once_it_may_start(
    begun_at: float | None,
    is_begun_paused: bool,
    active_at: float | None,
    since: float,
    due: float,
) -> None:
    """A pause that came late was due half a minute after a start that was seen to record."""
    sound = {"begun_at": begun_at, "is_begun_paused": is_begun_paused, "active_at": active_at}
    recording = a_recording(sound=sound)
    assert seconds(silence.due_at(recording, at(since), WITHIN)) == due


@pytest.mark.parametrize(
    ("sound", "silences", "wanted_since", "doubts", "kept"),
    [
        ({}, [], 3, [], 3),
        ({"begun_at": 1}, [], None, [], None),
        ({"begun_at": 1}, [], 3, [(3, None)], 3),
        ({"begun_at": 5}, [], 3, [(5, None)], 3),
        ({"begun_at": 1, "wanted_since": 2}, [], 3, [(2, None)], 2),
        ({"begun_at": 1, "wanted_since": 4}, [], 3, [(3, None)], 3),
        ({"begun_at": 1, "wanted_since": 2}, [], None, [(2, 6)], None),
        ({"begun_at": 1, "over_at": 4}, [], 3, [(3, 4)], None),
        ({"begun_at": 1}, [silent(4)], 3, [(3, 4)], 3),
        ({"begun_at": 1}, [silent(4, 5)], 3, [(3, 4), (5, None)], 3),
        ({"begun_at": 1}, [silent(2)], 3, [], 3),
    ],
)
def test_what_is_unconfirmed_is_what_was_wanted_without_a_proof(
    sound: dict[str, float], silences: list, wanted_since: float | None, doubts: list, kept: float
) -> None:
    recording = a_recording(*silences, sound=sound)
    silence.review(recording, at_or_none(wanted_since), "asked", WITHIN, at(6))
    assert [each[:2] for each in doubts_of(recording)] == doubts
    assert seconds(recording.sound.wanted_since) == kept


def test_what_was_open_is_told_anew_and_what_has_no_length_is_left_out() -> None:
    recording = a_recording(
        silent(4), doubts=(doubtful(1, 2), doubtful(3)), sound={"begun_at": 1, "wanted_since": 3}
    )
    silence.review(recording, at(3), "asked", WITHIN, at(6))
    assert doubts_of(recording) == [(1, 2, False), (3, 4, False)]
    recording = a_recording(doubts=(doubtful(2, 2), doubtful(3, 4)), sound={"begun_at": 1})
    silence.review(recording, None, "", WITHIN, at(6))
    assert doubts_of(recording) == [(3, 4, False)]


@pytest.mark.parametrize(("now", "is_finding"), [(8, False), (8.1, True)])
def test_what_is_unconfirmed_for_longer_than_it_may_is_a_finding(
    now: float, is_finding: bool
) -> None:
    recording = a_recording(sound={"begun_at": 1})
    silence.review(recording, at(3), "asked", WITHIN, at(now))
    assert doubts_of(recording) == [(3, None, is_finding)]
    recording = a_recording(sound={"begun_at": 1, "over_at": now})
    silence.review(recording, at(3), "asked", WITHIN, at(99))
    assert doubts_of(recording) == [(3, now, is_finding)]


@pytest.mark.parametrize(
    ("sound", "wanted", "doubts"),
    [
        ({}, (3, 5), []),
        ({"begun_at": 1}, (3, 5), [(3, 5)]),
        ({"begun_at": 4}, (3, 5), [(4, 5)]),
        ({"begun_at": 1, "over_at": 4}, (3, 5), [(3, 4)]),
        ({"begun_at": 1, "over_at": 6}, (3, 5), [(3, 5)]),
    ],
)
def test_silence_that_was_wanted_is_told_late_within_the_recordings_own_time(
    sound: dict[str, float], wanted: tuple[float, float], doubts: list
) -> None:
    recording = a_recording(sound=sound)
    silence.was_wanted(recording, Span(*map(at, wanted)), "told late", WITHIN, at(9))
    assert [each[:2] for each in doubts_of(recording)] == doubts


@pytest.mark.parametrize(
    ("doubt", "silences", "sound", "doubts", "left"),
    [
        (doubtful(3, 4), [silent(2)], {}, [(3, 4)], [(2, 3), (4, None)]),
        (doubtful(3), [silent(2, 5)], {}, [(3, None)], [(2, 3)]),
        (doubtful(3), [silent(5)], {}, [(3, 5)], [(5, None)]),
        (doubtful(3), [silent(3)], {}, [(3, 3)], [(3, None)]),
        (doubtful(3), [silent(2, 5)], {"over_at": 8}, [(3, 8)], [(2, 3)]),
        (doubtful(9), [silent(2, 8)], {"over_at": 8}, [(9, 9)], [(2, 8)]),
    ],
)
def test_a_doubt_of_somebody_else_lasts_until_silence_is_proven_after_it_or_the_end(
    doubt, silences: list, sound: dict[str, float], doubts: list, left: list
) -> None:
    recording = a_recording(*silences, sound={"begun_at": 1, **sound})
    silence.doubted(recording, [doubt])
    assert [each[:2] for each in doubts_of(recording)] == doubts
    assert silences_of(recording) == left


@pytest.mark.parametrize(
    ("sound", "starting_until", "may_arrive_until"),
    [
        ({"starting_until": 30}, None, 10),
        ({"starting_until": 30, "may_arrive_until": 40}, None, 40),
        ({"starting_until": 30, "is_sound_asked": True}, 30, None),
        ({}, None, None),
    ],
)
def test_a_callback_of_sound_ends_the_starting_unless_another_sound_is_asked_for(
    sound: dict[str, float], starting_until: float | None, may_arrive_until: float | None
) -> None:
    recording = a_recording(sound={"begun_at": 1, "sounds_sent": 9, **sound})
    silence.active_told(recording, at(9), at(10))
    assert seconds(recording.sound.starting_until) == starting_until
    assert seconds(recording.sound.may_arrive_until) == may_arrive_until
