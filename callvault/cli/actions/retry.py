"""Waiting activities of a call that are to try now, instead of at their next interval."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from temporalio.client import Client

from callvault.cli.terminal import say
from callvault.contracts.base import Message
from callvault.temporal.call_lookup import find_call
from callvault.temporal.pending_activities import (
    PendingActivity,
    describe_with_activities,
    try_now,
)

EXPORTS = frozenset({"export_chunk", "seal_recording", "find_sealed"})
"""The activities that bring a recording into its archive."""

NEVER_RETRIED = {
    "poll_state": "it asks ACS at intervals, and its first attempt only waits for the next",
    "raise_alarm": "its first attempt writes the alarm to the log and the metrics once more",
}
"""Activities whose attempts are not begun anew, and the reason."""


class Retry(Message):
    """A waiting activity, and what became of the request that it try now."""

    activity: str
    attempt: int
    last_failure: str
    is_asked: bool
    """True if it tries now; else ``why`` says why not."""
    why: str = ""


class Retries(NamedTuple):
    """All pending activities of a call that were looked at."""

    workflow_id: str
    retries: list[Retry]

    @property
    def is_any_asked(self) -> bool:
        """True if at least one activity tries now, or is at it already."""
        return any(each.is_asked for each in self.retries)


async def retry_now(client: Client, call: str, requested_by: str, *, exports_only: bool) -> Retries:
    """Have the waiting activities of a call try now, all or those of its exports alone."""
    workflow_id = await find_call(client, call)
    execution, pending = await describe_with_activities(client, workflow_id)
    done = []
    for activity in pending:
        if exports_only and activity.type not in EXPORTS:
            continue
        why = why_not(activity)
        if not why:
            await try_now(client, execution, activity, f"{requested_by} (callvault)")
        done.append(_retry(activity, why))
    return Retries(workflow_id, done)


def why_not(activity: PendingActivity) -> str:
    """Return the reason why an activity is not to be asked to try now; empty if it is."""
    if activity.type in NEVER_RETRIED:
        return NEVER_RETRIED[activity.type]
    if activity.state not in ("waiting", "paused"):
        # The attempt would be cancelled: a copy that is under way is not begun anew.
        return f"attempt {activity.attempt} is {activity.state} already"
    if activity.state == "waiting" and activity.next_attempt_at is None:
        return "it waits for a worker, not for a time: look whether workers run"
    return ""


def _retry(activity: PendingActivity, why: str) -> Retry:
    return Retry(
        activity=activity.type,
        attempt=activity.attempt,
        last_failure=activity.last_failure,
        is_asked=not why,
        why=why,
    )


def show(retries: Retries) -> None:
    """Print what became of each activity, in a line."""
    for each in retries.retries:
        what = "tries now" if each.is_asked else f"left alone: {each.why}"
        failed = f" (last error: {each.last_failure})" if each.last_failure else ""
        say(f"{each.activity}, attempt {each.attempt}: {what}{failed}")


def as_json(retries: Retries) -> str:
    """Write what became of each activity as JSON."""
    done = [each.model_dump(mode="json") for each in retries.retries]
    return json.dumps({"workflowId": retries.workflow_id, "activities": done}, indent=2)


def nothing_to_retry(retries: Sequence[Retry], *, exports_only: bool) -> str:
    """Say why nothing of a call tries now."""
    if retries:
        return "nothing waits for a time: see the reasons above"
    what = "export" if exports_only else "activity"
    return (
        f"no {what} of this call is pending: `callvault recordings explain` says what it waits for"
    )
