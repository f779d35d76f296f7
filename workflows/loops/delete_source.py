"""Deletes the service's copies of what is archived beyond doubt, where the resource wants that.

Beyond doubt is a recording that is archived, judged as media and sealed, nothing amiss.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.states import ChunkState
from callvault.contracts.status import CallStatus, ChunkStatus, RecordingStatus
from workflows import activity_calls as asking
from workflows.call import chunks as files
from workflows.call.chunks import ChunkKey
from workflows.call.lifecycle import Lifecycle
from workflows.loops.continue_as_new import Carried, Shift


class Clearing:
    """The service's copies of one call's files."""

    def __init__(self, call: Lifecycle, shift: Shift, before: Carried | None) -> None:
        self._call = call
        self._shift = shift
        self._to_clear = set(before.to_clear) if before else set()
        self.unsealable = set(before.unsealable) if before else set()
        """Recordings whose manifest could not be written."""
        self._deleting: set[ChunkKey] = set()

    @property
    def is_finished(self) -> bool:
        return not self._to_clear

    @property
    def is_resting(self) -> bool:
        """Whether no deletion is under way."""
        return not self._deleting

    def carry(self, status: CallStatus) -> Carried:
        """What the next run must know."""
        return Carried(
            status=status,
            unsealable=tuple(sorted(self.unsealable)),
            to_clear=tuple(sorted(self._to_clear)),
        ).bounded()

    def add(self, key: ChunkKey) -> None:
        """Consider an archived chunk, if that is wanted."""
        _, chunk = files.find_chunk(self._call.status, key)
        if self._call.policy.delete_source and chunk.chunk.delete_location:
            self._to_clear.add(key)

    async def keep_clearing(self, group: asyncio.TaskGroup) -> None:
        """Delete, each on its own, what has become beyond doubt; forget what never will be."""
        while not self._shift.is_over():
            await workflow.wait_condition(lambda: self._shift.is_over() or bool(self._decided()))
            for key in self._decided():
                self._deleting.add(key)
                group.create_task(self._clear(key))

    def _decided(self) -> list[ChunkKey]:
        if self._shift.is_ending():
            return []
        return [
            key
            for key in sorted(self._to_clear - self._deleting)
            if self._is_decided(*files.find_chunk(self._call.status, key))
        ]

    def _is_decided(self, recording: RecordingStatus, chunk: ChunkStatus) -> bool:
        return (
            chunk.state is not ChunkState.ARCHIVED
            or recording.sealed is not None
            or recording.number in self.unsealable
        )

    async def _clear(self, key: ChunkKey) -> None:
        recording, chunk = files.find_chunk(self._call.status, key)
        if chunk.state is not ChunkState.ARCHIVED:
            pass  # it goes to another archive, and comes here again
        elif recording.sealed is None or recording.sealed.findings:
            self._call.note(workflow.now(), f"the service's copy of chunk {key.index} stays")
        else:
            await self._delete(chunk)
        self._to_clear.discard(key)
        self._deleting.discard(key)

    async def _delete(self, chunk: ChunkStatus) -> None:
        try:
            await asking.delete_source(self._call.policy.resource, chunk.chunk)
        except ActivityError as error:
            self._call.note(workflow.now(), f"the service's copy stays: {asking.reason(error)}")
        else:
            chunk.source_deleted = True
