"""Turns a decision into an activity: which one, with what order, under which summary."""

from collections.abc import Callable
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.control import OCCUPIED, ControlActivities
from activities.export import ARCHIVE_REFUSED, ExportActivities
from activities.polling import InquiryActivities
from activities.seal import SealActivities
from activities.webhooks import AlertActivities, AnnouncementActivities
from callvault.contracts import names
from callvault.contracts.activity_io import (
    AnnouncementOrder,
    ArchivedChunk,
    ControlOutcome,
    DeleteOrder,
    ExportOrder,
    RecordingOrder,
    ResultOrder,
    SealedRecording,
    StartOrder,
    ToldResult,
)
from callvault.contracts.alarms import Alarm
from callvault.contracts.events import RecordingChunk
from callvault.contracts.manifest import ManifestOrder
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows import activity_options as policies
from workflows.call.chunks import ChunkKey, find_chunk, may_change_archive
from workflows.call.commands import Control, Verb

_ACTIVITIES: dict[Verb, Callable[..., ControlOutcome]] = {
    Verb.START: ControlActivities.start_recording,
    Verb.CONFIRM: ControlActivities.confirm_active,
    Verb.READ: ControlActivities.read_state,
    Verb.PAUSE: ControlActivities.pause_recording,
    Verb.RESUME: ControlActivities.resume_recording,
    Verb.STOP: ControlActivities.stop_recording,
}
_OPTIONS = {
    Verb.START: policies.start,
    Verb.CONFIRM: policies.confirm,
    Verb.READ: policies.confirm,
}

ControlOrder = StartOrder | RecordingOrder


def control_order(status: CallStatus, recording: RecordingStatus, control: Control) -> ControlOrder:
    """What ACS is asked, the same on every attempt."""
    if control.verb is Verb.START:
        return _start_order(status, recording, control)
    return _recording_order(status, recording)


async def control_at_once(control: Control, order: ControlOrder) -> ControlOutcome:
    """Ask ACS for one thing once, on the shortest way: a local activity."""
    outcome: ControlOutcome = await workflow.execute_local_activity_method(
        _ACTIVITIES[control.verb], order, **policies.at_once(_summary(control))
    )
    return outcome


def control(control: Control, order: ControlOrder) -> workflow.ActivityHandle[ControlOutcome]:
    """Ask ACS for one thing until it is done."""
    options = _OPTIONS.get(control.verb, policies.control)
    return workflow.start_activity_method(
        _ACTIVITIES[control.verb], order, **options(_summary(control))
    )


def _summary(control: Control) -> str:
    return f"{control.verb} recording {control.recording}"


def export(
    status: CallStatus, key: ChunkKey, priority: int
) -> workflow.ActivityHandle[ArchivedChunk]:
    """Ask for a chunk to be copied into the archive and proven there, until it is."""
    order = _export_order(status, key)
    summary = f"archive chunk {key.index}, expires {order.expires_at:%Y-%m-%d %H:%M} UTC"
    options = policies.export(summary, status.resource, priority)
    return workflow.start_activity_method(ExportActivities.export_chunk, order, **options)


def last_export(
    status: CallStatus, key: ChunkKey, within: timedelta
) -> workflow.ActivityHandle[ArchivedChunk]:
    """Ask once more for a chunk that may be gone by now."""
    summary, order = f"last chance to archive chunk {key.index}", _export_order(status, key)
    options = policies.last_export(summary, status.resource, within)
    return workflow.start_activity_method(ExportActivities.export_chunk, order, **options)


def _export_order(status: CallStatus, key: ChunkKey) -> ExportOrder:
    recording, chunk = find_chunk(status, key)
    if status.policy is None or chunk.expires_at is None:
        raise ApplicationError("exports begin once the resource's settings are known")
    return ExportOrder(
        resource=status.resource,
        archive=recording.archive,
        server_call_id=status.server_call_id,
        call_id=recording.call_id,
        recording_id=recording.recording_id,
        recorded_on=recording.recording_start_time or chunk.born_at,
        recording_format_type=recording.recording_format_type,
        chunk=chunk.chunk,
        expires_at=chunk.expires_at,
        own_storage=status.policy.own_storage,
        may_refuse=may_change_archive(status, recording),
        held=chunk.held,
    )


def seal(
    status: CallStatus, recording: RecordingStatus
) -> workflow.ActivityHandle[SealedRecording]:
    """Ask for the manifest of a recording that has reached its end."""
    order = ManifestOrder(
        archive=recording.archive,
        resource=status.resource,
        server_call_id=status.server_call_id,
        recorded_on=recording.recording_start_time or recording.chunks[0].born_at,
        recording=recording,
        requests=tuple(r for r in status.requests.values() if r.recording == recording.number),
        consents=tuple(status.consents),
        participants=tuple(status.participants),
        workflow_id=workflow.info().workflow_id,
        run_id=workflow.info().run_id,
    )
    options = policies.seal(f"seal recording {recording.number}")
    return workflow.start_activity_method(SealActivities.seal_recording, order, **options)


