"""An archived file by ear: who speaks in each tick of it, and when that was.

Written from docs/listening.md, and not from the emulator's code: a voice is a tone of its own,
and three tones for the digits of the tick's number since the recording became active.
"""

import io
import wave
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TICK = 0.025
"""Seconds."""
CYCLE = 4096
"""Ticks after which the numbers begin anew."""

_BIN = 40
"""Hertz from one tone to the next."""
_FIRST_VOICE, _VOICES = 200 // _BIN, 24
_FIRST_DIGIT, _BASE, _DIGITS, _GROUP = 1200 // _BIN, 16, 3, 800 // _BIN
_AUDIBLE = 0.03
"""Amplitude of a tone; a voice has four of 0.06."""
_CLEAR = 3
"""Times that a digit is louder than any other of its group; loud mixes are clipped a little."""

Bins = NDArray[np.float64]


class NotAudible(ValueError):
    """The file holds something else than voices that tell the time."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One tick of a file in which somebody speaks."""

    tick: int
    """Number since the recording became active, paused ticks included."""
    voices: frozenset[int]
    """Who speaks, by the order of joining."""

    @property
    def seconds(self) -> float:
        """The beginning of the tick, in seconds since the recording became active."""
        return self.tick * TICK


def hear(file: bytes) -> list[Heard]:
    """Listen to a wav, mixed or unmixed; ticks of silence are left out.

    A file is taken to begin within the first cycle of its recording.
    """
    return [
        Heard(number, voices)
        for voices, number in _unwound([*map(_understood, _amplitudes(file))])
        if voices
    ]


def _amplitudes(file: bytes) -> NDArray[np.float64]:
    """Return the amplitude of each multiple of 40 Hz by tick, the loudest of all channels."""
    with wave.open(io.BytesIO(file)) as sound:
        rate, channels = sound.getframerate(), sound.getnchannels()
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
    each = rate // _BIN
    whole = samples.reshape(-1, channels)[: len(samples) // channels // each * each]
    spectrum = np.fft.rfft(whole.reshape(-1, each, channels), axis=1)
    loudest: NDArray[np.float64] = np.abs(spectrum).max(axis=2) * 2 / each
    return loudest


def _understood(bins: Bins) -> tuple[frozenset[int], int]:
    """Return who speaks, and the number of the tick within its cycle; nobody in silence."""
    spoken = bins[_FIRST_VOICE : _FIRST_VOICE + _VOICES] > _AUDIBLE
    voices = frozenset(int(voice) for voice in np.flatnonzero(spoken))
    if not voices:
        if bins.max(initial=0.0) > _AUDIBLE:
            raise NotAudible("there is a sound that is no voice which tells the time")
        return voices, 0
    return voices, _number(bins)


def _number(bins: Bins) -> int:
    number = 0
    for group in range(_DIGITS):
        first = _FIRST_DIGIT + _GROUP * group
        *_, second, loudest = np.sort(bins[first : first + _BASE])
        if loudest < max(_AUDIBLE, _CLEAR * second):
            raise NotAudible("a tick does not say its number")
        number = number * _BASE + int(np.argmax(bins[first : first + _BASE]))
    return number


def _unwound(ticks: list[tuple[frozenset[int], int]]) -> list[tuple[frozenset[int], int]]:
    """Count on where the numbers begin anew; time never runs backwards in a file."""
    unwound, turns, last = [], 0, 0
    for voices, number in ticks:
        if voices and number + turns * CYCLE < last:
            turns += 1
        last = number + turns * CYCLE if voices else last
        unwound.append((voices, last))
    return unwound
