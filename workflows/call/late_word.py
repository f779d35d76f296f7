"""Times in which silence was wanted, of which word came too late to hold anything back.

Whoever has agreed by the time that their coming is told of is held back for nothing more, and yet
they were recorded without consent until they agreed. What was not proven silent then is
unconfirmed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from callvault.contracts.consent import ConsentPolicy, ConsentTerms
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import consent, intervals, silence
from workflows.call.intervals import FOREVER, Span
from workflows.call.lifecycle import Lifecycle


def was_to_be_silent(
    call: Lifecycle, recording: RecordingStatus, wanted: Span, why: str, now: datetime
) -> None:
    """Take note that silence was wanted in a time that has passed."""
    if call.status.policy is None:
        return
    within = call.guards_of(recording).pause_confirm_within
    silence.was_wanted(recording, wanted, why, within, now)
    # One that was sealed before does not know of it.
    recording.sealed = None


def moved(call: Lifecycle, participant: str, joined: bool, told: Span, now: datetime) -> None:
    """Find the time in which consent was missing, from a coming or going until word of it came.

    To be called once holds are reviewed: what they cover is known.
    """
    for recording in call.status.recordings:
        missing = _missing(call.status, recording.consent, participant, joined, told)
        held = [Span(hold.since, hold.until or FOREVER) for hold in recording.holds]
        for span in missing:
            for rest in intervals.outside(held, span):
                why = f"word came late that {consent.short(participant)} had "
                why += "joined, who had not agreed" if joined else "left, who alone had agreed"
                was_to_be_silent(call, recording, rest, why, now)


def _missing(
    status: CallStatus, terms: ConsentTerms, participant: str, joined: bool, told: Span
) -> Iterable[Span]:
    match terms.consent_policy:
        case None | ConsentPolicy.NONE:
            return []
        case ConsentPolicy.ALL_PARTIES if joined:
            return intervals.outside(_agreed(status, participant), told)
        case ConsentPolicy.ANY_PARTY if not joined:
            return intervals.outside(sorted(_agreed_and_here(status)), told)
        case _:
            return _within(_refused(status, participant), told) if joined else []


def _agreed(status: CallStatus, participant: str) -> list[Span]:
    """Return when somebody's agreement held: from its arrival, whatever its own clock says."""
    return _lasting(status, participant, given=True)


def _refused(status: CallStatus, participant: str) -> list[Span]:
    return _lasting(status, participant, given=False)


def _lasting(status: CallStatus, participant: str, *, given: bool) -> list[Span]:
    spans: list[Span] = []
    began: datetime | None = None
    for record in status.consents:
        if record.participant != participant or not record.counts:
            continue
        at = record.received_at if record.given else min(record.decided_at, record.received_at)
        if record.given is given:
            began = began or at
        elif began is not None:
            spans.append(Span(began, at))
            began = None
    return [*spans, Span(began, FOREVER)] if began is not None else spans


def _agreed_and_here(status: CallStatus) -> Iterator[Span]:
    for stay in status.participants:
        here = Span(stay.joined_at or stay.told_at, stay.left_at or FOREVER)
        yield from _within(_agreed(status, stay.participant), here)


def _within(spans: Iterable[Span], whole: Span) -> Iterator[Span]:
    for span in spans:
        since, until = max(span.since, whole.since), min(span.until, whole.until)
        if since < until:
            yield Span(since, until)
