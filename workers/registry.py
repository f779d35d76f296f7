"""What runs where: workflows, activities, their task queues and their slots."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.alerts import AlertActivities
from activities.announcements import AnnouncementActivities
from activities.control import ControlActivities
from activities.export import ExportActivities
from activities.seal import SealActivities
from callvault.config import WorkerSettings
from callvault.contracts import names
from workflows.recording import RecordingWorkflow

WORKFLOWS = (RecordingWorkflow,)

DRAIN = timedelta(seconds=30)
"""How long running activities may take to come to a good end when a worker is told to stop."""


SHOWN_EVERY = timedelta(seconds=1)
"""How often Temporal is told how far a copy has come: operators watch it."""


def runner() -> SandboxedWorkflowRunner:
    """The one sandbox of workers, replays and tests.

    Activities and the kernel are shared with the outside: were they imported again for each run,
    their classes would not be the same classes. The workflows themselves never are shared.
    """
    restrictions = SandboxRestrictions.default.with_passthrough_modules("activities", "callvault")
    return SandboxedWorkflowRunner(restrictions=restrictions)


def deciding_worker(
    client: Client,
    activities: ControlActivities,
    alerts: AlertActivities,
    announcements: AnnouncementActivities,
    settings: WorkerSettings,
) -> Worker:
    """Decisions and control of ACS: short, and never behind a copy."""
    slots = settings.max_concurrent_control
    return Worker(
        client,
        task_queue=names.CONTROL_QUEUE,
        workflows=WORKFLOWS,
        workflow_runner=runner(),
        activities=[
            activities.describe_resource,
            activities.start_recording,
            activities.confirm_active,
            activities.read_state,
            activities.pause_recording,
            activities.resume_recording,
            activities.stop_recording,
            activities.delete_source,
            alerts.raise_alarm,
            announcements.announce_recording,
        ],
        activity_executor=ThreadPoolExecutor(slots, "control"),
        max_concurrent_activities=slots,
        graceful_shutdown_timeout=DRAIN,
    )


def exporting_worker(
    client: Client,
    activities: ExportActivities,
    sealing: SealActivities,
    settings: WorkerSettings,
) -> Worker:
    """Bulk copies, and the manifests that prove them."""
    slots = settings.max_concurrent_exports
    return Worker(
        client,
        task_queue=names.EXPORT_QUEUE,
        activities=[activities.export_chunk, sealing.seal_recording],
        activity_executor=ThreadPoolExecutor(slots, "export"),
        max_heartbeat_throttle_interval=SHOWN_EVERY,
        max_concurrent_activities=slots,
        graceful_shutdown_timeout=DRAIN,
    )
