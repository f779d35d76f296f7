"""Voices that tell the time: each fortieth of a second of a file says who speaks, and since when.

A tick is 25 ms, 400 samples. In each a voice is the sum of four sines of equal loudness, all at
multiples of 40 Hz, so that none leaks into another within a tick:

- one that is the participant's alone, at ``200 + 40 * voice`` Hz, for 24 voices in a call;
- three for the digits of the tick's number since the recording became active, modulo 4,096 (102 s),
  in base 16, the highest first: digit ``d`` of group ``g`` at ``1200 + 800 * g + 40 * d`` Hz.

Paused ticks are numbered, and are not in the file. In frames that hold whole ticks (``fps`` 8, 10,
20 or 40) every tick of a file is whole.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from callvault.emulator.media.timeline import tone_of
from callvault.emulator.settings import SAMPLE_RATE

TICKS_PER_SECOND = 40
SAMPLES_PER_TICK = SAMPLE_RATE // TICKS_PER_SECOND

_SPACING = 40
"""Hertz."""
_LOWEST_DIGIT, _BASE, _DIGITS, _GROUP = 1200, 16, 3, 800
_SHARE = 0.25


def dated(voice: int, first: int, end: int) -> NDArray[np.float32]:
    """Synthesize the samples from ``first`` to ``end``, counted from the recording's beginning."""
    ticks = [
        _tick(int(tone_of(voice)), number % _BASE**_DIGITS)
        for number in range(first // SAMPLES_PER_TICK, -(-end // SAMPLES_PER_TICK))
    ]
    skipped = first % SAMPLES_PER_TICK
    return np.concatenate(ticks)[skipped : skipped + end - first]


def _tick(tone: int, number: int) -> NDArray[np.float32]:
    sound = _sine(tone)
    for group in range(_DIGITS):
        digit = number // _BASE ** (_DIGITS - 1 - group) % _BASE
        sound = sound + _sine(_LOWEST_DIGIT + _GROUP * group + _SPACING * digit)
    return sound


@cache
def _sine(hertz: int) -> NDArray[np.float32]:
    """Synthesize one tick of a tone, of which each tick holds whole waves."""
    turn = 2 * np.pi * np.arange(SAMPLES_PER_TICK) / SAMPLE_RATE
    sine: NDArray[np.float32] = (_SHARE * np.sin(turn * hertz)).astype(np.float32)
    return sine
