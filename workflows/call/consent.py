"""Consent: the decisions of those in a call, and whether these are enough.

What is in doubt counts as missing: a withdrawal always counts, and an agreement only if no
withdrawal may be newer.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from callvault.contracts.activity_io import ResourceConsent
from callvault.contracts.consent import ConsentDecision, ConsentPolicy, ConsentRecord, ConsentTerms
from callvault.contracts.participants import UNKNOWN_PARTICIPANT
from callvault.contracts.status import CallStatus
from workflows.call import intervals, presence
from workflows.call.intervals import FOREVER, MAX_CLOCK_DIFFERENCE, Span

MAX_RECORDS = 1_000
"""Decisions kept: beyond that, those that do not count any more are forgotten."""

MAX_COUNTING = 1_500
"""Decisions kept though all of them count: ACS lets 350 people into a call."""

_AHEAD = timedelta(seconds=1)
"""Time by which a decision may seem to lie ahead before its clock is known to be fast."""

_MAX_LISTED = 3


def terms_of(own: ConsentTerms, resource: ResourceConsent) -> ConsentTerms:
    """Return the terms of a recording: what its request says, else what its resource says."""
    said = own.model_dump(exclude_none=True, by_alias=False)
    return ConsentTerms.model_validate(resource.model_dump(by_alias=False) | said)


def missing(status: CallStatus, terms: ConsentTerms) -> str:
    """Say in a sentence which consent is missing; empty where none is."""
    policy = terms.consent_policy
    if policy in (None, ConsentPolicy.NONE):
        return ""
    if presence.is_full(status) or status.refusals_left_out:
        return "more people are in the call, or have refused, than can be told apart"
    return _lacking_by_policy(status, terms) or _objecting(status)


def _lacking_by_policy(status: CallStatus, terms: ConsentTerms) -> str:
    agreed = _agreed(status)
    match terms.consent_policy:
        case ConsentPolicy.ANY_PARTY:
            is_met = agreed & presence.here(status)
            return "" if is_met else "nobody who is known to be in the call has agreed"
        case ConsentPolicy.ALL_PARTIES:
            if not (here := presence.perhaps_here(status)):
                return "nobody is known to be in the call"
            return _lacking(here, agreed, "in the call")
        case _:
            return _lacking(set(terms.consent_participants), agreed, "named")


def missing_since(status: CallStatus, terms: ConsentTerms, now: datetime) -> datetime:
    """Return since when consent is missing that is missing now, by the times that were told.

    Silence is wanted from then on: word of it may have come late.
    """
    refused = refused_since(status)
    since = [refused] if refused else []
    if terms.consent_policy is ConsentPolicy.ALL_PARTIES:
        # Whoever has refused counts from then on: they may have agreed before.
        decided = set(standing(status))
        since += presence.comings(status, presence.perhaps_here(status) - decided)
    elif terms.consent_policy is ConsentPolicy.ANY_PARTY and not since:
        # Once nobody is left there is nobody to protect: that is how calls end.
        if not presence.perhaps_here(status):
            return now
        sufficed = (span.until for span in agreed_and_here(status))
        since += [max(sufficed, default=now)]
    return min(since, default=now)


def standing(status: CallStatus) -> dict[str, bool]:
    """Return each participant's decision that counts now."""
    return {record.participant: record.given for record in status.consents if record.counts}


def _agreed(status: CallStatus) -> set[str]:
    return {who for who, given in standing(status).items() if given}


def refusals(status: CallStatus) -> dict[str, datetime]:
    """Return since when each participant refuses who does now: the first word of it counts."""
    since: dict[str, datetime] = {}
    for record in filter(lambda record: record.counts, status.consents):
        if record.given:
            since.pop(record.participant, None)
        else:
            at = record.decided_at
            since[record.participant] = min(since.get(record.participant, at), at)
    return since


