"""Arithmetic of the account of silence: times that are joined, cut out of others, or left over."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from callvault.contracts.silence import SilenceAccount, SilentInterval, UnconfirmedInterval

EVER = datetime.min.replace(tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Largest difference between two clocks that tell of one call."""


class Span(NamedTuple):
    """A time from its beginning to just before its end."""

    since: datetime
    until: datetime


def span_of(interval: SilentInterval | UnconfirmedInterval) -> Span:
    """Return the time of an interval; one that is open lasts for ever."""
    return Span(interval.since, interval.until or FOREVER)


def outside(spans: Sequence[Span], whole: Span) -> Iterator[Span]:
    """Yield the parts of ``whole`` that lie in none of the others, which are in order."""
    since = whole.since
    for span in spans:
        yield from _span(since, min(span.since, whole.until))
        since = max(since, span.until)
    yield from _span(since, whole.until)


def within(spans: Iterable[Span], whole: Span) -> Iterator[Span]:
    """Yield the parts of the others that lie in ``whole``."""
    for span in spans:
        yield from _span(max(span.since, whole.since), min(span.until, whole.until))


def _span(since: datetime, until: datetime) -> Iterator[Span]:
    if since < until:
        yield Span(since, until)


def merged(intervals: Iterable[UnconfirmedInterval]) -> list[UnconfirmedInterval]:
    """Join what overlaps, or touches; what has no length is kept: it may be a finding."""
    joined: list[UnconfirmedInterval] = []
    for interval in sorted(intervals, key=lambda each: each.since):
        last = joined[-1] if joined else None
        if last is None or interval.since > (last.until or FOREVER):
            joined.append(interval.model_copy())
            continue
        last.is_finding |= interval.is_finding
        ends = (last.until or FOREVER, interval.until or FOREVER)
        last.until = None if FOREVER in ends else max(ends)
    return joined


def without_empty(intervals: Iterable[UnconfirmedInterval]) -> list[UnconfirmedInterval]:
    """Leave out what has no length."""
    return [each for each in intervals if each.until != each.since]


def prove(account: SilenceAccount, silent: SilentInterval) -> None:
    """Add a silence that lasts, of which may be heard late: what was unconfirmed since is not."""
    account.silent.append(silent)
    account.unconfirmed = [
        each.model_copy(update={"until": min(each.until or FOREVER, silent.since)})
        for each in account.unconfirmed
        if each.since <= silent.since
    ]


def doubt(account: SilenceAccount, doubts: Iterable[UnconfirmedInterval]) -> None:
    """Add times that are unconfirmed, and claim no silence in them."""
    account.unconfirmed = merged([*account.unconfirmed, *doubts])
    doubted = [span_of(each) for each in without_empty(account.unconfirmed)]
    account.silent = [part for each in account.silent for part in _parts(each, doubted)]


def _parts(silent: SilentInterval, doubted: Sequence[Span]) -> Iterator[SilentInterval]:
    for since, until in outside(doubted, span_of(silent)):
        end = None if until == FOREVER else until
        yield silent.model_copy(update={"since": since, "until": end})
