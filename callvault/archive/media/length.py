"""The length of a file by its own account, and what it leaves open."""

from dataclasses import dataclass
from typing import BinaryIO

from callvault.archive.media.mp3 import bit_rates, has_length_header, tag_size
from callvault.archive.media.seekable import SPOT, spots
from callvault.archive.media.streams import Streams
from callvault.archive.media.wav import wav_length
from callvault.contracts.media import FormatType


@dataclass(frozen=True, slots=True)
class Lengths:
    """The time that a file plays, and if all of it is there, as far as it tells."""

    known_ms: tuple[float, ...]
    """Lengths of the container, the sound and the pictures, or of the bytes that are there."""
    is_declared: bool
    """False where the file does not say it; what is known then comes from its bytes."""
    is_whole: bool
    """False where the file's own account of its sizes does not agree with what there is."""


def lengths_of(
    file: BinaryIO, size: int, container: FormatType | None, streams: Streams
) -> Lengths:
    """Find out how long an open file of ``size`` bytes plays."""
    known = tuple(streams.durations_ms)
    is_whole = not (streams.is_truncated or streams.bytes_needed > size)
    if container is FormatType.WAV and (wav := wav_length(file, size)):
        # not the parser's word: for it a size that was left open is one that is not reached
        if wav.duration_ms is not None:
            known = (wav.duration_ms,)
        elif wav.is_open:
            known = ()  # what the parser makes of that size may be no length, or an absurd one
        return Lengths(known, bool(known) and not wav.is_open, wav.is_whole)
    if container is FormatType.MP3 and not _declares_length(file, size):
        return Lengths((), is_declared=False, is_whole=is_whole)  # what the parser says is a guess
    return Lengths(known, bool(known), is_whole)


def _declares_length(file: BinaryIO, size: int) -> bool:
    """Tell if an mp3 says how long it is, or has one bit rate, so that its size says it."""
    file.seek(0)
    file.seek(tag_size(file.read(10)))
    return (
        has_length_header(file.read(SPOT))
        or len(bit_rates(spot for _, spot in spots(file, size))) <= 1
    )
