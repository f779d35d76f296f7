"""RecordingEventWorkflow: delivers an event that its receiver did not take at once."""

from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmKind, Severity
from callvault.contracts.base import Unreadable, read_one, shorten
from callvault.contracts.recording_events import EventDelivery
from callvault.telemetry.metrics import undelivered_events
from workflows import activity_calls
from workflows.activity_errors import reason


@workflow.defn(name=names.RECORDING_EVENT_TYPE)
class RecordingEventWorkflow:
    """Delivers one event to one receiver, and fails if that does not take it in time.

    So what was not delivered is found in Temporal's list; `callvault webhooks resend` begins it
    again.
    """

    @workflow.run
    async def run(self, *payloads: Any) -> None:
        """Deliver; the payload is an `EventDelivery`."""
        delivery = read_one(EventDelivery, payloads)
        if isinstance(delivery, Unreadable):
            raise ApplicationError(delivery.problem, type="InvalidRequest", non_retryable=True)
        try:
            await activity_calls.deliver_late_event(delivery)
        except ActivityError as error:
            event, why = delivery.event, reason(error)
            undelivered_events(workflow.metric_meter()).add(1, {"resource": event.resource})
            await _alarm(_undelivered(delivery, why, workflow.now()))
            raise ApplicationError(why, type="Undelivered", non_retryable=True) from error


def _undelivered(delivery: EventDelivery, why: str, now: datetime) -> Alarm:
    event = delivery.event
    what = (
        f"a webhook of resource {event.resource} does not take events about recordings ({why})."
        " Mend it, and send them again: `callvault webhooks resend`"
    )
    return Alarm(
        # One for each resource and day: a receiver that is away for a day misses all of them.
        id=f"events-undelivered-{event.resource}-{now:%Y%m%d}",
        kind=AlarmKind.EVENT_UNDELIVERED,
        severity=Severity.ERROR,
        at=now,
        what=shorten(what),
        workflow_id=event.workflow_id,
        resource=event.resource,
        recording_id=event.recording_id,
    )


async def _alarm(alarm: Alarm) -> None:
    """Have an alarm sent by a workflow of its own, unless one of its id was."""
    try:
        await workflow.start_child_workflow(
            names.ALARM_TYPE,
            alarm,
            id=alarm.id,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            parent_close_policy=ParentClosePolicy.ABANDON,
            static_summary="events that no webhook takes",
        )
    except WorkflowAlreadyStartedError:
        return
