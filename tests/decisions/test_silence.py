"""Silence: each fact that proves it, or leaves it in doubt, at its very moment."""

from datetime import timedelta

import pytest

from workflows.call import silence
from workflows.call.silence import ARRIVAL_TIMEOUT, STARTING_TIMEOUT, Sight

from .facts import a_recording, at, at_or_none, doubtful, doubts_of, seconds, silences_of, silent

WITHIN = timedelta(seconds=5)
ARRIVAL = ARRIVAL_TIMEOUT.total_seconds()
STARTING = STARTING_TIMEOUT.total_seconds()


@pytest.mark.parametrize(
    ("sound", "silences", "is_silent", "since"),
    [
        ({}, [], True, 0),
        ({"begun_at": 1}, [], False, None),
        ({"begun_at": 1}, [silent(5)], True, 5),
        ({"begun_at": 1}, [silent(5, 7)], False, None),
        ({"begun_at": 1}, [silent(5, 7), silent(9)], True, 9),
        ({"begun_at": 1, "over_at": 8}, [], True, 8),
        ({"begun_at": 1, "over_at": 8}, [silent(5, 8)], True, 8),
    ],
)
def test_it_is_silent_before_the_start_was_sent_after_the_end_and_in_an_open_silence(
    sound: dict[str, float], silences: list, is_silent: bool, since: float | None
) -> None:
    recording = a_recording(*silences, sound=sound)
    assert silence.is_silent(recording) is is_silent
    assert seconds(silence.silent_since(recording)) == since


@pytest.mark.parametrize(
    ("silences", "inactive_at", "is_read"),
    [
        ([silent(5)], 9, False),
        ([silent(5)], 10, True),
        ([silent(5)], 11, True),
        ([silent(5)], None, False),
        ([silent(5, 20)], 11, False),
    ],
)
def test_a_reading_proves_a_pause_from_the_moment_of_its_request_on(
    silences: list, inactive_at: float | None, is_read: bool
) -> None:
    recording = a_recording(*silences, sound={"begun_at": 1, "inactive_at": inactive_at})
    assert silence.is_read_since(recording, at(10)) is is_read


@pytest.mark.parametrize(
    ("sound", "proves_from"),
    [
        ({}, None),
        ({"may_arrive_until": 5}, 5),
        ({"starting_until": 7}, 7),
        ({"may_arrive_until": 5, "starting_until": 7}, 7),
        ({"may_arrive_until": 9, "starting_until": 7}, 9),
        ({"may_arrive_until": 9, "is_sound_asked": True}, None),
    ],
)
def test_a_reading_proves_silence_once_nothing_that_makes_sound_can_come(
    sound: dict[str, float], proves_from: float | None
) -> None:
    assert seconds(silence.proves_from(a_recording(sound=sound))) == proves_from


@pytest.mark.parametrize("is_paused", [False, True])
def test_the_first_sound_that_is_sent_for_begins_a_recording_and_no_later_one(
    is_paused: bool,
) -> None:
    recording = a_recording()
    silence.sound_asked(recording, at(3), is_paused=is_paused)
    silence.sound_asked(recording, at(5), is_paused=True)
    sound = recording.sound
    assert (seconds(sound.begun_at), sound.is_begun_paused) == (3, is_paused)
    assert (sound.sounds_sent, sound.is_sound_asked) == (2, True)
    silence.sound_asked(recording, at(6), is_paused=False)
    assert (seconds(sound.begun_at), sound.is_begun_paused) == (3, False), "sound was sent for"


@pytest.mark.parametrize(
    ("active_at", "silences", "is_unseen"),
    [
        (None, [], False),
        (2, [], True),
        (2, [silent(4, 5)], True),
        (2, [silent(4)], False),
    ],
)
def test_sound_that_is_sent_for_while_it_may_record_cannot_be_told_from_what_was_there(
    active_at: float | None, silences: list, is_unseen: bool
) -> None:
    recording = a_recording(*silences, sound={"begun_at": 1, "active_at": active_at})
    silence.sound_asked(recording, at(9))
    assert recording.sound.is_unseen is is_unseen


@pytest.mark.parametrize(
    ("since", "left"), [(8, [(8, 9)]), (9, []), (10, [])], ids=["before", "same", "after"]
)
def test_a_silence_ends_as_sound_is_sent_for_and_has_a_length_or_is_none(
    since: float, left: list
) -> None:
    recording = a_recording(silent(1, 2), silent(since), sound={"begun_at": 0})
    silence.sound_asked(recording, at(9))
    assert silences_of(recording) == [(1, 2), *left]


def test_a_start_that_acs_accepted_may_be_starting_for_a_while() -> None:
    recording = a_recording(sound={"begun_at": 1, "is_sound_asked": True})
    silence.start_answered(recording, at(2))
    assert not recording.sound.is_sound_asked
    assert seconds(recording.sound.starting_until) == 2 + STARTING


