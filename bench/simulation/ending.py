"""The promises about the end of a life.

- The workflow ends once nothing is due, and its result names every recording that ACS was known to
  have begun.
- Every file that was announced is archived or told lost, with an alarm; so is what was recorded and
  never announced.
- Every recording with an archived file has a manifest, or an alarm says that it has none.
  The manifest tells all of its files, and of its marks for deletion. Where that is asked for, the
  service's copies are deleted then.
- Every alarm has reached a receiver, was acknowledged, or was tried until its time was over.
- That an alarm is over is told once it is: after the alarm itself, if a receiver has got that, and
  never of what is lost. At the end all is over that ends with its recording.
- Every legal hold that was taken down lies in the archives, and every release.
- Every request is confirmed, superseded, or failed; a pause that failed was alarmed.
- Nothing that Callvault has begun records on.
- No silence is claimed in which ACS recorded by what was asked of it, or as was read.
- The account of silence is in order: nothing in it is empty, or told twice.
"""

from itertools import pairwise

from bench.simulation import told_events
from bench.simulation.acs import FakeAcs, File
from bench.simulation.activities import Surroundings
from bench.simulation.instance import Broken
from bench.simulation.server import Server
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmRecord
from callvault.contracts.results import CallResult, ChunkResult
from callvault.contracts.silence import SilentInterval, UnconfirmedInterval
from callvault.contracts.states import Actual, ChunkState, RecordingState, RequestState
from callvault.contracts.status import CallStatus, ChunkStatus, ControlRecord, RecordingStatus

OVER_AT_THE_END = frozenset(
    {
        AlarmKind.EXPORT_LATE,
        AlarmKind.ARCHIVE_CHANGED,
        AlarmKind.ARCHIVE_UNREACHABLE,
        AlarmKind.NO_FILE_EVENT,
        AlarmKind.FALLBACK_USED,
        AlarmKind.PAUSE_UNCONFIRMED,
        AlarmKind.PAUSE_TOO_LONG,
        AlarmKind.STATE_UNEXPECTED,
        AlarmKind.CONSENT_UNCLEAR,
        AlarmKind.NOT_ANNOUNCED,
        AlarmKind.CANCELLED,
    }
)
"""Alarms about what cannot go on once their recording has reached its end."""

NEVER_OVER = frozenset(
    {
        AlarmKind.LOST,
        AlarmKind.CONTRADICTED,
        AlarmKind.DUTIES,
        AlarmKind.PAUSE_FORCED,
        AlarmKind.TOO_MUCH,
        AlarmKind.ABANDONED,
    }
)


def check(server: Server, acs: FakeAcs, surroundings: Surroundings) -> None:
    """Check everything that must hold once the workflow has ended."""
    result = server.result
    if result is None:
        raise Broken("the workflow does not end")
    status = server.run.workflow.call.status
    for source in server.run.workflow.timers._sources:
        due = source.next_due()
        if due is not None and due <= server.told_at:
            raise Broken(f"the workflow ends, and it is due: {source.summary}")
    for record in status.requests.values():
        _check_request(record)
    for recording in status.recordings:
        _check_recording(status, recording)
        _check_account(recording)
        _check_silence(recording, acs)
        _check_manifest(recording, surroundings)
        if status.policy is not None and status.policy.delete_source:
            _check_deleted(recording, surroundings, acs)
    _check_holds(status, surroundings)
    _check_alarms(status, surroundings, server)
    told_events.check(status, surroundings.events)
    _check_named(result, acs)
    _check_files(result, status, acs)
    if acs.told & set(acs.active):
        raise Broken("ACS records on after the end")


def _check_request(record: ControlRecord) -> None:
    if record.state is RequestState.PENDING:
        raise Broken(f"what became of a {record.operation} is never known")
    is_refused = record.operation == "pause" and record.problem.startswith("pause failed")
    if is_refused and record.state is RequestState.FAILED and not record.is_overdue:
        raise Broken("a pause failed, and nobody is told")


