"""From a timeline to chunks and their files: complete, playable, none larger than allowed."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from callvault.emulator.media.scenes import scenes
from callvault.emulator.media.timeline import Timeline

if TYPE_CHECKING:
    from callvault.emulator.media.writers import Writer


_SPARE_SCENES = {"wav": 1, "mp3": 2, "mp4": 2}
"""Room kept in a file, in largest scenes so far, since encoders hold some of a scene back."""


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
"""Records a chunk, given its index and its longest timeline; returns the frames that fitted, at
least one."""


class Abandoned(Exception):
    """The emulator stops, so that the file is not needed."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """Writer of a recording's files, in some 90 MiB of memory at any length."""

    container: str
    """``mp4``, ``mp3`` or ``wav``."""
    channels: tuple[str | None, ...] | None = None
    """Raw ids by channel, of an unmixed recording; None where all are mixed."""
    max_bytes: int | None = None
    abandoned: Callable[[], bool] = lambda: False

    def render(self, timeline: Timeline, path: Path) -> int:
        """Write as much of the timeline as fits into one file; return its frames of media."""
        frames = self._write(timeline, path)
        while self.max_bytes is not None and path.stat().st_size > self.max_bytes:
            # An estimate was exceeded, by a picture far more complex than those before it.
            frames = self._write(timeline.cut(0, self._less(frames, timeline.fps)), path)
        return frames

    def _write(self, timeline: Timeline, path: Path) -> int:
        try:
            with closing(self._open(timeline, path)) as writer:
                return self._fill(writer, timeline)
        except BaseException:
            # A half-written file must not be taken for a recording after a restart.
            path.unlink(missing_ok=True)
            raise

    def _fill(self, writer: "Writer", timeline: Timeline) -> int:
        frames = 0
        largest = writer.bytes_per_second
        for scene in scenes(timeline):
            if self.abandoned():
                raise Abandoned
            before = writer.size
            # One scene at least, or the next chunk would begin where this one does.
            if frames and self._is_full(before, largest):
                break
            writer.write(scene)
            largest = max(largest, writer.size - before)
            frames += scene.span.length
        return frames

    def _is_full(self, size: int, largest_scene: int) -> bool:
        spare = _SPARE_SCENES[self.container] * largest_scene
        return self.max_bytes is not None and size + spare > self.max_bytes

    def _less(self, frames: int, fps: int) -> int:
        if frames == 1:
            raise ChunkTooSmall(
                f"max_chunk_bytes is {self.max_bytes}, and not even one frame "
                f"of {self.container} fits into that: raise it"
            )
        return frames - fps if frames > fps else frames // 2

    def _open(self, timeline: Timeline, path: Path) -> "Writer":
        from callvault.emulator.media.writers import Mp3Writer, Mp4Writer, WavWriter

        if self.container == "wav":
            return WavWriter(path, timeline, self.channels)
        return Mp4Writer(path, timeline) if self.container == "mp4" else Mp3Writer(path, timeline)


def chunks(timeline: Timeline, longest: int | None, record: Record) -> Iterator[Chunk]:
    """Yield each chunk once it is recorded; ``longest`` limits its frames of media."""
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
