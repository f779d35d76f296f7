"""The history of who was in a call: comings and goings, by connection.

A person has any number of devices, and not all of them are known. So there are three answers: here
(an open stay that nobody doubts), perhaps here (a device has left, and another may be left), gone.
Whoever must agree counts as here in doubt; whoever has agreed counts as gone in doubt.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from callvault.contracts.consent import Presence
from callvault.contracts.participants import ParticipantChanged
from callvault.contracts.status import CallStatus

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


def would_be_gone(status: CallStatus, change: ParticipantChanged) -> bool:
    """Tell if somebody would have left by this, with every device that is known."""
    own, connection = _of(status, change.participant), connection_of(change)
    if not connection:
        return True
    same = [presence for presence in own if presence.connection == connection]
    if same and not same[-1].in_call:
        # It is known.
        return False
    return not any(p.in_call and p.connection != connection for p in own)


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
    if not connection:
        return _leave_entirely(status, change.participant, at, now)
    return _leave(status, change.participant, connection, at, now)


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


def _named_before(status: CallStatus, stay: Presence) -> None:
    """Fold that the other run was told of somebody earlier than this one."""
    asked_at = min(stay.told_at, stay.left_at or stay.told_at)
    named(status, stay.participant, asked_at)
    for own in _of(status, stay.participant):
        if own.in_call and own.joined_at is None:
            own.told_at = min(own.told_at, asked_at)


def _join(status: CallStatus, new: Presence) -> bool:
    own = _of(status, new.participant)
    same = [p for p in own if p.connection == new.connection]
    last = same[-1] if same else None
    if last is not None and last.in_call:
        # A person who is told again to be here is here, whatever a device did meanwhile.
        is_news, last.may_have_left = last.may_have_left, False
        return is_news
    if not new.connection and any(p.in_call for p in own):
        return False
    if _is_older(new, last):
        return False
    if is_full(status):
        # Nobody can be told apart any more: no consent is met now.
        return False
    status.participants.append(new)
    _forget(status)
    return True


def _is_older(new: Presence, last: Presence | None) -> bool:
    """Tell if the same connection is known to have left since: one clock has told of both."""
    left = last.left_at if last else None
    return left is not None and new.joined_at is not None and new.joined_at < left


def _leave(
    status: CallStatus, participant: str, connection: str, at: datetime, now: datetime
) -> bool:
    """Fold that one device has left."""
    own = _of(status, participant)
    same = [p for p in own if p.connection == connection]
    last = same[-1] if same else None
    if last is not None and last.in_call and (last.joined_at is None or at >= last.joined_at):
        last.left_at = at
    elif last is None and not is_full(status):
        status.participants.append(
            Presence(participant=participant, connection=connection, left_at=at, told_at=now)
        )
        _forget(status)
    else:
        return False
    for presence in own:
        if presence.in_call and not presence.connection:
            # It may have been this device: whether there is another one is known to nobody.
            presence.may_have_left = True
    return True


def _leave_entirely(status: CallStatus, participant: str, at: datetime, now: datetime) -> bool:
    """Fold that a person has left, with all devices that came before."""
    own = _of(status, participant)
    open_stays = [p for p in own if p.in_call and (p.joined_at is None or at >= p.joined_at)]
    for presence in open_stays:
        if presence.joined_at is None and at < presence.told_at - CLOCKS_AGREE:
            # They were told to be in the call after that: an earlier stay may be meant.
            presence.may_have_left = True
        else:
            presence.left_at = at
    if not own and not is_full(status):
        status.participants.append(Presence(participant=participant, left_at=at, told_at=now))
        _forget(status)
        return True
    return bool(open_stays)


def _of(status: CallStatus, participant: str) -> list[Presence]:
    return [p for p in status.participants if p.participant == participant]


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
