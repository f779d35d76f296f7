"""Chunks: complete files, none too large or too long, that together are the recording."""

from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from callvault.emulator.media.render import (
    Abandoned,
    Chunk,
    ChunkTooSmall,
    EndReason,
    Renderer,
    chunks,
)
from callvault.emulator.media.timeline import Span, Timeline
from tests.emulator.probe import probe
from tests.emulator.timelines import person, recorded

CARD_CALL = recorded(12, person(0, (0, 4), (8, 12)), person(1, (4, 8)), person(2), paused=((4, 8),))
"""Eight seconds of media: voice 1 speaks in the pause only."""


def rendered(
    timeline: Timeline, renderer: Renderer, directory: Path, longest: int | None = None
) -> Iterator[tuple[Chunk, Path]]:
    def path(index: int) -> Path:
        return directory / f"{index}.{renderer.container}"

    for chunk in chunks(timeline, longest, lambda i, part: renderer.render(part, path(i))):
        yield chunk, path(chunk.index)


def frames_of(timeline: Timeline) -> list[int]:
    return [frame for span in timeline.recorded for frame in range(*span)]


def reasons(parts: list[tuple[Chunk, Path]]) -> list[EndReason]:
    return [chunk.end_reason for chunk, _ in parts]


def test_a_recording_within_the_limits_is_one_chunk(tmp_path: Path) -> None:
    parts = list(rendered(CARD_CALL, Renderer("wav"), tmp_path, longest=64))
    assert reasons(parts) == [EndReason.SESSION_ENDED]
    assert parts[0][0].timeline == CARD_CALL


@pytest.mark.parametrize("fps", [8, 16])
@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_chunks_end_at_the_maximum_time_and_add_up(
    tmp_path: Path, container: str, fps: int
) -> None:
    timeline = recorded(5.5, person(0, (0, 5.5), fps=fps), fps=fps)
    longest = int(2.2 * fps)
    parts = list(rendered(timeline, Renderer(container), tmp_path, longest))
    assert reasons(parts) == [EndReason.MAXIMUM_TIME] * 2 + [EndReason.SESSION_ENDED]
    assert [chunk.timeline.length for chunk, _ in parts] == [
        longest,
        longest,
        5.5 * fps - 2 * longest,
    ]
    assert sum(chunk.timeline.duration_ms for chunk, _ in parts) == timeline.duration_ms == 5500
    for chunk, path in parts:
        seconds = chunk.timeline.length / fps
        assert probe(path).seconds == pytest.approx(seconds, abs=0.13)
        if container == "mp4":
            assert len(probe(path).stamps) == chunk.timeline.length


def test_a_maximum_time_that_is_met_exactly_leaves_no_empty_chunk(tmp_path: Path) -> None:
    parts = list(rendered(CARD_CALL, Renderer("wav"), tmp_path, longest=32))
    assert reasons(parts) == [EndReason.MAXIMUM_TIME, EndReason.SESSION_ENDED]


@pytest.mark.parametrize(
    ("container", "max_bytes"), [("mp4", 100_000), ("mp3", 30_000), ("wav", 100_000)]
)
def test_no_chunk_is_larger_than_the_maximum_and_each_plays(
    tmp_path: Path, container: str, max_bytes: int
) -> None:
    renderer = Renderer(container, max_bytes=max_bytes)
    parts = list(rendered(CARD_CALL, renderer, tmp_path))
    assert reasons(parts)[-1] is EndReason.SESSION_ENDED
    assert set(reasons(parts)[:-1]) == {EndReason.MAXIMUM_SIZE}
    assert sum(chunk.timeline.duration_ms for chunk, _ in parts) == 8000
    for chunk, path in parts:
        assert path.stat().st_size <= max_bytes
        found = probe(path)
        assert found.seconds == pytest.approx(chunk.timeline.length / 8, abs=0.13)
        assert found.heard() == {0}
        assert len(found.stamps) == (chunk.timeline.length if container == "mp4" else 0)


def test_chunks_use_the_room_they_have(tmp_path: Path) -> None:
    timeline = recorded(60, person(0, (0, 60)))
    sizes = [
        p.stat().st_size for _, p in rendered(timeline, Renderer("wav", None, 500_000), tmp_path)
    ]
    assert all(size > 460_000 for size in sizes[:-1])


