"""AlarmWorkflow: sends an alarm of a process that sends none itself, such as a gateway."""

from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from callvault.contracts import names
from callvault.contracts.alarms import Alarm
from callvault.contracts.base import Unreadable, read_one
from workflows import activity_calls


@workflow.defn(name=names.ALARM_TYPE)
class AlarmWorkflow:
    """Sends one alarm, until a receiver accepts it."""

    @workflow.run
    async def run(self, *payloads: Any) -> None:
        """Send; the payload is an `Alarm`."""
        alarm = read_one(Alarm, payloads)
        if isinstance(alarm, Unreadable):
            raise ApplicationError(alarm.problem, type="InvalidRequest", non_retryable=True)
        await activity_calls.send_alarm(alarm)
