"""The members of a group of alarms: who has the cause in common, who still has, and in which words.

Pure decisions, without Temporal; `alarm_group.py` waits and sends.
"""

from datetime import datetime, timedelta

from callvault.contracts.alarm_groups import (
    SEVERITIES,
    AlarmDelivered,
    AlarmGroupState,
    GroupMember,
)
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus
from callvault.contracts.base import MAX_TEXT, shorten
from callvault.contracts.names import short_hash

MAX_MEMBERS = 3_000
"""Calls of a group that are known one by one: some 200 bytes each, in what a run carries. One that
is forgotten for want of room tells of itself again at its next step of the escalation."""

MAX_OPEN = 20
"""Episodes of one call that are known: a call may have hundreds of files."""

MAX_NAMED = 20
"""Calls that an alarm names: the newest."""

LEASE = timedelta(hours=96)
"""Time after which a call counts as over that was not heard of: longer than any service keeps a
file and a manifest is tried."""

QUIET = timedelta(hours=1)
"""The same for what never tells that it is over: a process that told it again before still has it,
and a start that failed is past."""

FIRST_UPDATE = timedelta(seconds=30)
"""Time from the first alarm to its first update: then the extent of a disturbance shows."""


UNTOLD_LIMIT = timedelta(seconds=15)
"""Time for whoever began the group to reach a receiver; then the group does it by itself. Who came
as it was just told to be over counts on it."""


