"""The channels of an unmixed recording."""

import pytest

from callvault.emulator.media.timeline import Attendee
from callvault.emulator.render_jobs import channel_plan
from tests.emulator.timelines import person, recorded


def plan(company: list[Attendee], *wanted: int | None) -> list[int | None]:
    """Return voices by channel, if ``wanted`` were asked for, in a recording with a pause."""
    asked = [None if voice is None else f"8:acs:{voice}" for voice in wanted]
    channels = channel_plan(recorded(10, *company, paused=((4, 6),)), asked)
    return [None if raw_id is None else int(raw_id.removeprefix("8:acs:")) for raw_id in channels]


def test_channels_go_to_people_as_they_first_speak() -> None:
    assert plan([person(0, (3, 4)), person(1, (1, 2), (3, 4)), person(2, (2, 3))]) == [1, 2, 0]


def test_the_silent_come_after_the_speakers_as_they_joined() -> None:
    assert plan([person(0), person(1), person(2, (1, 2))]) == [2, 0, 1]


def test_a_word_during_a_pause_does_not_count() -> None:
    assert plan([person(0, (4.5, 5), (8, 9)), person(1, (7, 8))]) == [1, 0]


def test_who_speaks_during_a_pause_only_counts_as_silent() -> None:
    assert plan([person(0, (4.5, 5)), person(1, (7, 8))]) == [1, 0]


def test_speech_that_goes_on_after_a_pause_counts_from_there() -> None:
    assert plan([person(0, (5, 7)), person(1, (6.5, 8))]) == [0, 1]


def test_those_asked_for_come_first() -> None:
    assert plan([person(0), person(1, (1, 2)), person(2, (2, 3))], 2, 0) == [2, 0, 1]


@pytest.mark.parametrize(
    ("wanted", "channels"),
    [((None, None, 0), [1, 2, 0]), ((None, None, None, None, 0), [1, 2, None, None, 0])],
)
def test_an_affinity_pins_a_channel_and_the_others_fill_the_gaps(
    wanted: tuple[int | None, ...], channels: list[int | None]
) -> None:
    assert plan([person(0, (0, 1)), person(1, (1, 2)), person(2)], *wanted) == channels


def test_a_channel_is_kept_for_somebody_who_never_comes() -> None:
    assert plan([person(0, (0, 1))], 7) == [7, 0]


def test_the_sixth_to_speak_has_no_channel() -> None:
    company = [person(voice, (9 - voice, 10)) for voice in range(7) if voice not in (4, 5)]
    company += [person(7, (0, 1)), person(8)]
    assert plan(company) == [7, 6, 3, 2, 1]


def test_more_than_five_asked_for_are_cut_to_five() -> None:
    assert plan([person(voice) for voice in range(7)], 6, 5, 4, 3, 2, 1) == [6, 5, 4, 3, 2]


def test_nobody_has_no_channels() -> None:
    assert plan([]) == []
