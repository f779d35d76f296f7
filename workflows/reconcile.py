"""ReconcileWorkflow, what a Schedule starts, and CallSeenWorkflow, the trace of a call."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.reconcile import ReconcileActivities
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.base import Unreadable, read
from callvault.contracts.reconciliation import (
    ReconcileOrder,
    Reconciliation,
    Verdict,
)
from workflows import activity_calls as asking
from workflows import activity_options as policies
from workflows import telling

NAMED = 10
"""So many gaps are named in an alarm; the workflow's result names more."""

_GONE = (Verdict.MISSING, Verdict.LOST, Verdict.PARTIAL)


@workflow.defn(name=names.CALL_SEEN_TYPE)
class CallSeenWorkflow:
    """Lies in Temporal's list, with what was seen in its memo, as long as Temporal keeps it."""

    @workflow.run
    async def run(self, payload: Any) -> None:
        """Nothing is to be done; ``payload`` is a `CallSeen`, for people who look at it."""


@workflow.defn(name=names.RECONCILE_TYPE)
class ReconcileWorkflow:
    """Reconciles once, and raises an alarm where too little is complete."""

    @workflow.run
    async def run(self, payload: Any) -> Reconciliation:
        """Reconcile; ``payload`` is a `ReconcileOrder`, the result is the report, bounded."""
        order = read(ReconcileOrder, payload)
        if isinstance(order, Unreadable):
            raise ApplicationError(order.problem, type="InvalidRequest", non_retryable=True)
        try:
            report = await workflow.execute_activity_method(
                ReconcileActivities.reconcile, order, **policies.RECONCILE
            )
        except ActivityError as error:
            await _tell(Severity.ERROR, f"The reconciliation failed: {asking.reason(error)}")
            raise
        workflow.set_current_details(sentence(report))
        if not report.is_met:
            await _tell(_severity(report), _advice(report, order.since))
        return report


async def _tell(severity: Severity, what: str) -> None:
    """Tell somebody; that nobody hears it is no reason to lose the report."""
    try:
        await telling.tell(AlarmKind.RECONCILIATION, severity, what)
    except ActivityError as error:
        workflow.logger.error("the alarm could not be sent: %s", asking.reason(error))


def _severity(report: Reconciliation) -> Severity:
    gone = any(report.verdicts.get(verdict) for verdict in _GONE)
    return Severity.CRITICAL if gone else Severity.ERROR


def _advice(report: Reconciliation, since: timedelta) -> str:
    hours = -(-since // timedelta(hours=1))
    named = ", ".join(gap.workflow_id for gap in report.gaps[:NAMED])
    return (
        f"{sentence(report)} Run `callvault reconcile --since {hours}h` for the reasons."
        f" First of all: {named}"
    )


def sentence(report: Reconciliation) -> str:
    """The report in one sentence."""
    told = [
        f"{count} {verdict.replace('_', ' ')}"
        for verdict, count in report.verdicts.items()
        if count
    ]
    return (
        f"{report.shown_percentage} of the recordings since {report.since:%Y-%m-%d %H:%M} UTC are"
        f" complete, the target is {report.target:g} %: {', '.join(told) or 'there were none'}."
    )
