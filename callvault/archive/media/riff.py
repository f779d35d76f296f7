"""The parts of a wav that are read: the description of its samples, and where these lie."""

from dataclasses import dataclass
from typing import BinaryIO

PCM, EXTENSIBLE = 0x0001, 0xFFFE
"""Codes of plain samples, in the chunk that describes them."""

_MAX_CHUNKS = 64
"""Chunks before the samples that are looked at; there are one to three."""

_DESCRIPTION_BYTES = 16

_OPEN_SIZES = (
    range(1),
    range(0x7FFFF000, 0x80000001),
    range(0xFFFFF000, 0x100000000),
)
"""Sizes that mean "as much as comes": 0, the largest, or the largest less the header. Programs that
write a wav as a stream leave them open."""


@dataclass(frozen=True, slots=True)
class RiffSamples:
    """The samples of a file, as its header tells of them and as they are there."""

    description: bytes
    """Begin of the chunk ``fmt``; empty where nothing describes the samples."""
    offset: int
    """Byte of the first sample."""
    stated: int
    """Bytes of samples by the header."""
    there: int
    """Bytes from the first sample to the file's end."""

    @property
    def is_open(self) -> bool:
        """True if the header does not say how many samples there are."""
        return self.stated != self.there and any(self.stated in each for each in _OPEN_SIZES)

    @property
    def size(self) -> int:
        """Bytes of the samples that are there; others may follow them."""
        return self.there if self.is_open else min(self.stated, self.there)


def riff_samples(file: BinaryIO, size: int) -> RiffSamples | None:
    """Read the header of a file of ``size`` bytes; None where it is no plain RIFF file."""
    file.seek(0)
    if file.read(4) != b"RIFF":
        return None
    offset, description = 12, b""
    for _ in range(_MAX_CHUNKS):
        file.seek(offset)
        header = file.read(8)
        if len(header) < 8:
            return None
        kind, length = header[:4], int.from_bytes(header[4:], "little")
        offset += 8
        if kind == b"data":
            return RiffSamples(description, offset, length, max(size - offset, 0))
        if kind == b"fmt ":
            description = file.read(_DESCRIPTION_BYTES)
        offset += length + length % 2
    return None
