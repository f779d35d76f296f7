"""The result of a call, from its state."""

from callvault.contracts.activity_io import ArchivedChunk
from callvault.contracts.results import CallResult, ChunkResult, RecordingResult
from callvault.contracts.states import RecordingState
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import legal_holds
from workflows.call.chunks import ChunkKey, to_seal
from workflows.call.lifecycle import Lifecycle
from workflows.call.state_limits import MAX_CHUNKS

_WORST_FIRST = (
    RecordingState.LOST,
    RecordingState.FAILED_TO_START,
    RecordingState.DECLINED,
    RecordingState.ARCHIVED,
    RecordingState.ERASED,
    RecordingState.EMPTY,
)


def result_of(status: CallStatus, earlier: CallResult | None = None) -> CallResult:
    """Sum up a call whose recordings have all reached their end.

    ``earlier`` is the result of the call's workflow before, if there was one.
    """
    before = earlier.archived if earlier is not None else ()
    known = {_key(chunk) for each in status.recordings for chunk in _chunk_results(each)}
    return CallResult(
        server_call_id=status.server_call_id,
        resource=status.resource,
        outcome=worst(status),
        recordings=tuple(_recording_result(recording) for recording in status.recordings),
        archived_before=tuple(chunk for chunk in before if _key(chunk) not in known),
    )


def archived_in(earlier: CallResult | None) -> dict[ChunkKey, ArchivedChunk]:
    """Return what earlier workflows of the call have archived, by the last one's result."""
    if earlier is None:
        return {}
    archived = earlier.archived
    return {_key(chunk): chunk.archived for chunk in archived if chunk.archived is not None}


def archived_alone(result: CallResult) -> CallResult:
    """Return what another workflow of the call must know of a result, so that it is short.

    That is what is archived; of very many files the newest.
    """
    archived = result.archived[-MAX_CHUNKS:]
    return result.model_copy(update={"recordings": (), "archived_before": archived})


def worst(status: CallStatus) -> RecordingState:
    """Return the state that an operator must see first: one lost chunk makes the call ``lost``.

    While recordings are still going on, that is the newest of these recordings' state.
    """
    states = [recording.state for recording in status.recordings]
    going_on = [state for state in states if not state.is_final]
    if going_on:
        return going_on[-1]
    return min(states, key=_WORST_FIRST.index, default=RecordingState.EMPTY)


def is_settled(status: CallStatus) -> bool:
    """Tell if nothing is left to do for a call but to tell of it, and to clean up.

    A recording in a final state may still be looked for, or be without its manifest.
    """
    call = Lifecycle(status)
    is_written = not to_seal(status) and legal_holds.to_write(status) is None
    return is_written and call.is_over and call.next_command() is None


def _recording_result(recording: RecordingStatus) -> RecordingResult:
    return RecordingResult(
        number=recording.number,
        origin=recording.origin,
        recording_id=recording.recording_id,
        state=recording.state,
        pauses=tuple(recording.pauses),
        problem=recording.problem or recording.erased,
        manifest=recording.sealed,
        chunks=_chunk_results(recording),
    )


def _chunk_results(recording: RecordingStatus) -> tuple[ChunkResult, ...]:
    return tuple(
        ChunkResult(
            index=chunk.chunk.index,
            document_id=chunk.chunk.document_id,
            state=chunk.state,
            archived=chunk.archived,
            lost_reason=chunk.lost_reason,
        )
        for chunk in recording.chunks
    )


def _key(chunk: ChunkResult) -> ChunkKey:
    return ChunkKey(chunk.document_id, chunk.index)
