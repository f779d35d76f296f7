"""Files that may be those of a start which was given up, or failed, as its answers were lost.

Their event names a ``recordingId`` that nobody has told here. So whose recording it is cannot be
known, nor if it heeded what was asked of that start.
"""

from collections.abc import Iterator
from datetime import datetime

from callvault.contracts.base import shorten
from callvault.contracts.states import Actual
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows.call import intervals


def doubt_files(status: CallStatus, now: datetime) -> Iterator[tuple[RecordingStatus, str]]:
    """Doubt recordings that only events have made known; yield each with the reason, once.

    Files may come first, or the end of a start without an answer.
    """
    may_have_begun = [recording for recording in status.recordings if _may_have_begun(recording)]
    for recording in status.recordings:
        # What was announced before a start was asked for is not of that start.
        starts = [start for start in may_have_begun if start.number < recording.number]
        if starts and recording.origin == "announced" and not recording.problem:
            yield recording, _doubt(recording, starts, now)


def _may_have_begun(recording: RecordingStatus) -> bool:
    """Tell if ACS was asked to begin it, did not say no, and is not known to have begun it."""
    return (
        recording.origin == "requested"
        and recording.recording_id is None
        and recording.actual is Actual.STOPPED
        and recording.sound.begun_at is not None
    )


def _doubt(recording: RecordingStatus, starts: list[RecordingStatus], now: datetime) -> str:
    for start in starts:
        # What is in a file was recorded by now.
        doubts = start.silence.unconfirmed
        closed = [each.model_copy(update={"until": each.until or now}) for each in doubts]
        # One that begins just now is none of what is in the file.
        intervals.doubt(recording.silence, intervals.without_empty(closed))
        marks = [each.model_copy(update={"until": each.until or now}) for each in start.marked]
        recording.marked += [mark for mark in marks if mark not in recording.marked]
    numbers = ", ".join(str(start.number) for start in starts)
    recording.problem = shorten(
        f"it may be what the start of recording {numbers} began, which counts as failed"
        f" ({starts[-1].problem}): whether its pauses and its consent were heeded is not known"
    )
    return recording.problem
