"""The times at which somebody's consent was missing, as Callvault could have known.

From our own record alone: who was in the call, what was sent and when, and which events the gateway
has taken. A change that nothing told of cannot be known; an event whose clock is ahead, or a
withdrawal without a time, can be known once Callvault has heard of it.
"""

from bench.listen.record import Deed, Played
from bench.listen.relay import Told
from bench.listen.spans import FOREVER, Span, complement, intersection, union
from bench.listen.story import REQUESTS, Channel, Verb

TRANSPORT = 1.0
"""Seconds that a decision without a time of its own may take until it is with Temporal."""
_NOT_FOUND = ("not found", "HTTP 404", "not_found", "already completed")


def missing(played: Played) -> dict[int, list[Span]]:
    """Return, for each participant, the times at which their voice must not be heard unmarked."""
    if played.story.policy == "none":
        return {}
    return {
        who: union([*_lacking(played, who), *_objecting(played, who)]) for who in played.presence
    }


def _lacking(played: Played, who: int) -> list[Span]:
    """Return the times at which the policy is not met, as far as this participant matters."""
    story = played.story
    if story.policy == "named":
        return complement(agreed(played, who)) if who in story.named else []
    if story.policy == "all_parties":
        return intersection(complement(agreed(played, who)), known_presence(played, who))
    consenting = [
        span
        for each in played.presence
        for span in intersection(agreed(played, each), believed_presence(played, each))
    ]
    return complement(union(consenting))


def _objecting(played: Played, who: int) -> list[Span]:
    """Return the times at which a participant who is known to be there objects."""
    spans = _lasting(played, who, Verb.WITHDRAW)
    # Who objects while there need not be known otherwise; who comes back is known when told.
    there = [
        Span(*stay)
        for stay in played.presence.get(who, [])
        if any(stay[0] <= span.since < stay[1] for span in spans)
    ]
    return intersection(spans, union([*there, *known_presence(played, who)]))


def agreed(played: Played, who: int) -> list[Span]:
    """Return the times at which a participant's agreement held."""
    return _lasting(played, who, Verb.AGREE)


def _lasting(played: Played, who: int, said: Verb) -> list[Span]:
    """Return the times at which a participant's last decision was this one."""
    spans: list[Span] = []
    began: float | None = None
    for decision in decisions(played, who):
        is_withdrawal = decision.step.verb is Verb.WITHDRAW
        at = _withdrawn_at(played, decision) if is_withdrawal else decision.sent
        if decision.step.verb is said:
            began = at if began is None else began
        elif began is not None:
            spans.append(Span(began, at))
            began = None
    return union(spans if began is None else [*spans, Span(began)])


def _withdrawn_at(played: Played, decision: Deed) -> float:
    """Return since when a withdrawal can be known: it counts by its own time, or once heard of.

    That it was heard of is sure from the first answer to it, or to what was asked after it came.
    """
    if _tells_its_time(decision):
        return decision.sent
    own = decision.answered if decision.is_done and waits_for_answer(decision) else None
    came = min(decision.answered or FOREVER, decision.sent + TRANSPORT)
    return min(own or FOREVER, _heard_at(played, came))


def _heard_at(played: Played, came: float) -> float:
    """Return when something is heard of for certain that has come to Temporal by then.

    A worker may be dead or frozen: it has heard of it once it has answered what was asked later.
    What the service answers to somebody else tells nothing.
    """
    answers = [
        deed.answered
        for deed in played.deeds_of(*REQUESTS)
        if deed.sent >= came and deed.is_done and deed.answered and waits_for_answer(deed)
    ]
    return min(answers, default=FOREVER)


def _tells_its_time(decision: Deed) -> bool:
    return decision.decided_at is not None and decision.decided_at <= decision.sent + 0.1


def decisions(played: Played, who: int) -> list[Deed]:
    """Return the decisions of a participant that Callvault heard of, in the order of sending."""
    said = [
        deed
        for deed in played.deeds_of(Verb.AGREE, Verb.WITHDRAW)
        if deed.step.who == who and not any(word in deed.answer for word in _NOT_FOUND)
    ]
    said.sort(key=lambda deed: deed.sent)
    return [deed for deed in said if not _is_overtaken(deed, said)]


def _is_overtaken(deed: Deed, said: list[Deed]) -> bool:
    """Return True for a withdrawal that an agreement sent before may have come after.

    Decisions without a time of their own, or with one that is yet to come, count as they arrive.
    """
    if deed.step.verb is not Verb.WITHDRAW or _tells_its_time(deed):
        return False
    earlier = [each for each in said if each.sent < deed.sent and each.step.verb is Verb.AGREE]
    return any(each.answered is None or each.answered > deed.sent for each in earlier)


def known_presence(played: Played, who: int) -> list[Span]:
    """Return the times at which a participant is in the call and can be known to be."""
    spans = []
    for joined, left in played.presence.get(who, []):
        since = joined if _was_listed(played, who, joined) else _known_since(played, who, joined)
        spans.append(Span(since, left))
    return union(spans)


def believed_presence(played: Played, who: int) -> list[Span]:
    """Return the times at which a participant may be taken to be in the call."""
    spans = []
    for joined, left in played.presence.get(who, []):
        spans.append(Span(joined, left if left == FOREVER else _gone_since(played, who, left)))
    return union(spans)


def _was_listed(played: Played, who: int, joined: float) -> bool:
    starts = [deed.sent for deed in played.deeds_of(Verb.START)]
    return who in played.listed and any(joined <= sent for sent in starts)


def _known_since(played: Played, who: int, joined: float) -> float:
    events = _events(played, who, True, joined)
    if not events:
        return FOREVER
    is_ahead = events[0].at > joined + 0.5
    return _heard_at(played, events[0].taken_at) if is_ahead else joined


def _gone_since(played: Played, who: int, left: float) -> float:
    events = _events(played, who, False, left)
    if not events or _is_named_later(played, who, left, events[0].taken_at):
        return FOREVER
    is_ahead = events[0].at > left + 0.5
    return _heard_at(played, events[0].taken_at) if is_ahead else left


def _is_named_later(played: Played, who: int, left: float, told_at: float) -> bool:
    """Return True if a start that names who has left meanwhile may have come after that was told.

    The call's workflow may have ended in between: then the start is all that is known.
    """
    return who in played.listed and any(
        start.sent <= left and (start.answered is None or start.answered > told_at)
        for start in played.deeds_of(Verb.START)
    )


def _events(played: Played, who: int, joined: bool, after: float) -> list[Told]:
    raw_id = played.participants[who]
    # The service may tell a little before its answer reaches us.
    return [
        event
        for event in played.told
        if event.raw_id == raw_id and event.joined == joined and event.taken_at > after - 0.5
    ]


def waits_for_answer(deed: Deed) -> bool:
    """Return True for a request whose answer tells what became of it."""
    return deed.step.channel in {Channel.REST, Channel.UPDATE}
