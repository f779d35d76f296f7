"""The deletion loop: deletes the service's copies of what is archived beyond doubt, if asked to.

Beyond doubt is a recording that is archived, judged as media and sealed, nothing amiss.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from callvault.contracts.activity_io import ArchivedChunk, SealedRecording
from callvault.contracts.events import RecordingChunk
from callvault.contracts.states import ChunkState
from callvault.contracts.status import ChunkStatus, RecordingStatus
from workflows import activity_calls
from workflows.activity_errors import is_gone, reason
from workflows.call.chunks import ChunkKey, find_chunk
from workflows.call.lifecycle import Lifecycle
from workflows.loops.loop import Run
from workflows.loops.seal import SealLoop


class SourceDeletionLoop:
    """Deletes the service's copies of one call's files."""

    is_interruptible = True

    def __init__(
        self, run: Run, call: Lifecycle, seals: SealLoop, to_delete: tuple[ChunkKey, ...]
    ) -> None:
        self._run = run
        self._call = call
        self._seals = seals
        self.to_delete = set(to_delete)
        """Archived chunks whose copy at the service is to be deleted, perhaps."""
        self._deleting: set[ChunkKey] = set()

    @property
    def is_idle(self) -> bool:
        """True if no deletion is under way."""
        return not self._deleting

    @property
    def is_done(self) -> bool:
        """True if the service's copy of every archived chunk is deleted, or stays for good."""
        return not self.to_delete

    def consider(self, key: ChunkKey) -> None:
        """Take up an archived chunk, if its resource asks for deletion."""
        _, chunk = find_chunk(self._call.status, key)
        if self._call.policy.delete_source and chunk.chunk.delete_location:
            self.to_delete.add(key)

    async def run(self) -> None:
        """Delete what has become beyond doubt, each on its own; drop what never will be."""
        self._run.begin_each(self._deleting, self._decided, self._delete_or_drop)

    def _decided(self) -> list[ChunkKey]:
        return [
            key
            for key in sorted(self.to_delete)
            if self._is_decided(*find_chunk(self._call.status, key))
        ]

    def _is_decided(self, recording: RecordingStatus, chunk: ChunkStatus) -> bool:
        return (
            chunk.state is not ChunkState.ARCHIVED
            or recording.sealed is not None
            or recording.number in self._seals.unsealable
        )

    async def _delete_or_drop(self, key: ChunkKey) -> None:
        recording, chunk = find_chunk(self._call.status, key)
        if chunk.state is not ChunkState.ARCHIVED or chunk.archived is None:
            pass  # It is copied once more, and comes here again.
        elif recording.sealed is None or recording.sealed.findings:
            self._call.note(workflow.now(), f"the service's copy of chunk {key.index} stays")
        else:
            await self._delete(key, chunk.chunk, chunk.archived, recording.sealed)
        self.to_delete.discard(key)

    async def _delete(
        self,
        key: ChunkKey,
        chunk: RecordingChunk,
        archived: ArchivedChunk,
        sealed: SealedRecording,
    ) -> None:
        resource = self._call.policy.resource
        try:
            await activity_calls.delete_source(resource, chunk, archived, sealed)
        except ActivityError as error:
            if is_gone(error):
                # The archive went back, say: once that is made good, the chunk comes here again.
                self._seals.archive_anew(key, sealed, reason(error))
            else:
                self._call.note(workflow.now(), f"the service's copy stays: {reason(error)}")
        else:
            self._call.source_deleted(key)
