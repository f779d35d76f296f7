"""ReconcileWorkflow, which a Schedule starts, and CallSeenWorkflow, the trace of a call."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.reconcile import ReconcileActivities
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind, AlarmStatus, Severity
from callvault.contracts.base import Unreadable, read_one
from callvault.contracts.reconciliation import (
    ReconcileInput,
    Reconciliation,
    Verdict,
)
from workflows import activity_calls, activity_options
from workflows.activity_errors import reason

MAX_LISTED = 10
"""Gaps named in an alarm; the workflow's result names more."""

_GONE = (Verdict.MISSING, Verdict.LOST, Verdict.PARTIAL)


@workflow.defn(name=names.CALL_SEEN_TYPE)
class CallSeenWorkflow:
    """The trace of a call in Temporal's list, with what was seen of it in its memo."""

    @workflow.run
    async def run(self, *payloads: Any) -> None:
        """Do nothing; the payload is a `CallSeen`, for operators who look at the workflow."""


@workflow.defn(name=names.RECONCILE_TYPE)
class ReconcileWorkflow:
    """One reconciliation, with an alarm if too little is complete."""

    @workflow.run
    async def run(self, *payloads: Any) -> Reconciliation:
        """Reconcile; the payload is a `ReconcileInput`, the result is the report, bounded."""
        input = read_one(ReconcileInput, payloads)
        if isinstance(input, Unreadable):
            raise ApplicationError(input.problem, type="InvalidRequest", non_retryable=True)
        try:
            report = await workflow.execute_activity_method(
                ReconcileActivities.reconcile, input, **activity_options.RECONCILE
            )
        except ActivityError as error:
            await _send(Severity.ERROR, f"The reconciliation failed: {reason(error)}")
            raise
        workflow.set_current_details(sentence(report))
        if not report.is_met:
            await _send(_severity(report), _advice(report, input.since))
        elif _was_alarmed():
            await _send(Severity.ERROR, sentence(report), AlarmStatus.RESOLVED)
        return report


def _was_alarmed() -> bool:
    """Tell if the Schedule's last reconciliation has raised an alarm."""
    if workflow.get_last_failure() is not None:
        return True
    before = (
        workflow.get_last_completion_result(Reconciliation)
        if workflow.has_last_completion_result()
        else None
    )
    return before is not None and not before.is_met


async def _send(severity: Severity, what: str, status: AlarmStatus = AlarmStatus.FIRING) -> None:
    """Send an alarm, as far as a receiver accepts it."""
    # The report must not be lost for want of a receiver.
    try:
        await activity_calls.send_schedule_alarm(
            AlarmKind.RECONCILIATION, severity, what, status=status
        )
    except ActivityError as error:
        workflow.logger.error("the alarm could not be sent: %s", reason(error))


def _severity(report: Reconciliation) -> Severity:
    gone = any(report.verdicts.get(verdict) for verdict in _GONE)
    return Severity.CRITICAL if gone else Severity.ERROR


def _advice(report: Reconciliation, since: timedelta) -> str:
    hours = -(-since // timedelta(hours=1))
    named = ", ".join(gap.workflow_id for gap in report.gaps[:MAX_LISTED])
    first = f" First of all: {named}" if named else ""
    advice = f" Run `callvault reconcile --since {hours}h` for the reasons.{first}"
    return f"{sentence(report)}{advice}"


def sentence(report: Reconciliation) -> str:
    """Sum the report up in one sentence."""
    counts = [
        f"{count} {verdict.replace('_', ' ')}"
        for verdict, count in report.verdicts.items()
        if count
    ]
    return (
        f"{report.shown_percentage} of the recordings since {report.since:%Y-%m-%d %H:%M} UTC are"
        f" complete, the target is {report.target:g} %: {', '.join(counts) or 'there were none'}."
        f"{_unread(report)}"
    )


def _unread(report: Reconciliation) -> str:
    told = "; ".join(f"{source.name} ({source.problem})" for source in report.unread)
    return f" Not read, so that what it may hold is in no figure: {told}." if told else ""
