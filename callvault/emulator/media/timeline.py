"""The events of a recording on the grid of its frames: the whole input of a rendering."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

_LOWEST_VOICE = 150.0
_VOICE_STEP, _VOICES = 17, 149
_LOWEST_TONE, _TONE_STEP, _TONES = 200.0, 40, 24


def fundamental(voice: int) -> float:
    """Return the fundamental frequency of a voice, in hertz.

    Participant ``n`` of a call (0 is the first who joined) speaks at ``150 + (17 * n) % 149`` Hz:
    150, 167, 184, 201, 218, 235, 252, 269, 286, … All lie within one octave, so no overtone of one
    voice falls on the fundamental of another: one look at one frequency tells whether they speak.
    """
    return _LOWEST_VOICE + (_VOICE_STEP * voice) % _VOICES


def tone_of(voice: int) -> float:
    """Return the frequency by which a voice that tells the time says who speaks, in hertz."""
    return _LOWEST_TONE + _TONE_STEP * (voice % _TONES)


class Span(NamedTuple):
    """Frames from ``first`` up to, but not including, ``end``."""

    first: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.first


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Attendee:
    """One participant, as seen and heard by the recording."""

    raw_id: str
    display_name: str
    voice: int
    present: Spans
    speaking: Spans
    tells_time: bool = False
    """The voice tells the time; see `dated.py`."""


@dataclass(frozen=True)
class Timeline:
    """A recording, or one chunk of it, pauses included.

    Frame 0 is the moment the recording became active; frames count call time, so the paused ones
    are in the numbering but not in ``recorded``. Where pauses are not counted, it says *media*.
    """

    fps: int
    origin: datetime
    """The moment of frame 0, in a later chunk too."""
    call_seconds_before: float
    """Length of the call at frame 0."""
    attendees: tuple[Attendee, ...]
    recorded: Spans
    paused: Spans
    media_before: int = 0
    """Frames of media in the chunks before this one."""

    @property
    def first(self) -> int:
        return min((span.first for span in (*self.recorded, *self.paused)), default=0)

    @property
    def end(self) -> int:
        """The first frame afterwards."""
        return max((span.end for span in (*self.recorded, *self.paused)), default=0)

    @cached_property
    def length(self) -> int:
        """Frames of media."""
        return sum(span.length for span in self.recorded)

    @property
    def duration_ms(self) -> int:
        """Length of the media; those of all chunks add up to that of the recording exactly."""
        after = self.media_before + self.length
        return self.milliseconds(after) - self.milliseconds(self.media_before)

    def milliseconds(self, frames: int) -> int:
        return round(frames * 1000 / self.fps)

    def moment(self, frame: int) -> datetime:
        return self.origin + timedelta(seconds=frame / self.fps)

    def cut(self, first: int, end: int) -> "Timeline":
        """Cut out the media frames from ``first`` up to ``end``; a pause goes with those before."""
        starts = self.first if first == 0 else self._frame(first)
        ends = self.end if end >= self.length else self._frame(end)
        return replace(
            self,
            recorded=within(self.recorded, Span(starts, ends)),
            paused=tuple(span for span in self.paused if starts <= span.first < ends),
            media_before=self.media_before + first,
        )

    def _frame(self, media_frame: int) -> int:
        """Find the frame of the call that became this frame of the media."""
        left = media_frame
        for span in self.recorded:
            if left < span.length:
                return span.first + left
            left -= span.length
        raise IndexError(f"there is no frame {media_frame} among the {self.length} recorded")


def within(spans: Spans, limits: Span) -> Spans:
    """Clip ``spans`` to ``limits``."""
    clipped = (Span(max(s.first, limits.first), min(s.end, limits.end)) for s in spans)
    return tuple(span for span in clipped if span.length > 0)


@dataclass(frozen=True, slots=True)
class FrameGrid:
    """The grid that snaps moments to the nearest frame and so keeps the order of events."""

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
        """Return the spans between ``gaps``, which are in order and do not overlap."""
        starts = (0, *(gap.end for gap in gaps))
        ends = (*(gap.first for gap in gaps), self.frame(self.end))
        pieces = (Span(*piece) for piece in zip(starts, ends, strict=True))
        return tuple(piece for piece in pieces if piece.first < piece.end)
