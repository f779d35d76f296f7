"""The contents of each format: codec, rates, pictures, and voices by channel."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from callvault.emulator.media.render import Renderer
from callvault.emulator.media.timeline import Timeline
from tests.emulator.probe import HALF_SECOND, Probe, probe
from tests.emulator.timelines import person, recorded


def file_of(timeline: Timeline, directory: Path, renderer: Renderer) -> Probe:
    path = directory / f"call.{renderer.container}"
    assert renderer.render(timeline, path) == timeline.length
    return probe(path)


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(path) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


@pytest.mark.parametrize("fps", [8, 16])
def test_mp4_is_full_hd_h264_with_16_khz_mono_aac(tmp_path: Path, fps: int) -> None:
    timeline = recorded(3, person(0, (0, 3), fps=fps), fps=fps, paused=((1, 1.5),))
    found = file_of(timeline, tmp_path, Renderer("mp4"))
    assert (found.codecs, found.size) == (("h264", "aac"), (1920, 1080))
    assert (found.rate, len(found.samples)) == (16_000, 1)
    assert found.frame_rate == fps
    assert found.stamps == tuple(n / found.frame_rate for n in range(5 * fps // 2))
    assert found.seconds == pytest.approx(2.5, abs=0.065)


@pytest.mark.parametrize(("container", "codec"), [("mp3", "mp3float"), ("wav", "pcm_s16le")])
def test_audio_files_are_16_khz_mono(tmp_path: Path, container: str, codec: str) -> None:
    found = file_of(recorded(3, person(0, (0, 3))), tmp_path, Renderer(container))
    assert (found.codecs, found.rate, len(found.samples)) == ((codec,), 16_000, 1)
    assert found.seconds == pytest.approx(3, abs=0.08)
    assert found.heard() == {0}


@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_who_spoke_is_heard_and_who_spoke_in_the_pause_is_not(
    tmp_path: Path, container: str
) -> None:
    company = (person(0, (0, 2)), person(1, (2, 4)), person(2, (4, 6)), person(3))
    found = file_of(recorded(6, *company, paused=((2, 4),)), tmp_path, Renderer(container))
    assert found.heard() == {0, 2}
    first, last = found.samples[:, :HALF_SECOND], found.samples[:, -HALF_SECOND:]
    assert Probe((), None, None, (), first, 16_000).heard() == {0}
    assert Probe((), None, None, (), last, 16_000).heard() == {2}


def test_all_who_speak_at_once_are_heard_in_the_mix(tmp_path: Path) -> None:
    company = [person(voice, (0, 1)) for voice in range(4)]
    assert file_of(recorded(1, *company), tmp_path, Renderer("wav")).heard() == {0, 1, 2, 3}


def test_each_channel_of_an_unmixed_file_has_one_voice(tmp_path: Path) -> None:
    company = [person(voice, (0, 2)) for voice in range(5)]
    channels = ("8:acs:3", "8:acs:0", None, "8:acs:4", "8:acs:1")
    found = file_of(recorded(2, *company), tmp_path, Renderer("wav", channels))
    assert [found.heard(channel) for channel in range(5)] == [{3}, {0}, set(), {4}, {1}]


def test_unmixed_channels_leave_the_pause_out_together(tmp_path: Path) -> None:
    company = (person(0, (0, 1), (3, 4)), person(1, (1, 3)))
    timeline = recorded(4, *company, paused=((1, 3),))
    found = file_of(timeline, tmp_path, Renderer("wav", ("8:acs:0", "8:acs:1")))
    assert found.seconds == 2
    assert [found.heard(channel) for channel in range(2)] == [{0}, set()]


@pytest.mark.parametrize(("people", "tiles"), [(1, 1), (2, 2), (4, 4), (9, 9), (12, 9)])
def test_there_is_a_tile_for_each_of_at_most_nine(tmp_path: Path, people: int, tiles: int) -> None:
    timeline = recorded(0.25, *(person(voice) for voice in range(people)))
    Renderer("mp4").render(timeline, tmp_path / "call.mp4")
    assert count_of_tiles(pictures(tmp_path / "call.mp4")[0]) == tiles


def test_a_name_is_written_in_its_tile(tmp_path: Path) -> None:
    for voice, name in ((0, "one"), (1, "other")):
        Renderer("mp4").render(recorded(0.25, person(voice)), tmp_path / f"{name}.mp4")
    one, other = (pictures(tmp_path / f"{name}.mp4")[0] for name in ("one", "other"))
    half = one.shape[0] // 2
    assert np.array_equal(one[:half], other[:half]), "the same clock above"
    assert np.abs(one[half:].astype(int) - other[half:]).max() > 100, "another name below"


def test_the_clock_of_the_call_runs_and_jumps_over_the_pause(tmp_path: Path) -> None:
    timeline = recorded(2, person(0), paused=((0.5, 1.5),))
    later = replace(recorded(1, person(0)), call_seconds_before=1.0)
    Renderer("mp4").render(timeline, tmp_path / "paused.mp4")
    Renderer("mp4").render(later, tmp_path / "later.mp4")
    clocks = [picture[:300].astype(int) for picture in pictures(tmp_path / "paused.mp4")]
    at_one_and_a_half = pictures(tmp_path / "later.mp4")[4][:300]
    assert all(np.abs(a - b).max() > 100 for a, b in pairwise(clocks)), "each tenth of a second"
    before, after = (np.abs(clock - at_one_and_a_half).mean() for clock in clocks[3:5])
    assert after < before / 3, "00:01.5 is what the clock shows after the pause"


def test_a_bar_tells_who_speaks(tmp_path: Path) -> None:
    Renderer("mp4").render(recorded(2, person(0, (1, 2))), tmp_path / "call.mp4")
    bars = [picture[-64:-40, 900:1000].max() for picture in pictures(tmp_path / "call.mp4")]
    assert max(bars[:8]) < 100
    assert min(bars[8:]) > 150


def test_a_voice_goes_on_evenly_from_scene_to_scene(tmp_path: Path) -> None:
    guests = (person(voice, present=((voice * 0.375, 4),)) for voice in (1, 2, 3))
    found = file_of(recorded(4, person(0, (0, 4)), *guests), tmp_path, Renderer("wav"))
    assert np.abs(np.diff(found.samples[0])).max() < 0.06, "a splice would click"


def count_of_tiles(picture: NDArray[np.uint8]) -> int:
    """Count the rectangles that are brighter than the black between them."""
    bright = picture.reshape(135, 8, 240, 8).mean(axis=(1, 3)) > 14
    rows = runs(bright.any(axis=1))
    return sum(len(runs(bright[first:end].any(axis=0))) for first, end in rows)


def runs(line: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(np.int8), [0]))))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]
