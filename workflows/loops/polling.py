"""The polling loops: ask ACS about recordings of which no event tells.

From its beginning on, a recording's state is polled, seldom: perhaps no event tells of its end. Its
result is polled once its files are overdue, if the resource's service can be asked for that.
"""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.activity_io import PolledResult
from callvault.contracts.states import Actual
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls
from workflows.call import acs_answers, file_events
from workflows.call.alarms import Alarms
from workflows.call.lifecycle import Lifecycle
from workflows.call.recording_state import is_awaiting
from workflows.loops.loop import Run, each_once


class _PollingLoop:
    """The common part of both loops: a poll has no end of its own, and no run waits for it."""

    is_interruptible = True
    is_idle = True
    is_done = True

    def __init__(self, run: Run, call: Lifecycle) -> None:
        self._run = run
        self._call = call
        self._polling: set[int] = set()
        """The numbers of the recordings that are polled."""
        self._polled: set[int] = set()
        """The numbers of the recordings that this run polls no more."""

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Poll every recording that is due, each on its own, and anew while it stays so."""
        await each_once(self._run, group, self._polling, self._to_poll, self._poll)

    def _to_poll(self) -> list[int]:
        return [
            recording.number
            for recording in self._call.status.recordings
            if self._is_due(recording) and recording.number not in self._polled
        ]

    def _is_due(self, recording: RecordingStatus) -> bool:
        raise NotImplementedError

    async def _poll(self, number: int) -> None:
        raise NotImplementedError


class StatePollingLoop(_PollingLoop):
    """Polls whether recordings are still on."""

    def _is_due(self, recording: RecordingStatus) -> bool:
        return recording.actual in (Actual.ACTIVE, Actual.PAUSED)

    async def _poll(self, number: int) -> None:
        self._polled.add(number)
        recording = self._call.recording(number)
        interval = self._call.policy.state_poll_interval
        poll = activity_calls.poll_state(self._call.status, recording, interval)
        await workflow.wait_condition(lambda: poll.done() or self._run.is_finished)
        poll.cancel()
        with suppress(ActivityError):
            await poll
            acs_answers.found_gone(self._call, number, workflow.now())


class ResultPollingLoop(_PollingLoop):
    """Polls what became of recordings whose files are overdue."""

    def __init__(self, run: Run, call: Lifecycle, alarms: Alarms) -> None:
        super().__init__(run, call)
        self._alarms = alarms

    def _is_due(self, recording: RecordingStatus) -> bool:
        """Tell if its files should have been announced by now, and ACS may be asked for them."""
        return (
            self._call.policy.polls_result
            and is_awaiting(recording)
            and recording.escalations > 0
            and recording.recording_id is not None
        )

    async def _poll(self, number: int) -> None:
        """Poll until there is a file that was not known."""
        recording = self._call.recording(number)
        poll = activity_calls.poll_result(self._call.status, recording)
        await workflow.wait_condition(
            lambda: poll.done() or not self._is_due(recording) or self._run.is_finished
        )
        poll.cancel()
        try:
            result = await poll
        except ActivityError:
            # Called off, or refused for good.
            self._polled.add(number)
        else:
            if self._fold(recording, result):
                # What is left out stays unknown: ACS would tell of it again at once, for ever.
                self._polled.add(number)

    def _fold(self, recording: RecordingStatus, result: PolledResult) -> int:
        """Fold the answer like an event; return the number of files that were left out."""
        now, sent_at = workflow.now(), result.files.event_time
        if result.expires_at is not None:
            # The end of the window that it names counts if it is earlier than the computed one.
            sent_at = min(sent_at, result.expires_at - self._call.policy.export_window)
        what = "; ".join(("ACS told of files when it was asked", *result.errors))
        self._call.note(now, f"recording {recording.number}: {what}")
        event = result.files.model_copy(update={"event_time": sent_at})
        return file_events.fold(self._call, self._alarms, event, now)
