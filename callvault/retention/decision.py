"""One decision about one recording: it is kept, held, due, erased or not erased, and why.

A legal hold beats retention, and retention beats erasure unless the resource's terms say otherwise.
Pure: nothing here reads an archive or a clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from callvault.contracts.base import shorten
from callvault.contracts.holds import HoldRecord
from callvault.contracts.retention import AtEnd, OnErasure, RetentionTerms


class Verdict(StrEnum):
    """The state of a recording."""

    KEPT = "kept"
    """Nothing is to be done; `Decision.until` may say for how long."""
    HELD = "held"
    """A legal hold keeps it, whatever its retention says and whoever asks for its erasure."""
    DUE = "due"
    """Its retention is over, and it is to be erased because of that."""
    ERASE = "erase"
    """Its erasure was asked for, and nothing stands against it."""
    REFUSED = "refused"
    """Its erasure was asked for, and its retention stands against it."""


_STRICTEST_FIRST = (Verdict.HELD, Verdict.REFUSED, Verdict.KEPT, Verdict.DUE, Verdict.ERASE)


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one recording that decide."""

    sealed_at: datetime | None
    """Time of its first sealing; None while it is not sealed."""
    terms: RetentionTerms | None = RetentionTerms()  # noqa: RUF009 (frozen)
    """The terms of its resource, as they are now; None where the settings have no such resource."""
    requested: timedelta | None = None
    """The retention that its own request asked for."""
    holds: Sequence[HoldRecord] = ()
    """The legal holds on it that are not released."""
    is_open: bool = False
    """True while the workflow of its call works: it could archive the recording again."""
    erasure_asked: bool = False
    doubt: str = ""
    """Why what its manifests say cannot be followed; empty where it can."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with its reason, in a sentence without its full stop."""

    verdict: Verdict
    reason: str
    until: datetime | None = None
    """End of the retention, where one is known and decides."""

    @property
    def erases(self) -> bool:
        """True if the recording is to be erased now."""
        return self.verdict in (Verdict.DUE, Verdict.ERASE)


def decide(facts: Facts, now: datetime) -> Decision:
    """Decide about a recording."""
    if facts.holds:
        return _held(facts.holds)
    if facts.doubt:
        return _unready(facts, f"{facts.doubt}; see `callvault verify`")
    if facts.sealed_at is None:
        return _unready(facts, "it is not sealed yet: seal or repair it first")
    if facts.is_open:
        return _unready(facts, "its call's workflow is still open and may archive more of it")
    if facts.terms is None:
        return _unready(facts, "its resource is not in the settings: how long must it be kept?")
    ends = end_of_retention(facts)
    if ends is not None and now < ends:
        return _retained(facts, facts.terms, ends)
    if facts.erasure_asked:
        over = f"its retention ended at {_said(ends)}" if ends else "it has no retention"
        return Decision(Verdict.ERASE, f"its erasure was asked for, and {over}", ends)
    return _over(facts.terms, ends)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """Return the decision that keeps most, of several about what cannot be told apart."""
    return min(decisions, key=lambda decision: _STRICTEST_FIRST.index(decision.verdict))


def end_of_retention(facts: Facts) -> datetime | None:
    """Return until when it must be kept; None where nothing says so.

    A request can only lengthen the retention of its resource: a backend must not shorten what the
    law demands.
    """
    of_resource = facts.terms.retention if facts.terms is not None else None
    told = [each for each in (of_resource, facts.requested) if each is not None]
    if facts.sealed_at is None or not told:
        return None
    try:
        return facts.sealed_at + max(told)
    except OverflowError:
        return datetime.max.replace(tzinfo=facts.sealed_at.tzinfo)


def _held(holds: Sequence[HoldRecord]) -> Decision:
    first = min(holds, key=lambda hold: (hold.recorded_at, hold.id))
    more = f", and {len(holds) - 1} more" if len(holds) > 1 else ""
    reason, who = shorten(first.reason, 150), shorten(first.requested_by, 50)
    by = f"{reason} (hold {first.id}, by {who}{more})"
    return Decision(Verdict.HELD, f"a legal hold is on it: {by}")


def _unready(facts: Facts, why: str) -> Decision:
    return Decision(Verdict.REFUSED if facts.erasure_asked else Verdict.KEPT, why)


def _retained(facts: Facts, terms: RetentionTerms, ends: datetime) -> Decision:
    why = f"its retention runs until {_said(ends)}"
    if not facts.erasure_asked:
        return Decision(Verdict.KEPT, why, ends)
    if terms.on_erasure is OnErasure.ERASE:
        said = f"its erasure was asked for, which beats its retention (until {_said(ends)})"
        return Decision(Verdict.ERASE, said, ends)
    return Decision(Verdict.REFUSED, why, ends)


def _over(terms: RetentionTerms, ends: datetime | None) -> Decision:
    if ends is None:
        return Decision(Verdict.KEPT, "it has no retention, and nobody asked for its erasure")
    why = f"its retention ended at {_said(ends)}"
    if terms.at_end is AtEnd.ERASE:
        return Decision(Verdict.DUE, why, ends)
    return Decision(Verdict.KEPT, f"{why}, and its resource keeps what is over", ends)


def _said(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
