"""Consent at one moment of a call: who was in it, and who of them had agreed.

Derived from the evidence alone, so that it can be shown for any moment, also years later. In doubt
somebody was in the call and had not agreed, as while it was recorded.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from callvault.contracts.base import Message
from callvault.contracts.consent import ConsentPolicy, ConsentRecord, ConsentTerms, Presence


class Stand(StrEnum):
    """What somebody had decided."""

    AGREED = "agreed"
    REFUSED = "refused"
    UNDECIDED = "undecided"


class PersonAt(Message):
    """Somebody who was in the call at a moment, or may have been."""

    participant: str
    stand: Stand
    is_certain: bool
    """False: they may have left before, or were not known to have come by then."""


class ConsentAt(Message):
    """Whether a policy was met at a moment, and by whom."""

    moment: datetime
    policy: str
    is_met: bool
    people: tuple[PersonAt, ...]
    is_complete: bool
    """False: not everything that was told of this call is kept, so that somebody may be missing."""


def consent_at(
    terms: ConsentTerms,
    decisions: Sequence[ConsentRecord],
    stays: Sequence[Presence],
    moment: datetime,
    *,
    is_complete: bool = True,
) -> ConsentAt:
    """Tell whether consent was there at a moment, from decisions in the order of their arrival."""
    stands = _stands(decisions, moment)
    here = [p for p in stays if _is_here(p, moment)]
    certain = {p.participant for p in here if not p.may_have_left}
    perhaps = {p.participant for p in stays if _may_be_here(p, moment)}
    # Whoever had not come yet was seen nowhere, and may have been in the call by telephone.
    gone = {p.participant for p in stays if _has_left(p, moment)} - perhaps
    unseen_refusals = {who for who, stand in stands.items() if stand is Stand.REFUSED} - gone
    people = tuple(
        PersonAt(participant=who, stand=stands.get(who, Stand.UNDECIDED), is_certain=who in certain)
        for who in sorted(perhaps | unseen_refusals)
    )
    return ConsentAt(
        moment=moment,
        policy=terms.consent_policy or ConsentPolicy.NONE,
        is_met=_is_met(terms, people, stands, is_anybody_here=bool(here)),
        people=people,
        is_complete=is_complete,
    )


def _stands(decisions: Sequence[ConsentRecord], moment: datetime) -> dict[str, Stand]:
    return {
        record.participant: Stand.AGREED if record.given else Stand.REFUSED
        for record in decisions
        if record.counts and _counts_from(record) <= moment
    }


def _counts_from(record: ConsentRecord) -> datetime:
    # Until word of an agreement came, nobody recorded on the strength of it.
    return record.received_at if record.given else record.decided_at


def _is_here(stay: Presence, moment: datetime) -> bool:
    """Tell if somebody was known to be in the call, and not to have left, by what is told now."""
    has_come = (stay.joined_at or stay.told_at) <= moment
    return has_come and (stay.left_at is None or stay.left_at > moment)


def _may_be_here(stay: Presence, moment: datetime) -> bool:
    # Whose coming was never told may have been here since ever.
    has_come = stay.joined_at is None or stay.joined_at <= moment
    return has_come and not _has_left(stay, moment)


def _has_left(stay: Presence, moment: datetime) -> bool:
    # Who left at this very moment may just have been heard.
    return stay.left_at is not None and stay.left_at < moment


def _is_met(
    terms: ConsentTerms,
    people: Sequence[PersonAt],
    stands: dict[str, Stand],
    *,
    is_anybody_here: bool,
) -> bool:
    if terms.consent_policy in (None, ConsentPolicy.NONE):
        return True
    if any(person.stand is Stand.REFUSED for person in people):
        return False
    match terms.consent_policy:
        case ConsentPolicy.ANY_PARTY:
            return any(each.is_certain and each.stand is Stand.AGREED for each in people)
        case ConsentPolicy.ALL_PARTIES:
            return is_anybody_here and all(each.stand is Stand.AGREED for each in people)
        case _:
            return all(stands.get(who) is Stand.AGREED for who in terms.consent_participants)
