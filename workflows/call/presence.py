"""The history of who was in a call: comings and goings, by connection.

A person has any number of devices, and not all of them are known. So there are three answers: here
(an open stay that nobody doubts), perhaps here (a device has left, and another may be left), gone.
Whoever must agree counts as here in doubt; whoever has agreed counts as gone in doubt.

Word of one connection may come in any order: what happened last by its own time counts.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from callvault.contracts.consent import Presence
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.status import CallStatus
from workflows.call.intervals import EVER, FOREVER, Span

MAX_STAYS = 1_000
"""Stays kept: beyond that the oldest that have ended are forgotten, and counted."""

MAX_OPEN = 1_500
"""Stays kept though none of them has ended: ACS lets 350 people into a call."""

CLOCKS_AGREE = timedelta(seconds=10)
"""Time by which clocks that are set over the network differ at most: what is older than something
else by more than this was before it."""

MAX_CONNECTION = 64
"""Characters of a connection's id that is kept as it is."""


def here(status: CallStatus) -> set[str]:
    """Return those who are in the call for certain, by any connection."""
    return {p.participant for p in status.participants if p.in_call and not p.may_have_left}


def perhaps_here(status: CallStatus) -> set[str]:
    """Return those who are in the call, or may be: not all their devices are known to be gone."""
    return {presence.participant for presence in status.participants if presence.in_call}


def gone(status: CallStatus) -> set[str]:
    """Return those who were in the call and have left it, with every device that is known."""
    return {presence.participant for presence in status.participants} - perhaps_here(status)


def is_full(status: CallStatus) -> bool:
    """Tell if another participant could not be told apart any more: then no policy is met."""
    return len(status.participants) >= MAX_OPEN


def in_call_since(status: CallStatus, participant: str) -> datetime | None:
    """Return when somebody first came into the call; None if that is not known for certain."""
    if status.participants_left_out:
        return None
    comings = [p.joined_at for p in status.participants if p.participant == participant]
    known = [at for at in comings if at is not None]
    return min(known) if known and len(known) == len(comings) else None


def away(status: CallStatus, participant: str) -> list[Span]:
    """Return when somebody is known to have been gone: between their stays, and after them."""
    if status.participants_left_out:
        return []
    spans: list[Span] = []
    here_until: datetime | None = None
    # Who was there already when first told of may have been there at any time before.
    own = [(p.joined_at or EVER, p.left_at or FOREVER) for p in _of(status, participant)]
    for since, until in sorted(own):
        if here_until is not None and here_until < since:
            spans.append(Span(here_until, since))
        here_until = max(here_until or until, until)
    if here_until is not None and here_until < FOREVER:
        spans.append(Span(here_until, FOREVER))
    return spans


def returned_at(status: CallStatus, participant: str) -> datetime | None:
    """Return when somebody came back last who had been gone; None if they are not known to have."""
    comings = [span.until for span in away(status, participant) if span.until < FOREVER]
    return comings[-1] if comings else None


def comings(status: CallStatus, people: set[str]) -> list[datetime]:
    """Return when the stays of these people began that have not ended."""
    stays = [p for p in status.participants if p.in_call and p.participant in people]
    return [presence.joined_at or presence.told_at for presence in stays]


def last_goings(status: CallStatus, people: set[str] | None = None) -> list[datetime]:
    """Return when the last of all, or of these people, left; empty if nobody has.

    Who may have left did so with the last of their devices that has.
    """
    stays = (p for p in status.participants if people is None or p.participant in people)
    goings = [presence.left_at for presence in stays if presence.left_at is not None]
    return [max(goings)] if goings else []


def certain_until(status: CallStatus, stay: Presence) -> datetime | None:
    """Return until when somebody was in the call for certain; None while they are."""
    if stay.left_at is not None or not stay.may_have_left:
        return stay.left_at
    return next(iter(last_goings(status, {stay.participant})), stay.told_at)


def was_here(status: CallStatus, participant: str, time: Span) -> bool:
    """Tell if somebody was in the call for all of a time, for certain."""
    stays = _of(status, participant)
    spans = ((s.joined_at or s.told_at, certain_until(status, s) or FOREVER) for s in stays)
    return any(since <= time.since < until and until >= time.until for since, until in spans)


