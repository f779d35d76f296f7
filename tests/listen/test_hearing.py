"""The ear, against files of known scenes."""

from pathlib import Path

import pytest

from bench.listen.hearing import CYCLE, TICK, Heard, NotAudible, hear
from callvault.emulator.media.render import Renderer
from callvault.emulator.media.timeline import Attendee, Span, Timeline
from tests.emulator.timelines import START, person, recorded

FPS = 40


def speaker(voice: int, *spoken: tuple[float, float]) -> Attendee:
    spans = tuple(Span(round(a * FPS), round(b * FPS)) for a, b in spoken)
    return Attendee(f"8:acs:{voice}", f"P{voice}", voice, spans, spans, tells_time=True)


def file_of(timeline: Timeline, folder: Path, channels: tuple[str, ...] | None = None) -> bytes:
    path = folder / "file.wav"
    Renderer("wav", channels).render(timeline, path)
    return path.read_bytes()


def spoken(heard: list[Heard], voice: int) -> list[tuple[float, float]]:
    """Join the ticks in which a voice is heard, in seconds."""
    spans: list[tuple[float, float]] = []
    for each in heard:
        if voice in each.voices:
            begins = each.seconds
            if spans and abs(spans[-1][1] - begins) < TICK / 2:
                spans[-1] = (spans[-1][0], begins + TICK)
            else:
                spans.append((begins, begins + TICK))
    return [(round(a, 3), round(b, 3)) for a, b in spans]


@pytest.mark.parametrize("channels", [None, ("8:acs:0", "8:acs:1", "8:acs:2")])
def test_every_voice_is_heard_at_its_time(tmp_path: Path, channels: tuple[str, ...] | None) -> None:
    people = (
        speaker(0, (0, 10)),
        speaker(1, (1.3, 2.1), (2.15, 9.975)),
        speaker(2, (4.5, 4.525)),
    )
    timeline = recorded(10, *people, fps=FPS, paused=((3, 3.6), (6.2, 6.225)))

    heard = hear(file_of(timeline, tmp_path, channels))

    assert spoken(heard, 0) == [(0, 3), (3.6, 6.2), (6.225, 10)]
    assert spoken(heard, 1) == [(1.3, 2.1), (2.15, 3), (3.6, 6.2), (6.225, 9.975)]
    assert spoken(heard, 2) == [(4.5, 4.525)]


def test_seven_may_speak_at_once(tmp_path: Path) -> None:
    people = [speaker(voice, (0, 1)) for voice in range(7)]
    heard = hear(file_of(recorded(1, *people, fps=FPS), tmp_path))

    assert [each.tick for each in heard] == [*range(FPS)]
    assert {each.voices for each in heard} == {frozenset(range(7))}


def test_time_goes_on_where_the_numbers_begin_anew(tmp_path: Path) -> None:
    ends = 2 * CYCLE * TICK + 5
    timeline = recorded(ends, speaker(3, (0, ends)), fps=FPS, paused=((50, 120),))

    heard = hear(file_of(timeline, tmp_path))

    assert spoken(heard, 3) == [(0, 50), (120, round(ends, 3))]


def test_a_later_chunk_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    timeline = recorded(10, speaker(0, (0, 10)), fps=FPS, paused=((2, 4),))

    heard = hear(file_of(timeline.cut(round(5 * FPS), round(8 * FPS)), tmp_path))

    assert spoken(heard, 0) == [(7, 10)]


def test_silence_is_heard_as_nothing(tmp_path: Path) -> None:
    assert hear(file_of(recorded(2, speaker(0), fps=FPS), tmp_path)) == []


def test_a_voice_that_tells_no_time_is_no_evidence(tmp_path: Path) -> None:
    ordinary = person(0, (0, 2), fps=FPS)
    with pytest.raises(NotAudible):
        hear(file_of(recorded(2, ordinary, fps=FPS), tmp_path))


def test_frame_zero_is_when_the_recording_became_active() -> None:
    assert recorded(1, fps=FPS).moment(0) == START
