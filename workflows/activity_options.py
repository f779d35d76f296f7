"""Every time-out, retry and queue of the workflow, in one table.

Derived from a few figures by arithmetic, so that they cannot drift apart.
"""

from datetime import timedelta

from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

from activities.polling import FIRST_POLL_INTERVAL, MAX_POLL_INTERVAL
from callvault.contracts import names
from callvault.contracts.activity_io import ACS_TIMEOUT, QUICK_ATTEMPT_TIMEOUT
from workflows.call.deadlines import HEARTBEAT_TIMEOUT

RECALL_TIMEOUT = timedelta(minutes=2)
"""Time for the last state of the run before a reset to be read."""

SIGNAL_TIMES_ATTEMPT_TIMEOUT = timedelta(seconds=10)
SIGNAL_TIMES_TIMEOUT = timedelta(minutes=2)
"""Time to find out when signals came; then they count from when they were seen."""

ADOPT_TIMEOUT = timedelta(seconds=5)
"""Longest wait for the callback that tells whose recording runs in the call already."""

RELEASE_TIMEOUT = timedelta(seconds=30)
"""Longest time after a stop for which ACS may count the stopped recording as the call's one."""

CONTROL_ATTEMPT_TIMEOUT = 3 * ACS_TIMEOUT
"""One attempt of a control activity: the request, and reading back what it did."""

START_TIMEOUT = timedelta(minutes=10)
"""Longest time for a start; then the recording counts as failed to start."""

CONFIRM_TIMEOUT = timedelta(minutes=2)
"""Longest time for ACS to report an accepted recording as active."""

SEAL_TIMEOUT = timedelta(hours=48)
"""Longest time for writing the manifest of an archived recording."""

HIGHEST_PRIORITY = 1
"""Temporal's priority keys count downwards: 1 goes first."""

SWEEP_TIMEOUT = timedelta(hours=1)
"""Longest time for a sweep of dead letters; the next one does what is left."""

CHECKPOINTS_TIMEOUT = timedelta(minutes=30)
"""Longest time for publishing checkpoints; the next round publishes what has come since."""

ALARM_TIMEOUT = timedelta(hours=24)
"""Longest time for delivering an alarm; the log has it at once."""

GROUP_ALARM_ATTEMPT_TIMEOUT = timedelta(seconds=15)
"""One attempt at an alarm of a group: the webhook has ten seconds."""
EVENT_ATTEMPT_TIMEOUT = timedelta(seconds=12)
"""One attempt at delivering an event: the exchange with its receiver, and a little more."""

EVENT_TIMEOUT = timedelta(seconds=15)
"""Longest time for which a call waits for the receiver of an event, before a workflow of its own
goes on delivering it."""

_CONTROL_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=3),
)
"""Short to the end: when ACS comes back after a minute, a pause must not wait for its turn."""

_CLEANUP_RETRY = RetryPolicy(maximum_interval=timedelta(minutes=1))

_CONFIRM_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=500), backoff_coefficient=1.5)

_EXPORT_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=15),
)

_LAST_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1)
)

EXPORT_ATTEMPT_TIMEOUT = timedelta(hours=12)
"""One attempt at an export; its heartbeat is what notices a stall."""

ERASE_ATTEMPT_TIMEOUT = timedelta(hours=6)
"""One attempt at a step of an erasure: to plan one may mean to read all manifests of archives."""

BEGIN = ActivityConfig(
    summary="what is known of this run?",
    task_queue=names.CONTROL_QUEUE,
    start_to_close_timeout=timedelta(seconds=5),
    retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
)

RECONCILE = ActivityConfig(
    summary="compare calls, recordings and archives",
    task_queue=names.EXPORT_QUEUE,
    start_to_close_timeout=timedelta(hours=12),
    schedule_to_close_timeout=timedelta(hours=20),
    heartbeat_timeout=HEARTBEAT_TIMEOUT,
    retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=15)),
)
"""It reads archives, and may read all of them: so it goes where the copies go."""


