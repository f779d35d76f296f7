from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest

from callvault.emulator.media.render import Renderer
from callvault.emulator.media.timeline import Attendee, FrameGrid, Span, Timeline, fundamental
from tests.emulator.timelines import person, recorded

START = datetime(2026, 1, 1, tzinfo=UTC)


def grid(seconds: float) -> FrameGrid:
    return FrameGrid(START, at(seconds), fps=8)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_moments_snap_to_the_nearest_frame_within_the_recording() -> None:
    moments = [(-5, 1.05), (2, 2.01), (3, 3.1), (9, 99)]
    spans = grid(10).spans((at(start), at(end)) for start, end in moments)
    assert spans == (Span(0, 8), Span(24, 25), Span(72, 80))


def test_what_is_not_paused_is_recorded() -> None:
    assert grid(4).without((Span(0, 4), Span(16, 20))) == (Span(4, 16), Span(20, 32))
    assert grid(4).without((Span(8, 32),)) == (Span(0, 8),)
    assert grid(4).without((Span(0, 32),)) == ()
    assert grid(4).without(()) == (Span(0, 32),)


def test_speech_within_a_pause_stays_within_it_after_snapping() -> None:
    paused = grid(10).spans([(at(1.06), at(2.32))])[0]
    spoken = grid(10).spans([(at(1.061), at(2.319))])[0]
    assert paused.first <= spoken.first
    assert spoken.end <= paused.end


def test_no_overtone_of_a_voice_falls_on_the_fundamental_of_another() -> None:
    voices = [fundamental(voice) for voice in range(149)]
    assert len(set(voices)) == 149
    assert max(voices) < 2 * min(voices)


@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_the_same_timeline_gives_the_same_bytes(tmp_path: Path, container: str) -> None:
    timeline = recorded(2, person(0, (0.25, 1.25)), paused=((1, 1.25),))
    paths = [tmp_path / name for name in ("one", "two")]
    for path in paths:
        Renderer(container).render(timeline, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    "names",
    [[], ["Ana"] * 12, ["Éva\nNagy", "李明", "\u202e\x00", "W" * 200]],
    ids=["nobody", "more than nine", "strange names"],
)
def test_every_company_can_be_drawn(tmp_path: Path, names: list[str]) -> None:
    everywhere = (Span(0, 4),)
    people = tuple(
        Attendee(f"8:acs:{voice}", name, voice, everywhere, everywhere)
        for voice, name in enumerate(names)
    )
    timeline = Timeline(16, START, 7_000.0, people, everywhere, ())
    Renderer("mp4").render(timeline, tmp_path / "call.mp4")
    with av.open(tmp_path / "call.mp4") as container:
        assert container.streams.video[0].average_rate == 16
        assert len(list(container.decode(video=0))) == 4


def test_an_unmixed_recording_of_nobody_is_silence(tmp_path: Path) -> None:
    timeline = Timeline(8, START, 0.0, (), (Span(0, 8),), ())
    Renderer("wav", ()).render(timeline, tmp_path / "call.wav")
    assert (tmp_path / "call.wav").read_bytes()[44:] == bytes(2 * 16_000)
