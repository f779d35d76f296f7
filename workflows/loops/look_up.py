"""The look-up loop: looks into the archive for recordings whose files nobody announces.

A workflow that was restored to an earlier state waits for an event that was delivered long ago: the
recording lies sealed in the archive, and must not be told as lost.
"""

from contextlib import suppress
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.activity_io import FoundRecording
from callvault.contracts.status import RecordingStatus
from workflows import activity_calls
from workflows.call import file_events
from workflows.call.alarms import Alarms
from workflows.call.chunks import ChunkKey, chunks_of
from workflows.call.lifecycle import Lifecycle
from workflows.call.recording_state import is_awaiting
from workflows.loops.loop import Run


class LookUpLoop:
    """Looks again at every alarm about files that are not announced."""

    is_interruptible = True
    is_done = True

    def __init__(self, run: Run, call: Lifecycle, alarms: Alarms) -> None:
        self._run = run
        self._call = call
        self._alarms = alarms
        self._looking: set[int] = set()
        self._looked: dict[int, tuple[int, datetime | None]] = {}
        """The number of alarms about each recording when this run looked last, and since when its
        loss was undecided then."""

    @property
    def is_idle(self) -> bool:
        """True if no archive is being searched."""
        return not self._looking

    async def run(self) -> None:
        """Look for every recording that is overdue, each on its own."""
        self._run.begin_each(self._looking, self._to_look_up, self._look_up)

    def _to_look_up(self) -> list[int]:
        return [
            recording.number
            for recording in self._call.status.recordings
            if self._is_overdue(recording) and self._is_to_look_again(recording)
        ]

    def _is_to_look_again(self, recording: RecordingStatus) -> bool:
        # What was looked for may be forgotten with the state of another run: then its loss is
        # undecided, and is looked at anew.
        alarms, undecided = self._looked.get(recording.number, (recording.looked_up, None))
        return recording.escalations > alarms or recording.undecided_since not in (None, undecided)

    def _is_overdue(self, recording: RecordingStatus) -> bool:
        return is_awaiting(recording) and recording.recording_id is not None

    async def _look_up(self, number: int) -> None:
        recording = self._call.recording(number)
        escalations = recording.escalations
        self._looked[number] = escalations, recording.undecided_since
        looking = activity_calls.find_sealed(self._call.status, recording)
        await self._run.until(
            lambda: (
                looking.done()
                or not self._is_overdue(recording)
                or self._run.is_draining
                or self._run.is_finished
            )
        )
        looking.cancel()
        # It was called off, or it looked in vain for good: the next alarm looks again.
        with suppress(ActivityError):
            found = await looking
            if found.erased:
                keys = {ChunkKey.of(chunk.chunk) for chunk in recording.chunks}
                self._call.files_erased(recording, keys, found.erased, workflow.now())
            for each in found.recordings:
                self._fold(recording, each)
            # What is not there either may be told as lost, once its window closes.
            recording.looked_up, recording.undecided_since = max(escalations, 1), None

    def _fold(self, recording: RecordingStatus, found: FoundRecording) -> None:
        """Fold what lies in an archive like an event, and like the copies that followed it."""
        now = workflow.now()
        known = {ChunkKey.of(chunk.chunk) for _, chunk in chunks_of(self._call.status)}
        new = {ChunkKey.of(each.chunk): each.archived for each in found.chunks}
        new = {key: archived for key, archived in new.items() if key not in known}
        elsewhere = any(
            c.archived and c.archived.archive != found.archive for c in recording.chunks
        )
        if not new or elsewhere:
            return
        sealed = f"sealed, in {found.manifest}" if found.manifest else "not sealed"
        what = f"its files lie in archive {found.archive}, {sealed}"
        self._call.note(now, f"recording {recording.number}: {what}")
        file_events.fold(self._call, self._alarms, found.files, now)
        self._call.lies_in(recording, found.archive)
        taken = {ChunkKey.of(chunk.chunk) for _, chunk in chunks_of(self._call.status)}
        for key, archived in new.items():
            if key in taken:
                self._call.chunk_archived(key, archived, now)
