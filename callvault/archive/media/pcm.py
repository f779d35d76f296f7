"""The samples of an uncompressed wav: where they lie, and one channel of them by itself.

Nothing is decoded: a sample is a group of bytes, and stays bit for bit what it was.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from callvault.archive.media.riff import EXTENSIBLE, PCM, riff_samples

_FORMAT = struct.Struct("<HHIIHH")
_HEADER = 44
"""Bytes of the header that `wav_header` writes."""

MAX_CHANNELS = 64
MAX_SAMPLE_BYTES = 8


@dataclass(frozen=True, slots=True)
class PcmLayout:
    """The place and the shape of the samples in a file."""

    offset: int
    """Byte of the first sample."""
    size: int
    """Bytes of whole frames that are there; a frame has one sample of each channel."""
    rate: int
    """Frames each second."""
    channels: int
    sample_bytes: int

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.sample_bytes

    @property
    def frames(self) -> int:
        return self.size // self.frame_bytes

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def pcm_layout(file: BinaryIO, size: int) -> PcmLayout | None:
    """Read the header of an open file of ``size`` bytes; None where it is no wav of plain samples.

    A file that has fewer bytes than its header states has the frames that are there.
    """
    samples = riff_samples(file, size)
    # an RF64 may have more samples than the header of a plain wav can tell of
    is_plain = samples is not None and not samples.is_rf64
    shape = pcm_shape(samples.description) if samples and is_plain else None
    if samples is None or shape is None:
        return None
    rate, channels, width = shape
    whole = samples.size - samples.size % (channels * width)
    return PcmLayout(samples.offset, whole, rate, channels, width) if whole else None


def channel_size(layout: PcmLayout) -> int:
    """Return the bytes of the wav that `one_channel` makes."""
    return _HEADER + layout.frames * layout.sample_bytes


def one_channel(pieces: Iterable[bytes], layout: PcmLayout, channel: int) -> Iterator[bytes]:
    """Yield a wav with the samples of one channel alone, counted from 0.

    ``pieces`` are the file's bytes from `PcmLayout.offset` on. A piece is as long as it comes.
    """
    yield wav_header(layout.rate, layout.sample_bytes, layout.frames)
    left, rest = layout.frames * layout.frame_bytes, b""
    for piece in pieces:
        data = (rest + piece)[: left or 0]
        whole = len(data) - len(data) % layout.frame_bytes
        rest = data[whole:]
        left -= whole
        yield _samples_of(data[:whole], layout, channel)
        if not left:
            return


def wav_header(rate: int, sample_bytes: int, frames: int) -> bytes:
    """Write the header of a wav with one channel of plain samples."""
    size = frames * sample_bytes
    shape = _FORMAT.pack(PCM, 1, rate, rate * sample_bytes, sample_bytes, 8 * sample_bytes)
    return b"".join(
        (
            struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE"),
            struct.pack("<4sI", b"fmt ", len(shape)),
            shape,
            struct.pack("<4sI", b"data", size),
        )
    )


def _samples_of(frames: bytes, layout: PcmLayout, channel: int) -> bytes:
    width = layout.sample_bytes
    found = bytearray(len(frames) // layout.channels)
    for byte in range(width):
        found[byte::width] = frames[channel * width + byte :: layout.frame_bytes]
    return bytes(found)


def pcm_shape(described: bytes) -> tuple[int, int, int] | None:
    """Read rate, channels and bytes of a sample; None where they are not plain samples."""
    if len(described) < _FORMAT.size:
        return None
    code, channels, rate, _, frame_bytes, _ = _FORMAT.unpack(described)
    is_plain = code in {PCM, EXTENSIBLE} and 0 < channels <= MAX_CHANNELS and rate
    if not is_plain or not frame_bytes or frame_bytes % channels:
        return None
    width = frame_bytes // channels
    return (rate, channels, width) if width <= MAX_SAMPLE_BYTES else None
