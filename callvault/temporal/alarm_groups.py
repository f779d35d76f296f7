"""Groups of alarms, from outside: who begins one, who is counted, and of whom it is over."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import structlog
from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.alarm_groups import AlarmDelivered, AlarmGroupState
from callvault.contracts.alarms import Alarm
from callvault.errors import words_of

JOIN_TIMEOUT = timedelta(seconds=3)
"""Time for Temporal to take an alarm into its group; then it is sent by itself."""

LOOK_INTERVALS = (0.0, 0.1, 0.2, 0.4, 0.8)
"""Seconds before each look if a receiver knows of the group: whoever began it is just telling."""

MAX_TRIES = 3
"""Tries to join a group that ends at this very moment."""

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class Place(NamedTuple):
    """The place of an alarm in a group."""

    dedup_key: str
    """The key under which receivers know the group."""
    is_counted: bool
    """True if a receiver knows of the group already: the alarm is counted there, and not sent."""


class AlarmGroups:
    """The groups of a namespace. Every alarm that cannot be put into one is to be sent by itself.

    Made in the client's event loop; its methods block, so call them in threads.
    """

    def __init__(self, client: Client, interval: timedelta) -> None:
        """``interval`` is the shortest time between two notifications about a group."""
        self._client = client
        self._interval = interval
        self._loop = asyncio.get_running_loop()

    def join(self, alarm: Alarm) -> Place | None:
        """Put an alarm into its group; None where that does not succeed in time."""
        try:
            return self._wait_for(self._join(alarm))
        except Exception as error:  # whatever it is, the alarm itself must not wait
            log.warning(
                "an alarm is sent without its group", alarm=alarm.id, problem=words_of(error)
            )
            return None

    def delivered(self, alarm: Alarm, dedup_key: str) -> None:
        """Tell a group that a receiver knows of it; else it tells by itself, later."""
        told = AlarmDelivered(dedup_key=dedup_key, severity=alarm.severity)
        try:
            self._wait_for(self._handle(alarm).signal(names.ALARM_DELIVERED, told))
        except Exception as error:
            log.warning("a group of alarms was not told", alarm=alarm.id, problem=words_of(error))

    def leave(self, alarm: Alarm) -> None:
        """Tell a group, if there is still one, that an alarm is over; raises what Temporal does."""
        self._tell(alarm, names.ALARM_IN_GROUP)

    def withdraw(self, alarm: Alarm) -> None:
        """Tell a group, if there is still one, that an attempt at an alarm has failed.

        Raises what Temporal does.
        """
        self._tell(alarm, names.ALARM_WITHDRAWN)

    def _tell(self, alarm: Alarm, signal: str) -> None:
        try:
            self._wait_for(self._handle(alarm).signal(signal, alarm))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

    def _wait_for(self, doing: Coroutine[object, object, Answer]) -> Answer:
        seconds = JOIN_TIMEOUT.total_seconds()
        asked = asyncio.run_coroutine_threadsafe(asyncio.wait_for(doing, seconds), self._loop)
        # A little longer: a loop that stands still must not hold up an alarm for ever.
        return asked.result(seconds + 1)

    def _handle(self, alarm: Alarm) -> WorkflowHandle[Any, Any]:
        return self._client.get_workflow_handle(names.alarm_group_id(alarm.group_key))

    async def _join(self, alarm: Alarm) -> Place:
        for _ in range(MAX_TRIES):
            try:
                return await self._begin(alarm)
            except WorkflowAlreadyStartedError:
                pass
            try:
                await self._handle(alarm).signal(names.ALARM_IN_GROUP, alarm)
                return await self._look(alarm)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
        raise RuntimeError("the group ends again and again")

    async def _begin(self, alarm: Alarm) -> Place:
        # Only one can begin it: the alarms that come at the same moment wait for that one.
        workflow_id = names.alarm_group_id(alarm.group_key)
        # The same when the same alarm is tried again: a receiver may have it already.
        key = f"{workflow_id}/{alarm.at:%Y%m%dT%H%M%S.%fZ}"
        group = AlarmGroupState(
            key=alarm.group_key, dedup_key=key, interval=self._interval, newest=alarm
        )
        await self._client.start_workflow(
            names.ALARM_GROUP_TYPE,
            group,
            id=workflow_id,
            task_queue=names.CONTROL_QUEUE,
            memo={
                names.MEMO_GROUP_DEDUP_KEY: key,
                names.MEMO_GROUP_OPENED_BY: alarm.id,
                names.MEMO_GROUP_TOLD: False,
            },
            static_summary=f"alarms: {alarm.group_key}",
        )
        return Place(key, is_counted=False)

    async def _look(self, alarm: Alarm) -> Place:
        for pause in LOOK_INTERVALS:
            await asyncio.sleep(pause)
            described = await self._handle(alarm).describe()
            memo = await described.memo()
            place = Place(memo[names.MEMO_GROUP_DEDUP_KEY], bool(memo[names.MEMO_GROUP_TOLD]))
            # Who began it and tries again is not to wait for itself.
            if place.is_counted or memo.get(names.MEMO_GROUP_OPENED_BY) == alarm.id:
                break
        return place
