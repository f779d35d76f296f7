"""The length that a wav tells of itself."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from callvault.archive.media.riff import EXTENSIBLE, PCM, RiffSamples, riff_samples

_A_LAW, _MU_LAW = 0x0006, 0x0007
"""Codes of samples of one byte each (ITU-T G.711)."""

_OF_CONSTANT_RATE = frozenset({PCM, EXTENSIBLE, _A_LAW, _MU_LAW})


@dataclass(frozen=True, slots=True)
class WavLength:
    """What the header says about the length, and what there is."""

    samples: RiffSamples

    @property
    def is_open(self) -> bool:
        """True if the header does not say how many samples there are."""
        return self.samples.is_open

    @property
    def is_whole(self) -> bool:
        """True if there are as many bytes as stated; others may follow."""
        return self.is_open or self.samples.stated <= self.samples.there

    @property
    def duration_ms(self) -> float | None:
        """Length of the samples that are there; None where their bytes do not tell it."""
        if self.samples.size == 0:
            return 0.0
        rate = _byte_rate(self.samples.description)
        return self.samples.size / rate * 1000 if rate else None


def wav_length(file: BinaryIO, size: int) -> WavLength | None:
    """Read the header of a wav; None where it has no samples."""
    samples = riff_samples(file, size)
    return None if samples is None else WavLength(samples)


def _byte_rate(described: bytes) -> int | None:
    if len(described) < 16:
        return None
    code, _, _, rate = struct.unpack_from("<HHII", described)
    return rate if code in _OF_CONSTANT_RATE and rate else None
