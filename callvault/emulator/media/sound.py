"""The sound of one frame: everybody mixed, or each participant on a channel of their own."""

import numpy as np
from numpy.typing import NDArray

from callvault.emulator.settings import SAMPLE_RATE

from .timeline import Attendee, Timeline, covers
from .voices import fundamental

Samples = NDArray[np.float32]
Pcm = NDArray[np.int16]

_OVERTONES = ((1, 0.6), (2, 0.25), (3, 0.15))
_SYLLABLES_PER_SECOND = 4.0
_LOUDNESS = 0.25
"""Of one voice; four may speak at once before the mix is clipped."""


def mixed(timeline: Timeline, frame: int) -> Pcm:
    """Mono, one frame long."""
    count = SAMPLE_RATE // timeline.fps
    speaking = [a for a in timeline.attendees if covers(a.speaking, frame)]
    silence = np.zeros(count, np.float32)
    return _pcm(sum((_spoken(a, frame, count) for a in speaking), silence))


def separate(timeline: Timeline, frame: int, channels: tuple[str, ...]) -> Pcm:
    """One column per channel, one frame long; ``channels`` names the raw id of each."""
    count = SAMPLE_RATE // timeline.fps
    voices = np.zeros((count, max(1, len(channels))), np.float32)
    for attendee in timeline.attendees:
        if attendee.raw_id in channels and covers(attendee.speaking, frame):
            voices[:, channels.index(attendee.raw_id)] = _spoken(attendee, frame, count)
    return _pcm(voices)


def _spoken(attendee: Attendee, frame: int, count: int) -> Samples:
    """A synthetic voice, between -1 and 1, as a function of call time alone."""
    sample = np.arange(frame * count, (frame + 1) * count, dtype=np.float64)
    turn = 2 * np.pi * sample / SAMPLE_RATE
    pitch = fundamental(attendee.voice)
    tone = sum(share * np.sin(turn * pitch * multiple) for multiple, share in _OVERTONES)
    syllables = 0.7 - 0.3 * np.cos(turn * _SYLLABLES_PER_SECOND)
    spoken: Samples = (tone * syllables).astype(np.float32)
    return spoken


def _pcm(samples: Samples) -> Pcm:
    pcm: Pcm = (np.clip(samples * _LOUDNESS, -1, 1) * 32_767).astype(np.int16)
    return pcm