def _check_recording(status: CallStatus, recording: RecordingStatus) -> None:
    if recording.actual is not Actual.STOPPED:
        raise Broken(f"recording {recording.number} is never stopped")
    _check_ends(recording)
    is_archived = any(chunk.state is ChunkState.ARCHIVED for chunk in recording.chunks)
    is_unsealed = is_archived and recording.sealed is None
    if is_unsealed and not _is_alarmed(status, AlarmKind.NOT_SEALED, recording):
        raise Broken("a manifest is missing, and nobody is told")
    is_lost = recording.state is RecordingState.LOST
    if is_lost and not _is_alarmed(status, AlarmKind.LOST, recording):
        raise Broken("a recording is lost, and nobody is told")
    for chunk in recording.chunks:
        if chunk.state is ChunkState.LOST and not _is_loss_told(status, recording, chunk):
            raise Broken("a file is lost, and nobody is told")


def _check_ends(recording: RecordingStatus) -> None:
    if recording.is_held:
        raise Broken("a hold never ends")
    # Whether a start that got no answer has begun something, and until when, may never be known.
    is_known = recording.recording_id is not None
    if is_known and any(each.until is None for each in recording.silence.unconfirmed):
        raise Broken("a doubtful interval never ends")
    if is_known and any(mark.until is None for mark in recording.marked):
        raise Broken("a mark for deletion never ends")


def _check_account(recording: RecordingStatus) -> None:
    """Check that an account is in order: nothing empty, and nothing told twice."""
    account = recording.silence
    intervals: list[SilentInterval | UnconfirmedInterval] = [
        *account.silent,
        *account.unconfirmed,
    ]
    both = sorted(intervals, key=lambda each: each.since)
    for interval in both:
        if interval.until is not None and interval.until <= interval.since:
            raise Broken("an interval of the account is empty")
    for interval, following in pairwise(both):
        if interval.until is None or interval.until > following.since:
            raise Broken("intervals of the account overlap")


def _check_silence(recording: RecordingStatus, acs: FakeAcs) -> None:
    sounds = [
        each
        for each in acs.sounds_heard
        if each.recording == recording.number and (each.is_read or not each.is_foreign)
    ]
    for claim in recording.silence.silent:
        for sound in sounds:
            begins_before_its_end = claim.until is None or sound.since < claim.until
            if begins_before_its_end and (sound.until is None or sound.until > claim.since):
                raise Broken("a silence is claimed in which ACS recorded")


def _check_manifest(recording: RecordingStatus, surroundings: Surroundings) -> None:
    if recording.sealed is None:
        return
    told = surroundings.manifests.get(recording.sealed.object_name)
    if told is None:
        raise Broken("a recording counts as sealed whose manifest is gone")
    if _evidence(told) != _evidence(recording):
        raise Broken("a manifest does not tell all of its recording")


def _check_deleted(recording: RecordingStatus, surroundings: Surroundings, acs: FakeAcs) -> None:
    if recording.sealed is None:
        return
    for chunk in recording.chunks:
        document_id = chunk.chunk.document_id
        # What was doubted once stays: no later manifest is as sure as the copy itself.
        is_sure = chunk.state is ChunkState.ARCHIVED and not acs.file(document_id).is_doubted
        if is_sure and document_id not in surroundings.to_delete:
            raise Broken("the service's copy of an archived file stays")


def _evidence(recording: RecordingStatus) -> object:
    """Return what a manifest must tell as it is at the end: its silences above all."""
    files = {
        (each.chunk.document_id, each.chunk.content_location, each.state)
        for each in recording.chunks
    }
    silent = [(each.since, each.until) for each in recording.silence.silent]
    return files, len(recording.marked), silent


def _is_alarmed(status: CallStatus, kind: AlarmKind, recording: RecordingStatus) -> bool:
    return any(
        record.alarm.kind is kind and record.alarm.recording_id == recording.recording_id
        for record in status.alarms
    )


def _is_loss_told(status: CallStatus, recording: RecordingStatus, chunk: ChunkStatus) -> bool:
    return any(
        record.alarm.kind is AlarmKind.LOST
        and record.alarm.recording_id == recording.recording_id
        and record.alarm.chunk_index == chunk.chunk.index
        for record in status.alarms
    )


def _check_holds(status: CallStatus, surroundings: Surroundings) -> None:
    for hold in status.legal_holds:
        if hold.id not in surroundings.holds:
            raise Broken("a legal hold is in no archive")
        is_released = hold.release is not None
        if is_released is not (hold.released_at is not None):
            raise Broken("the release of a legal hold is not written")
        if is_released and hold.id not in surroundings.released:
            raise Broken("a legal hold counts as released, and is not")