def would_be_gone(status: CallStatus, change: ParticipantChanged, at: datetime) -> bool:
    """Tell if somebody would have left by this, with every device that is known."""
    own, connection = _of(status, change.participant), connection_of(change)
    leaving = [p for p in own if not connection or p.connection == connection]
    if connection and leaving and not leaving[-1].in_call:
        # It is known.
        return False
    return not any(p.in_call and (p not in leaving or _is_here_after(p, at)) for p in own)


def doubt(status: CallStatus, participant: str) -> None:
    """Fold that it is not known if somebody has left: word of it is older than other word."""
    for presence in _of(status, participant):
        presence.may_have_left |= presence.in_call


def named(status: CallStatus, participant: str, asked_at: datetime) -> None:
    """Fold that a request named somebody who was in the call then, by whatever device."""
    _join(status, Presence(participant=participant, told_at=asked_at))


def move(status: CallStatus, change: ParticipantChanged, now: datetime) -> bool:
    """Fold a coming or going; False where it is known already, or something newer is."""
    at, connection = min(change.at or now, now), connection_of(change)
    if change.joined:
        new = Presence(
            participant=change.participant, connection=connection, joined_at=at, told_at=now
        )
        return _join(status, new)
    leave = _leave if connection else _leave_entirely
    if leave(status, change.participant, connection, at, now):
        return True
    if change.at is not None:
        _leave_again(_by(status, change.participant, connection), at)
    return False


def add_stays(status: CallStatus, stays: Iterable[Presence]) -> None:
    """Fold the history that another run of the same call has kept since, in its order."""
    for stay in stays:
        told = {"participant": stay.participant, "connection": stay.connection}
        if stay.joined_at is not None:
            came = ParticipantChanged(**told, joined=True, at=stay.joined_at)
            move(status, came, max(stay.told_at, stay.joined_at))
        elif not stay.connection:
            _named_before(status, stay)
        if stay.left_at is not None:
            left = ParticipantChanged(**told, joined=False, at=stay.left_at)
            move(status, left, max(stay.told_at, stay.left_at))
        if stay.again_at is not None:
            again = ParticipantChanged(**told, joined=stay.in_call, at=stay.again_at)
            move(status, again, max(stay.told_at, stay.again_at))


def _named_before(status: CallStatus, stay: Presence) -> None:
    """Fold that the other run was told of somebody earlier than this one."""
    asked_at = min(stay.told_at, stay.left_at or stay.told_at)
    named(status, stay.participant, asked_at)
    for own in _of(status, stay.participant):
        if own.in_call and own.joined_at is None:
            own.told_at = min(own.told_at, asked_at)


def _join(status: CallStatus, new: Presence) -> bool:
    same = _by(status, new.participant, new.connection)
    last = same[-1] if same else None
    if last is not None and last.in_call:
        return _join_again(status, same, new)
    if not new.connection and any(p.in_call for p in _of(status, new.participant)):
        return False
    if last is not None and _is_before(new, last.left_at):
        return _extend(same, new)
    if is_full(status):
        # Nobody can be told apart any more: no consent is met now.
        return False
    if last is not None and _is_before(new, last.again_at):
        # They have left again since: word of that was first.
        new.left_at, last.again_at = last.again_at, None
    status.participants.append(new)
    _forget(status)
    if not new.in_call and new.connection:
        _doubt_unnamed(status, new.participant)
    return True


def _join_again(status: CallStatus, same: list[Presence], new: Presence) -> bool:
    """Fold that somebody is told again to be here; False where that is no news."""
    last = same[-1]
    told, left_at = new.joined_at or new.told_at, certain_until(status, last)
    # A person who is told again to be here is here, whatever a device did before that.
    is_news = left_at is not None and told >= left_at
    last.may_have_left &= not is_news
    if _is_before(new, last.joined_at):
        # The other one is that which was told again: a leaving may lie between them.
        last.again_at = last.again_at or last.joined_at
        return _extend(same, new) or is_news
    # Another clock than that of a leaving tells when a request was made.
    again = new.joined_at or new.told_at - CLOCKS_AGREE
    last.again_at = max(last.again_at or again, again)
    return is_news


