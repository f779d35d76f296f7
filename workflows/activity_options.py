"""Every time-out, retry and queue of the workflow, in one table.

Derived from a few figures by arithmetic, so that they cannot drift apart.
"""

from datetime import timedelta

from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig, LocalActivityConfig

from callvault.contracts import names
from callvault.contracts.activity_io import ACS_TIMEOUT

AT_ONCE = timedelta(seconds=4)
"""The first attempt of a control request, within the workflow task: nothing else can happen to the
call meanwhile. What is not done by then is an ordinary activity's, see decision 0024."""

ADOPT_WITHIN = timedelta(seconds=5)
"""How long a callback is awaited that tells whose recording it is that runs already."""

RELEASED_WITHIN = timedelta(seconds=30)
"""How long after a stop ACS may still count the stopped recording as the call's only one."""

CONTROL_ATTEMPT = 3 * ACS_TIMEOUT
"""One attempt of a control activity: the request, and reading back what it did."""

START_WITHIN = timedelta(minutes=10)
"""How long a start is tried before the recording counts as failed to start."""

CONFIRM_WITHIN = timedelta(minutes=2)
"""How long ACS may take to report an accepted recording as active."""

HEARTBEAT_TIMEOUT = timedelta(seconds=60)
"""What shows no sign of life for this long is taken up by another worker."""

LAST_CHANCE = timedelta(minutes=10)
"""How long an export is tried at least once its chunk may be gone: it may still be there."""

LEAST_CHANCE = 3 * HEARTBEAT_TIMEOUT
"""A last chance is not longer than the export window was, but never shorter than this: a worker may
die during it."""

SEAL_WITHIN = timedelta(hours=48)
"""How long the manifest of an archived recording is tried to be written."""

HIGHEST_PRIORITY = 1
"""Temporal's priority keys count downwards: 1 goes first."""

SWEEP_WITHIN = timedelta(hours=1)
"""How long a sweep of dead letters is tried; what it has not done is the next one's."""

ALARM_WITHIN = timedelta(hours=24)
"""How long the delivery of an alarm is tried; the log has it at once."""

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

EXPORT_ATTEMPT = timedelta(hours=12)
"""One attempt at an export; its heartbeat is what notices a stall."""

POLICY_LOOKUP = LocalActivityConfig(
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


def at_once(summary: str) -> LocalActivityConfig:
    """The first attempt of a control request: the shortest way to ACS that there is."""
    return LocalActivityConfig(
        summary=summary,
        start_to_close_timeout=AT_ONCE,
        retry_policy=RetryPolicy(maximum_attempts=1),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def control(summary: str) -> ActivityConfig:
    """Pause, resume, stop: tried until ACS answers or something else is wanted."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT,
        retry_policy=_CONTROL_RETRY,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def start(summary: str) -> ActivityConfig:
    """Start: the call may still be connecting, so it is given some time."""
    return {**control(summary), "schedule_to_close_timeout": START_WITHIN}


def confirm(summary: str) -> ActivityConfig:
    """Read the state until ACS says that it records."""
    return {
        **control(summary),
        "schedule_to_close_timeout": CONFIRM_WITHIN,
        "retry_policy": _CONFIRM_RETRY,
    }


def export(summary: str, resource: str, priority: int) -> ActivityConfig:
    """Export: tried until it succeeds or the window closes on the chunk.

    What expires first is copied first; among equals the resources take turns, so that one's
    backlog cannot starve another's.
    """
    return ActivityConfig(
        summary=summary,
        priority=Priority(priority_key=priority, fairness_key=resource),
        task_queue=names.EXPORT_QUEUE,
        start_to_close_timeout=EXPORT_ATTEMPT,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=_EXPORT_RETRY,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def last_chance(window: timedelta) -> timedelta:
    """How long an export is tried at least once its chunk may be gone."""
    return min(LAST_CHANCE, max(window, LEAST_CHANCE))


def last_export(summary: str, resource: str, within: timedelta) -> ActivityConfig:
    """Export once more when the window has closed, or had closed before the event came."""
    return {
        **export(summary, resource, HIGHEST_PRIORITY),
        "schedule_to_close_timeout": within,
        "retry_policy": _LAST_RETRY,
    }


def seal(summary: str) -> ActivityConfig:
    """Seal: the files are safe by then, so there is time."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.EXPORT_QUEUE,
        start_to_close_timeout=timedelta(minutes=30),
        schedule_to_close_timeout=SEAL_WITHIN,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        retry_policy=_EXPORT_RETRY,
    )


def delete_source(summary: str) -> ActivityConfig:
    """Delete the service's copy: worth an hour and no more, the service deletes it by itself."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT,
        schedule_to_close_timeout=timedelta(hours=1),
        retry_policy=_CLEANUP_RETRY,
    )


def alarm(summary: str, within: timedelta) -> ActivityConfig:
    """Tell of an alarm, until somebody listens."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.TELLING_QUEUE,
        start_to_close_timeout=timedelta(seconds=30),
        schedule_to_close_timeout=within,
        retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )


def await_end(summary: str, every: timedelta) -> ActivityConfig:
    """Ask whether a recording is still on, less often as time goes by.

    Never cancelled, which would cost events: it finds out by itself that the recording is over,
    and ends with the workflow at the latest.
    """
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT,
        retry_policy=RetryPolicy(
            initial_interval=every, backoff_coefficient=1.5, maximum_interval=4 * every
        ),
        cancellation_type=ActivityCancellationType.ABANDON,
    )


def ask_result(summary: str) -> ActivityConfig:
    """Ask what became of a recording, until the workflow calls it off: its window has closed."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=CONTROL_ATTEMPT,
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=30),
            backoff_coefficient=2,
            maximum_interval=timedelta(minutes=30),
        ),
    )


def sweep() -> ActivityConfig:
    """Sweep: goes on where the last attempt was, since it marks what it has delivered."""
    return ActivityConfig(
        summary="dead letters",
        task_queue=names.CONTROL_QUEUE,
        start_to_close_timeout=SWEEP_WITHIN,
        schedule_to_close_timeout=SWEEP_WITHIN,
        heartbeat_timeout=2 * HEARTBEAT_TIMEOUT,
        retry_policy=RetryPolicy(maximum_interval=timedelta(minutes=5)),
    )


def announcement(summary: str, within: timedelta) -> ActivityConfig:
    """Announce: one answer may take all the time; a webhook that is away is tried again."""
    return ActivityConfig(
        summary=summary,
        task_queue=names.TELLING_QUEUE,
        start_to_close_timeout=within,
        schedule_to_close_timeout=within,
        retry_policy=_CONTROL_RETRY,
    )
