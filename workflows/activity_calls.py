"""The calls of activities: each turns a decision into an activity, its order and its summary."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ActivityConfig

from activities.control import ControlActivities
from activities.export import ExportActivities
from activities.legal_holds import LegalHoldActivities
from activities.polling import PollingActivities
from activities.recording_events import RecordingEventActivities
from activities.seal import SealActivities
from activities.signal_times import SignalTimesActivities
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.contracts import names
from callvault.contracts.activity_io import (
    AnnouncementInput,
    ArchivedChunk,
    ControlResult,
    DeleteInput,
    ExportInput,
    FindSealed,
    FoundRecordings,
    PolledResult,
    PollResultInput,
    PollStateInput,
    RecordingInput,
    ResourcePolicy,
    SealedRecording,
    StartInput,
    ToldRecording,
)
from callvault.contracts.alarms import Alarm, AlarmKind, AlarmStatus, Severity
from callvault.contracts.base import shorten
from callvault.contracts.events import RecordingChunk
from callvault.contracts.hold_messages import HoldOrder, ReleaseOrder, WrittenHold
from callvault.contracts.manifest import SealInput
from callvault.contracts.recording_events import EventDelivery
from callvault.contracts.signal_times import SignalTimes, SignalTimesQuery, UntimedSignal
from callvault.contracts.silence import SoundEvidence
from callvault.contracts.status import CallStatus, RecordingStatus
from workflows import activity_options
from workflows.call import deadlines
from workflows.call.activity_ids import export_id, seal_id
from workflows.call.chunks import ChunkKey, find_chunk, is_kind_assumed, may_change_archive
from workflows.call.commands import Command, Operation

_ACTIVITIES: dict[Operation, Callable[..., ControlResult]] = {
    Operation.START: ControlActivities.start_recording,
    Operation.CONFIRM: ControlActivities.confirm_active,
    Operation.READ: ControlActivities.read_state,
    Operation.PAUSE: ControlActivities.pause_recording,
    Operation.RESUME: ControlActivities.resume_recording,
    Operation.STOP: ControlActivities.stop_recording,
}
_OPTIONS = {
    Operation.START: activity_options.start,
    Operation.CONFIRM: activity_options.confirm,
    Operation.READ: activity_options.confirm,
}

_RUN_OF_SCHEDULE = re.compile(r"-\d{4}-\d\d-\d\dT[\d:.]+Z$")

CommandInput = StartInput | RecordingInput


def command_input(status: CallStatus, recording: RecordingStatus, command: Command) -> CommandInput:
    """Build what ACS is asked, the same on every attempt."""
    if command.operation is Operation.START:
        return _start_input(status, recording, command)
    return _recording_input(status, recording)


def quick_control(
    command: Command, input: RecordingInput
) -> workflow.ActivityHandle[ControlResult]:
    """Ask ACS once, for a few seconds."""
    input = input.model_copy(update={"is_quick": True})
    return workflow.start_activity_method(
        _ACTIVITIES[command.operation], input, **activity_options.quick(_options(command))
    )


def control(command: Command, input: CommandInput) -> workflow.ActivityHandle[ControlResult]:
    """Ask ACS until it answers, or until the workflow calls it off."""
    return workflow.start_activity_method(
        _ACTIVITIES[command.operation], input, **_options(command)
    )


def _options(command: Command) -> ActivityConfig:
    options = _OPTIONS.get(command.operation, activity_options.control)
    return options(_summary(command))


async def identify(
    status: CallStatus, recording: RecordingStatus, recording_id: str
) -> ToldRecording:
    """Read back from ACS whose recording it is that a callback told of."""
    input = _recording_input(status, recording).model_copy(update={"recording_id": recording_id})
    options = activity_options.confirm(f"whose is what was told of recording {recording.number}?")
    told: ToldRecording = await workflow.execute_activity_method(
        ControlActivities.identify_recording, input, **options
    )
    return told


def _summary(command: Command) -> str:
    return f"{command.operation} recording {command.recording}"


def export(
    status: CallStatus, key: ChunkKey, priority: int
) -> workflow.ActivityHandle[ArchivedChunk]:
    """Copy a chunk into its archive and verify it there, until that succeeds."""
    input = _export_input(status, key)
    summary = f"archive chunk {key.index}, expires {input.expires_at:%Y-%m-%d %H:%M} UTC"
    options = activity_options.export(summary, status.resource, priority)
    options["activity_id"] = export_id(key.document_id, key.index)
    return workflow.start_activity_method(ExportActivities.export_chunk, input, **options)


def last_chance_export(
    status: CallStatus, key: ChunkKey, within: timedelta
) -> workflow.ActivityHandle[ArchivedChunk]:
    """Copy a chunk that the service may have deleted by now, for as long as ``within``."""
    summary, input = f"last chance to archive chunk {key.index}", _export_input(status, key)
    options = activity_options.last_chance_export(summary, status.resource, within)
    options["activity_id"] = export_id(key.document_id, key.index)
    return workflow.start_activity_method(ExportActivities.export_chunk, input, **options)


def find_copy(
    status: CallStatus, key: ChunkKey, archive: str
) -> workflow.ActivityHandle[ArchivedChunk]:
    """Look into an archive for a chunk that else is lost, until the archive answers."""
    looking = {"archive": archive, "is_archived_alone": True, "may_refuse": False}
    input = _export_input(status, key).model_copy(update=looking)
    summary = f"does archive {archive} hold chunk {key.index}?"
    options = activity_options.export(summary, status.resource, activity_options.HIGHEST_PRIORITY)
    return workflow.start_activity_method(ExportActivities.export_chunk, input, **options)


def _export_input(status: CallStatus, key: ChunkKey) -> ExportInput:
    recording, chunk = find_chunk(status, key)
    if status.policy is None or chunk.expires_at is None:
        raise ApplicationError("exports begin once the resource's settings are known")
    return ExportInput(
        resource=status.resource,
        archive=recording.archive,
        server_call_id=status.server_call_id,
        call_id=recording.call_id,
        recording_id=recording.recording_id,
        recorded_on=recording.recording_start_time or chunk.retention_starts_at,
        recording_format_type=recording.recording_format_type,
        chunk=chunk.chunk,
        expires_at=chunk.expires_at,
        own_storage=status.policy.own_storage,
        may_refuse=may_change_archive(status, recording),
        earlier_copy=chunk.earlier_copy,
        # In another archive there is nothing that it could differ from.
        verified_before=chunk.gone.sha256
        if chunk.gone is not None and chunk.gone.archive == recording.archive
        else "",
        is_kind_assumed=is_kind_assumed(recording),
    )


def seal(
    status: CallStatus, recording: RecordingStatus
) -> workflow.ActivityHandle[SealedRecording]:
    """Write the manifest of a recording that has reached its end."""
    requests = (each for each in status.requests.values() if each.recording == recording.number)
    input = SealInput(
        archive=recording.archive,
        resource=status.resource,
        server_call_id=status.server_call_id,
        recorded_on=recording.recording_start_time or recording.chunks[0].retention_starts_at,
        # What only the workflow decides by is left out: this is the largest payload of a call.
        recording=recording.model_copy(update={"sound": SoundEvidence()}),
        requests=tuple(each.model_copy(update={"content": ""}) for each in requests),
        consents=tuple(status.consents),
        participants=tuple(status.participants),
        participants_left_out=status.participants_left_out,
        consents_left_out=status.consents_left_out,
        workflow_id=workflow.info().workflow_id,
        run_id=workflow.info().run_id,
    )
    options = activity_options.seal(f"seal recording {recording.number}")
    options["activity_id"] = seal_id(recording.number)
    return workflow.start_activity_method(SealActivities.seal_recording, input, **options)


def write_hold(order: HoldOrder | ReleaseOrder) -> workflow.ActivityHandle[WrittenHold]:
    """Write a legal hold, or its release, into every archive."""
    if isinstance(order, HoldOrder):
        return workflow.start_activity_method(
            LegalHoldActivities.place_legal_hold,
            order,
            **activity_options.legal_hold("place a legal hold"),
        )
    return workflow.start_activity_method(
        LegalHoldActivities.release_legal_hold,
        order,
        **activity_options.legal_hold("release a legal hold"),
    )


def find_sealed(
    status: CallStatus, recording: RecordingStatus
) -> workflow.ActivityHandle[FoundRecordings]:
    """Look into the archives for a recording whose files nobody announces."""
    policy = status.policy
    archives = (policy.archive, policy.fallback_archive) if policy else ()
    begun = recording.recording_start_time or recording.requested_at
    input = FindSealed(
        archives=tuple(dict.fromkeys(name for name in archives if name)),
        server_call_id=status.server_call_id,
        recording_id=recording.recording_id or "",
        since=min(begun, recording.requested_at),
        until=recording.stopped_at or workflow.now(),
        is_last=recording.undecided_since is not None or _is_last_alarmed(policy, recording),
    )
    options = activity_options.find_sealed(f"is recording {recording.number} archived already?")
    return workflow.start_activity_method(SealActivities.find_sealed, input, **options)


def _is_last_alarmed(policy: ResourcePolicy | None, recording: RecordingStatus) -> bool:
    """Tell if the last alarm before the window closes has been raised, after which it is looked."""
    # The first alarm is none of the escalation's steps.
    return policy is None or deadlines.next_step(policy, recording.escalations - 1) is None


def delete_source(
    resource: str, chunk: RecordingChunk, archived: ArchivedChunk, sealed: SealedRecording
) -> workflow.ActivityHandle[None]:
    """Delete the service's copy of a chunk that is verified and sealed."""
    return workflow.start_activity_method(
        ExportActivities.delete_source,
        DeleteInput(
            resource=resource,
            document_id=chunk.document_id,
            delete_location=chunk.delete_location or "",
            archived=archived,
            sealed=sealed,
        ),
        **activity_options.delete_source(f"delete the service's copy of chunk {chunk.index}"),
    )