CHECKPOINTS = ActivityConfig(
    summary="state where the archives' chains end",
    task_queue=names.EXPORT_QUEUE,
    start_to_close_timeout=CHECKPOINTS_TIMEOUT,
    schedule_to_close_timeout=CHECKPOINTS_TIMEOUT,
    heartbeat_timeout=HEARTBEAT_TIMEOUT,
    retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
)
"""It signs like a sealing: so it goes where the keys are."""


def quick(options: ActivityConfig) -> ActivityConfig:
    """Return options for a quick attempt at what these options are for."""
    return {
        **options,
        "start_to_close_timeout": QUICK_ATTEMPT_TIMEOUT,
        # The same, with the time until a worker takes it: the clock of the run relies on its end.
        "schedule_to_close_timeout": QUICK_ATTEMPT_TIMEOUT,
        # Once: whatever it ends with, `control` goes on from there.
        "retry_policy": RetryPolicy(maximum_attempts=1),
    }


def control(summary: str) -> ActivityConfig:
    """Return options to pause, resume or stop: until ACS answers or something else is wanted."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT_TIMEOUT,
        retry_policy=_CONTROL_RETRY,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def recall(summary: str) -> ActivityConfig:
    """Return options to read the last state of another run: nothing is started until then."""
    return {**control(summary), "schedule_to_close_timeout": RECALL_TIMEOUT}


def signal_times() -> ActivityConfig:
    """Return options to find out when signals came that told no time."""
    return ActivityConfig(
        summary="when did signals come?",
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=SIGNAL_TIMES_ATTEMPT_TIMEOUT,
        schedule_to_close_timeout=SIGNAL_TIMES_TIMEOUT,
        retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=10)),
    )


def start(summary: str) -> ActivityConfig:
    """Return options to start: the call may still be connecting, and gets some time."""
    return {**control(summary), "schedule_to_close_timeout": START_TIMEOUT}


def confirm(summary: str) -> ActivityConfig:
    """Return options to read the state until ACS says that it records."""
    return {
        **control(summary),
        "schedule_to_close_timeout": CONFIRM_TIMEOUT,
        "retry_policy": _CONFIRM_RETRY,
        # A reading that hangs holds up nothing: it changes nothing, and is left to itself.
        "cancellation_type": ActivityCancellationType.TRY_CANCEL,
    }


def export(summary: str, resource: str, priority: int) -> ActivityConfig:
    """Return options to export a chunk: until that succeeds, or the workflow calls it off.

    What expires first is copied first; among equals the resources take turns, so that one's
    backlog cannot starve another's.
    """
    return ActivityConfig(
        summary=summary,
        priority=Priority(priority_key=priority, fairness_key=resource),
        task_queue=names.EXPORT_QUEUE,
        # No schedule-to-close: within its window an export is never given up (decision 0004).
        start_to_close_timeout=EXPORT_ATTEMPT_TIMEOUT,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=_EXPORT_RETRY,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def last_chance_export(summary: str, resource: str, timeout: timedelta) -> ActivityConfig:
    """Return options to export when the window has closed, perhaps before the event came."""
    return {
        **export(summary, resource, HIGHEST_PRIORITY),
        "schedule_to_close_timeout": timeout,
        "retry_policy": _LAST_RETRY,
    }


def seal(summary: str) -> ActivityConfig:
    """Return options to seal a recording: its files are safe by then, so there is time."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.EXPORT_QUEUE,
        start_to_close_timeout=timedelta(minutes=30),
        schedule_to_close_timeout=SEAL_TIMEOUT,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=_EXPORT_RETRY,
    )


def erase(summary: str) -> ActivityConfig:
    """Return options of an erasure's steps: one that was begun comes to its end."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.EXPORT_QUEUE,
        start_to_close_timeout=ERASE_ATTEMPT_TIMEOUT,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=_EXPORT_RETRY,
    )


def find_sealed(summary: str) -> ActivityConfig:
    """Return options to look into an archive, until it answers or the workflow calls it off."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.EXPORT_QUEUE,
        start_to_close_timeout=timedelta(minutes=30),
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=_EXPORT_RETRY,
    )