@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_no_second_is_encoded_twice_to_find_out_what_fits(tmp_path: Path, container: str) -> None:
    timeline = recorded(12, person(0, (0, 12)))
    asked: list[None] = []
    renderer = Renderer(container, None, 150_000, lambda: bool(asked.append(None)))
    files = list(rendered(timeline, renderer, tmp_path))
    seconds, looks_ahead = 12, len(files) - 1
    assert len(asked) <= seconds + looks_ahead + len(files)


def test_the_two_limits_work_together(tmp_path: Path) -> None:
    """A second of wav takes 32,000 bytes: what exceeds the time first ends by time."""
    by_time = rendered(CARD_CALL, Renderer("wav", None, 200_000), tmp_path, longest=24)
    assert set(reasons(list(by_time))[:-1]) == {EndReason.MAXIMUM_TIME}
    by_size = rendered(CARD_CALL, Renderer("wav", None, 80_000), tmp_path, longest=24)
    assert set(reasons(list(by_size))[:-1]) == {EndReason.MAXIMUM_SIZE}


def test_an_estimate_that_proves_too_low_is_corrected(tmp_path: Path) -> None:
    """Half a second fits; the first scene is one second long, so it must be written again."""
    parts = list(rendered(CARD_CALL, Renderer("wav", None, 20_000), tmp_path))
    assert all(path.stat().st_size <= 20_000 for _, path in parts)
    assert sum(chunk.timeline.length for chunk, _ in parts) == CARD_CALL.length


@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_a_maximum_below_one_frame_is_refused_with_the_reason(
    tmp_path: Path, container: str
) -> None:
    with pytest.raises(ChunkTooSmall, match="max_chunk_bytes is 50"):
        list(rendered(CARD_CALL, Renderer(container, None, 50), tmp_path))


def test_a_rendering_stops_when_it_is_abandoned(tmp_path: Path) -> None:
    with pytest.raises(Abandoned):
        list(rendered(CARD_CALL, Renderer("mp4", abandoned=lambda: True), tmp_path))
    assert not list(tmp_path.iterdir()), "half a file is of no use"


def test_each_chunk_has_the_pauses_that_began_in_it() -> None:
    timeline = recorded(20, paused=((0, 1), (4, 5), (9, 11), (18, 20)))
    parts = [chunk.timeline for chunk in chunks(timeline, 24, lambda _, part: part.length)]
    assert [part.paused for part in parts] == [
        (Span(0, 8), Span(32, 40)),
        (),
        (Span(72, 88),),
        (),
        (Span(144, 160),),
    ]
    assert [gap for part in parts for gap in part.paused] == list(timeline.paused)
    for earlier, later in pairwise(parts):
        assert earlier.end == later.first, "no moment is in two chunks or in none"


@given(
    seconds=st.integers(1, 40),
    borders=st.lists(st.integers(0, 320), unique=True, max_size=12),
    longest=st.integers(1, 100),
    fits=st.lists(st.integers(1, 60), min_size=1),
    fps=st.sampled_from([8, 16, 25]),
)
def test_chunks_are_the_recording_whatever_is_paused_and_fits(
    seconds: int, borders: list[int], longest: int, fits: list[int], fps: int
) -> None:
    edges = [edge / 8 for edge in sorted(borders) if edge <= seconds * 8]
    timeline = recorded(seconds, fps=fps, paused=tuple(zip(edges[::2], edges[1::2], strict=False)))
    assume(timeline.length > 0)
    kept = cycle(fits)
    parts = list(chunks(timeline, longest, lambda _, part: min(part.length, next(kept))))
    assert [frame for part in parts for frame in frames_of(part.timeline)] == frames_of(timeline)
    assert [gap for part in parts for gap in part.timeline.paused] == list(timeline.paused)
    assert sum(part.timeline.duration_ms for part in parts) == timeline.duration_ms
    assert all(0 < part.timeline.length <= longest for part in parts)
    assert [part.index for part in parts] == [*range(len(parts))]
    assert [part.end_reason is EndReason.SESSION_ENDED for part in parts][:-1].count(True) == 0


def test_a_pause_between_two_chunks_belongs_to_the_first() -> None:
    timeline = recorded(6, paused=((2, 4),))
    first, second = (c.timeline for c in chunks(timeline, 16, lambda _, part: part.length))
    assert (first.recorded, first.paused) == ((Span(0, 16),), (Span(16, 32),))
    assert (second.recorded, second.paused) == ((Span(32, 48),), ())
    assert (second.moment(second.first) - timeline.origin).total_seconds() == 4
