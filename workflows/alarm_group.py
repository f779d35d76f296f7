"""AlarmGroupWorkflow: counts the calls that have the cause of an alarm in common.

The first alarm of a group is sent by its own activity, without this workflow: nothing that happens
to this workflow makes it late. Here the others are counted, and a receiver is told of the count now
and then, of a greater urgency at once, and that all is over.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from callvault.contracts import names
from callvault.contracts.alarm_groups import AlarmDelivered, AlarmGroupState
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus, Severity
from callvault.contracts.base import Unreadable, read_one
from workflows import activity_calls
from workflows.activity_errors import reason
from workflows.group_members import AlarmGroup
from workflows.loops.continue_as_new import CURRENT_VERSION
from workflows.loops.resets import on_reset

MAX_SIGNALS = 250
"""Signals of one run; then the next one goes on, with a short history.

A worker that takes a run over replays it first, each signal as a task of its own: 1,000 took five
seconds of a busy machine, half of the time for a workflow task.
"""


@workflow.defn(name=names.ALARM_GROUP_TYPE)
class AlarmGroupWorkflow:
    """One group, from its first alarm until all is over."""

    @workflow.init
    def __init__(self, *payloads: Any) -> None:
        self._begun = read_one(AlarmGroupState, payloads)
        self._group = AlarmGroup(
            self._begun if isinstance(self._begun, AlarmGroupState) else _nothing()
        )
        self._signals = 0
        self._was_reset = False
        """True if a receiver may have been told what this run does not know of."""
        on_reset(self._take_note_of_reset)
        self._is_to_end = False
        """True if the next run is to take over."""
        state = self._group.state
        if not state.members and state.owed is None:
            # Whoever began it; before any signal, which may come with the first task.
            self._group.fold(state.newest, workflow.now())
        # Whoever began it, or the run before, has set it.
        self._memo_shown = self._memo()

    @workflow.run
    async def run(self, *payloads: Any) -> None:
        """Count until all is over; the payload is an `AlarmGroupState`."""
        if isinstance(self._begun, Unreadable):
            raise ApplicationError(self._begun.problem, type="InvalidRequest", non_retryable=True)
        while not self._group.is_idle:
            await self._wait()
            self._look()
            if self._was_reset:
                self._was_reset = False
                self._group.doubt(workflow.now())
            self._show()
            # Another run of nobody would take its newest alarm for one that began it.
            if self._is_to_end and not self._group.is_idle:
                workflow.continue_as_new(
                    self._group.state,
                    memo=self._memo(),
                    initial_versioning_behavior=CURRENT_VERSION,
                )
            await self._tell()

    @workflow.signal(name=names.ALARM_IN_GROUP)
    def alarm(self, *payloads: Any) -> None:
        """Take note that an alarm of a member was raised, or is over."""
        self._signals += 1
        self._look()
        alarm = read_one(Alarm, payloads)
        if isinstance(alarm, Alarm):
            self._group.fold(alarm, workflow.now())

    @workflow.signal(name=names.ALARM_DELIVERED)
    def delivered(self, *payloads: Any) -> None:
        """Take note that a receiver knows of the group."""
        self._signals += 1
        self._look()
        told = read_one(AlarmDelivered, payloads)
        if isinstance(told, AlarmDelivered):
            self._group.delivered(told, workflow.now())
            self._show()

    @workflow.signal(name=names.ALARM_WITHDRAWN)
    def withdrawn(self, *payloads: Any) -> None:
        """Take note that an attempt at an alarm has failed: it will be told by another one."""
        self._signals += 1
        self._look()
        alarm = read_one(Alarm, payloads)
        if isinstance(alarm, Alarm):
            self._group.withdrawn(alarm)

    @workflow.signal(name=names.HAND_OVER)
    def hand_over(self, *payloads: Any) -> None:
        """Look whether another version of the workers is to count."""
        self._signals += 1
        self._look()

    @workflow.query(name=names.STATUS)
    def status(self, *payloads: Any) -> AlarmGroupState:
        """Return everything known of the group."""
        return self._group.state

    def _take_note_of_reset(self) -> None:
        self._was_reset = True

    def _look(self) -> None:
        """See whether the history is long, or another version of the workers is to count."""
        # Not in a condition: those are checked more often than a history tells.
        is_on_old_version = workflow.info().is_target_worker_deployment_version_changed()
        self._is_to_end = self._signals >= MAX_SIGNALS or is_on_old_version

    async def _wait(self) -> None:
        """Wait until something may be told; alarms that are only counted wake nobody."""
        group, due = self._group, self._group.next_update()
        if group.state.owed is not None:
            return
        timeout = max(due - workflow.now(), timedelta()) if due else None
        was_told = group.is_told
        try:
            await workflow.wait_condition(
                lambda: (
                    group.is_idle
                    or group.is_told != was_told
                    or group.is_more_urgent
                    or self._is_to_end
                    or self._was_reset
                ),
                timeout=timeout,
                timeout_summary="the next time that the count may be told",
            )
        except TimeoutError:
            return

    async def _tell(self) -> None:
        """Tell a receiver what has changed, if it may be told now."""
        group = self._group
        # What the run before could not tell goes first.
        alarm = group.state.owed or self._update()
        if alarm is None:
            return
        group.state.owed = alarm
        if await self._sent(alarm):
            group.was_told(alarm, workflow.now())
            self._show()

    def _update(self) -> Alarm | None:
        """Return what has changed, if it may be told now."""
        group, now = self._group, workflow.now()
        due = group.next_update()
        if due is None or (now < due and not group.is_more_urgent):
            return None
        if (alarm := group.update(now)) is None:
            group.looked(now)
        elif alarm.status is AlarmStatus.RESOLVED:
            # Who comes from now on is told anew.
            group.begin_anew(now)
            self._show()
        return alarm

    async def _sent(self, alarm: Alarm) -> bool:
        """Send until a receiver accepts it, or its time is over; False if the next run is to."""
        sending = activity_calls.send_group_alarm(alarm)
        # A webhook may be away for a day, and signals come meanwhile.
        await workflow.wait_condition(lambda: sending.done() or self._is_to_end)
        is_called_off = not sending.done()
        sending.cancel()
        try:
            # Awaited even so: what was accepted is not to be told again by the next run.
            await sending
        except ActivityError as error:
            if is_called_off:
                return False
            workflow.logger.error("the alarm of a group was not sent: %s", reason(error))
        return True

    def _show(self) -> None:
        """Show in the Web UI who is in the group; let others know if a receiver knows of it."""
        total, still_open, lost = self._group.counts(workflow.now())
        workflow.set_current_details(
            f"{self._group.state.key}: {total} calls, {still_open} still, {lost} with a loss"
        )
        memo = self._memo()
        if memo != self._memo_shown:
            workflow.upsert_memo(memo)
            self._memo_shown = memo

    def _memo(self) -> dict[str, Any]:
        state = self._group.state
        return {
            names.MEMO_GROUP_DEDUP_KEY: state.dedup_key,
            names.MEMO_GROUP_TOLD: self._group.is_told,
        }


def _nothing() -> AlarmGroupState:
    """Return a state for handlers to fold into; `run` refuses what could not be read."""
    now = workflow.now()
    alarm = Alarm(
        id="",
        kind=AlarmKind.TEST,
        severity=Severity.WARNING,
        at=now,
        what="",
        workflow_id="",
        resource="",
    )
    return AlarmGroupState(key="", dedup_key="", interval=timedelta(hours=1), newest=alarm)
