"""The alarms of workflows that a Schedule starts; those of a call are told by its own loop."""

from datetime import timedelta

from temporalio import workflow

from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.contracts.base import shorten
from workflows import activity_calls as asking
from workflows import activity_options as policies


async def tell(
    kind: AlarmKind, severity: Severity, what: str, within: timedelta = policies.ALARM_WITHIN
) -> None:
    """Tell somebody. Raises `ActivityError` where nobody could be told within that time."""
    info = workflow.info()
    alarm = Alarm(
        id=f"{info.workflow_id}/{info.run_id}",
        kind=kind,
        severity=severity,
        at=workflow.now(),
        what=shorten(what),
        workflow_id=info.workflow_id,
        resource="all",
    )
    await asking.alarm(alarm, within)
