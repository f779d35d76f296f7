"""The three laws, over the record of a played call. No code of the account of silence is here.

1. No voice is heard in an interval that the manifest calls silent.
2. No voice of somebody whose consent was missing is heard outside an interval that it marks.
3. No answer that claims silence is followed by sound before its resume was sent.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.listen import consent_truth, promises
from bench.listen.hearing import TICK
from bench.listen.record import Interval, Played, Recording
from bench.listen.spans import FOREVER, Span, runs
from bench.listen.story import Verb

TOLERANCE = 0.06
"""Seconds: borders lie on the grid of ticks, and no two processes' clocks are the same."""
LEAST = 0.05
"""Seconds of sound that break a law."""
LEAST_FOREIGN = 0.6
"""The same where somebody else has resumed within a silence, or as the reading that proved it was
under way. No answer tells that; the service's own account does, by a clock that is known to a
quarter of a second at either end."""
READING = 1.5
"""Seconds for which the answer to a reading may be on its way, where the service is slow."""


@dataclass(frozen=True)
class Broken:
    """A law that a call has broken."""

    law: int
    sentence: str
    heard: float
    """Seconds."""


def broken(played: Played) -> list[Broken]:
    """Return each law that the call has broken, with the longest sound that breaks it first."""
    found = [*first_law(played), *second_law(played), *third_law(played)]
    return sorted(found, key=lambda each: (each.law, -each.heard))


def first_law(played: Played) -> Iterator[Broken]:
    """Find voices in intervals that a manifest calls silent."""
    for recording in played.recordings:
        for claim in recording.silent:
            span = Span(claim.since, claim.until).shrunk(TOLERANCE)
            moments = [at for at in _moments(recording) if span.holds(at, at + TICK)]
            if len(moments) * TICK >= _least(played, claim):
                why = f"silent by the manifest ({claim.why})"
                yield from _broken(1, played, moments, why, span)


def second_law(played: Played) -> Iterator[Broken]:
    """Find voices of those whose consent was missing, outside of what a manifest marks."""
    for who, spans in consent_truth.missing(played).items():
        for recording in played.recordings:
            marked = [Span(m.since, m.until).shrunk(-TOLERANCE) for m in recording.marked]
            # What the first law allows there, nobody could know of.
            marked += [Span(c.since, c.until) for c in recording.silent if _met_foreign(played, c)]
            voice = played.voices.get(played.participants[who])
            moments = [
                at
                for at in _moments(recording, voice)
                if any(span.shrunk(TOLERANCE).holds(at, at + TICK) for span in spans)
                and not any(mark.holds(at, at + TICK) for mark in marked)
            ]
            yield from _broken(2, played, moments, f"no consent of participant {who}, unmarked")


def third_law(played: Played) -> Iterator[Broken]:
    """Find sound after an answer that claimed silence, before its resume was sent."""
    heard = sorted(at for recording in played.recordings for at in _moments(recording))
    for promise in promises.made(played):
        span = Span(promise.since + TOLERANCE, promise.until - TICK)
        moments = [at for at in heard if span.holds(at, at + TICK)]
        yield from _broken(3, played, moments, str(promise), span)


def _least(played: Played, claim: Interval) -> float:
    """Return the seconds of sound that break the first law in a silence."""
    return LEAST_FOREIGN if _met_foreign(played, claim) else LEAST


def _met_foreign(played: Played, claim: Interval) -> bool:
    """Return True if somebody else has resumed in a silence, or as it was read."""
    return any(
        deed.is_done and deed.sent < claim.until and deed.answered > claim.since - READING
        for deed in played.deeds_of(Verb.FOREIGN_RESUME)
        if deed.answered is not None
    )


def _moments(recording: Recording, voice: int | None = None) -> list[float]:
    """Return the beginnings of the ticks in which somebody, or this voice, speaks."""
    return [
        recording.time_of(heard)
        for heard in recording.heard
        if voice is None or voice in heard.voices
    ]


def _broken(
    law: int, played: Played, moments: list[float], why: str, claimed: Span | None = None
) -> Iterator[Broken]:
    heard = len(moments) * TICK
    if heard < LEAST:
        return
    times = ", ".join(_told(span, played) for span in runs(moments, TICK))
    during = f" {_told(claimed, played)}" if claimed else ""
    yield Broken(law, f"{heard:.2f} s heard ({times}): {why}{during}", heard)


def _told(span: Span, played: Played) -> str:
    """Tell a time in seconds since the call began."""
    until = "the end" if span.until == FOREVER else f"{span.until - played.began:.2f}"
    return f"{span.since - played.began:.2f} to {until}"
