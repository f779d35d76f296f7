"""What happened during a recording, on the grid of its frames: all that a rendering depends on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Span(NamedTuple):
    """Frames from ``first`` up to, but not including, ``end``."""

    first: int
    end: int

    def __contains__(self, frame: object) -> bool:
        return isinstance(frame, int) and self.first <= frame < self.end


Spans = tuple[Span, ...]


def covers(spans: Spans, frame: int) -> bool:
    return any(frame in span for span in spans)


@dataclass(frozen=True, slots=True)
class Attendee:
    """One participant, as far as the recording could see and hear them."""

    raw_id: str
    display_name: str
    voice: int
    present: Spans
    speaking: Spans


@dataclass(frozen=True, slots=True)
class Timeline:
    """A recording from its first active moment to its end, pauses included.

    Frame 0 is the moment the recording became active; frames count call time, so the paused ones
    are in the numbering but not in ``recorded``.
    """

    fps: int
    origin: datetime
    call_seconds_before: float
    """How long the call had lasted at frame 0."""
    attendees: tuple[Attendee, ...]
    recorded: Spans
    paused: Spans

    def frames(self) -> Iterator[int]:
        for span in self.recorded:
            yield from range(*span)

    @property
    def end(self) -> int:
        """The first frame after the recording."""
        return max((span.end for span in (*self.recorded, *self.paused)), default=0)

    @property
    def duration_ms(self) -> int:
        """Length of the media, pauses not counted."""
        return self.milliseconds(sum(span.end - span.first for span in self.recorded))

    def milliseconds(self, frames: int) -> int:
        return round(frames * 1000 / self.fps)


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """Snaps moments to the nearest frame, so that the order of events always survives."""

    origin: datetime
    end: datetime
    fps: int

    def frame(self, moment: datetime) -> int:
        inside = min(max(moment, self.origin), self.end)
        return round((inside - self.origin).total_seconds() * self.fps)

    def spans(self, moments: Iterable[tuple[datetime, datetime]]) -> Spans:
        snapped = (Span(self.frame(start), self.frame(end)) for start, end in moments)
        return tuple(span for span in snapped if span.first < span.end)

    def without(self, gaps: Spans) -> Spans:
        """All of the grid but ``gaps``, which are in order and do not overlap."""
        starts = (0, *(gap.end for gap in gaps))
        ends = (*(gap.first for gap in gaps), self.frame(self.end))
        pieces = (Span(*piece) for piece in zip(starts, ends, strict=True))
        return tuple(piece for piece in pieces if piece.first < piece.end)
