"""How a recording becomes chunks: as much as fits into a file, then the next one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

from callvault.emulator.media.timeline import Timeline


class EndReason(StrEnum):
    """``endReason`` of a chunk."""

    SESSION_ENDED = "SessionEnded"
    MAXIMUM_SIZE = "ChunkMaximumSizeExceeded"
    MAXIMUM_TIME = "ChunkMaximumTimeExceeded"


class ChunkTooSmall(ValueError):
    """Not even one frame fits into the largest chunk that is allowed."""


@dataclass(frozen=True, slots=True)
class Chunk:
    index: int
    timeline: Timeline
    end_reason: EndReason


Record = Callable[[int, Timeline], int]
"""Takes the index of a chunk and the longest that it may become, records of it as much as fits,
at least one frame, and answers how many frames of media that was."""


def chunks(timeline: Timeline, longest: int | None, record: Record) -> Iterator[Chunk]:
    """Each chunk once it is recorded; ``longest`` is the most frames of media it may have."""
    start = 0
    for index in count():
        offered = timeline.cut(start, min(start + (longest or timeline.length), timeline.length))
        length = record(index, offered)
        start += length
        yield Chunk(index, offered.cut(0, length), _reason(length, offered, start, timeline))
        if start == timeline.length:
            return


def _reason(length: int, offered: Timeline, end: int, timeline: Timeline) -> EndReason:
    if end == timeline.length:
        return EndReason.SESSION_ENDED
    return EndReason.MAXIMUM_SIZE if length < offered.length else EndReason.MAXIMUM_TIME