def delete_source(summary: str) -> ActivityConfig:
    """Return options to delete the service's copy: for an hour, the service does it by itself.

    It looks into the archive first: so it goes where the copies go.
    """
    return ActivityConfig(
        summary=summary,
        task_queue=names.EXPORT_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT_TIMEOUT,
        schedule_to_close_timeout=timedelta(hours=1),
        retry_policy=_CLEANUP_RETRY,
    )


def alarm(summary: str, timeout: timedelta) -> ActivityConfig:
    """Return options to deliver an alarm, until a receiver accepts it."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.NOTIFICATION_QUEUE,
        start_to_close_timeout=timedelta(seconds=30),
        schedule_to_close_timeout=timeout,
        retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def group_alarm(summary: str) -> ActivityConfig:
    """Return options to deliver an alarm of a group: it asks Temporal for no cause first."""
    return {
        **alarm(summary, ALARM_TIMEOUT),
        "start_to_close_timeout": GROUP_ALARM_ATTEMPT_TIMEOUT,
    }


def poll_silence(summary: str) -> ActivityConfig:
    """Return options to read a recording that should be silent: soon, and then regularly."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT_TIMEOUT,
        retry_policy=RetryPolicy(
            initial_interval=FIRST_POLL_INTERVAL,
            backoff_coefficient=2,
            maximum_interval=MAX_POLL_INTERVAL,
        ),
        cancellation_type=ActivityCancellationType.TRY_CANCEL,
    )


def poll_state(summary: str, interval: timedelta) -> ActivityConfig:
    """Return options to ask whether a recording is still on, less often as time goes by."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT_TIMEOUT,
        retry_policy=RetryPolicy(
            initial_interval=interval, backoff_coefficient=1.5, maximum_interval=4 * interval
        ),
        # A cancellation would cost events: the poll finds out by itself that the recording is
        # over, and ends with the workflow at the latest.
        cancellation_type=ActivityCancellationType.ABANDON,
    )


def poll_result(summary: str) -> ActivityConfig:
    """Return options to ask what became of a recording, until the workflow calls it off."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT_TIMEOUT,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=30),
            backoff_coefficient=2,
            maximum_interval=timedelta(minutes=30),
        ),
    )


def sweep() -> ActivityConfig:
    """Return options to sweep: each attempt goes on from the marks of the one before."""
    return ActivityConfig(
        summary="dead letters",
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=SWEEP_TIMEOUT,
        schedule_to_close_timeout=SWEEP_TIMEOUT,
        heartbeat_timeout=2 * HEARTBEAT_TIMEOUT,
        retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
    )


def event_delivery(summary: str, resource: str) -> ActivityConfig:
    """Return options to deliver an event at once: the call waits for it, so for seconds alone."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.EVENT_QUEUE,
        start_to_close_timeout=EVENT_ATTEMPT_TIMEOUT,
        schedule_to_close_timeout=EVENT_TIMEOUT,
        retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1)),
        # One resource's receivers, all of them away, must not take up all attempts.
        priority=Priority(fairness_key=resource),
    )


def late_event_delivery(summary: str, resource: str, within: timedelta) -> ActivityConfig:
    """Return options to deliver an event by a workflow of its own: ``within`` all its time."""
    return {
        **event_delivery(summary, resource),
        "schedule_to_close_timeout": within,
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(seconds=5),
            backoff_coefficient=2,
            maximum_interval=timedelta(minutes=15),
        ),
    }


def event_hand_over(summary: str) -> ActivityConfig:
    """Return options to have an event delivered by a workflow of its own: until Temporal has it."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=30)),
    )


def announcement(summary: str, timeout: timedelta) -> ActivityConfig:
    """Return options to announce: one answer may take all the time; no answer is tried again."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.NOTIFICATION_QUEUE,
        start_to_close_timeout=timeout,
        schedule_to_close_timeout=timeout,
        retry_policy=_CONTROL_RETRY,
    )
