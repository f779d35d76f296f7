"""SweepWorkflow: one sweep of dead-letter containers, begun by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.sweeping import SweepActivities
from callvault.contracts import names
from callvault.contracts.alarms import AlarmKind, Severity
from callvault.contracts.sweeps import SweepOrder, SweepReports
from workflows import asking, policies, telling

TOLD_WITHIN = timedelta(minutes=10)
"""How long an alarm holds up the sweep that is due next."""

NAMED = 5
"""So many letters are named in an alarm; the workflow's result names more."""


@workflow.defn(name=names.SWEEP_TYPE)
class SweepWorkflow:
    """Its result says what was found; the next one's alarms are of what has come since."""

    @workflow.run
    async def run(self, order: SweepOrder) -> SweepReports:
        """Sweep once; it fails where that cannot be done in time, and the next one tries.

        It also fails where somebody is to be told and nobody could be: then the next one tells.
        """
        try:
            found = await workflow.execute_activity_method(
                SweepActivities.sweep_dead_letters, order, **policies.sweep()
            )
        except ActivityError as error:
            if workflow.get_last_failure() is None:
                await _tell(f"Dead letters could not be swept: {asking.reason(error)}")
            raise
        before = _found_before()
        news = [each for each in _problems(found) if each not in _problems(before)]
        if news or _count(found) > _count(before):
            await _tell(
                f"{_count(found)} dead letters are not understood, or cannot be read or marked;"
                f" what they announce may not be archived. New: {'; '.join(news[:NAMED])}"
            )
        return found


def _found_before() -> SweepReports:
    """What the Schedule's last sweep that came to an end has found."""
    if not workflow.has_last_completion_result():
        return SweepReports()
    return workflow.get_last_completion_result(SweepReports) or SweepReports()


def _count(found: SweepReports) -> int:
    return sum(report.not_understood + report.failed for report in found.reports)


def _problems(found: SweepReports) -> list[str]:
    return [f"{report.place}: {what}" for report in found.reports for what in report.problems]


async def _tell(what: str) -> None:
    await telling.tell(AlarmKind.DEAD_LETTERS, Severity.ERROR, what, TOLD_WITHIN)
