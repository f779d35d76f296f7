"""The record of a call's alarms: what is to be sent of each, what was, and who has seen it.

All alarms about one thing are one episode, with one `dedup_key`: its first alarm, those of the next
steps of the escalation, and the notification that it is over. What is late again afterwards is
another episode.
"""

from collections.abc import Container, Iterator
from datetime import datetime

from callvault.contracts.alarms import Acknowledge, Alarm, AlarmRecord, AlarmStatus
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import alarm_ends

Place = tuple[str, str, bool]
"""An episode, and the group that was told of it: each hears of the end once."""


class AlarmRecords:
    """The alarms in the status of one call."""

    def __init__(self, status: CallStatus) -> None:
        self._status = status

    def enter(self, alarm: Alarm, recording: RecordingStatus | None) -> None:
        """Add an alarm, to the episode of its kind that is not over yet or to a new one."""
        begun = next((each for each in self._open_episodes(alarm)), None)
        is_past = alarm_ends.is_after_the_fact(self._status, alarm)
        resolves = alarm_ends.may_end(alarm, recording) and not is_past
        update = (
            {"dedup_key": begun.dedup_key, "resolves": True}
            if begun
            else {"dedup_key": alarm.id, "resolves": resolves}
        )
        self._status.alarms.append(AlarmRecord(alarm=alarm.model_copy(update=update)))

    def _open_episodes(self, alarm: Alarm) -> Iterator[Alarm]:
        for record in reversed(self._status.alarms):
            known = record.alarm
            is_same = _subject(known) == _subject(alarm)
            if is_same and known.resolves and record.over_at is None:
                yield known

    def unsent(self) -> list[str]:
        """Return the ids of the alarms that are neither sent, nor given up, nor acknowledged."""
        return [record.alarm.id for record in self._status.alarms if record.is_unsent]

    def unresolved(self, under_way: Container[str] = ()) -> list[str]:
        """Return the ids of the delivered alarms of which it is to be told that they are over.

        Of each episode and each group that was told of it: the newest. None of an episode of which
        an alarm is still to be sent, or is among those ``under_way``.
        """
        found: dict[Place, str] = {}
        for record in self._status.alarms:
            if record.is_unresolved and (record.over_at or self._is_over(record)):
                found[_place(record.alarm)] = record.alarm.id
        busy = {
            record.alarm.dedup_key
            for record in self._status.alarms
            if found and (record.is_unsent or record.alarm.id in under_way)
        }
        return [newest for (key, _, _), newest in found.items() if key not in busy]

    def record(self, alarm_id: str) -> AlarmRecord | None:
        """Look an alarm up by its id; None if it was given up for want of room."""
        return next((each for each in self._status.alarms if each.alarm.id == alarm_id), None)

    def is_needless(self, alarm_id: str) -> bool:
        """Tell if an alarm is to be sent no more: somebody looks after it, or it is not kept."""
        record = self.record(alarm_id)
        return record is None or record.acknowledged_at is not None

    def sent(self, alarm_id: str, told: Alarm | None, now: datetime) -> None:
        """Fold that a receiver has accepted an alarm, and what it was told, with its cause."""
        if (record := self.record(alarm_id)) is not None:
            record.sent_at = now
            record.alarm = told or record.alarm

    def not_sent(self, alarm_id: str, problem: str) -> None:
        """Fold that no receiver has accepted an alarm in time: it is given up."""
        if (record := self.record(alarm_id)) is not None:
            record.problem = problem

    def resolution(self, alarm: Alarm, now: datetime) -> Alarm:
        """Close the episode of an alarm, and return the notification that it is over."""
        episode = [r for r in self._status.alarms if r.alarm.dedup_key == alarm.dedup_key]
        for record in episode:
            record.over_at = record.over_at or now
        return alarm.model_copy(
            update={
                "id": f"{alarm.id}/resolved",
                "status": AlarmStatus.RESOLVED,
                "at": min(record.over_at or now for record in episode),
                "what": alarm_ends.in_words(self._status, alarm),
                "is_loss": alarm_ends.is_loss(self._status, alarm),
                "activity_id": None,
            }
        )

    def resolved(self, alarm_id: str, now: datetime) -> None:
        """Fold that a receiver knows that an alarm is over."""
        for record in self._same_place(alarm_id):
            record.resolved_at = now

    def not_resolved(self, alarm_id: str, problem: str) -> None:
        """Fold that no receiver has taken in time that an alarm is over: that is given up."""
        for record in self._same_place(alarm_id):
            record.resolved_problem = problem

    def acknowledge(self, message: Acknowledge, now: datetime) -> int:
        """Mark alarms as seen, and return how many; later ones are raised all the same."""
        # Without an id those are meant that were sent: the others must be seen first.
        meant = [
            record
            for record in self._status.alarms
            if record.acknowledged_at is None
            and (message.alarm_id == record.alarm.id if message.alarm_id else not record.is_unsent)
        ]
        for record in meant:
            record.acknowledged_at = now
            record.acknowledged_by = message.requested_by
            record.acknowledged_as = message.authenticated_as
        return len(meant)

    def _is_over(self, record: AlarmRecord) -> bool:
        return alarm_ends.is_over(self._status, record.alarm)

    def _same_place(self, alarm_id: str) -> list[AlarmRecord]:
        if (own := self.record(alarm_id)) is None:
            return []
        place = _place(own.alarm)
        told = (r for r in self._status.alarms if r.sent_at is not None)
        return [record for record in told if _place(record.alarm) == place]


def _place(alarm: Alarm) -> Place:
    return alarm.dedup_key, alarm.group_key if alarm.is_grouped else "", alarm.is_grouped


def _subject(alarm: Alarm) -> tuple[object, ...]:
    # A recording has no id before it begins, and keeps its number.
    return alarm.kind, alarm.recording, alarm.chunk_index
