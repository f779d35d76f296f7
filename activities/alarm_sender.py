"""One attempt at sending an alarm: alone, or as one for all that have its cause in common."""

from contextlib import suppress
from typing import Protocol

from activities.alarm_links import Links, told
from callvault.contracts.alarm_groups import is_summed
from callvault.contracts.alarms import Alarm, AlarmStatus
from callvault.temporal.alarm_groups import Place


class Sink(Protocol):
    """A receiver of alarms beyond the log."""

    def send(self, alarm: Alarm) -> int:
        """Deliver once and return the status of the answer; raises `callvault.errors`."""


class Groups(Protocol):
    """The groups of alarms, as `callvault.temporal.alarm_groups.AlarmGroups` has them."""

    def join(self, alarm: Alarm) -> Place | None:
        """Put an alarm into its group; None where that does not succeed in time."""

    def delivered(self, alarm: Alarm, dedup_key: str) -> None:
        """Tell a group that a receiver knows of it."""

    def leave(self, alarm: Alarm) -> None:
        """Tell a group that an alarm is over."""

    def withdraw(self, alarm: Alarm) -> None:
        """Tell a group that an attempt at an alarm has failed, and counts on it no more."""


class AlarmSender:
    """Sends alarms to a webhook, if there is one."""

    def __init__(
        self, sink: Sink | None, links: Links | None = None, groups: Groups | None = None
    ) -> None:
        """Without ``groups`` every alarm is sent by itself."""
        self._sink = sink
        self._links = links or Links()
        self._groups = groups

    def complete(self, alarm: Alarm) -> Alarm:
        """Return an alarm as it is told: with its keys and its links."""
        return self._links.complete(alarm)

    def send(self, alarm: Alarm) -> Alarm:
        """Send an alarm, or have it counted; return it as the state of a call keeps it.

        Raises `callvault.errors` where a receiver does not take it. Blocks for some seconds.
        """
        alarm = self.complete(alarm)
        if self._sink is None:
            return told(alarm)
        if alarm.status is AlarmStatus.RESOLVED:
            self._resolve(alarm, self._sink)
        elif self._groups is not None and is_summed(alarm):
            alarm = self._raise_in_group(alarm, self._sink, self._groups)
        else:
            self._sink.send(alarm)
        return told(alarm)

    def send_as_it_is(self, alarm: Alarm) -> None:
        """Send what a group tells."""
        if self._sink is not None:
            self._sink.send(self.complete(alarm))

    def _resolve(self, alarm: Alarm, sink: Sink) -> None:
        if self._groups is not None and (alarm.is_grouped or is_summed(alarm)):
            self._groups.leave(alarm)
        if not alarm.is_grouped or self._groups is None:
            sink.send(alarm)

    def _raise_in_group(self, alarm: Alarm, sink: Sink, groups: Groups) -> Alarm:
        place = groups.join(alarm)
        if place is None:
            sink.send(alarm)
            return alarm
        if not place.is_counted:
            self._send_as_first(alarm, place, sink, groups)
        return alarm.model_copy(update={"is_grouped": True})

    def _send_as_first(self, alarm: Alarm, place: Place, sink: Sink, groups: Groups) -> None:
        first = {"dedup_key": place.dedup_key, "is_grouped": True, "resolves": True}
        try:
            sink.send(alarm.model_copy(update=first | {"calls": (alarm.workflow_id,)}))
        except Exception:
            # A group without anybody in it ends: what was never told is never told to be over.
            with suppress(Exception):
                groups.withdraw(alarm)
            raise
        groups.delivered(alarm, place.dedup_key)
