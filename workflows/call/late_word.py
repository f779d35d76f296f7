"""Times in which silence was wanted, of which word came too late to hold anything back.

Whoever has agreed by the time that their coming is told of is held back for nothing more, and yet
they were recorded without consent until they agreed. What was not proven silent then is
unconfirmed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from callvault.contracts.consent import ConsentPolicy, ConsentRecord, ConsentTerms
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import consent, intervals, late_joiners, presence
from workflows.call.intervals import FOREVER, Span
from workflows.call.lifecycle import Lifecycle


def moved(call: Lifecycle, participant: str, joined: bool, told: Span, now: datetime) -> None:
    """Find the time in which consent was missing, from a coming or going until word of it came.

    To be called once holds are reviewed: what they cover is known.
    """
    if joined:
        # Word of the leaving may have come first.
        told = told._replace(until=_left_by(call.status, participant, told.until))
    for recording in call.status.recordings:
        what = "joined, who had not agreed" if joined else "left, who alone had agreed"
        missing = _missing(call.status, recording.consent, participant, joined, told)
        if joined and late_joiners.is_told_since(recording, participant, now):
            what, missing = "joined, who had not heard the announcement", [told]
        why = f"word came late that {consent.short(participant)} had {what}"
        _were_to_be_silent(call, recording, missing, why, now)


def decided(call: Lifecycle, record: ConsentRecord, until: datetime) -> None:
    """Find the time in which somebody had refused, until word of it came.

    To be called once holds are reviewed: what they cover is known.
    """
    if record.given:
        return
    who = record.participant
    left_at = _left_by(call.status, who, until)
    for recording in call.status.recordings:
        terms = recording.consent
        if terms.consent_policy in (None, ConsentPolicy.NONE):
            continue
        # Whose consent is needed in any case may be anywhere.
        is_needed = who in terms.consent_participants
        told = Span(record.decided_at, until if is_needed else left_at)
        why = f"word came late that {consent.short(who)} had refused"
        _were_to_be_silent(call, recording, [told], why, until)


def _left_by(status: CallStatus, who: str, until: datetime) -> datetime:
    """Return when somebody left who has, and else until when it is asked."""
    has_left = who in presence.gone(status)
    return min([until, *presence.last_goings(status, {who})]) if has_left else until


def _were_to_be_silent(
    call: Lifecycle, recording: RecordingStatus, times: Iterable[Span], why: str, now: datetime
) -> None:
    held = [Span(hold.since, hold.until or FOREVER) for hold in recording.holds]
    for span in times:
        for rest in intervals.outside(held, span):
            call.was_to_be_silent(recording, rest, why, now)


def _missing(
    status: CallStatus, terms: ConsentTerms, participant: str, joined: bool, told: Span
) -> Iterable[Span]:
    match terms.consent_policy:
        case None | ConsentPolicy.NONE:
            return []
        case ConsentPolicy.ALL_PARTIES if joined:
            return intervals.outside(_agreed(status, participant), told)
        # Once nobody is left there is nobody to protect: that is how calls end.
        case ConsentPolicy.ANY_PARTY if not joined and presence.perhaps_here(status):
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
        until = presence.certain_until(status, stay)
        here = Span(stay.joined_at or stay.told_at, until or FOREVER)
        yield from _within(_agreed(status, stay.participant), here)


def _within(spans: Iterable[Span], whole: Span) -> Iterator[Span]:
    for span in spans:
        since, until = max(span.since, whole.since), min(span.until, whole.until)
        if since < until:
            yield Span(since, until)
