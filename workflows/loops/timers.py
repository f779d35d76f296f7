"""Minds a call while time passes: files that nobody announces, the ladder, guards, alarms."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.alarms import AlarmKind, AlarmRecord, Severity
from callvault.contracts.states import RecordingState
from workflows import activity_calls as asking
from workflows.call import chunks as files
from workflows.call.alarms import Alarms
from workflows.call.guards import Watch
from workflows.call.lifecycle import Lifecycle
from workflows.loops.continue_as_new import Shift


class Watching:
    """Everything that falls due in the life of one call, and the alarms that come of it."""

    def __init__(self, call: Lifecycle, alarms: Alarms, guard: Watch, shift: Shift) -> None:
        self._call = call
        self._alarms = alarms
        self._guard = guard
        self._shift = shift
        self._telling: set[str] = set()

    @property
    def has_told_all(self) -> bool:
        """Whether every alarm was delivered, given up or acknowledged."""
        return self.is_resting and not self._untold()

    @property
    def is_resting(self) -> bool:
        """Whether no alarm is under way."""
        return not self._telling

    async def watch_for_missing_files(self) -> None:
        """Close the window on recordings whose files were not all announced in time."""
        while not self._shift.is_over():
            awaited = files.next_awaited(self._call.status)
            is_changed = await self._shift.clock.changed(
                lambda: (self._shift.is_over(), files.next_awaited(self._call.status)),
                awaited[0] if awaited else None,
                "last moment for a file of this recording to be announced",
            )
            if awaited is not None and not is_changed:
                self._window_closed(awaited[1])

    def _window_closed(self, number: int) -> None:
        now = workflow.now()
        self._call.window_closed(number, now)
        recording = self._call.recording(number)
        if recording.state is RecordingState.LOST:
            self._alarms.add(AlarmKind.LOST, Severity.CRITICAL, recording.problem, recording, now)

    async def climb_the_ladder(self) -> None:
        """Raise alarms as they fall due."""
        while not self._shift.is_over():
            summary = "the next alarm, unless all is archived by then"
            await self._until_due(self._alarms.next_due, summary)
            self._alarms.raise_due(workflow.now())

    async def keep_guard(self) -> None:
        """Do what the guards of the recordings ask for, when it falls due."""
        while not self._shift.is_over():
            summary = "a pause or a recording reaches its limit"
            await self._until_due(self._guard.next_due, summary, self._guard.settled_doubt_count)
            self._guard.act(workflow.now())

    async def _until_due(
        self,
        next_due: Callable[[], datetime | None],
        summary: str,
        also: Callable[[], object] = lambda: None,
    ) -> None:
        """Wait for what falls due next, or for a reason to look again."""
        await self._shift.clock.changed(
            lambda: (self._shift.is_over(), next_due(), also()), next_due(), summary
        )

    async def keep_telling(self, group: asyncio.TaskGroup) -> None:
        """Send every alarm, each on its own."""
        while not self._shift.is_over():
            await workflow.wait_condition(lambda: self._shift.is_over() or bool(self._to_tell()))
            for record in self._to_tell():
                self._telling.add(record.alarm.id)
                group.create_task(self._tell(record))

    def _to_tell(self) -> list[AlarmRecord]:
        return [] if self._shift.is_ending() else self._untold()

    def _untold(self) -> list[AlarmRecord]:
        return [
            record
            for record in self._call.status.alarms
            if record.is_untold and record.alarm.id not in self._telling
        ]

    async def _tell(self, record: AlarmRecord) -> None:
        """Tell until somebody listens or has acknowledged it, or leave it to the next run."""
        sending = asking.alarm(record.alarm)
        await workflow.wait_condition(
            lambda: sending.done() or record.acknowledged_at is not None or self._shift.is_ending()
        )
        is_called_off = not sending.done()
        sending.cancel()
        try:
            await sending
            record.sent_at = workflow.now()
        except ActivityError as error:
            if not is_called_off:
                record.problem = asking.reason(error)
        self._telling.discard(record.alarm.id)