def poll_state(
    status: CallStatus, recording: RecordingStatus, interval: timedelta
) -> workflow.ActivityHandle[ControlResult]:
    """Poll ACS until a recording is over, or records no more."""
    options = activity_options.poll_state(f"is recording {recording.number} still on?", interval)
    input = PollStateInput(**dict(_recording_input(status, recording)), expected="active")
    return workflow.start_activity_method(PollingActivities.poll_state, input, **options)


def poll_silence(
    status: CallStatus, recording: RecordingStatus, proves_from: datetime | None
) -> workflow.ActivityHandle[ControlResult]:
    """Poll ACS until a recording records again, is over, or is proven to be silent.

    ``proves_from`` is from when on a reading proves that; None if it is proven.
    """
    options = activity_options.poll_silence(f"is recording {recording.number} silent?")
    input = PollStateInput(
        **dict(_recording_input(status, recording)), expected="inactive", proves_from=proves_from
    )
    return workflow.start_activity_method(PollingActivities.poll_state, input, **options)


def poll_result(
    status: CallStatus, recording: RecordingStatus
) -> workflow.ActivityHandle[PolledResult]:
    """Poll ACS until it names files of a recording that were not announced."""
    input = PollResultInput(
        **dict(_recording_input(status, recording)),
        known=tuple(chunk.chunk.document_id for chunk in recording.chunks),
    )
    options = activity_options.poll_result(f"what became of recording {recording.number}?")
    return workflow.start_activity_method(PollingActivities.poll_result, input, **options)


