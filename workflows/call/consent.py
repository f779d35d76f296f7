"""Consent: the participants of a call, their decisions, and whether these are enough.

What is in doubt counts as missing: a withdrawal always counts, and an agreement only if no
withdrawal is known to be newer.
"""

import hashlib
import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from callvault.contracts.activity_io import ResourceConsent
from callvault.contracts.consent import (
    ConsentDecision,
    ConsentPolicy,
    ConsentRecord,
    ConsentTerms,
    Presence,
)
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.status import CallStatus

MAX_RECORDS = 1_000
"""Decisions, and presences, kept: beyond that, those that do not count any more are forgotten."""

MAX_COUNTING = 1_500
"""Decisions, and presences, kept though all of them count: ACS lets 350 people into a call."""

MAX_CONNECTION = 64
"""Characters of a connection's id that is kept as it is."""

_MAX_LISTED = 3

_OF_THOSE_PRESENT = (ConsentPolicy.ANY_PARTY, ConsentPolicy.ALL_PARTIES)

AnyRecord = TypeVar("AnyRecord", ConsentRecord, Presence)


def terms_of(own: ConsentTerms, resource: ResourceConsent) -> ConsentTerms:
    """Return the terms of a recording: what its request says, else what its resource says."""
    said = own.model_dump(exclude_none=True, by_alias=False)
    return ConsentTerms.model_validate(resource.model_dump(by_alias=False) | said)


def missing(status: CallStatus, terms: ConsentTerms) -> str:
    """Say in a sentence which consent is missing; empty where none is."""
    agreed = {who for who, given in standing(status).items() if given}
    if len(status.participants) >= MAX_COUNTING and terms.consent_policy in _OF_THOSE_PRESENT:
        return "more people are in the call than can be told apart"
    match terms.consent_policy:
        case ConsentPolicy.ANY_PARTY:
            return "" if agreed - gone(status) else "nobody in the call has agreed"
        case ConsentPolicy.ALL_PARTIES:
            if not present(status):
                return "nobody is known to be in the call"
            return _lacking(concerned(status), agreed, "in the call")
        case ConsentPolicy.NAMED:
            return _lacking(set(terms.consent_participants), agreed, "named")
    return ""


def standing(status: CallStatus) -> dict[str, bool]:
    """Return each participant's decision that counts now."""
    return {record.participant: record.given for record in status.consents if record.counts}


def present(status: CallStatus) -> set[str]:
    """Return those known to be in the call, by any connection."""
    return {presence.participant for presence in status.participants if presence.in_call}


def gone(status: CallStatus) -> set[str]:
    """Return those who were in the call and have left it."""
    return {presence.participant for presence in status.participants} - present(status)


def concerned(status: CallStatus) -> set[str]:
    """Return all who are in the call, and who decided without being seen in it."""
    # A participant by phone may be in no event.
    return present(status) | (set(standing(status)) - gone(status))


def consenting(status: CallStatus) -> set[str]:
    """Return those who have agreed and have not left."""
    return {who for who, given in standing(status).items() if given} - gone(status)


def known(status: CallStatus, decision: ConsentDecision) -> ConsentRecord | None:
    """Return the record of an earlier decision with the same id."""
    return next(
        (r for r in status.consents if r.request_id and r.request_id == decision.request_id), None
    )


def decide(status: CallStatus, decision: ConsentDecision, now: datetime) -> ConsentRecord:
    """Fold a decision that is not known yet."""
    decided_at = min(decision.decided_at or now, now)
    record = ConsentRecord(
        participant=decision.participant,
        given=decision.given,
        reported_by=decision.requested_by,
        decided_at=decided_at,
        received_at=now,
        counts=not decision.given or not _was_withdrawn_later(status, decision, decided_at),
        **decision.model_dump(include=_COPIED_FIELDS, by_alias=False),
    )
    status.consents.append(record)
    _forget(status.consents, _outdated(status))
    if len(status.consents) > MAX_COUNTING:
        # Whose agreement is forgotten has not agreed: that is the safe side.
        agreed = (r for r in status.consents if r.given and r is not record)
        _forget(status.consents, itertools.chain(agreed, status.consents))
    return record


def move(status: CallStatus, change: ParticipantChanged, now: datetime) -> bool:
    """Fold a coming or going; False where it is known already, or something newer is."""
    at = min(change.at or now, now)
    presence = _presence(status, change)
    if presence is None and len(status.participants) >= MAX_COUNTING:
        # Nobody can be told apart any more: no consent is met now, see `missing`.
        return False
    if presence is None:
        status.participants.append(
            Presence(
                participant=change.participant,
                connection=_connection(change),
                in_call=change.joined,
                changed_at=at,
            )
        )
        _forget(status.participants, (p for p in status.participants if not p.in_call))
        return True
    if at < presence.changed_at:
        return False
    is_new = presence.in_call is not change.joined
    presence.in_call, presence.changed_at = change.joined, at
    presence.connection = _connection(change)
    return is_new


def short(participant: str) -> str:
    """Shorten a participant for a sentence: the beginning of the hash tells them apart."""
    return participant[:8]


_COPIED_FIELDS = {
    *("authenticated_as", "method", "evidence"),
    *("jurisdiction", "reason", "request_id"),
}


def _lacking(needed: set[str], agreed: set[str], where: str) -> str:
    lacking = sorted(needed - agreed)
    if not lacking:
        return ""
    listed = ", ".join(map(short, lacking[:_MAX_LISTED]))
    more = " …" if len(lacking) > _MAX_LISTED else ""
    return f"{len(lacking)} of {len(needed)} {where} have not agreed: {listed}{more}"


def _was_withdrawn_later(status: CallStatus, decision: ConsentDecision, at: datetime) -> bool:
    return any(
        record.participant == decision.participant and not record.given and record.decided_at > at
        for record in status.consents
    )


def _connection(change: ParticipantChanged) -> str:
    """Return what tells the connection apart: those of the service are short, as GUIDs are."""
    own = change.connection
    return (
        own
        if len(own) <= MAX_CONNECTION and own.isascii()
        else hashlib.sha256(own.encode()).hexdigest()
    )


def _presence(status: CallStatus, change: ParticipantChanged) -> Presence | None:
    """Find the connection that changes; one without an id gets it from the first event."""
    own = [p for p in status.participants if p.participant == change.participant]
    same = (p for p in own if p.connection == _connection(change))
    nameless = (p for p in own if not p.connection)
    return next(same, None) or next(nameless, None)


def _outdated(status: CallStatus) -> Iterable[ConsentRecord]:
    """Return the records that later ones of the same participant have replaced."""
    latest = {record.participant: record for record in status.consents if record.counts}
    return (r for r in status.consents if latest.get(r.participant) is not r)


def _forget(records: list[AnyRecord], obsolete: Iterable[AnyRecord]) -> None:
    """Drop the oldest useless record of a noisy call, once there are too many."""
    if len(records) > MAX_RECORDS and (oldest := next(iter(obsolete), None)) is not None:
        records[:] = [record for record in records if record is not oldest]
