"""Times as spans, and the ticks of a recording that lie within or outside of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

FOREVER = float("inf")


class Span(NamedTuple):
    """A time, in seconds since the epoch."""

    since: float
    until: float = FOREVER

    def holds(self, since: float, until: float) -> bool:
        """Return True if all from ``since`` to ``until`` lies within."""
        return self.since <= since and until <= self.until

    def shrunk(self, by: float) -> "Span":
        return Span(self.since + by, self.until - by)


def complement(spans: Iterable[Span]) -> list[Span]:
    """Return the times outside of all spans."""
    outside, last = [], -FOREVER
    for span in union(spans):
        if last < span.since:
            outside.append(Span(last, span.since))
        last = span.until
    return [*outside, Span(last, FOREVER)] if last < FOREVER else outside


def union(spans: Iterable[Span]) -> list[Span]:
    """Return the times within any of the spans, in order and without overlaps."""
    merged: list[Span] = []
    for span in sorted(spans):
        if span.until <= span.since:
            continue
        if merged and span.since <= merged[-1].until:
            merged[-1] = Span(merged[-1].since, max(merged[-1].until, span.until))
        else:
            merged.append(span)
    return merged


def intersection(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Return the times within a span of each."""
    common = (Span(max(a.since, b.since), min(a.until, b.until)) for a in one for b in other)
    return union(common)


def runs(moments: Iterable[float], length: float) -> Iterator[Span]:
    """Join moments of this length that follow each other."""
    first = last = None
    for moment in sorted(moments):
        if last is not None and first is not None and moment > last + length * 1.5:
            yield Span(first, last + length)
            first = moment
        first, last = moment if first is None else first, moment
    if first is not None and last is not None:
        yield Span(first, last + length)
