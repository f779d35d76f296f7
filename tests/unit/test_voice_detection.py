"""Does the ear of the machine hear every frame of a voice, and nobody who is not there?"""

from pathlib import Path

import pytest

from callvault.cli.demo.voice_detection import MIN_AMPLITUDE, DetectedVoice, detect_voices
from callvault.emulator.media.render import Renderer
from callvault.emulator.media.timeline import fundamental
from tests.emulator.timelines import Seconds, person, recorded

FRAME = 1 / 8


def detected(
    directory: Path, *speaking: tuple[Seconds, ...], container: str = "mp4", paused: Seconds
) -> list[DetectedVoice]:
    """Two seconds of a call, each voice speaking when it is said to."""
    people = [person(voice, *each) for voice, each in enumerate(speaking)]
    path = directory / f"call.{container}"
    Renderer(container).render(recorded(2, *people, paused=(paused,)), path)
    content = path.read_bytes()
    voices = {str(voice): fundamental(voice) for voice in range(len(speaking))}
    return list(detect_voices(content, voices).values())


@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_one_frame_of_a_voice_is_heard_in_every_format(tmp_path: Path, container: str) -> None:
    """Beside the nearest other voice, which speaks all the time."""
    said = (((0.0, 2.0),), ((1.0, 1.0 + FRAME),))
    ana, ben = detected(tmp_path, *said, container=container, paused=(1.5, 1.75))
    assert ana.seconds >= 1.5
    assert 1 <= len(ben.windows) <= 3
    assert ben.loudest > 2 * MIN_AMPLITUDE


@pytest.mark.parametrize("container", ["mp4", "mp3", "wav"])
def test_who_spoke_in_a_pause_only_is_not_heard(tmp_path: Path, container: str) -> None:
    said = (((0.0, 2.0),), ((0.5, 1.5),))
    ana, ben = detected(tmp_path, *said, container=container, paused=(0.5, 1.5))
    assert ana.windows
    assert (ben.windows, ben.loudest < MIN_AMPLITUDE / 1.25) == ((), True)


def test_silence_is_silent(tmp_path: Path) -> None:
    (ana,) = detected(tmp_path, (), paused=(0.5, 1.5))
    assert (ana.windows, ana.loudest < 0.001) == ((), True)