def send_alarm(
    alarm: Alarm, within: timedelta = activity_options.ALARM_TIMEOUT
) -> workflow.ActivityHandle[Alarm | None]:
    """Send an alarm until a receiver accepts it, or ``within`` has passed; return what was told."""
    options = activity_options.alarm(f"{alarm.severity}: {alarm.kind}", within)
    return workflow.start_activity_method(AlarmActivities.raise_alarm, alarm, **options)


def send_group_alarm(alarm: Alarm) -> workflow.ActivityHandle[None]:
    """Send what has become of a group of alarms, until a receiver accepts it."""
    summary = f"{alarm.status}: {alarm.count} in {alarm.group_key}"
    options = activity_options.group_alarm(summary)
    return workflow.start_activity_method(AlarmActivities.send_group_alarm, alarm, **options)


async def send_schedule_alarm(
    kind: AlarmKind,
    severity: Severity,
    what: str,
    within: timedelta = activity_options.ALARM_TIMEOUT,
    status: AlarmStatus = AlarmStatus.FIRING,
) -> None:
    """Send the alarm of a workflow that a Schedule began; those of a call have their own loop.

    Raises `ActivityError` if no receiver has accepted it within that time.
    """
    info = workflow.info()
    alarm = Alarm(
        id=f"{info.workflow_id}/{info.run_id}",
        status=status,
        # The same for every run of a Schedule, which adds the time to its own id.
        dedup_key=_RUN_OF_SCHEDULE.sub("", info.workflow_id),
        resolves=True,
        kind=kind,
        severity=severity,
        at=workflow.now(),
        what=shorten(what),
        workflow_id=info.workflow_id,
        resource="all",
    )
    await send_alarm(alarm, within)


