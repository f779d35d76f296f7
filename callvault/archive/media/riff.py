"""The parts of a wav that are read: the description of its samples, and where these lie."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from callvault.archive.media.seekable import open_ranges

PCM, EXTENSIBLE = 0x0001, 0xFFFE
"""Codes of plain samples, in the chunk that describes them."""

_MAX_CHUNKS = 64
"""Chunks before the samples that are looked at; there are one to three."""

_DESCRIPTION_BYTES = 16

_SIZES_OFFSET = 20
"""Byte of an RF64 at which its sizes of 64 bits stand: of the whole, then of the samples
(EBU Tech 3306). Their chunk, ``ds64``, is the first one."""

_SEE_DS64 = 0xFFFFFFFF
"""What an RF64 has in place of a size that stands in its first chunk."""

_OPEN_SIZES = (
    range(1),
    range(0x7FFFF000, 0x80000001),
    range(0xFFFFF000, 0x100000000),
)
"""Sizes that mean "as much as comes": 0, the largest, or the largest less the header. Programs that
write a wav as a stream leave them open."""

_OPEN_SIZES_64 = (range(1), range(2**64 - 1, 2**64))
"""The same in an RF64, whose sizes are as many as 64 bits can say."""


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
    is_rf64: bool = False
    """True if its sizes have 64 bits."""

    @property
    def is_open(self) -> bool:
        """True if the header does not say how many samples there are."""
        sizes = _OPEN_SIZES_64 if self.is_rf64 else _OPEN_SIZES
        return self.stated != self.there and any(self.stated in each for each in sizes)

    @property
    def size(self) -> int:
        """Bytes of the samples that are there; others may follow them."""
        return self.there if self.is_open else min(self.stated, self.there)


def riff_samples(file: BinaryIO, size: int) -> RiffSamples | None:
    """Read the header of a file of ``size`` bytes; None where it is neither RIFF nor RF64."""
    file.seek(0)
    head = file.read(_SIZES_OFFSET + 16)
    is_rf64 = head[:4] == b"RF64" and head[12:16] == b"ds64"
    if head[:4] != b"RIFF" and not is_rf64:
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
            if is_rf64 and length in {0, _SEE_DS64}:
                length = int.from_bytes(head[_SIZES_OFFSET + 8 :], "little")
            return RiffSamples(description, offset, length, max(size - offset, 0), is_rf64)
        if kind == b"fmt ":
            description = file.read(_DESCRIPTION_BYTES)
        offset += length + length % 2
    return None


def with_sizes(file: BinaryIO, size: int) -> BinaryIO:
    """Return an RF64 that was written as a stream as if its header told what is there.

    Any other file is returned as it is. The media parser finds no sound where these sizes are 0.
    """
    samples = riff_samples(file, size)
    if samples is None or not samples.is_rf64 or not samples.is_open:
        return file
    told = {
        4: struct.pack("<I", _SEE_DS64),
        _SIZES_OFFSET: struct.pack("<QQ", size - 8, samples.there),
        samples.offset - 4: struct.pack("<I", _SEE_DS64),
    }

    def read(offset: int, length: int) -> bytes:
        file.seek(offset)
        data = bytearray(file.read(length))
        for at, number in told.items():
            for place, byte in enumerate(number, at - offset):
                if 0 <= place < len(data):
                    data[place] = byte
        return bytes(data)

    return open_ranges(read, size)
