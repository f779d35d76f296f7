"""The length that a wav tells of itself."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from callvault.archive.media.riff import EXTENSIBLE, PCM, RiffSamples, riff_samples


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
        """Length of the samples that are there; None where they are compressed or not described."""
        rate = _byte_rate(self.samples.description)
        return self.samples.size / rate * 1000 if rate else None


def wav_length(file: BinaryIO, size: int) -> WavLength | None:
    """Read the header of a RIFF file; None where it has no samples, or is no plain RIFF file."""
    samples = riff_samples(file, size)
    return None if samples is None else WavLength(samples)


def _byte_rate(described: bytes) -> int | None:
    if len(described) < 16:
        return None
    code, _, _, rate = struct.unpack_from("<HHII", described)
    return rate if code in {PCM, EXTENSIBLE} and rate else None
