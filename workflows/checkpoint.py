"""CheckpointWorkflow: checkpoints of the archives, published by a Temporal Schedule."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from activities.checkpoints import CheckpointActivities
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind, AlarmStatus, Severity
from callvault.contracts.base import Unreadable, read_one
from callvault.contracts.checkpoints import CheckpointInput, CheckpointReport
from workflows import activity_calls, activity_options
from workflows.activity_errors import reason

ALARM_TIMEOUT = timedelta(minutes=10)
"""Longest time for which an alarm may hold up the round that is due next."""

MAX_LISTED = 5
"""Problems named in an alarm; the workflow's result names all."""


@workflow.defn(name=names.CHECKPOINT_TYPE)
class CheckpointWorkflow:
    """One round of checkpoints. No call waits for it: it only reads what is sealed."""

    @workflow.run
    async def run(self, *payloads: Any) -> CheckpointReport:
        """Publish once, and alarm what could not be published and could be before.

        The payload is a `CheckpointInput`.
        """
        input = read_one(CheckpointInput, payloads)
        if isinstance(input, Unreadable):
            raise ApplicationError(input.problem, type="InvalidRequest", non_retryable=True)
        try:
            report = await workflow.execute_activity_method(
                CheckpointActivities.publish_checkpoints, input, **activity_options.CHECKPOINTS
            )
        except ActivityError as error:
            await _alarm(f"No checkpoint could be published: {reason(error)}")
            raise
        before = _report_before()
        if news := _news(report, before):
            # Fails if no receiver accepts it: then the next round alarms, as it compares with the
            # last one that completed.
            await _alarm(f"Checkpoints could not be published: {'; '.join(news[:MAX_LISTED])}")
        elif before.problems and not report.problems:
            await _alarm("every checkpoint was published", AlarmStatus.RESOLVED)
        return report


def _report_before() -> CheckpointReport:
    """Return what the Schedule's last completed round has published."""
    if not workflow.has_last_completion_result():
        return CheckpointReport()
    return workflow.get_last_completion_result(CheckpointReport) or CheckpointReport()


def _news(report: CheckpointReport, before: CheckpointReport) -> list[str]:
    """Return what failed and did not fail in the round before."""
    failed = {(each.archive, each.place) for each in before.published if each.problem}
    return [
        f"{each.archive}, at {each.place}: {each.problem}"
        for each in report.published
        if each.problem and (each.archive, each.place) not in failed
    ]


async def _alarm(what: str, status: AlarmStatus = AlarmStatus.FIRING) -> None:
    await activity_calls.send_schedule_alarm(
        AlarmKind.CHECKPOINTS, Severity.ERROR, what, within=ALARM_TIMEOUT, status=status
    )
