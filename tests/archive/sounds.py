"""Sounds for tests, encoded as mp3."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

RATE = 16_000
VARIABLE = {"global_quality": str(118 * 4), "flags": "+qscale"}
AVERAGE = {"abr": "1"}
CONSTANT: dict[str, str] = {}
SPOKEN = "stnstns"
"""Seconds of silence, tone and noise."""


@cache
def mp3(options: tuple[tuple[str, str], ...], heard: str, *, xing: bool, tagged: bool) -> bytes:
    """Encode a second of sound for each letter."""
    told = {"write_xing": str(int(xing)), "id3v2_version": "3" if tagged else "0"}
    dice, time = np.random.default_rng(1), np.arange(RATE) / RATE
    sounds = {
        "s": np.zeros(RATE),
        "t": 8_000 * np.sin(880 * np.pi * time),
        "n": dice.normal(0, 6_000, RATE),
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sound.mp3"
        with av.open(path, "w", format="mp3", options=told) as container:
            stream = container.add_stream("mp3", RATE, layout="mono", options=dict(options))
            if dict(options) != VARIABLE:
                stream.bit_rate = 32_000
            for number, letter in enumerate(heard):
                samples = sounds[letter].astype(np.int16)[None, :]
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, number * RATE
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def encoded(
    options: dict[str, str], heard: str = SPOKEN * 3, *, xing: bool = False, tagged: bool = False
) -> bytes:
    return mp3(tuple(options.items()), heard, xing=xing, tagged=tagged)
