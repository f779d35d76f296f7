"""The state and the deadlines of a recording, derived from what is known of it.

A state is never stepped from one to the next: so no order of events can lead into a forbidden one.
"""

from datetime import datetime, timedelta

from callvault.contracts.base import shorten
from callvault.contracts.events import are_whole
from callvault.contracts.states import Actual, ChunkState, RecordingState, Wanted
from callvault.contracts.status import CallStatus, RecordingStatus

_NOT_BEGUN = (Actual.NONE, Actual.PAUSED)
_STILL_GOING = frozenset({"", "sessionstillongoing"})


def refresh(status: CallStatus, recording: RecordingStatus) -> None:
    """Derive a recording's state and deadlines from what is known of it."""
    window = status.policy.export_window if status.policy else None
    if status.policy is not None and not recording.archive:
        recording.archive = status.policy.archive
    is_announced = recording.origin == "announced"
    recording.archive_only = (
        is_announced and status.policy is not None and status.policy.archive_only
    )
    for chunk in recording.chunks:
        chunk.expires_at = chunk.retention_starts_at + window if window is not None else None
    recording.state = state_of(recording)
    recording.expires_at = _nearest_deadline(recording, window)


def state_of(recording: RecordingStatus) -> RecordingState:
    """Name the state of a recording: first what ACS does, then what the archive holds."""
    if recording.actual is Actual.STOPPED:
        return _state_of_files(recording)
    if recording.wanted is Wanted.STOPPED:
        return RecordingState.STOPPING
    if recording.is_held and not recording.consented_at and recording.actual in _NOT_BEGUN:
        return RecordingState.AWAITING_CONSENT
    if recording.actual is Actual.NONE and recording.is_paused_before_start:
        return RecordingState.PAUSED
    return {
        Actual.NONE: RecordingState.STARTING,
        Actual.STARTING: RecordingState.STARTING,
        Actual.PAUSED: RecordingState.PAUSED,
    }.get(recording.actual, RecordingState.RECORDING)


def _state_of_files(recording: RecordingStatus) -> RecordingState:
    states = {chunk.state for chunk in recording.chunks}
    if recording.erased and states <= {ChunkState.ERASED}:
        return RecordingState.ERASED
    if not states and recording.declined and not recording.was_active:
        return RecordingState.DECLINED
    if not states and recording.recording_id is None:
        # ACS accepted no start: nothing can have been recorded.
        return RecordingState.FAILED_TO_START if recording.problem else RecordingState.EMPTY
    if not states:
        if not recording.window_closed:
            return RecordingState.PROCESSING
        # A recording that was paused from start to stop has no file: that is no loss.
        return RecordingState.LOST if recording.was_active else RecordingState.EMPTY
    if ChunkState.ANNOUNCED in states or not (is_whole(recording) or recording.window_closed):
        return RecordingState.ARCHIVING
    if ChunkState.LOST in states or not is_whole(recording):
        return RecordingState.LOST
    return RecordingState.ARCHIVED


def session_has_ended(recording: RecordingStatus) -> bool:
    """Tell if an event said that the service has ended the recording."""
    return recording.session_end_reason.lower() not in _STILL_GOING


def goes_on(recording: RecordingStatus) -> bool:
    """Tell if a recording may be on that was not asked for here: events tell of no end."""
    is_over = session_has_ended(recording) or is_whole(recording) or recording.window_closed
    return recording.origin == "announced" and not is_over


def is_whole(recording: RecordingStatus) -> bool:
    """Tell if every chunk of the recording has been announced."""
    return are_whole((c.chunk.index, c.chunk.end_reason) for c in recording.chunks)


def is_awaiting(recording: RecordingStatus) -> bool:
    """Tell if the recording is over and files of it may still be announced."""
    # What was to begin paused may have recorded all the same, for another program resumes as well.
    has_begun = recording.state is RecordingState.DECLINED and recording.recording_id is not None
    return (
        recording.actual is Actual.STOPPED
        and (has_begun or not recording.state.is_final)
        and not recording.window_closed
        and not is_whole(recording)
    )


def awaited_until(recording: RecordingStatus, window: timedelta) -> datetime | None:
    """Return until when files may still be announced; None if none are awaited."""
    if not is_awaiting(recording):
        return None
    last_sign = recording.stopped_at or max(
        (chunk.retention_starts_at for chunk in recording.chunks), default=recording.requested_at
    )
    return last_sign + window


def describe_missing(recording: RecordingStatus) -> str:
    """Say in a sentence which files were never announced; empty if all were."""
    if is_whole(recording):
        return ""
    if not recording.chunks:
        return "no file was announced before the export window closed"
    known = ", ".join(str(index) for index in sorted({c.chunk.index for c in recording.chunks}))
    return shorten(f"only chunks {known} were announced before the export window closed")


def is_at_risk(status: CallStatus) -> bool:
    """Tell if a file of the call is late, or lost."""
    return any(
        recording.state == "lost"
        or (not recording.state.is_final and (recording.escalations > 0 or _is_late(recording)))
        for recording in status.recordings
    )


def _is_late(recording: RecordingStatus) -> bool:
    return any(c.escalations and c.state is ChunkState.ANNOUNCED for c in recording.chunks)


def _nearest_deadline(recording: RecordingStatus, window: timedelta | None) -> datetime | None:
    if window is None or recording.state.is_final:
        return None
    deadlines = [
        chunk.expires_at
        for chunk in recording.chunks
        if chunk.state is ChunkState.ANNOUNCED and chunk.expires_at is not None
    ]
    if (awaited := awaited_until(recording, window)) is not None:
        deadlines.append(awaited)
    return min(deadlines, default=None)
