"""The sizes that a wav tells: programs that write it as a stream leave them open."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_MAX_CHUNKS = 64
"""Chunks before the samples that are looked at; there are one to three."""

_OPEN_SIZES = (
    range(1),
    range(0x7FFFF000, 0x80000001),
    range(0xFFFFF000, 0x100000000),
)
"""Sizes that mean "as much as comes": 0, the largest, or the largest less the header."""

_PCM, _EXTENSIBLE = 0x0001, 0xFFFE


@dataclass(frozen=True, slots=True)
class WavSizes:
    """What the header says about the samples, and what there is."""

    stated: int
    """Bytes of samples by the header."""
    there: int
    """Bytes from the first sample to the file's end."""
    byte_rate: int | None
    """Bytes for each second; None where the samples are compressed, or nothing is said."""

    @property
    def is_open(self) -> bool:
        """True if the header does not say how many samples there are."""
        return self.stated != self.there and any(self.stated in each for each in _OPEN_SIZES)

    @property
    def is_whole(self) -> bool:
        """True if there are as many bytes as stated; others may follow."""
        return self.is_open or self.stated <= self.there

    @property
    def duration_ms(self) -> float | None:
        """Length of the samples that are there."""
        if not self.byte_rate:
            return None
        return min(self.there, self.there if self.is_open else self.stated) / self.byte_rate * 1000


def wav_sizes(file: BinaryIO, size: int) -> WavSizes | None:
    """Read the header of a RIFF file; None where it has no samples, or is no plain RIFF file."""
    file.seek(0)
    if file.read(4) != b"RIFF":
        return None
    offset, byte_rate = 12, None
    for _ in range(_MAX_CHUNKS):
        file.seek(offset)
        header = file.read(8)
        if len(header) < 8:
            return None
        kind, length = header[:4], int.from_bytes(header[4:], "little")
        if kind == b"data":
            return WavSizes(length, max(size - offset - 8, 0), byte_rate)
        if kind == b"fmt ":
            byte_rate = _byte_rate(file.read(16))
        offset += 8 + length + length % 2
    return None


def _byte_rate(described: bytes) -> int | None:
    if len(described) < 16:
        return None
    code, _, _, rate = struct.unpack_from("<HHII", described)
    return rate if code in {_PCM, _EXTENSIBLE} and rate else None