def refused_since(status: CallStatus) -> datetime | None:
    """Return since when somebody refuses who may be in the call; None if nobody does.

    Of somebody who was gone meanwhile: since they came back.
    """
    since = refusals(status)
    objecting = ((since[who], presence.returned_at(status, who)) for who in objectors(status))
    return min((max(filter(None, times)) for times in objecting), default=None)


def objectors(status: CallStatus) -> set[str]:
    """Return those who have refused or withdrawn, and are not known to have left."""
    # Who was never seen may be in the call: a telephone is in no event.
    refused = {who for who, given in standing(status).items() if not given}
    if not refused:
        # Mostly so: then it need not be known who has left.
        return set()
    return refused - presence.gone(status)


def agreed_and_here(status: CallStatus) -> Iterator[Span]:
    """Yield when each of those who have agreed was in the call for certain, and had agreed."""
    for stay in status.participants:
        until = presence.certain_until(status, stay)
        here = Span(stay.joined_at or stay.told_at, until or FOREVER)
        yield from intervals.within(agreements(status, stay.participant), here)


def agreements(status: CallStatus, participant: str) -> list[Span]:
    """Return when somebody's agreement held: from its arrival, whatever its own clock says."""
    return _lasting(status, participant, given=True)


def refused(status: CallStatus, participant: str) -> list[Span]:
    """Return when somebody refused: by the times that were told."""
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


def consenting(status: CallStatus) -> set[str]:
    """Return those who have agreed and are in the call for certain."""
    return _agreed(status) & presence.here(status)


def known(status: CallStatus, decision: ConsentDecision) -> ConsentRecord | None:
    """Return the newest record of the same decision, told before under the same id."""
    told = reversed(_with_id(status, decision))
    return next((record for record in told if _is_equal(record, decision)), None)


def is_outdated(
    status: CallStatus, known: ConsentRecord, decision: ConsentDecision, now: datetime
) -> bool:
    """Tell if the record of the same decision is no answer any more: the other one has followed.

    A refusal that is younger than its record is told anew, whether or not that one counts.
    """
    if decision.given:
        return standing(status).get(decision.participant) is False
    later = status.consents[status.consents.index(known) + 1 :]
    has_agreed = any(r.given and r.participant == decision.participant for r in later)
    return has_agreed and min(decision.decided_at or now, now) > known.decided_at


def has_refused_since(status: CallStatus, participant: str, at: datetime) -> bool:
    """Tell if somebody who is told to have left then has refused after that, in the call."""
    own = [r for r in status.consents if r.counts and r.participant == participant]
    # When one came that tells no time is not known yet.
    refused_at = [r.decided_at for r in own[-1:] if not r.given and r.decided_at < r.received_at]
    return any(at < each - presence.CLOCKS_AGREE for each in refused_at)


def is_id_taken(status: CallStatus, decision: ConsentDecision) -> bool:
    """Tell if another decision has this id."""
    return any(not _is_equal(record, decision) for record in _with_id(status, decision))


def is_known_person(status: CallStatus, participant: str) -> bool:
    """Tell if a participant was heard of before: seen, named by a recording, or by a decision."""
    if participant == UNKNOWN_PARTICIPANT:
        return standing(status).get(participant) is False
    named = (who for r in status.recordings for who in r.consent.consent_participants)
    seen = (p.participant for p in status.participants)
    decided = (record.participant for record in status.consents)
    return participant in {*named, *seen, *decided}


def decide(status: CallStatus, decision: ConsentDecision, now: datetime) -> ConsentRecord:
    """Fold a decision that is not known yet."""
    record = ConsentRecord(
        participant=decision.participant,
        given=decision.given,
        reported_by=decision.requested_by,
        decided_at=min(decision.decided_at or now, now),
        received_at=now,
        counts=not decision.given or not _may_be_withdrawn_later(status, decision, now),
        **decision.model_dump(include=_COPIED_FIELDS, by_alias=False),
    )
    status.consents.append(record)
    _forget_some(status, record)
    return record


