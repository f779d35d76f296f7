"""Is a run that was reset told what it knew, though the workflow task brings nothing else?"""

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
)

from callvault.contracts import names
from callvault.temporal.converter import data_converter
from workers.registry import WORKFLOWS

from .recorded import recorded_as


class Watched(UnsandboxedWorkflowRunner):
    """A runner that keeps what each activation brought, and the activities that it led to."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[set[str | None], list[str]]] = []

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        activate = instance.activate

        def watched(act: WorkflowActivation) -> WorkflowActivationCompletion:
            completion = activate(act)
            jobs = {job.WhichOneof("variant") for job in act.jobs}
            commands = completion.successful.commands
            activities = [each.schedule_activity.activity_type for each in commands]
            self.seen.append((jobs, [each for each in activities if each]))
            return completion

        instance.activate = watched  # type: ignore[method-assign]
        return instance


def quiet_history() -> list[HistoryEvent]:
    """Return the events of a call up to a moment in which it waits for a timer alone."""
    events = list(recorded_as("pauses").history().events)
    last = next(
        index
        for index, event in enumerate(events)
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    )
    return events[: last + 1]


def reset(events: list[HistoryEvent]) -> list[HistoryEvent]:
    """Append a task whose cause was none of the workflow's, the reset to it, and its repetition."""
    number = len(events)
    added = [
        HistoryEvent(event_id=number + index, event_time=events[-1].event_time, event_type=kind)
        for index, kind in enumerate(
            [
                EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
                EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
                EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
                EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
                EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
            ],
            start=1,
        )
    ]
    for scheduled in (added[0], added[3]):
        scheduled.workflow_task_scheduled_event_attributes.SetInParent()
    _, started, failed, _, again = added
    started.workflow_task_started_event_attributes.scheduled_event_id = number + 1
    again.workflow_task_started_event_attributes.scheduled_event_id = number + 4
    attributes = failed.workflow_task_failed_event_attributes
    attributes.scheduled_event_id, attributes.started_event_id = number + 1, number + 2
    attributes.cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    attributes.base_run_id, attributes.new_run_id = "the-run-before", "this-run"
    return [*events, *added]


async def test_what_a_run_knew_is_asked_for_where_nothing_else_wakes_it() -> None:
    """Seen under `make chaos`: it was asked for once something else happened to the call."""
    runner = Watched()
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=runner, data_converter=data_converter)
    history = WorkflowHistory("recording-1", reset(quiet_history()))
    await replayer.replay_workflow(history, raise_on_replay_failure=False)
    alone = [activities for jobs, activities in runner.seen if jobs == {"update_random_seed"}]
    assert alone == [[names.RECALL_ACTIVITY]]
