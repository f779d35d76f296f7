"""When a file may be gone: pure arithmetic, always on the safe side.

The service does not say when its clock starts. So a chunk is taken to be as old as it can be, and
what arrives later (a repeated event, a late one) can only move its end earlier. A chunk may be gone
once its birth lies an export window back.
"""

from datetime import datetime, timedelta

from callvault.contracts.events import FileStatusUpdated, RecordingChunk, known_time

_BEING_RECORDED = "chunkisbeingrecorded"
_UNFINISHED = frozenset(
    {
        _BEING_RECORDED,
        "chunkmaximumsizeexceeded",
        "chunkmaximumtimeexceeded",
        "chunkuploadfailure",
    }
)


def ends_recording(chunk: RecordingChunk) -> bool:
    """Tell whether no further chunk follows this one, by its ``endReason``.

    The service's list of reasons is open: every reason ends the recording, save those that are
    known to say that another chunk follows or that this one failed.
    """
    return chunk.end_reason.lower() not in _UNFINISHED


def is_file(chunk: RecordingChunk) -> bool:
    """Tell whether the chunk is written to its end: one that is being recorded is no file yet."""
    return chunk.end_reason.lower() != _BEING_RECORDED


def born_at(event: FileStatusUpdated, chunk: RecordingChunk, received_at: datetime) -> datetime:
    """The earliest instant at which the service may have begun to count ``chunk``'s export window.

    The earliest of: the chunk's own end (for the last chunk start + duration; for an earlier one
    only the recording's start is sure), the event's own time, and the time of receipt, which only
    ever guards against a sender's clock that runs ahead.
    """
    births = [received_at]
    if (sent_at := known_time(event.event_time)) is not None:
        births.append(sent_at)
    if (started_at := known_time(event.recording_start_time)) is not None:
        births.append(started_at + _recorded_for(event, chunk, at_most=received_at - started_at))
    return min(births)


def _recorded_for(
    event: FileStatusUpdated, chunk: RecordingChunk, *, at_most: timedelta
) -> timedelta:
    """How long after the recording's start this chunk certainly still was being written.

    Bounded before it becomes a `timedelta`, which cannot hold what a wrong event may claim.
    """
    if event.recording_duration_ms is None or not ends_recording(chunk):
        return timedelta()
    millisecond = timedelta(milliseconds=1)
    return min(event.recording_duration_ms, at_most / millisecond) * millisecond
