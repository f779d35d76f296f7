"""Timelines for tests, in seconds."""

from datetime import UTC, datetime

from callvault.emulator.media.timeline import Attendee, Span, Timeline

START = datetime(2026, 1, 1, 12, tzinfo=UTC)

Seconds = tuple[float, float]


def recorded(
    seconds: float, *people: Attendee, fps: int = 8, paused: tuple[Seconds, ...] = ()
) -> Timeline:
    """Make the timeline of a recording of this length, pauses included."""
    gaps = tuple(span(*each, fps=fps) for each in paused)
    starts = (0, *(gap.end for gap in gaps))
    ends = (*(gap.first for gap in gaps), round(seconds * fps))
    kept = tuple(Span(*piece) for piece in zip(starts, ends, strict=True) if piece[0] < piece[1])
    return Timeline(fps, START, 0.0, people, kept, gaps)


def person(
    voice: int, *speaking: Seconds, present: tuple[Seconds, ...] = ((0, 100),), fps: int = 8
) -> Attendee:
    return Attendee(
        f"8:acs:{voice}",
        f"Person {voice}",
        voice,
        tuple(span(*each, fps=fps) for each in present),
        tuple(span(*each, fps=fps) for each in speaking),
    )


def span(first: float, end: float, fps: int = 8) -> Span:
    return Span(round(first * fps), round(end * fps))
