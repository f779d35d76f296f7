"""Times in which silence was wanted, of which word came too late to hold anything back.

Whoever has agreed by the time that their coming is told of is held back for nothing more, and yet
they were recorded without consent until they agreed. What was not proven silent then is
unconfirmed.
"""

from collections.abc import Iterable, Sequence
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
    # Word of their leaving may have come first.
    away = presence.away(call.status, participant) if joined else []
    for recording in call.status.recordings:
        what = "joined, who had not agreed" if joined else "left, who alone had agreed"
        missing = _missing(call.status, recording.consent, participant, joined, told)
        if joined and late_joiners.is_told_since(recording, participant, now):
            what, missing = "joined, who had not heard the announcement", [told]
        why = f"word came late that {consent.short(participant)} had {what}"
        _were_to_be_silent(call, recording, missing, away, why, now)


def decided(call: Lifecycle, record: ConsentRecord, until: datetime) -> None:
    """Find the time in which somebody had refused, until word of it came.

    To be called once holds are reviewed: what they cover is known.
    """
    if record.given:
        return
    who = record.participant
    told, away = Span(record.decided_at, until), presence.away(call.status, who)
    for recording in call.status.recordings:
        terms = recording.consent
        if terms.consent_policy in (None, ConsentPolicy.NONE):
            continue
        # Whose consent is needed in any case may be anywhere.
        is_needed = who in terms.consent_participants
        why = f"word came late that {consent.short(who)} had refused"
        _were_to_be_silent(call, recording, [told], [] if is_needed else away, why, until)


def _were_to_be_silent(
    call: Lifecycle,
    recording: RecordingStatus,
    times: Iterable[Span],
    away: Sequence[Span],
    why: str,
    now: datetime,
) -> None:
    held = [Span(hold.since, hold.until or FOREVER) for hold in recording.holds]
    for span in times:
        for here in intervals.outside(away, span):
            for rest in intervals.outside(held, here):
                call.was_to_be_silent(recording, rest, why, now)


def _missing(
    status: CallStatus, terms: ConsentTerms, participant: str, joined: bool, told: Span
) -> Iterable[Span]:
    match terms.consent_policy:
        case None | ConsentPolicy.NONE:
            return []
        case ConsentPolicy.ALL_PARTIES if joined:
            return intervals.outside(consent.agreements(status, participant), told)
        # Once nobody is left there is nobody to protect: that is how calls end.
        case ConsentPolicy.ANY_PARTY if not joined and presence.perhaps_here(status):
            return intervals.outside(sorted(consent.agreed_and_here(status)), told)
        case _:
            return intervals.within(consent.refused(status, participant), told) if joined else []
