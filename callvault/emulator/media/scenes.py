"""A timeline as scenes, within which presence and speech do not change."""

from collections.abc import Iterator
from typing import NamedTuple

from callvault.emulator.media.timeline import Attendee, Span, Spans, Timeline

MAX_SHOWN = 9
"""The service shows three by three."""


class Scene(NamedTuple):
    """At most one second of a recording."""

    span: Span
    shown: tuple[Attendee, ...]
    """The most active speakers, in the order in which they first joined."""
    speaking: tuple[Attendee, ...]
    """Shown or not."""


def scenes(timeline: Timeline) -> Iterator[Scene]:
    """Yield the scenes of the recorded spans, in order."""
    presence = _PresenceTracker(timeline.attendees)
    for span in timeline.recorded:
        first = span.first
        while first < span.end:
            presence.move_to(first)
            end = min(span.end, first + timeline.fps, presence.next_change(span.end))
            yield Scene(Span(first, end), presence.shown, presence.speaking)
            first = end


class _Edge(NamedTuple):
    """A change of presence or speech; sorts by time, at one frame ends before beginnings."""

    frame: int
    begins: bool
    is_speech: bool
    who: int


class _PresenceTracker:
    """The participants present and speaking at a frame, which moves forward."""

    shown: tuple[Attendee, ...] = ()
    speaking: tuple[Attendee, ...] = ()

    def __init__(self, attendees: tuple[Attendee, ...]) -> None:
        self._attendees = attendees
        self._edges = _edges(attendees)
        self._passed = 0
        self._present: set[int] = set()
        self._speaking: set[int] = set()
        self._last_spoke: dict[int, int] = {}

    def next_change(self, default: int) -> int:
        return self._edges[self._passed].frame if self._passed < len(self._edges) else default

    def move_to(self, frame: int) -> None:
        passed = self._passed
        while self.next_change(frame + 1) <= frame:
            self._pass(self._edges[self._passed])
        if passed != self._passed:
            self.speaking = tuple(self._attendees[who] for who in sorted(self._speaking))
            self.shown = tuple(self._attendees[who] for who in self._most_active())

    def _pass(self, edge: _Edge) -> None:
        self._passed += 1
        members = self._speaking if edge.is_speech else self._present
        if edge.begins:
            members.add(edge.who)
        else:
            members.discard(edge.who)
        if edge.is_speech:
            self._last_spoke[edge.who] = edge.frame

    def _most_active(self) -> list[int]:
        """Rank the present: those speaking, then by last speech, then by joining."""
        ranked = sorted(
            self._present,
            key=lambda who: (who not in self._speaking, -self._last_spoke.get(who, -1), who),
        )
        return sorted(ranked[:MAX_SHOWN])


def _edges(attendees: tuple[Attendee, ...]) -> list[_Edge]:
    edges: list[_Edge] = []
    for who, attendee in enumerate(attendees):
        edges += _borders(attendee.present, False, who) + _borders(attendee.speaking, True, who)
    return sorted(edges)


def _borders(spans: Spans, is_speech: bool, who: int) -> list[_Edge]:
    begins = [_Edge(span.first, True, is_speech, who) for span in spans]
    return begins + [_Edge(span.end, False, is_speech, who) for span in spans]
