"""Everything that is known of one call, with a worker that answers or without one.

Temporal itself tells the state of the workflow, its search attributes and its pending activities
with their last errors. The rest is the answer of the workflow; where none comes, its history is
folded into the same state.
"""

from datetime import UTC, datetime

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHistory
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.alarms import Alarm, AlarmRecord
from callvault.contracts.base import Message, shorten
from callvault.contracts.status import CallStatus
from callvault.temporal.call_list import ListedCall, listed_call
from callvault.temporal.call_lookup import find_call
from callvault.temporal.executions import Execution
from callvault.temporal.pending_activities import PendingActivity, describe_with_activities
from callvault.temporal.rpc_errors import RPC_TIMEOUT
from workers.recall import FoldedHistory

_ALARM_ACTIVITY = "raise_alarm"

_LATE = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)


class WorkflowView(ListedCall):
    """The workflow of a call, as Temporal shows it without a worker."""

    run_id: str

    @property
    def is_open(self) -> bool:
        """True if it has not ended."""
        return self.closed_at is None


class CallView(Message):
    """One call: its workflow, what that waits for, and the state of its recordings."""

    workflow: WorkflowView
    pending: tuple[PendingActivity, ...]
    status: CallStatus | None
    """None where neither the workflow answers nor its history can be read."""
    is_answered: bool
    """True if ``status`` is the workflow's own answer; else it is drawn from the history."""
    problem: str = ""
    """The reason why the workflow does not answer."""


async def view_call(client: Client, call: str) -> CallView:
    """Gather everything about a call, by any of its ids; `InvalidRequest` where nobody keeps it."""
    described = await describe_with_activities(client, await find_call(client, call))
    status = await _answer(client, described.execution)
    problem = status if isinstance(status, str) else ""
    return CallView(
        workflow=_workflow(described.execution),
        pending=tuple(described.pending),
        status=await _folded(client, described.execution) if isinstance(status, str) else status,
        is_answered=not problem,
        problem=problem,
    )


async def _answer(client: Client, execution: Execution) -> CallStatus | str:
    """Query the newest run; return the reason where no answer comes."""
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    try:
        status: CallStatus = await handle.query(
            names.STATUS, result_type=CallStatus, rpc_timeout=RPC_TIMEOUT
        )
    except RPCError as error:
        if error.status in _LATE:
            return f"no worker answers within {RPC_TIMEOUT.total_seconds():.0f} s"
        return shorten(error.message, 300)
    # ValueError is pydantic's, for the state of another version.
    except (TemporalError, ValueError) as error:
        return f"its answer cannot be had: {shorten(str(error), 300)}"
    return status


async def _folded(client: Client, execution: Execution) -> CallStatus | None:
    """Read the state of a call from its history, alarms included."""
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    try:
        history = await handle.fetch_history()
        status = await FoldedHistory(client).status(history.events)
    # A history may have been begun with anything at all.
    except (RPCError, TemporalError, ValueError, LookupError, TypeError):
        return None
    known = {record.alarm.id for record in status.alarms}
    raised = await _alarms(client, history)
    status.alarms += [record for record in raised if record.alarm.id not in known]
    return status


async def _alarms(client: Client, history: WorkflowHistory) -> list[AlarmRecord]:
    scheduled: dict[int, AlarmRecord] = {}
    for event in history.events:
        if (alarm := await _alarm(client, event)) is not None:
            scheduled[event.event_id] = AlarmRecord(alarm=alarm)
        elif event.HasField("activity_task_completed_event_attributes"):
            done = event.activity_task_completed_event_attributes.scheduled_event_id
            if done in scheduled:
                scheduled[done].sent_at = event.event_time.ToDatetime()
    return list(scheduled.values())


async def _alarm(client: Client, event: HistoryEvent) -> Alarm | None:
    asked = event.activity_task_scheduled_event_attributes
    if asked.activity_type.name != _ALARM_ACTIVITY:
        return None
    try:
        [alarm] = await client.data_converter.decode(asked.input.payloads, [Alarm])
    except ValueError:
        return None
    return alarm if isinstance(alarm, Alarm) else None


def _workflow(execution: Execution) -> WorkflowView:
    shown = listed_call(execution, datetime.now(UTC))
    return WorkflowView(run_id=execution.run_id, **dict(shown))
