"""The end of what an alarm tells of: when it is over, by kind, and in which words that is told.

A kind that is not in the table is never over by itself: harm is done, or people have work to do. A
lost recording stays lost.
"""

from collections.abc import Callable

from callvault.contracts.alarms import Alarm, AlarmKind
from callvault.contracts.states import Actual, ChunkState
from callvault.contracts.status import CallStatus, ChunkStatus, RecordingStatus
from workflows.call.commands import REACHED
from workflows.call.recording_state import is_awaiting
from workflows.call.silence import is_silent


def is_over(status: CallStatus, alarm: Alarm) -> bool:
    """Tell if what an alarm tells of is over, for a kind that ends by itself."""
    recording = recording_of(status, alarm)
    ends = _ENDS.get(alarm.kind)
    return ends is not None and recording is not None and ends(status, recording, alarm)


def may_end(alarm: Alarm, recording: RecordingStatus | None) -> bool:
    """Tell if an alarm is of a kind that ends by itself, and of something that can be judged."""
    return recording is not None and alarm.kind in _ENDS


def is_after_the_fact(status: CallStatus, alarm: Alarm) -> bool:
    """Tell if an alarm that is raised now tells of what is past: nothing of it will end."""
    return alarm.kind in _MAY_BE_PAST and is_over(status, alarm)


def is_loss(status: CallStatus, alarm: Alarm) -> bool:
    """Tell if something that an alarm was about is lost."""
    recording = recording_of(status, alarm)
    if recording is None or alarm.kind not in _OF_FILES:
        return False
    states = {chunk.state for chunk in _chunks(recording, alarm)}
    return ChunkState.LOST in states or (not states and recording.state == "lost")


def in_words(status: CallStatus, alarm: Alarm) -> str:
    """Say that it is over, and how it ended."""
    about = f"recording {alarm.recording}" if alarm.recording else "the call"
    if alarm.chunk_index is not None:
        about = f"{about}, chunk {alarm.chunk_index}"
    recording = recording_of(status, alarm)
    if is_loss(status, alarm):
        return f"{about}: over, but not well: it is lost, and an alarm `lost` tells of that"
    erased = recording is not None and alarm.kind in _OF_FILES and recording.erased
    return f"{about}: over: {erased or _WORDS[alarm.kind]}"


def recording_of(status: CallStatus, alarm: Alarm) -> RecordingStatus | None:
    """Find the recording that an alarm is about; by its number only while it had no id."""
    if alarm.recording_id is not None:
        same = (r for r in status.recordings if r.recording_id == alarm.recording_id)
    else:
        same = (r for r in status.recordings if r.number == alarm.recording)
    return next(same, None)


Ends = Callable[[CallStatus, RecordingStatus, Alarm], bool]


def _has_stopped(recording: RecordingStatus) -> bool:
    return recording.actual is Actual.STOPPED


def _chunks(recording: RecordingStatus, alarm: Alarm) -> list[ChunkStatus]:
    # Two documents may have the same index: then both are meant.
    is_one = alarm.chunk_index is not None
    return [c for c in recording.chunks if not is_one or c.chunk.index == alarm.chunk_index]


def _no_file_waits(_: CallStatus, recording: RecordingStatus, alarm: Alarm) -> bool:
    return all(chunk.state is not ChunkState.ANNOUNCED for chunk in _chunks(recording, alarm))


def _is_decided(status: CallStatus, recording: RecordingStatus, alarm: Alarm) -> bool:
    if alarm.chunk_index is not None:
        return _no_file_waits(status, recording, alarm)
    return recording.undecided_since is None or recording.state.is_final


def _all_announced(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    return not is_awaiting(recording)


def _is_final(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    return recording.state.is_final


def _is_sealed(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    return recording.sealed is not None


def _is_recorded_again(status: CallStatus, recording: RecordingStatus, _: Alarm) -> bool:
    later = (each for each in status.recordings if each.number > recording.number)
    return any(each.started_at is not None for each in later)


def _is_no_danger(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    """Tell if nothing is recorded that must not be: it is silent, or nobody wants it to be."""
    is_wanted_silent = recording.target != "active"
    return _has_stopped(recording) or is_silent(recording) or not is_wanted_silent


def _is_no_long_pause(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    long_pauses = (pause for pause in recording.pauses if pause.is_too_long and pause.is_open)
    return _has_stopped(recording) or not any(long_pauses)


def _is_as_wanted(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    is_reached = recording.actual is REACHED[recording.target] and not recording.needs_read
    return _has_stopped(recording) or (is_reached and not recording.refused_operation)


def _is_held_no_more(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    return _has_stopped(recording) or not recording.is_held


def _stopped(_: CallStatus, recording: RecordingStatus, __: Alarm) -> bool:
    return _has_stopped(recording)


_ENDS: dict[AlarmKind, Ends] = {
    AlarmKind.EXPORT_LATE: _no_file_waits,
    AlarmKind.ARCHIVE_CHANGED: _no_file_waits,
    AlarmKind.ARCHIVE_UNREACHABLE: _is_decided,
    AlarmKind.NO_FILE_EVENT: _all_announced,
    AlarmKind.FALLBACK_USED: _is_final,
    AlarmKind.NOT_SEALED: _is_sealed,
    AlarmKind.FAILED_TO_START: _is_recorded_again,
    AlarmKind.PAUSE_UNCONFIRMED: _is_no_danger,
    AlarmKind.PAUSE_TOO_LONG: _is_no_long_pause,
    AlarmKind.STATE_UNEXPECTED: _is_as_wanted,
    AlarmKind.CONSENT_UNCLEAR: _is_held_no_more,
    AlarmKind.NOT_ANNOUNCED: _is_held_no_more,
    AlarmKind.CANCELLED: _stopped,
}

_WORDS = {
    AlarmKind.EXPORT_LATE: "it is archived",
    AlarmKind.ARCHIVE_CHANGED: "all of it is archived again",
    AlarmKind.ARCHIVE_UNREACHABLE: "the archive has answered",
    AlarmKind.NO_FILE_EVENT: "no file is awaited any more",
    AlarmKind.FALLBACK_USED: "it is archived; copy it back once the first archive is mended",
    AlarmKind.NOT_SEALED: "its manifest is written",
    AlarmKind.FAILED_TO_START: "the call is recorded again",
    AlarmKind.PAUSE_UNCONFIRMED: "nothing is recorded that must not be",
    AlarmKind.PAUSE_TOO_LONG: "the pause is released",
    AlarmKind.STATE_UNEXPECTED: "ACS does what it was asked to",
    AlarmKind.CONSENT_UNCLEAR: "recording is not held back any more",
    AlarmKind.NOT_ANNOUNCED: "recording is not held back any more",
    AlarmKind.CANCELLED: "ACS has stopped the recording",
}

_OF_FILES = frozenset(
    {
        AlarmKind.EXPORT_LATE,
        AlarmKind.ARCHIVE_CHANGED,
        AlarmKind.ARCHIVE_UNREACHABLE,
        AlarmKind.NO_FILE_EVENT,
        AlarmKind.FALLBACK_USED,
    }
)

_MAY_BE_PAST = frozenset(
    {
        AlarmKind.PAUSE_UNCONFIRMED,
        AlarmKind.PAUSE_TOO_LONG,
        AlarmKind.STATE_UNEXPECTED,
        AlarmKind.CANCELLED,
    }
)
"""Kinds that are raised of what is over already, too: a pause that was confirmed too late, say."""