def _is_before(new: Presence, at: datetime | None) -> bool:
    """Tell if a coming is older than something else of the same connection: by one clock."""
    return at is not None and new.joined_at is not None and new.joined_at < at


def _extend(same: list[Presence], new: Presence) -> bool:
    """Let the stay in which a coming lies, or which is next, begin with it; False if it does."""
    stay = next(p for p in same if p.in_call or _is_before(new, p.left_at))
    if stay.joined_at is not None and not _is_before(new, stay.joined_at):
        return False
    stay.joined_at = new.joined_at
    return True


def _leave(
    status: CallStatus, participant: str, connection: str, at: datetime, now: datetime
) -> bool:
    """Fold that one device has left."""
    same = _by(status, participant, connection)
    last = same[-1] if same else None
    if last is not None and last.in_call and (last.joined_at is None or at >= last.joined_at):
        _end(status, last, at, now)
    elif last is None and not is_full(status):
        status.participants.append(
            Presence(participant=participant, connection=connection, left_at=at, told_at=now)
        )
        _forget(status)
    else:
        return False
    _doubt_unnamed(status, participant)
    return True


def _doubt_unnamed(status: CallStatus, participant: str) -> None:
    """Fold that a device has left which may be one that nobody has told apart."""
    for presence in _of(status, participant):
        if presence.in_call and not presence.connection:
            # It may have been this device: whether there is another one is known to nobody.
            presence.may_have_left = True


def _leave_entirely(
    status: CallStatus, participant: str, connection: str, at: datetime, now: datetime
) -> bool:
    """Fold that a person has left, with all devices that came before."""
    own = _of(status, participant)
    open_stays = [p for p in own if p.in_call and (p.joined_at is None or at >= p.joined_at)]
    for presence in open_stays:
        if presence.joined_at is None and at < presence.told_at - CLOCKS_AGREE:
            # They were told to be in the call after that: an earlier stay may be meant.
            presence.may_have_left = True
        else:
            _end(status, presence, at, now)
    if not own and not is_full(status):
        status.participants.append(
            Presence(participant=participant, connection=connection, left_at=at, told_at=now)
        )
        _forget(status)
        return True
    return bool(open_stays)


def _end(status: CallStatus, stay: Presence, at: datetime, now: datetime) -> None:
    """End a stay; whoever was told to be here after that has come again."""
    again_at = stay.again_at
    if again_at is None or again_at <= at:
        stay.left_at, stay.again_at = at, None
    elif not is_full(status):
        stay.left_at, stay.again_at = at, None
        again = {"left_at": None, "joined_at": again_at, "told_at": now}
        status.participants.append(stay.model_copy(update=again))
        _forget(status)


def _is_here_after(stay: Presence, at: datetime) -> bool:
    return stay.again_at is not None and stay.again_at > at


def _leave_again(same: list[Presence], at: datetime) -> None:
    """Keep in mind a leaving after the last: word of a coming between them may be on its way."""
    last = same[-1] if same else None
    if last is not None and last.left_at is not None and at > last.left_at:
        last.again_at = max(last.again_at or at, at)


def _of(status: CallStatus, participant: str) -> list[Presence]:
    return [p for p in status.participants if p.participant == participant]


def _by(status: CallStatus, participant: str, connection: str) -> list[Presence]:
    return [p for p in _of(status, participant) if p.connection == connection]


def connection_of(change: ParticipantChanged) -> str:
    """Return what tells the connection apart: those of the service are short, as GUIDs are."""
    own = change.connection
    return (
        own
        if len(own) <= MAX_CONNECTION and own.isascii()
        else hashlib.sha256(own.encode()).hexdigest()
    )


def _forget(status: CallStatus) -> None:
    """Drop the oldest stay that has ended, once there are too many; each one's last goes last."""
    stays = status.participants
    if len(stays) <= MAX_STAYS:
        return
    last = {presence.participant: presence for presence in stays}
    ended = [p for p in stays if not p.in_call]
    replaced = [p for p in ended if last[p.participant] is not p]
    if oldest := next(iter(replaced or ended), None):
        stays[:] = [presence for presence in stays if presence is not oldest]
        status.participants_left_out += 1
