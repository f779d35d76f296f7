"""A media file read with PyAV, and its voices, by their frequencies."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from callvault.emulator.media.timeline import fundamental

RATE = 16_000
HALF_SECOND = RATE // 2
AUDIBLE, INAUDIBLE = 0.05, 0.02

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """A completely decoded file."""

    codecs: tuple[str, ...]
    size: tuple[int, int] | None
    frame_rate: Fraction | None
    stamps: tuple[Fraction, ...]
    """Times of all pictures, in seconds."""
    samples: Samples
    """Samples: one row per channel, between -1 and 1, at the file's own rate."""
    rate: int

    @property
    def seconds(self) -> float:
        """Length of the sound, in seconds."""
        return self.samples.shape[1] / self.rate

    def heard(self, channel: int = 0, voices: int = 9) -> set[int]:
        """Return the voices that are on a channel."""
        levels = {v: loudness(self.samples[channel], fundamental(v)) for v in range(voices)}
        unclear = {v: level for v, level in levels.items() if INAUDIBLE <= level <= AUDIBLE}
        assert not unclear, f"neither heard nor absent: {unclear}"
        return {voice for voice, level in levels.items() if level > AUDIBLE}


def probe(path: Path) -> Probe:
    with av.open(path) as container:
        video = next(iter(container.streams.video), None)
        audio = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        stamps, sound = [], []
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                assert frame.pts is not None
                stamps.append(frame.pts * frame.time_base)
            elif isinstance(frame, av.AudioFrame):
                sound += [part.to_ndarray() for part in resampler.resample(frame)]
        return Probe(
            codecs=tuple(stream.codec_context.name for stream in container.streams),
            size=(video.width, video.height) if video else None,
            frame_rate=video.average_rate if video else None,
            stamps=tuple(stamps),
            samples=np.hstack(sound).astype(np.float64),
            rate=audio.rate,
        )


def loudness(samples: Samples, hertz: float) -> float:
    """Return the greatest amplitude at one frequency within any half second.

    Not of the whole: across a cut-out pause a voice goes on with another phase and can cancel out.
    """
    starts = range(0, max(1, samples.size - HALF_SECOND // 2), HALF_SECOND // 2)
    return max(_amplitude(samples[start : start + HALF_SECOND], hertz) for start in starts)


def _amplitude(samples: Samples, hertz: float) -> float:
    window = np.hanning(samples.size)
    turn = np.exp(-2j * np.pi * hertz * np.arange(samples.size) / RATE)
    return float(2 * abs(np.sum(samples * window * turn)) / np.sum(window))