def _check_alarms(status: CallStatus, surroundings: Surroundings, server: Server) -> None:
    for record in status.alarms:
        alarm_id = record.alarm.id
        if record.acknowledged_at is not None:
            continue
        if record.sent_at is not None and alarm_id not in surroundings.sent:
            raise Broken("an alarm counts as sent that no receiver got")
        if record.sent_at is None and alarm_id not in server.timed_out:
            raise Broken("an alarm is never sent")
    for record in status.alarms:
        _check_over(status, record, surroundings, server)


def _check_over(
    status: CallStatus, record: AlarmRecord, surroundings: Surroundings, server: Server
) -> None:
    alarm = record.alarm
    if record.resolved_at is not None and alarm.dedup_key not in surroundings.over:
        raise Broken("an alarm counts as resolved, and no receiver was told")
    if alarm.kind in NEVER_OVER and alarm.dedup_key in surroundings.over:
        raise Broken(f"an alarm {alarm.kind} is told to be over")
    was_tried = any(
        f"{each.alarm.id}/resolved" in server.timed_out
        for each in status.alarms
        if each.alarm.dedup_key == alarm.dedup_key
    )
    if record.is_unresolved and _is_over(status, alarm) and not was_tried:
        raise Broken("an alarm is over, and nobody is told")


def _is_over(status: CallStatus, alarm: Alarm) -> bool:
    """Tell if what an alarm was about is archived or lost, or has stopped, at the end."""
    recording = next((r for r in status.recordings if r.number == alarm.recording), None)
    if recording is None:
        return False
    if alarm.kind is AlarmKind.NOT_SEALED:
        return recording.sealed is not None
    return alarm.kind in OVER_AT_THE_END


def _check_named(result: CallResult, acs: FakeAcs) -> None:
    named = {recording.recording_id for recording in result.recordings}
    if not acs.told <= named | _failed_to_start(result, acs):
        raise Broken("the result does not name every recording")


def _failed_to_start(result: CallResult, acs: FakeAcs) -> set[str]:
    """Return the recordings that ACS told to have failed after it had accepted them."""
    numbers = {r.number for r in result.recordings if r.state is RecordingState.FAILED_TO_START}
    return {each for each, number in acs.numbers.items() if number in numbers}


def _check_files(result: CallResult, status: CallStatus, acs: FakeAcs) -> None:
    chunks = {
        chunk.document_id: chunk for recording in result.recordings for chunk in recording.chunks
    }
    for recording_id, files in acs.files.items():
        for file in files:
            chunk = chunks.get(file.document_id)
            if file.is_announced and chunk is None:
                raise Broken("a file that was announced is forgotten")
            if chunk is not None:
                _check_chunk(status, file, chunk)
        _check_told(result, recording_id, acs)


def _check_chunk(status: CallStatus, file: File, chunk: ChunkResult) -> None:
    if chunk.state is ChunkState.ANNOUNCED:
        raise Broken("a file is neither archived nor lost")
    if chunk.state is ChunkState.LOST and file.lies_in:
        raise Broken("a file is told as lost that lies in an archive")
    if chunk.state is ChunkState.ARCHIVED and not file.is_archived:
        raise Broken("a file counts as archived that no archive holds")
    archived = chunk.archived
    if archived is not None and archived.object_name != file.document_id:
        raise Broken("a file is taken for another one")


def _is_unknowable(acs: FakeAcs, recording_id: str) -> bool:
    """Tell if a recording sounded by nobody's request here, and neither reading nor file told."""
    number = acs.numbers[recording_id]
    was_read = any(each.is_read for each in acs.sounds_heard if each.recording == number)
    is_told = was_read or any(file.is_announced for file in acs.files[recording_id])
    return number in acs.meddled | acs.disobeyed and not is_told


def _check_told(result: CallResult, recording_id: str, acs: FakeAcs) -> None:
    """Check that what was recorded is not taken for nothing."""
    for recording in result.recordings:
        if recording.recording_id != recording_id:
            continue
        is_nothing = recording.state in (RecordingState.EMPTY, RecordingState.DECLINED)
        if is_nothing and not _is_unknowable(acs, recording_id):
            raise Broken("what was recorded counts as nothing")
        is_missing = len(recording.chunks) < len(acs.files[recording_id])
        if recording.state is RecordingState.ARCHIVED and is_missing:
            raise Broken("a recording counts as archived of which a file is missing")
