"""The cause of an alarm about an activity that does not succeed, read from Temporal."""

import asyncio
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.clock import server_clock
from callvault.causes import Cause, tag
from callvault.contracts.alarms import ACTIVITY_ACCOUNT, Alarm, explained
from callvault.contracts.base import shorten
from callvault.errors import words_of
from callvault.temporal.pending_activities import PendingActivity, describe_with_activities

FAILURE_TIMEOUT = timedelta(seconds=2)
"""Time since an alarm was raised for an attempt to fail: an export that becomes more urgent begins
anew as it is alarmed. An alarm comes within five seconds, also where workers are late after an
outage; what takes longer to fail is told with the next one."""

LOOK_INTERVAL = timedelta(seconds=0.5)
ANSWER_TIMEOUT = timedelta(seconds=3)
"""Time for Temporal to answer in all; then an alarm is sent with what is known by then."""

MAX_ERROR = 300
"""Characters of a last error, which the state of a call keeps for each alarm."""

log = structlog.get_logger(__name__)


class AlarmCauses:
    """Adds to an alarm why its activity does not succeed. Made in the client's event loop."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()

    def __call__(self, alarm: Alarm) -> Alarm:
        """Return the alarm with what Temporal tells; blocks, so call it in an activity's thread."""
        if alarm.activity_id is None:
            return alarm
        patience = alarm.at + FAILURE_TIMEOUT - server_clock()()
        asked = asyncio.run_coroutine_threadsafe(
            self._pending(alarm.workflow_id, alarm.activity_id, patience), self._loop
        )
        try:
            # A second more: the loop keeps the time itself, unless something keeps the loop.
            pending = asked.result(ANSWER_TIMEOUT.total_seconds() + 1)
        except Exception as error:  # whatever it is, the alarm itself must not wait
            asked.cancel()
            log.warning(
                "the cause of an alarm is not known", alarm=alarm.id, problem=words_of(error)
            )
            return alarm
        return with_cause(alarm, pending) if pending else alarm

    async def _pending(
        self, workflow_id: str, activity_id: str, patience: timedelta
    ) -> PendingActivity | None:
        """Find the activity, and wait a little for an error of it, if a worker is at it."""
        found, until = None, self._loop.time() + patience.total_seconds()
        waited = False
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
                while True:
                    pending = (await describe_with_activities(self._client, workflow_id)).pending
                    found = next((each for each in pending if each.id == activity_id), None)
                    # It has ended; or it waits in a queue, and may do so for long.
                    if found is None or (found.waits_for_worker and waited):
                        return found
                    is_time_over = self._loop.time() >= until and not found.waits_for_worker
                    if found.last_failure or is_time_over:
                        return found
                    # It may have been scheduled together with the alarm.
                    waited = found.waits_for_worker
                    await asyncio.sleep(LOOK_INTERVAL.total_seconds())
        except (TimeoutError, RPCError):
            if found is None:
                raise
            # That it has not failed yet, or that no worker has begun it.
            return found


def with_cause(alarm: Alarm, pending: PendingActivity) -> Alarm:
    """Say in an alarm what became of its activity: its last error, and whose fault that is."""
    cause = Cause.WORKER if pending.waits_for_worker else pending.cause
    what = explained(f"{alarm.what}. {_account(pending)}", cause)
    error = shorten(pending.last_failure, MAX_ERROR)
    known = {"attempt": pending.attempt, "last_error": error, "fault": pending.fault}
    return alarm.model_copy(update={"what": what, "cause": cause, **known})


def _account(pending: PendingActivity) -> str:
    what = f"{pending.type} {pending.state.replace('_', ' ')}"
    if pending.last_failure:
        whose = tag(pending.fault, pending.cause) if pending.fault else ""
        why = f"{pending.last_failure}{whose}"
        return f"{ACTIVITY_ACCOUNT} at attempt {pending.attempt} ({what}): {why}"
    if pending.waits_for_worker:
        return f"No worker has begun its activity ({what})"
    since = f" since {pending.started_at:%H:%M:%S} UTC" if pending.started_at else ""
    return f"{ACTIVITY_ACCOUNT} at attempt {pending.attempt}{since}, without an error yet ({what})"