def recount(status: CallStatus) -> None:
    """Let no agreement count that follows a refusal which may be newer, in joined histories."""
    for number, record in enumerate(status.consents):
        earlier = status.consents[:number]
        refusals = (r for r in earlier if r.participant == record.participant and not r.given)
        if record.given and not all(_is_later(record.decided_at, r) for r in refusals):
            record.counts = False


def short(participant: str) -> str:
    """Shorten a participant for a sentence: the beginning of the hash tells them apart."""
    return "somebody unknown" if participant == UNKNOWN_PARTICIPANT else f"{participant[:8]}…"


_COPIED_FIELDS = {
    *("authenticated_as", "method", "evidence"),
    *("jurisdiction", "reason", "request_id", "problem"),
}


def _objecting(status: CallStatus) -> str:
    objecting = objectors(status)
    if not objecting:
        return ""
    return f"{len(objecting)} who may be in the call object: {_listed(objecting)}"


def _lacking(needed: set[str], agreed: set[str], where: str) -> str:
    lacking = needed - agreed
    if not lacking:
        return ""
    return f"{len(lacking)} of {len(needed)} {where} have not agreed: {_listed(lacking)}"


def _listed(people: set[str]) -> str:
    listed = ", ".join(map(short, sorted(people)[:_MAX_LISTED]))
    return listed + (" and more" if len(people) > _MAX_LISTED else "")


def _with_id(status: CallStatus, decision: ConsentDecision) -> list[ConsentRecord]:
    own = decision.request_id
    return [record for record in status.consents if own and record.request_id == own]


def _is_equal(record: ConsentRecord, decision: ConsentDecision) -> bool:
    return (record.participant, record.given) == (decision.participant, decision.given)


def _may_be_withdrawn_later(status: CallStatus, decision: ConsentDecision, now: datetime) -> bool:
    """Tell if a withdrawal that was told before this agreement may have been decided after it."""
    return any(
        record.participant == decision.participant
        and not record.given
        and not _is_surely_later(decision, record, now)
        for record in status.consents
    )


def _is_surely_later(agreement: ConsentDecision, withdrawal: ConsentRecord, now: datetime) -> bool:
    """Tell if an agreement was decided after a withdrawal; at the same moment it was not."""
    at = agreement.decided_at or now
    if at > now + _AHEAD:
        # Its clock is ahead, by nobody knows how much.
        at = now - MAX_CLOCK_DIFFERENCE
    return _is_later(at, withdrawal)


def _is_later(at: datetime, withdrawal: ConsentRecord) -> bool:
    # The withdrawal was decided before it arrived, and by its own clock at about its own time.
    return at > min(withdrawal.received_at, withdrawal.decided_at + MAX_CLOCK_DIFFERENCE)


def _forget_some(status: CallStatus, newest: ConsentRecord) -> None:
    """Drop the oldest decision that is worth least, once there are too many."""
    if len(status.consents) <= MAX_RECORDS:
        return
    oldest = next(iter(_outdated(status)), None)
    if oldest is None and len(status.consents) > MAX_COUNTING:
        oldest = _least_counting(status, newest)
    if oldest is not None:
        status.consents[:] = [record for record in status.consents if record is not oldest]
        status.consents_left_out += 1


def _outdated(status: CallStatus) -> Iterable[ConsentRecord]:
    """Return the records that later ones of the same participant have replaced."""
    latest = {record.participant: record for record in status.consents if record.counts}
    return (r for r in status.consents if latest.get(r.participant) is not r)


def _least_counting(status: CallStatus, newest: ConsentRecord) -> ConsentRecord | None:
    """Return a decision that stands, and is forgotten all the same: first an agreement."""
    # Whose agreement is forgotten has not agreed; a refusal is not forgotten, only its person is.
    agreed = next((r for r in status.consents if r.given and r is not newest), None)
    if agreed is None:
        status.refusals_left_out += 1
    return agreed or status.consents[0]
