"""An explanation why a call is not archived: each reason, whose fault it is, and what to do."""

from collections.abc import Iterator
from datetime import UTC, datetime

from callvault.causes import blame_in
from callvault.cli.actions.call_view import CallView
from callvault.cli.actions.explain_recording import (
    NOBODY,
    OWNERS,
    UNTOLD,
    Reason,
    reasons_of_recording,
)
from callvault.cli.actions.retry import EXPORTS
from callvault.cli.actions.tables import moment, time_left
from callvault.cli.terminal import say
from callvault.contracts.alarms import without_account
from callvault.contracts.base import Message
from callvault.contracts.states import RecordingState
from callvault.temporal.call_list import ENDED_EARLY
from callvault.temporal.pending_activities import PendingActivity

_POLLS = frozenset({"poll_state", "poll_result"})
"""Activities that wait by failing: nothing is wrong with them."""


class Explanation(Message):
    """The verdict about a call, and every reason for it."""

    workflow_id: str
    summary: str
    reasons: tuple[Reason, ...]


def explain(view: CallView, now: datetime | None = None) -> Explanation:
    """Explain a call as of ``now``, by default this moment."""
    reasons = [
        *_of_workflow(view),
        *_of_recordings(view),
        *_of_pending(view),
        *_of_alarms(view),
    ]
    return Explanation(
        workflow_id=view.workflow.workflow_id,
        summary=_summary(view, now or datetime.now(UTC)),
        reasons=tuple(reasons),
    )


def _summary(view: CallView, now: datetime) -> str:
    workflow = view.workflow
    state = workflow.state.replace("_", " ") or "not begun"
    if not workflow.is_open and workflow.status == "completed":
        ended = moment(workflow.closed_at or now)
        return f"The call is over for Callvault since {ended}: {state}."
    if workflow.expires_at is None:
        return f"The call is {state}; no deadline runs yet."
    if workflow.expires_at <= now:
        return f"The call is {state}. Its deadline has passed, at {moment(workflow.expires_at)}."
    left = time_left(workflow.expires_at, now)
    return f"The call is {state}: {left} left, until {moment(workflow.expires_at)}."


def _of_workflow(view: CallView) -> Iterator[Reason]:
    workflow = view.workflow
    name = workflow.workflow_id
    is_unfinished = workflow.state not in {s for s in RecordingState if s.is_final}
    if workflow.status == "paused":
        yield Reason(
            what="Its workflow is paused in Temporal: no deadline is watched, and no request"
            " reaches ACS.",
            fault="whoever paused it",
            do=(f"temporal workflow unpause --workflow-id {name}",),
            runbook="abandoned",
        )
    elif workflow.status in ENDED_EARLY and is_unfinished:
        yield Reason(
            what=f"Its workflow was {workflow.status.replace('_', ' ')} at"
            f" {moment(workflow.closed_at or workflow.started_at)}, before its recordings were"
            " archived. A control worker has another one take over within a minute.",
            fault="whoever ended it",
            do=("callvault doctor", f"callvault recordings show {name}"),
            runbook="abandoned",
        )
    elif workflow.is_open and not view.is_answered:
        yield Reason(
            what=f"Its workflow does not answer: {view.problem}. Nothing of this call moves on"
            " until a control worker runs whose tasks of it do not fail.",
            fault=OWNERS["callvault"],
            do=("callvault worker", "callvault doctor"),
            runbook="no-worker-answers",
        )


def _of_recordings(view: CallView) -> Iterator[Reason]:
    if view.status is None:
        yield Reason(
            what="Neither its workflow nor its history tells what became of its recordings.",
            fault=OWNERS["callvault"],
            do=("callvault reconcile",),
            runbook="reconciliation",
        )
        return
    if not view.status.recordings:
        yield Reason(what="Nothing was recorded of it so far.", fault=NOBODY)
    has_export = any(each.type in EXPORTS for each in view.pending)
    for recording in view.status.recordings:
        yield from reasons_of_recording(
            recording, view.workflow.workflow_id, has_pending_export=has_export
        )


def _of_pending(view: CallView) -> Iterator[Reason]:
    for activity in view.pending:
        if activity.type not in _POLLS:
            yield from _of_activity(activity, view.workflow.workflow_id)


def _of_activity(activity: PendingActivity, workflow_id: str) -> Iterator[Reason]:
    name = activity.type.replace("_", " ")
    if activity.waits_for_worker:
        yield Reason(
            what=f"{name} waits for a worker on the task queue {activity.task_queue}.",
            fault=OWNERS["callvault"],
            do=("callvault worker", "callvault doctor"),
            runbook="no-worker-answers",
        )
    elif activity.last_failure:
        command = "export-now" if activity.type in EXPORTS else "retry"
        yield Reason(
            what=f"{name} fails: {activity.last_failure.rstrip('.')}. {_next(activity)}",
            fault=OWNERS.get(activity.fault, UNTOLD),
            do=("callvault doctor", f"callvault recordings {command} {workflow_id}"),
            runbook=_runbook(activity.type),
        )
    elif activity.state == "running":
        yield Reason(what=f"{name} runs now, attempt {activity.attempt}.", fault=NOBODY)
    elif activity.state == "paused":
        yield Reason(
            what=f"{name} is paused in Temporal by an operator.",
            fault="whoever paused it",
            do=(f"callvault recordings retry {workflow_id}",),
            runbook="export_late",
        )


def _of_alarms(view: CallView) -> Iterator[Reason]:
    """Yield one reason for the newest alarm of each kind that stands, acknowledged by nobody."""
    alarms = view.status.alarms if view.status else []
    newest = {each.alarm.kind: each.alarm for each in alarms if each.stands}
    for kind, alarm in newest.items():
        acknowledge = f"callvault recordings acknowledge {view.workflow.workflow_id}"
        # The error of then, which may have become another one: that of now is told above.
        what = without_account(alarm.what) if view.pending else alarm.what
        yield Reason(
            what=f"Alarm {kind} ({alarm.severity}, {moment(alarm.at)}), not acknowledged:"
            f" {what.rstrip('.')}.",
            fault=OWNERS.get(blame_in(what).owner, NOBODY),
            do=(acknowledge,) if view.workflow.is_open else (),
            runbook=kind,
        )


def _next(activity: PendingActivity) -> str:
    if activity.state == "running":
        return f"Attempt {activity.attempt} runs now."
    if activity.state == "paused":
        return f"It is paused in Temporal before attempt {activity.attempt}."
    if activity.next_attempt_at is None:
        return f"Attempt {activity.attempt} waits for a worker."
    return f"Attempt {activity.attempt} comes at {moment(activity.next_attempt_at)}."


def _runbook(activity: str) -> str:
    sections = {
        "export_chunk": "export_late",
        "seal_recording": "not_sealed",
        "find_sealed": "archive_unreachable",
        "start_recording": "failed_to_start",
        "pause_recording": "pause_unconfirmed",
        "raise_alarm": "test",
        "announce_recording": "not_announced",
    }
    return sections.get(activity, "state_unexpected")


def show(explanation: Explanation) -> None:
    """Print an explanation in plain sentences."""
    say(explanation.summary)
    for reason in explanation.reasons:
        say(f"- {reason.what}")
        if reason.fault != NOBODY:
            say(f"  Whose fault: {reason.fault}.")
        for command in reason.do:
            say(f"  Do: {command}")
        if reason.runbook:
            say(f"  Read: docs/operations.md#{reason.runbook}")
