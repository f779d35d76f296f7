"""SweepWorkflow: one sweep of dead-letter containers, begun by a Temporal Schedule."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from activities.sweep import SweepActivities
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind, AlarmStatus, Severity
from callvault.contracts.base import Unreadable, read_one, shorten
from callvault.contracts.sweeps import SweepInput, SweepReport, SweepReports
from workflows import activity_calls, activity_options
from workflows.activity_errors import reason

ALARM_TIMEOUT = timedelta(minutes=10)
"""Longest time for which an alarm may hold up the sweep that is due next."""

MAX_LISTED = 5
"""Letters named in an alarm; the workflow's result names more."""

MAX_CARRIED_PROBLEMS = 100
"""Problems of a place's letters that are carried over while it cannot be swept."""

ALL_LOCATIONS = "all dead letters"
"""The place of a problem that no container has alone: no worker has swept."""


@workflow.defn(name=names.SWEEP_TYPE)
class SweepWorkflow:
    """One sweep; its result says what was found, so that the next one alarms what is new."""

    @workflow.run
    async def run(self, *payloads: Any) -> SweepReports:
        """Sweep once; what cannot be swept in time stands in the result, and the next one tries.

        The payload is a `SweepInput`.
        """
        input = read_one(SweepInput, payloads)
        if isinstance(input, Unreadable):
            raise ApplicationError(input.problem, type="InvalidRequest", non_retryable=True)
        before = _found_before()
        found = await _sweep(input, before)
        news = [*_new_locations(found, before), *_new_dead_letters(found, before)]
        if news:
            # Fails if no receiver accepts it: then the next sweep alarms, as it compares with the
            # last one that completed.
            kind, severity = AlarmKind.DEAD_LETTERS, Severity.ERROR
            await activity_calls.send_schedule_alarm(
                kind, severity, " ".join(news), within=ALARM_TIMEOUT
            )
        elif _is_amiss(before) and not _is_amiss(found):
            await activity_calls.send_schedule_alarm(
                AlarmKind.DEAD_LETTERS,
                Severity.ERROR,
                "every place was swept, and no dead letter is left that is not understood",
                within=ALARM_TIMEOUT,
                status=AlarmStatus.RESOLVED,
            )
        return found


def _found_before() -> SweepReports:
    """Return what the Schedule's last completed sweep has found."""
    if not workflow.has_last_completion_result():
        return SweepReports()
    return workflow.get_last_completion_result(SweepReports) or SweepReports()


async def _sweep(input: SweepInput, before: SweepReports) -> SweepReports:
    """Sweep; of places that could not be swept, also return what was found there before."""
    try:
        found = await workflow.execute_activity_method(
            SweepActivities.sweep_dead_letters, input, **activity_options.sweep()
        )
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        nothing = SweepReport(location=ALL_LOCATIONS, problem=reason(error))
        others = [report for report in before.reports if report.location != ALL_LOCATIONS]
        return SweepReports(reports=(nothing, *others))
    known = {report.location: report for report in before.reports}
    reports = (_carried_over(report, known.get(report.location)) for report in found.reports)
    return SweepReports(reports=tuple(reports))


def _carried_over(report: SweepReport, earlier: SweepReport | None) -> SweepReport:
    """Add what is known of letters that could not be looked at: else it would be alarmed again."""
    if not report.problem or earlier is None:
        return report
    problems = dict.fromkeys((*earlier.problems, *report.problems))
    return report.model_copy(
        update={
            "not_understood": max(report.not_understood, earlier.not_understood),
            "failed": max(report.failed, earlier.failed),
            "problems": tuple(problems)[-MAX_CARRIED_PROBLEMS:],
        }
    )


def _new_locations(found: SweepReports, before: SweepReports) -> list[str]:
    known = {report.location for report in before.reports if report.problem}
    return [
        f"Dead letters could not be swept: {report.location}: {shorten(report.problem, 300)}."
        for report in found.reports
        if report.problem and report.location not in known
    ]


def _new_dead_letters(found: SweepReports, before: SweepReports) -> list[str]:
    news = [each for each in _problems(found) if each not in _problems(before)]
    if not news and _count(found) <= _count(before):
        return []
    what = f"{_count(found)} dead letters are not understood, or cannot be read or marked"
    named = "; ".join(news[:MAX_LISTED])
    return [f"{what}; what they announce may not be archived. New: {named}"]


def _is_amiss(found: SweepReports) -> bool:
    return _count(found) > 0 or any(report.problem for report in found.reports)


def _count(found: SweepReports) -> int:
    return sum(report.not_understood + report.failed for report in found.reports)


def _problems(found: SweepReports) -> list[str]:
    return [f"{report.location}: {what}" for report in found.reports for what in report.problems]
