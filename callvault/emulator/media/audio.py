"""The sound of a scene: all voices mixed, or each participant on a channel of their own."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from callvault.emulator.media.dated import dated
from callvault.emulator.media.scenes import Scene
from callvault.emulator.media.timeline import Attendee, Span, fundamental
from callvault.emulator.settings import SAMPLE_RATE

Samples = NDArray[np.float32]
Pcm = NDArray[np.int16]

BYTES_PER_SAMPLE = 2

_OVERTONES = ((1, 0.6), (2, 0.25), (3, 0.15))
_SYLLABLES_PER_SECOND = 4.0
_LOUDNESS = 0.25
"""Of one voice; four may speak at once before the mix is clipped."""


def mixed(scene: Scene, fps: int) -> Pcm:
    """Mix all voices of a scene into mono."""
    samples = np.zeros(scene.span.length * SAMPLE_RATE // fps, np.float32)
    for attendee in scene.speaking:
        samples += _spoken(attendee, scene.span, fps)
    return _pcm(samples)


def separate(scene: Scene, fps: int, channels: tuple[str | None, ...]) -> Pcm:
    """Put each voice into its column; ``channels`` has the raw id of each, None for silence."""
    count = scene.span.length * SAMPLE_RATE // fps
    voices = np.zeros((count, max(1, len(channels))), np.float32)
    for attendee in scene.speaking:
        if attendee.raw_id in channels:
            channel = channels.index(attendee.raw_id)
            voices[:, channel] = _spoken(attendee, scene.span, fps)
    return _pcm(voices)


def _spoken(attendee: Attendee, span: Span, fps: int) -> Samples:
    """Synthesize a voice, between -1 and 1, as a function of call time alone."""
    samples_per_frame = SAMPLE_RATE // fps
    if attendee.tells_time:
        return dated(attendee.voice, span.first * samples_per_frame, span.end * samples_per_frame)
    start = span.first * samples_per_frame % SAMPLE_RATE
    return _two_seconds(attendee.voice)[start : start + span.length * samples_per_frame]


@lru_cache(maxsize=64)
def _two_seconds(voice: int) -> Samples:
    """Synthesize two seconds of a voice, of which each whole second is cut."""
    # All frequencies are whole numbers of hertz, so that each second sounds like the one before.
    turn = 2 * np.pi * np.arange(2 * SAMPLE_RATE, dtype=np.float64) / SAMPLE_RATE
    pitch = fundamental(voice)
    tone = sum(share * np.sin(turn * pitch * multiple) for multiple, share in _OVERTONES)
    syllables = 0.7 - 0.3 * np.cos(turn * _SYLLABLES_PER_SECOND)
    spoken: Samples = (tone * syllables).astype(np.float32)
    return spoken


def _pcm(samples: Samples) -> Pcm:
    pcm: Pcm = (np.clip(samples * _LOUDNESS, -1, 1) * 32_767).astype(np.int16)
    return pcm
