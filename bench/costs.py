"""The price of a life: events, bytes and billable actions of a history, by Temporal Cloud's rules.

The rules are those of the page "Temporal Cloud Actions" of Temporal's documentation, as it was in
2026. A history does not hold everything that is billed: heartbeats and queries leave no event.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

ANOTHER_ATTEMPT = "activity, another attempt"

SILENCE = "reading of silence"
"""Activity that reads what should be silent: a pause needs it, however long it lasts."""

_BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "start of a workflow",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: "update",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
    EventType.EVENT_TYPE_MARKER_RECORDED: "local activities of a workflow task",
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED: "start of a child workflow",
}
"""The events that stand for one action each; of a child workflow, for the intent."""

_OF_TASKS = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
)


@dataclass(frozen=True)
class Costs:
    """What one history costs."""

    events: int
    """All but those of workflow tasks."""
    tasks: int
    """Workflow tasks, three events each: how many messages share one is chance."""
    size: int
    """Bytes, as Temporal keeps and sends it."""
    size_of_tasks: int
    """Those of them that are of workflow tasks, some 280 each."""
    actions: Counter[str]
    """Billable actions, by kind."""


def costs_of(history: WorkflowHistory) -> Costs:
    """Count what a history costs."""
    kinds = Counter(event.event_type for event in history.events)
    of_tasks = sum(kinds[kind] for kind in _OF_TASKS)
    actions: Counter[str] = Counter()
    for event in history.events:
        actions.update(_actions(event))
    return Costs(
        events=kinds.total() - of_tasks,
        tasks=kinds[EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED],
        size=sum(event.ByteSize() for event in history.events),
        size_of_tasks=sum(e.ByteSize() for e in history.events if e.event_type in _OF_TASKS),
        actions=actions,
    )


def _actions(event: HistoryEvent) -> Counter[str]:
    billed = Counter([_BILLED[event.event_type]] if event.event_type in _BILLED else [])
    if event.activity_task_scheduled_event_attributes.activity_type.name == "poll_state":
        return Counter([SILENCE])
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        # Other attempts than the first leave no event of their own.
        repeated = event.activity_task_started_event_attributes.attempt - 1
        if repeated:
            billed[ANOTHER_ATTEMPT] = repeated
    return billed


def told(history: WorkflowHistory) -> list[str]:
    """List a history event by event, with the size of each, and what it is for."""
    lines = []
    for event in history.events:
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
        billed = ", ".join(_actions(event))
        what = f"{event.event_id:>4} {event.ByteSize():>6} {name:<45}"
        lines.append(f"{what} {_about(event)} {billed}".rstrip())
    return lines


def _about(event: HistoryEvent) -> str:
    attributes: Any = getattr(event, event.WhichOneof("attributes") or "", None)
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        return str(attributes.activity_type.name)
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
        return str(attributes.signal_name)
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
        return str(attributes.accepted_request.input.name)
    if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
        return f"{attributes.start_to_fire_timeout.seconds} s"
    if event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES:
        fields = attributes.search_attributes.indexed_fields
        shown = (
            f"{name.removeprefix('Callvault')}={value.data.decode()}"
            for name, value in fields.items()
        )
        return " ".join(shown)
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED and attributes.attempt > 1:
        return f"attempt {attributes.attempt}"
    return ""
