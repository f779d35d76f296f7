"""Asks ACS about recordings of which nothing is heard: whether they are over, what became of them.

That a recording is over is asked from its beginning, seldom: perhaps nobody tells of its end. What
became of it is asked once its files are overdue, where the resource's service can be asked that.
"""

import asyncio
from contextlib import suppress

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.activity_io import ToldResult
from callvault.contracts.states import Actual
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls as asking
from workflows.call import chunks as files
from workflows.call.lifecycle import Lifecycle
from workflows.loops.continue_as_new import Shift


class Inquiries:
    """The inquiries about one call's recordings."""

    def __init__(self, call: Lifecycle, shift: Shift) -> None:
        self._call = call
        self._shift = shift
        self._watched: set[int] = set()
        self._asked: set[int] = set()

    async def keep_asking(self, group: asyncio.TaskGroup) -> None:
        """Begin an inquiry, each on its own, as soon as there is reason for it."""
        while not self._shift.is_over():
            await workflow.wait_condition(
                lambda: self._shift.is_over() or bool(self._to_watch() or self._to_ask())
            )
            for recording in self._to_watch():
                self._watched.add(recording.number)
                group.create_task(self._await_end(recording))
            for recording in self._to_ask():
                self._asked.add(recording.number)
                group.create_task(self._ask_result(recording))

    def _to_watch(self) -> list[RecordingStatus]:
        return [
            recording
            for recording in self._call.status.recordings
            if recording.actual in (Actual.ACTIVE, Actual.PAUSED)
            and recording.number not in self._watched
        ]

    def _to_ask(self) -> list[RecordingStatus]:
        return [
            recording
            for recording in self._call.status.recordings
            if self._is_overdue(recording) and recording.number not in self._asked
        ]

    def _is_overdue(self, recording: RecordingStatus) -> bool:
        """Whether its files should have been announced by now, and ACS may be asked for them."""
        return (
            self._call.policy.asks_for_result
            and files.is_awaiting(recording)
            and recording.rungs > 0
            and recording.recording_id is not None
        )

    async def _await_end(self, recording: RecordingStatus) -> None:
        every = self._call.policy.state_checked_every
        asked = asking.end_of(self._call.status, recording, every)
        await workflow.wait_condition(lambda: asked.done() or self._shift.is_over())
        asked.cancel()
        with suppress(ActivityError):
            await asked
            self._call.found_gone(recording.number, workflow.now())

    async def _ask_result(self, recording: RecordingStatus) -> None:
        """Ask until there is a file that was not known; then it is asked anew for further ones."""
        asked = asking.result(self._call.status, recording)
        await workflow.wait_condition(
            lambda: asked.done() or not self._is_overdue(recording) or self._shift.is_over()
        )
        asked.cancel()
        with suppress(ActivityError):
            self._told(recording, await asked)
            self._asked.discard(recording.number)

    def _told(self, recording: RecordingStatus, told: ToldResult) -> None:
        """Fold the answer like an event; what it says of the end of the window, too."""
        now, sent_at = workflow.now(), told.files.event_time
        if told.expires_at is not None:
            sent_at = min(sent_at, told.expires_at - self._call.policy.export_window)
        what = "; ".join(("ACS told of files when it was asked", *told.errors))
        self._call.note(now, f"recording {recording.number}: {what}")
        event = told.files.model_copy(update={"event_time": sent_at})
        self._call.files_announced(event, now)
