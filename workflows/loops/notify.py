"""The notify loop: sends every alarm of a call, and that it is over."""

from collections.abc import Callable
from typing import NamedTuple

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.alarms import Alarm
from workflows import activity_calls
from workflows.activity_errors import reason
from workflows.call.alarms import Alarms
from workflows.loops.loop import Run


class Notification(NamedTuple):
    """One thing to send: an alarm, or that it is over."""

    alarm_id: str
    is_resolved: bool


class NotifyLoop:
    """Sends alarms, each on its own, until a receiver accepts them or an operator has seen them.

    That one is over is sent after it, and only if a receiver has accepted it.
    """

    is_interruptible = True

    def __init__(self, run: Run, alarms: Alarms) -> None:
        self._run = run
        self._alarms = alarms
        self._sending: set[Notification] = set()
        """What is under way."""

    @property
    def is_idle(self) -> bool:
        """True if nothing is under way."""
        return not self._sending

    @property
    def is_done(self) -> bool:
        """True if every alarm is sent, given up or acknowledged, and every end of one is told."""
        return not self._sending and not self._to_send()

    async def run(self) -> None:
        """Send everything, each on its own."""
        self._run.begin_each(self._sending, self._to_send, self._send)

    def _to_send(self) -> list[Notification]:
        under_way = {each.alarm_id for each in self._sending}
        return [
            *(Notification(each, False) for each in self._alarms.unsent()),
            *(Notification(each, True) for each in self._alarms.unresolved(under_way)),
        ]

    async def _send(self, notification: Notification) -> None:
        if notification.is_resolved:
            await self._resolve(notification.alarm_id)
        else:
            await self._raise(notification.alarm_id)

    async def _raise(self, alarm_id: str) -> None:
        if (record := self._alarms.record(alarm_id)) is None:
            return  # Given up since it was to be sent.
        answer = await self._deliver(record.alarm, lambda: self._alarms.is_needless(alarm_id))
        if answer.is_delivered:
            self._alarms.sent(alarm_id, answer.told, workflow.now())
        elif answer.problem:
            self._alarms.not_sent(alarm_id, answer.problem)

    async def _resolve(self, alarm_id: str) -> None:
        record = self._alarms.record(alarm_id)
        if record is None or alarm_id not in self._alarms.unresolved():
            return  # The same is late again since this was to be told, or it is not kept.
        over = self._alarms.resolution(record.alarm, workflow.now())
        answer = await self._deliver(over, lambda: False)
        if answer.is_delivered:
            self._alarms.resolved(alarm_id, workflow.now())
        elif answer.problem:
            self._alarms.not_resolved(alarm_id, answer.problem)

    async def _deliver(self, alarm: Alarm, is_needless: Callable[[], bool]) -> "_Answer":
        """Send until it is delivered, given up, or needless, or the next run takes over."""
        sending = activity_calls.send_alarm(alarm)
        await self._run.until(lambda: sending.done() or is_needless() or self._run.is_draining)
        is_called_off = not sending.done()
        sending.cancel()
        try:
            # Awaited even so: an alarm that arrived must not be sent again by the next run.
            return _Answer(is_delivered=True, told=await sending)
        except ActivityError as error:
            return _Answer(problem="" if is_called_off else reason(error))


class _Answer(NamedTuple):
    is_delivered: bool = False
    told: Alarm | None = None
    problem: str = ""
    """The reason why it is given up; empty if it was called off."""