class AlarmGroup:
    """One group: folds alarms, and says what is to be told."""

    def __init__(self, state: AlarmGroupState) -> None:
        self.state = state

    def fold(self, alarm: Alarm, now: datetime) -> None:
        """Take note that an alarm of a member was raised, or is over."""
        if alarm.status is AlarmStatus.RESOLVED:
            self._over(alarm)
            return
        state = self.state
        member = state.members.pop(alarm.workflow_id, None) or GroupMember(until=now)
        key = _short(alarm)
        if key in member.open or len(member.open) < MAX_OPEN:
            member.open[key] = member.open.get(key, 0) + 1
        is_told_again = alarm.kind in (AlarmKind.WORKER_PROBLEM, AlarmKind.ABANDONED)
        member.until = now + (QUIET if is_told_again or not alarm.resolves else LEASE)
        member.expires_at = alarm.expires_at
        state.untold_since = state.untold_since or now
        # Anew at the end: they stand in the order in which they were last heard of.
        state.members[alarm.workflow_id] = member
        if _rank(alarm) >= _rank(state.newest):
            state.newest = alarm
        self._bound(now)

    def delivered(self, told: AlarmDelivered, now: datetime) -> None:
        """Take note that a receiver has got the alarm that began the group, or one of the first."""
        state = self.state
        if told.dedup_key == state.dedup_key:
            known = state.told_severity or told.severity
            state.told_severity = max(known, told.severity, key=SEVERITIES.index)
            state.told_at = state.told_at or now
            state.told_counts = state.told_counts or (1, 1, 0)

    def withdrawn(self, alarm: Alarm) -> None:
        """Take note that an attempt at an alarm has failed, which had counted on the group.

        It may be heard of late: what another attempt has put in meanwhile stays.
        """
        key, member = _short(alarm), self.state.members.get(alarm.workflow_id)
        if member is None or key not in member.open:
            return
        member.open[key] -= 1
        if not member.open[key]:
            del member.open[key]
        if not member.open:
            del self.state.members[alarm.workflow_id]

    def open_calls(self, now: datetime) -> list[str]:
        """Return the members for whom it is not over, the newest last."""
        members = self.state.members.items()
        return [call for call, each in members if each.open and each.until > now]

    @property
    def is_told(self) -> bool:
        """True if a receiver knows of the group."""
        return self.state.told_at is not None

    @property
    def is_idle(self) -> bool:
        """True if no receiver knows of the group, or is to hear of it, and nobody counts on it."""
        state = self.state
        return not self.is_told and not state.members and state.owed is None

    @property
    def is_more_urgent(self) -> bool:
        """True if a receiver knows of it as something less urgent than it is."""
        told = self.state.told_severity
        return told is not None and _rank(self.state.newest) > SEVERITIES.index(told)

    def next_update(self) -> datetime | None:
        """Return when it may be told anew, or is to be told by itself; None while that is never."""
        state = self.state
        if state.told_at is None:
            return state.untold_since + UNTOLD_LIMIT if state.untold_since else None
        is_first = state.notifications == 0
        return state.told_at + (min(FIRST_UPDATE, state.interval) if is_first else state.interval)

    def counts(self, now: datetime) -> tuple[int, int, int]:
        """Return the number of members, of those for whom it is not over, and of losses."""
        members = self.state.members.values()
        lost = sum(each.is_lost for each in members)
        return len(members) + self.state.forgotten, len(self.open_calls(now)), lost

    def update(self, now: datetime) -> Alarm | None:
        """Return what is to be told now; None if nothing has changed since the last time."""
        counts = self.counts(now)
        # Who has come counts on it: what was never told is told first, even if it is over by now.
        is_over = self.is_told and counts[1] == 0
        if not is_over and not self.is_more_urgent and counts == self.state.told_counts:
            return None
        return self._told(now, counts, is_over=is_over)

    def was_told(self, alarm: Alarm, now: datetime) -> None:
        """Take note that an update was delivered, or given up."""
        state = self.state
        state.owed = None
        if alarm.status is AlarmStatus.FIRING:
            state.told_at, state.told_severity = now, alarm.severity

    def looked(self, now: datetime) -> None:
        """Take note that there was nothing to tell."""
        self.state.told_at = now
        self.state.notifications = max(self.state.notifications, 1)

    def doubt(self, now: datetime) -> None:
        """Take note that what a receiver was told last is unknown: it is told anew, at once."""
        state = self.state
        if state.members:
            state.told_at, state.told_severity, state.told_counts = None, None, ()
            state.untold_since = now - UNTOLD_LIMIT

    def begin_anew(self, now: datetime) -> None:
        """Begin another episode: what comes after all was over is news."""
        state = self.state
        open_now = {call: state.members[call] for call in self.open_calls(now)}
        state.members, state.forgotten = open_now, 0
        state.dedup_key = f"{state.dedup_key.partition('/')[0]}/{now:%Y%m%dT%H%M%S.%fZ}"
        state.told_at, state.told_severity, state.told_counts = None, None, ()
        state.notifications, state.untold_since = 0, now if open_now else None

    def _over(self, alarm: Alarm) -> None:
        member = self.state.members.get(alarm.workflow_id)
        if member is not None:
            member.open.pop(_short(alarm), None)
            member.is_lost = member.is_lost or alarm.is_loss

    def _bound(self, now: datetime) -> None:
        state = self.state
        if len(state.members) <= MAX_MEMBERS:
            return
        done = (call for call, each in state.members.items() if not each.open or each.until <= now)
        gone = next(done, None) or next(iter(state.members))
        del state.members[gone]
        state.forgotten += 1

    def _told(self, now: datetime, counts: tuple[int, int, int], *, is_over: bool) -> Alarm:
        state, newest = self.state, self.state.newest
        state.told_counts = counts
        state.notifications += 1
        still_open = self.open_calls(now)
        ends = [state.members[call].expires_at for call in still_open]
        return newest.model_copy(
            update={
                "id": f"{state.dedup_key}/{state.notifications}",
                "status": AlarmStatus.RESOLVED if is_over else AlarmStatus.FIRING,
                "at": now,
                "what": _in_words(newest, counts, is_over),
                "dedup_key": state.dedup_key,
                "is_grouped": True,
                "resolves": True,
                "is_loss": counts[2] > 0,
                "count": counts[0],
                "calls": tuple(still_open[-MAX_NAMED:]),
                "expires_at": min((at for at in ends if at is not None), default=None),
                "activity_id": None,
            }
        )


def _short(alarm: Alarm) -> str:
    return short_hash(alarm.dedup_key)[:8]


def _rank(alarm: Alarm) -> int:
    return SEVERITIES.index(alarm.severity)


def _in_words(newest: Alarm, counts: tuple[int, int, int], is_over: bool) -> str:
    """Say how many have it; then the newest alarm, within the bounds of a text."""
    total, still_open, lost = counts
    whom = "processes" if newest.kind == "worker_problem" else "calls"
    losses = f", {lost} of them with a loss, each told by an alarm of its own" if lost else ""
    if is_over:
        whole = "over" if total == 1 else f"over for all {total} {whom}"
        return f"{whole}{losses}; it was: {newest.kind}, {newest.group_key}"
    what = f"{total} {whom} have this in common, it is over for {total - still_open}{losses}. "
    return what + shorten(f"The newest: {newest.what}", MAX_TEXT - len(what))
