"""The notify loop: sends every alarm of a call."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import activity_calls
from workflows.activity_errors import reason
from workflows.call.alarms import Alarms
from workflows.loops.loop import Run, each_once


class NotifyLoop:
    """Sends alarms, each on its own, until a receiver accepts them or an operator has seen them."""

    is_interruptible = True

    def __init__(self, run: Run, alarms: Alarms) -> None:
        self._run = run
        self._alarms = alarms
        self._sending: set[str] = set()
        """The ids of the alarms that are under way."""

    @property
    def is_idle(self) -> bool:
        """True if no alarm is under way."""
        return not self._sending

    @property
    def is_done(self) -> bool:
        """True if every alarm is sent, given up or acknowledged."""
        return not self._sending and not self._alarms.unsent()

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Send every alarm, each on its own."""
        await each_once(self._run, group, self._sending, self._alarms.unsent, self._send)

    async def _send(self, alarm_id: str) -> None:
        record = self._alarms.record(alarm_id)
        sending = activity_calls.send_alarm(record.alarm)
        await workflow.wait_condition(
            lambda: sending.done() or record.acknowledged_at is not None or self._run.is_draining
        )
        is_called_off = not sending.done()
        sending.cancel()
        try:
            # Awaited even so: an alarm that arrived must not be sent again by the next run.
            self._alarms.sent(record, await sending, workflow.now())
        except ActivityError as error:
            if not is_called_off:
                self._alarms.not_sent(record, reason(error))