def deliver_event(delivery: EventDelivery) -> workflow.ActivityHandle[None]:
    """Deliver an event at once, or not at all."""
    options = activity_options.event_delivery(_told(delivery), delivery.event.resource)
    return workflow.start_activity_method(
        RecordingEventActivities.deliver_event, delivery, **options
    )


def deliver_late_event(delivery: EventDelivery) -> workflow.ActivityHandle[None]:
    """Deliver an event until its receiver takes it, or the time for that is over."""
    options = activity_options.late_event_delivery(
        _told(delivery), delivery.event.resource, delivery.within
    )
    return workflow.start_activity_method(
        RecordingEventActivities.deliver_event, delivery, **options
    )


async def hand_over_event(delivery: EventDelivery) -> None:
    """Have an event delivered by a workflow of its own."""
    options = activity_options.event_hand_over(f"{_told(delivery)}: later")
    await workflow.execute_activity(names.HAND_OVER_EVENT_ACTIVITY, delivery, **options)


def _told(delivery: EventDelivery) -> str:
    return f"tell that recording {delivery.event.recording} is {delivery.event.kind}"


def announce(
    status: CallStatus, recording: RecordingStatus, participant: str | None = None
) -> workflow.ActivityHandle[None]:
    """Have a recording announced, to all or to somebody who joined, and wait for the answer."""
    if status.policy is None or status.policy.announce_within is None:
        raise ApplicationError("nothing is announced where no resource asks for it")
    within = status.policy.announce_within
    workflow_id = workflow.info().workflow_id
    parts = (workflow_id, "announcement", f"{recording.number}", participant)
    input = AnnouncementInput(
        # Without the run: it stays one announcement when the workflow continues as new.
        id="/".join(filter(None, parts)),
        resource=status.resource,
        server_call_id=status.server_call_id,
        workflow_id=workflow_id,
        recording=recording.number,
        requested_by=recording.requested_by,
        consent_policy=recording.consent.consent_policy or "",
        participant=participant,
        timeout=within,
    )
    options = activity_options.announcement(f"announce recording {recording.number}", within)
    return workflow.start_activity_method(
        AnnouncementActivities.announce_recording, input, **options
    )


def signal_times(signals: tuple[UntimedSignal, ...]) -> workflow.ActivityHandle[SignalTimes]:
    """Read from the history when signals came that told no time."""
    query = SignalTimesQuery(workflow_id=workflow.info().workflow_id, signals=signals)
    return workflow.start_activity_method(
        SignalTimesActivities.find_signal_times, query, **activity_options.signal_times()
    )


def _recording_input(status: CallStatus, recording: RecordingStatus) -> RecordingInput:
    return RecordingInput(
        resource=status.resource,
        server_call_id=status.server_call_id,
        recording_id=recording.recording_id or "",
    )


def _start_input(status: CallStatus, recording: RecordingStatus, command: Command) -> StartInput:
    return StartInput(
        resource=status.resource,
        server_call_id=status.server_call_id,
        recording_content_type=recording.recording_content_type,
        recording_channel_type=recording.recording_channel_type,
        recording_format_type=recording.recording_format_type,
        pause_on_start=command.pause_on_start,
        # The workflow's own UUID: a random one of Python's would differ at a replay.
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