def test_a_start_that_acs_denied_has_begun_nothing_and_leaves_what_is_known_of_before() -> None:
    recording = a_recording(
        doubts=(doubtful(1, 2), doubtful(3)), sound={"begun_at": 1, "is_sound_asked": True}
    )
    silence.start_denied(recording)
    assert (recording.sound.begun_at, recording.sound.is_sound_asked) == (None, False)
    assert doubts_of(recording) == [(1, 2, False)]


def test_a_start_that_acs_denied_leaves_an_earlier_one_that_was_given_up() -> None:
    sound = {"begun_at": 1, "is_sound_asked": True, "may_arrive_until": 9}
    recording = a_recording(doubts=(doubtful(3),), sound=sound)
    silence.start_denied(recording)
    assert (seconds(recording.sound.begun_at), recording.sound.is_sound_asked) == (1, False)
    assert doubts_of(recording) == [(3, None, False)]


@pytest.mark.parametrize(
    ("sound", "unanswered_at", "may_arrive_until"),
    [
        ({}, None, 20),
        ({}, 10, 10 + ARRIVAL),
        ({}, 1, 20),
        ({"may_arrive_until": 19}, None, 20),
        ({"may_arrive_until": 99}, None, 99),
        ({"is_unseen": True}, None, 20 + ARRIVAL),
        ({"is_unseen": True}, 10, 20 + ARRIVAL),
    ],
)
def test_a_resume_that_was_answered_may_arrive_once_more_only_if_another_attempt_was_sent(
    sound: dict[str, float], unanswered_at: float | None, may_arrive_until: float
) -> None:
    recording = a_recording(
        sound={"begun_at": 1, "is_sound_asked": True, "starting_until": 50, **sound}
    )
    silence.resume_answered(recording, at(20), at_or_none(unanswered_at))
    assert seconds(recording.sound.may_arrive_until) == may_arrive_until
    assert (recording.sound.is_sound_asked, recording.sound.starting_until) == (False, None)


@pytest.mark.parametrize(("before", "after"), [(None, 20), (7, 7)])
def test_by_when_there_was_sound_is_told_by_the_first_answer(
    before: float | None, after: float
) -> None:
    for fold in (
        lambda recording: silence.resume_answered(recording, at(20), None),
        lambda recording: silence.active_read(recording, at(19), at(20)),
    ):
        recording = a_recording(sound={"begun_at": 1, "active_at": before})
        fold(recording)
        assert seconds(recording.sound.active_at) == after


@pytest.mark.parametrize("is_start", [False, True])
@pytest.mark.parametrize(("before", "after"), [(None, ARRIVAL), (99, 99), (2, ARRIVAL)])
def test_sound_that_was_given_up_may_arrive_for_a_while_and_a_start_begin_after_that(
    is_start: bool, before: float | None, after: float
) -> None:
    recording = a_recording(
        sound={"begun_at": 1, "is_sound_asked": True, "may_arrive_until": before}
    )
    silence.sound_given_up(recording, at(0), is_start=is_start)
    sound = recording.sound
    assert (sound.is_sound_asked, seconds(sound.may_arrive_until)) == (False, after)
    assert seconds(sound.starting_until) == (ARRIVAL + STARTING if is_start else None)


@pytest.mark.parametrize(
    ("sound", "sight"),
    [
        ({}, Sight.AMBIGUOUS),
        ({"begun_at": 1}, Sight.SILENT),
        ({"begun_at": 1, "over_at": 5}, Sight.AMBIGUOUS),
        ({"begun_at": 1, "is_sound_asked": True}, Sight.AMBIGUOUS),
        ({"begun_at": 1, "may_arrive_until": 10}, Sight.SILENT),
        ({"begun_at": 1, "may_arrive_until": 11}, Sight.AMBIGUOUS),
        ({"begun_at": 1, "starting_until": 10}, Sight.SILENT),
        ({"begun_at": 1, "starting_until": 11}, Sight.AMBIGUOUS),
    ],
)
def test_inactive_proves_silence_from_its_receipt_if_nothing_else_can_be_meant(
    sound: dict[str, float], sight: Sight
) -> None:
    recording = a_recording(sound=sound)
    assert silence.inactive_read(recording, at(10), at(12), "read") is sight
    assert silences_of(recording) == ([(12, None)] if sight is Sight.SILENT else [])


@pytest.mark.parametrize(
    ("before", "after", "back"), [(None, 10, 12), (9, 10, 12), (10, 10, 99), (11, 11, 99)]
)
def test_the_last_reading_that_said_inactive_is_known_whatever_it_proves(
    before: float | None, after: float, back: float
) -> None:
    sound = {"begun_at": 1, "inactive_at": before, "inactive_received_at": 99}
    recording = a_recording(silent(5), sound=sound)
    assert silence.inactive_read(recording, at(10), at(12), "read") is Sight.SILENT
    assert silences_of(recording) == [(5, None)], "it goes on"
    assert seconds(recording.sound.inactive_at) == after
    assert seconds(recording.sound.inactive_received_at) == back


