"""One channel of a wav made silent: pure work on bytes, piece by piece."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from callvault.errors import InvalidRequest

MAX_HEADER = 65_536
"""Bytes before the samples that are looked at; real files have 44 to some hundred."""

_OPEN = 0x7FFFF000
"""Sizes from here on, and none, stand for "as much as comes"."""

_CODES = {1, 0xFFFE}
"""PCM, plain and in the form that files with several channels may have."""


@dataclass(frozen=True, slots=True)
class Samples:
    """The place and the form of a file's samples."""

    offset: int
    channels: int
    width: int
    """Bytes of one sample of one channel."""
    size: int | None = None
    """Bytes of all samples; None where the header leaves it open, and they end with the file."""

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.width


def samples_of(head: bytes) -> Samples:
    """Read the header of a wav; `InvalidRequest` where its samples are no PCM, or not found."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        raise InvalidRequest("it is no wav: none of its channels can be made silent alone")
    offset, form = 12, None
    while offset + 8 <= len(head):
        kind, length = head[offset : offset + 4], struct.unpack_from("<I", head, offset + 4)[0]
        if kind == b"data" and form is not None:
            is_open = not length or length >= _OPEN
            return Samples(offset + 8, *form, None if is_open else length)
        if kind == b"fmt ":
            form = _form(head[offset + 8 : offset + 24])
        offset += 8 + length + length % 2
    raise InvalidRequest("its samples are not where those of a wav are: nothing was changed")


def silenced(pieces: Iterable[bytes], samples: Samples, channel: int) -> Iterator[bytes]:
    """Yield the file with this channel, counted from 0, made silent; all else is as it was."""
    if not 0 <= channel < samples.channels:
        raise InvalidRequest(f"it has {samples.channels} channels, and none of number {channel}")
    offset = 0
    for piece in pieces:
        changed = bytearray(piece)
        _silence(changed, offset, samples, channel)
        offset += len(piece)
        yield bytes(changed)


def _silence(piece: bytearray, offset: int, samples: Samples, channel: int) -> None:
    for byte in range(samples.width):
        # The first place of this byte of the channel that lies within the piece.
        place = samples.offset + channel * samples.width + byte - offset
        if place < 0:
            place %= samples.frame
        end = len(piece) if samples.size is None else samples.offset + samples.size - offset
        places = range(place, min(len(piece), end), samples.frame)
        # 8-bit samples are unsigned: their silence is the middle.
        silence = (b"\x80" if samples.width == 1 else b"\0") * len(places)
        if places:
            piece[places.start : places[-1] + 1 : samples.frame] = silence


def _form(described: bytes) -> tuple[int, int]:
    if len(described) < 16:
        raise InvalidRequest("the header of the wav is not whole")
    code, channels, _, _, frame, _ = struct.unpack("<HHIIHH", described)
    if code not in _CODES or not channels or frame % channels or not frame:
        raise InvalidRequest("its samples are compressed: no channel can be made silent alone")
    return channels, frame // channels
