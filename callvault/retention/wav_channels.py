"""One channel of a wav made silent: pure work on bytes, piece by piece."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from callvault.archive.media.pcm import pcm_shape
from callvault.archive.media.riff import riff_samples
from callvault.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Samples:
    """The place and the form of a file's samples."""

    offset: int
    channels: int
    width: int
    """Bytes of one sample of one channel."""
    size: int
    """Bytes of all samples that are there; something else may follow them."""

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return self.channels * self.width

    def require(self, channel: int) -> None:
        """Raise `InvalidRequest` where there is no channel of this number, counted from 0."""
        if not 0 <= channel < self.channels:
            raise InvalidRequest(f"it has {self.channels} channels, and none of number {channel}")


def samples_of(file: BinaryIO, size: int) -> Samples:
    """Read the header of a wav; `InvalidRequest` where its samples are no PCM, or not found."""
    found = riff_samples(file, size)
    if found is None:
        raise InvalidRequest("it is no wav: none of its channels can be made silent alone")
    if (shape := pcm_shape(found.description)) is None:
        raise InvalidRequest("its samples are compressed: no channel can be made silent alone")
    _, channels, width = shape
    return Samples(found.offset, channels, width, found.size)


def silenced(pieces: Iterable[bytes], samples: Samples, channel: int) -> Iterator[bytes]:
    """Yield the file with this channel, counted from 0, made silent; all else is as it was."""
    samples.require(channel)
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
        end = samples.offset + samples.size - offset
        places = range(place, min(len(piece), end), samples.frame)
        # 8-bit samples are unsigned: their silence is the middle.
        silence = (b"\x80" if samples.width == 1 else b"\0") * len(places)
        if places:
            piece[places.start : places[-1] + 1 : samples.frame] = silence
