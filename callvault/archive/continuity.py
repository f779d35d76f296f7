"""What is amiss with a recording as a whole, from its chunks: gaps, overlaps, losses. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence

from callvault.archive.media.check import tolerance
from callvault.contracts.manifest import ManifestChunk
from callvault.contracts.states import ChunkState
from callvault.contracts.status import RecordingStatus

_NAMED = 20
"""Missing chunks that are named one by one."""


def findings(recording: RecordingStatus, chunks: Sequence[ManifestChunk]) -> tuple[str, ...]:
    """Everything that is amiss, in sentences; none where the recording is complete."""
    return (
        *_of_recording(recording, chunks),
        *_of_metadata(chunks),
        *_of_order(chunks),
        *_of_length(recording, chunks),
    )


def _of_recording(recording: RecordingStatus, chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    if recording.problem:
        yield recording.problem
    if recording.window_closed:
        yield "the export window closed before every file had been announced"
    for doubt in recording.doubtful:
        end = f"{doubt.until:%H:%M:%S}" if doubt.until else "its end"
        yield (
            f"doubtful: from {doubt.since:%Y-%m-%d %H:%M:%S} to {end} UTC it may hold what it was "
            "asked not to record"
        )
    for chunk in chunks:
        name = f"chunk {chunk.index} ({chunk.document_id})"
        if chunk.state is not ChunkState.ARCHIVED:
            yield f"{name} is {chunk.state}: {chunk.lost_reason or 'no reason is known'}"
        for problem in chunk.check.problems if chunk.check else ():
            yield f"{name}, {problem.verdict}: {problem.detail}"


def _of_metadata(chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    for chunk in chunks:
        if chunk.metadata_problem:
            yield f"chunk {chunk.index} ({chunk.document_id}): {chunk.metadata_problem}"


def _of_order(chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    uses = Counter(chunk.index for chunk in chunks)
    for index, count in sorted(uses.items()):
        if count > 1:
            yield f"overlap: {count} documents stand at index {index}, all are kept"
    last = max(uses, default=-1)
    missing = last + 1 - len(uses)
    named = [f"{index}" for index in range(min(last, len(uses) + _NAMED)) if index not in uses]
    if missing:
        more = " and more" if missing > len(named) else ""
        yield f"gap: of chunks 0 to {last} there is no {', '.join(named)}{more}"


def _of_length(recording: RecordingStatus, chunks: Sequence[ManifestChunk]) -> Iterator[str]:
    """Compare the sum of all chunks with the length of the session, where both are known."""
    said = recording.recording_duration_ms
    lengths = [chunk.check.facts.duration_ms if chunk.check else None for chunk in chunks]
    known = [length for length in lengths if length is not None]
    one_each = len({chunk.index for chunk in chunks}) == len(chunks)
    if not said or not known or len(known) < len(chunks) or not one_each:
        return
    paused = sum(pause.duration_ms for chunk in chunks for pause in chunk.service_pauses)
    total = sum(known)
    # whether the service counts the pauses is not documented
    if min(abs(total - said), abs(total - (said - paused))) > tolerance(said):
        kind = "gap" if total < said else "overlap"
        yield (
            f"{kind}: all chunks together play {total / 1000:.1f} s, the service speaks of"
            f" {said / 1000:.1f} s"
        )