@pytest.mark.parametrize(
    ("silences", "sight", "left", "doubts"),
    [
        ([], Sight.SOUND, [], []),
        ([silent(20)], Sight.SOUND, [(20, None)], []),
        ([silent(11)], Sight.DOUBT, [(11, None)], []),
        ([silent(10)], Sight.CONTRADICTION, [], [(10, 10, True)]),
        ([silent(5)], Sight.CONTRADICTION, [], [(5, 5, True)]),
        ([silent(5, 30)], Sight.CONTRADICTION, [], [(5, 30, True)]),
        ([silent(5, 20)], Sight.CONTRADICTION, [], [(5, 20, True)]),
        ([silent(5, 19)], Sight.OVERLAP, [], [(5, 19, False)]),
        ([silent(5, 10)], Sight.OVERLAP, [], [(5, 10, False)]),
        ([silent(5, 9)], Sight.SOUND, [(5, 9)], []),
        ([silent(2, 3), silent(5)], Sight.CONTRADICTION, [(2, 3)], [(5, 5, True)]),
    ],
)
def test_active_takes_a_silence_back_if_it_was_sent_and_came_back_within_it(
    silences: list, sight: Sight, left: list, doubts: list
) -> None:
    recording = a_recording(*silences, sound={"begun_at": 1, "starting_until": 50})
    assert silence.active_read(recording, at(10), at(20)) is sight
    assert silences_of(recording) == left
    assert doubts_of(recording) == doubts
    assert recording.was_active
    assert seconds(recording.sound.may_arrive_until) == 20, "what was read before proves nothing"
    assert recording.sound.starting_until is None


def test_sound_just_before_the_end_that_is_heard_of_after_it_takes_the_silence_back() -> None:
    recording = a_recording(silent(5, 9), sound={"begun_at": 1, "over_at": 9})
    assert silence.active_read(recording, at(10), at(20)) is Sight.CONTRADICTION


@pytest.mark.parametrize(
    ("polled", "known", "back", "left", "since"),
    [
        (None, None, None, [], 5),
        (7, None, None, [(5, 7)], 7),
        (None, 8, None, [], 5),
        (None, 8, 9, [(5, 8)], 8),
        (None, 8, 10, [(5, 8)], 8),
        (None, 8, 11, [], 5),
        (7, 8, 9, [(5, 8)], 8),
        (7, 8, 11, [(5, 7)], 7),
        (8, 7, 9, [(5, 8)], 8),
        (10, 7, 9, [(5, 10)], 10),
        (11, 7, 9, [(5, 7)], 7),
    ],
)
def test_a_silence_is_taken_back_since_the_last_reading_before_that_said_inactive(
    polled: float | None, known: float | None, back: float | None, left: list, since: float
) -> None:
    """Of one that was under way meanwhile nobody knows if it was answered before."""
    sound = {"begun_at": 1, "inactive_at": known, "inactive_received_at": back}
    recording = a_recording(silent(5), sound=sound)
    silence.active_read(recording, at(10), at(20), at_or_none(polled))
    assert silences_of(recording) == left
    assert doubts_of(recording) == [(since, since, True)]


def test_a_silence_is_not_taken_back_beyond_the_one_before_it() -> None:
    sound = {"begun_at": 1, "inactive_at": 4, "inactive_received_at": 4}
    recording = a_recording(silent(2, 6), silent(8), sound=sound)
    silence.active_read(recording, at(10), at(20))
    assert silences_of(recording) == [(2, 6)]
    assert doubts_of(recording) == [(6, 6, True)]


@pytest.mark.parametrize(
    ("sound", "silences", "arrives"),
    [
        ({"begun_at": 1, "inactive_at": 9}, [(2, 3), (5, 9)], True),
        ({"begun_at": 1, "inactive_at": 4}, [(2, 3)], True),
        ({"begun_at": 1}, [(2, 3)], True),
        ({"begun_at": 1, "inactive_at": 9, "over_at": 10}, [(2, 3), (5, None)], False),
        ({"inactive_at": 9}, [(2, 3), (5, None)], False),
    ],
)
def test_nobody_knows_what_was_asked_since_the_last_reading_of_what_was_begun(
    sound: dict[str, float], silences: list[tuple[float, float | None]], arrives: bool
) -> None:
    recording = a_recording(silent(2, 3), silent(5), sound=sound)
    silence.lost_sight(recording, at(20))
    assert silences_of(recording) == silences
    until = at(20) + ARRIVAL_TIMEOUT if arrives else None
    assert recording.sound.may_arrive_until == until


@pytest.mark.parametrize("known", [19, 40])
def test_what_may_arrive_longer_than_what_nobody_knows_of_still_may(known: float) -> None:
    recording = a_recording(
        sound={"begun_at": 1, "may_arrive_until": known, "is_sound_asked": True}
    )
    silence.lost_sight(recording, at(20))
    assert recording.sound.may_arrive_until == max(at(known), at(20) + ARRIVAL_TIMEOUT)
    assert recording.sound.is_sound_asked
