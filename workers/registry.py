"""Workflows and activities, with their task queues and their slots."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import (
    UnsandboxedWorkflowRunner,
    Worker,
    WorkerDeploymentConfig,
    WorkflowRunner,
)
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.control import ControlActivities
from activities.export import ExportActivities
from activities.recording_events import RecordingEventActivities
from activities.seal import SealActivities
from activities.signal_times import SignalTimesActivities
from activities.webhooks import AlarmActivities, AnnouncementActivities
from callvault.config.worker import WorkerSettings
from callvault.contracts import names
from workers.early_events import GuardedRunner
from workflows.adoption import AdoptionWorkflow
from workflows.alarm import AlarmWorkflow
from workflows.alarm_group import AlarmGroupWorkflow
from workflows.checkpoint import CheckpointWorkflow
from workflows.erasure import ErasureWorkflow
from workflows.erasure_plan import ErasurePlanWorkflow
from workflows.reconcile import CallSeenWorkflow, ReconcileWorkflow
from workflows.recording import RecordingWorkflow
from workflows.recording_events import RecordingEventWorkflow
from workflows.sweep import SweepWorkflow

WORKFLOWS = (
    RecordingWorkflow,
    AdoptionWorkflow,
    AlarmWorkflow,
    AlarmGroupWorkflow,
    CallSeenWorkflow,
    ReconcileWorkflow,
    RecordingEventWorkflow,
    SweepWorkflow,
    CheckpointWorkflow,
    ErasureWorkflow,
    ErasurePlanWorkflow,
)

DRAIN_TIMEOUT = timedelta(seconds=30)
"""Time for running activities to come to a good end when a worker is told to stop."""

STICKY_TIMEOUT = timedelta(seconds=1)
"""Time for which a call waits for the worker that has it in memory, before any worker takes it: if
that one has died, a pause must still be confirmed within its five seconds. The SDK's default is
ten. A worker that is merely busy loses a call to another one, which costs a replay."""

HEARTBEAT_THROTTLE_INTERVAL = timedelta(seconds=1)
"""Interval of the heartbeats that reach Temporal from a copy: operators watch its progress."""

MAX_CONCURRENT_NOTIFICATIONS = 100
"""Webhooks that are waited for at the same time: threads that sleep."""

RUNNER = UnsandboxedWorkflowRunner()
"""The runner of workers: without the SDK's sandbox, which would import the workflows for each run.

Ruff and the workflow tests, which run under `sandbox`, refuse before a worker runs what the sandbox
would refuse.
"""


def sandbox() -> SandboxedWorkflowRunner:
    """Make the sandbox of the workflow tests, which refuses what would not replay."""
    # Imported again for each run, the classes of activities and contracts would not be the same.
    restrictions = SandboxRestrictions.default.with_passthrough_modules("activities", "callvault")
    return SandboxedWorkflowRunner(restrictions=restrictions)


def versioning(settings: WorkerSettings) -> WorkerDeploymentConfig | None:
    """Configure Temporal's worker versioning, where the settings name a version.

    A run stays on its version, so that no other code has to replay its history, however much that
    has changed. Calls and groups of alarms, which may last, continue as new on the current one.
    """
    if settings.deployment_name is None or settings.build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.deployment_name, settings.build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def control_worker(
    client: Client,
    activities: ControlActivities,
    settings: WorkerSettings,
    *,
    others: Sequence[Callable[..., Any]] = (),
    runner: WorkflowRunner = RUNNER,
) -> Worker:
    """Make the worker for decisions and control of ACS: short work, never behind a copy.

    ``others`` are other activities of the kind.
    """
    slots = settings.max_concurrent_control
    return Worker(
        client,
        task_queue=names.CONTROL_QUEUE,
        workflows=WORKFLOWS,
        workflow_runner=GuardedRunner(runner),
        max_cached_workflows=settings.max_cached_workflows,
        max_concurrent_workflow_tasks=settings.max_concurrent_workflow_tasks,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        activities=[
            activities.start_recording,
            activities.confirm_active,
            activities.read_state,
            activities.identify_recording,
            activities.pause_recording,
            activities.resume_recording,
            activities.stop_recording,
            activities.polling.poll_state,
            activities.polling.poll_result,
            SignalTimesActivities(client).find_signal_times,
            *others,
        ],
        # As many threads as slots: an activity that waits for a thread uses up its own time.
        activity_executor=ThreadPoolExecutor(slots, "control"),
        max_concurrent_activities=slots,
        # The SDK's default is no time at all: running activities are cancelled at once.
        graceful_shutdown_timeout=DRAIN_TIMEOUT,
        deployment_config=versioning(settings),
    )


def notification_worker(
    client: Client,
    alarms: AlarmActivities,
    announcements: AnnouncementActivities,
    settings: WorkerSettings,
) -> Worker:
    """Make the worker for alarms and announcements, which wait for webhooks of others."""
    return Worker(
        client,
        task_queue=names.NOTIFICATION_QUEUE,
        activities=[
            alarms.raise_alarm,
            alarms.send_group_alarm,
            announcements.announce_recording,
        ],
        activity_executor=ThreadPoolExecutor(MAX_CONCURRENT_NOTIFICATIONS, "notify"),
        max_concurrent_activities=MAX_CONCURRENT_NOTIFICATIONS,
        graceful_shutdown_timeout=DRAIN_TIMEOUT,
        deployment_config=versioning(settings),
    )


def event_worker(
    client: Client, events: RecordingEventActivities, settings: WorkerSettings
) -> Worker:
    """Make the worker for events about recordings, which wait for webhooks that requests name."""
    return Worker(
        client,
        task_queue=names.EVENT_QUEUE,
        activities=[events.deliver_event],
        activity_executor=ThreadPoolExecutor(MAX_CONCURRENT_NOTIFICATIONS, "events"),
        max_concurrent_activities=MAX_CONCURRENT_NOTIFICATIONS,
        graceful_shutdown_timeout=DRAIN_TIMEOUT,
        deployment_config=versioning(settings),
    )


def export_worker(
    client: Client,
    activities: ExportActivities,
    seals: SealActivities,
    settings: WorkerSettings,
    *,
    others: Sequence[Callable[..., Any]] = (),
) -> Worker:
    """Make the worker for bulk copies, and for the manifests that prove them.

    ``others`` are other activities of the kind.
    """
    slots = settings.max_concurrent_exports
    return Worker(
        client,
        task_queue=names.EXPORT_QUEUE,
        activities=[
            activities.export_chunk,
            activities.delete_source,
            seals.seal_recording,
            seals.find_sealed,
            *others,
        ],
        activity_executor=ThreadPoolExecutor(slots, "export"),
        # The SDK's default is a minute.
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE_INTERVAL,
        max_concurrent_activities=slots,
        graceful_shutdown_timeout=DRAIN_TIMEOUT,
        deployment_config=versioning(settings),
    )
