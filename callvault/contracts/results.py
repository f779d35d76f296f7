"""The result of the workflow: the ends of a call, its recordings and their chunks."""

from callvault.contracts.activity_io import ArchivedChunk, SealedRecording
from callvault.contracts.base import Message
from callvault.contracts.states import ChunkState, RecordingState
from callvault.contracts.status import PauseRecord


class ChunkResult(Message):
    """The end of one chunk."""

    index: int
    document_id: str
    state: ChunkState
    archived: ArchivedChunk | None
    lost_reason: str


class RecordingResult(Message):
    """The end of one recording."""

    number: int
    recording_id: str | None
    state: RecordingState
    chunks: tuple[ChunkResult, ...]
    pauses: tuple[PauseRecord, ...]
    problem: str
    manifest: SealedRecording | None = None
    """None where nothing is archived, or where it could not be written in time."""
    origin: str = ""
    """``requested`` or ``announced``; empty in results from before this was told."""


class CallResult(Message):
    """Result of ``RecordingWorkflow``: the end of every recording of the call."""

    server_call_id: str
    resource: str
    outcome: RecordingState
    """The worst of all recordings: one lost chunk makes it ``lost``."""
    recordings: tuple[RecordingResult, ...]
    # A late event begins a workflow of its own, which does not hear of these.
    archived_before: tuple[ChunkResult, ...] = ()
    """Chunks that earlier workflows of the call have archived, and this one did not hear of."""

    @property
    def archived(self) -> tuple[ChunkResult, ...]:
        """All archived chunks of the call, by whichever workflow."""
        own = (chunk for recording in self.recordings for chunk in recording.chunks)
        every = (*own, *self.archived_before)
        return tuple(chunk for chunk in every if chunk.state is ChunkState.ARCHIVED)