def delete_source(resource: str, chunk: RecordingChunk) -> workflow.ActivityHandle[None]:
    """Ask for the service's copy of a verified chunk to be deleted."""
    return workflow.start_activity_method(
        ControlActivities.delete_source,
        DeleteOrder(resource=resource, delete_location=chunk.delete_location or ""),
        **policies.delete_source(f"delete the service's copy of chunk {chunk.index}"),
    )


def end_of(
    status: CallStatus, recording: RecordingStatus, every: timedelta
) -> workflow.ActivityHandle[ControlOutcome]:
    """Ask for a word when ACS no longer knows a recording."""
    options = policies.await_end(f"is recording {recording.number} still on?", every)
    order = _recording_order(status, recording)
    return workflow.start_activity_method(InquiryActivities.await_end, order, **options)


def result(status: CallStatus, recording: RecordingStatus) -> workflow.ActivityHandle[ToldResult]:
    """Ask for files of a recording that nobody has announced."""
    order = ResultOrder(
        **dict(_recording_order(status, recording)),
        known=tuple(chunk.chunk.document_id for chunk in recording.chunks),
    )
    options = policies.ask_result(f"what became of recording {recording.number}?")
    return workflow.start_activity_method(InquiryActivities.ask_result, order, **options)


def alarm(alarm: Alarm, within: timedelta = policies.ALARM_WITHIN) -> workflow.ActivityHandle[None]:
    """Ask for somebody to be told."""
    options = policies.alarm(f"{alarm.severity}: {alarm.kind}", within)
    return workflow.start_activity_method(AlertActivities.raise_alarm, alarm, **options)


def announce(status: CallStatus, recording: RecordingStatus) -> workflow.ActivityHandle[None]:
    """Ask for the recording to be announced, and for the answer to that."""
    if status.policy is None or status.policy.announce_within is None:
        raise ApplicationError("nothing is announced where no resource asks for it")
    within = status.policy.announce_within
    workflow_id = workflow.info().workflow_id
    order = AnnouncementOrder(
        id=f"{workflow_id}/announcement/{recording.number}",
        resource=status.resource,
        server_call_id=status.server_call_id,
        workflow_id=workflow_id,
        recording=recording.number,
        requested_by=recording.requested_by,
        consent_policy=recording.consent.consent_policy or "",
        within=within,
    )
    options = policies.announcement(f"announce recording {recording.number}", within)
    return workflow.start_activity_method(
        AnnouncementActivities.announce_recording, order, **options
    )


NotDone = (ActivityError, ApplicationError, ActivityTimeout)
"""How an activity fails: the SDK wraps it in an `ActivityError`, and a local activity's not."""


def gave_up_archive(error: FailureError) -> bool:
    """Tell whether an export ended because its archive refused for long."""
    return _type(error) == ARCHIVE_REFUSED


def is_final(error: FailureError) -> bool:
    """Tell whether trying again would change nothing."""
    cause = _cause(error)
    return isinstance(cause, ApplicationError) and cause.non_retryable


def is_occupied(error: FailureError) -> bool:
    """Tell whether a start failed because a recording of this kind runs in the call already."""
    return _type(error) == OCCUPIED


def _type(error: FailureError) -> str | None:
    cause = _cause(error)
    return cause.type if isinstance(cause, ApplicationError) else None


def _cause(error: FailureError) -> BaseException | None:
    return error.cause if isinstance(error, ActivityError) else error


def reason(error: FailureError) -> str:
    """Say in a sentence why an activity failed: its last own error, not the engine's wrapping."""
    cause = _cause(error)
    if isinstance(cause, ActivityTimeout):
        last = cause.cause
        if isinstance(last, ApplicationError):
            return last.message
        if cause.type is TimeoutType.SCHEDULE_TO_CLOSE:
            return "it was not done within the time allowed for it"
        return "a worker gave no sign of life"
    if isinstance(cause, ApplicationError):
        return cause.message
    return str(cause or error)


def _recording_order(status: CallStatus, recording: RecordingStatus) -> RecordingOrder:
    return RecordingOrder(
        resource=status.resource,
        server_call_id=status.server_call_id,
        recording_id=recording.recording_id or "",
    )


def _start_order(status: CallStatus, recording: RecordingStatus, control: Control) -> StartOrder:
    return StartOrder(
        resource=status.resource,
        server_call_id=status.server_call_id,
        recording_content_type=recording.recording_content_type,
        recording_channel_type=recording.recording_channel_type,
        recording_format_type=recording.recording_format_type,
        pause_on_start=control.pause_on_start,
        repeatability_request_id=str(workflow.uuid4()),
        repeatability_first_sent=workflow.now(),
        own_storage=status.policy.own_storage if status.policy else None,
        callback_uri=_callback_uri(status, recording),
    )


def _callback_uri(status: CallStatus, recording: RecordingStatus) -> str | None:
    if status.policy is None or status.policy.callback_url is None:
        return None
    path = names.callback_path(workflow.info().workflow_id, recording.number)
    return status.policy.callback_url + path
