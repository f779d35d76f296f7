"""Recorded files examined: their streams, and the voices that are heard in them.

The emulator's participants speak at fundamental frequencies of their own, none of which is an
overtone of another. So a look at that one frequency, eighth of a second by eighth, tells who
speaks. PyAV and NumPy are in the ``media`` extra.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE = 16_000
"""Hertz; the service records sound at this rate."""

WINDOW = 1 / 8
"""Seconds: one frame of the service's pictures. Voices 8 Hz apart can be told from each other."""

MIN_AMPLITUDE = 0.01
"""Least amplitude that counts as heard; a voice of the emulator has 0.06 at its most quiet."""


@dataclass(frozen=True)
class DetectedVoice:
    """One voice in a media file."""

    windows: tuple[int, ...]
    """The windows in which it is heard, counted from the beginning of the file."""
    loudest: float
    """Its highest amplitude in any window, audible or not; 1 is the most a file can hold."""

    @property
    def seconds(self) -> float:
        return len(self.windows) * WINDOW


def detect_voices(content: bytes, voices: Mapping[str, float]) -> dict[str, DetectedVoice]:
    """Find when each voice, given by its frequency in hertz, is heard in a media file."""
    windows = list(_windows(_decoded(content)))
    return {
        name: _detected([_amplitude(w, hertz) for w in windows]) for name, hertz in voices.items()
    }


def _decoded(content: bytes) -> "Samples":
    """Decode all sound of a file into one channel."""
    import av
    import numpy as np

    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    pieces: list[Any] = []
    with av.open(io.BytesIO(content), "r") as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32)
        # None flushes the samples that the resampler still holds.
        for frame in (*container.decode(audio=0), None):
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    return np.concatenate(pieces).astype(np.float32) if pieces else np.zeros(0, np.float32)


def _windows(samples: "Samples") -> Iterator["Samples"]:
    size = int(RATE * WINDOW)
    for start in range(0, len(samples) - size + 1, size):
        yield samples[start : start + size]


def _amplitude(window: "Samples", hertz: float) -> float:
    """Compute the amplitude of one frequency in a window: its Fourier coefficient."""
    import numpy as np

    # Hann's window keeps neighbouring voices from leaking in.
    bell = np.hanning(len(window))
    turn = 2j * np.pi * hertz * np.arange(len(window)) / RATE
    return float(2 * abs((window * bell * np.exp(-turn)).sum()) / bell.sum())


def _detected(amplitudes: list[float]) -> DetectedVoice:
    windows = tuple(n for n, amplitude in enumerate(amplitudes) if amplitude >= MIN_AMPLITUDE)
    return DetectedVoice(windows, max(amplitudes, default=0.0))


@dataclass(frozen=True)
class MediaFacts:
    """A media file's streams in words, and its length."""

    description: str
    seconds: float


def probe(content: bytes) -> MediaFacts:
    """Read the streams and the length of a recording, as a player does."""
    import av

    with av.open(io.BytesIO(content), "r") as container:
        seconds = container.duration / av.time_base if container.duration else 0.0
        words = [
            f"{stream.codec_context.name} {stream.codec_context.width}x"
            f"{stream.codec_context.height} {float(stream.average_rate or 0):g} FPS"
            for stream in container.streams.video
        ] + [
            f"{stream.codec_context.name} {stream.codec_context.sample_rate} Hz "
            f"{stream.codec_context.layout.name}"
            for stream in container.streams.audio
        ]
    return MediaFacts(", ".join(words), seconds)
