"""Is a run that was reset told what it knew, though the workflow task brings nothing else?

And do its timers go by the time of the reset?
"""

from datetime import timedelta

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import ScheduleActivity, StartTimer
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import WorkflowHistory
from temporalio.worker import (
    Replayer,
    UnsandboxedWorkflowRunner,
    WorkflowInstance,
    WorkflowInstanceDetails,
)

from callvault.contracts import names
from callvault.contracts.takeover import Recalled
from callvault.temporal.converter import data_converter
from workers.registry import WORKFLOWS

from .recorded import recorded_as


class Watched(UnsandboxedWorkflowRunner):
    """A runner that keeps what each activation brought, and what it led to."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[set[str | None], list[ScheduleActivity]]] = []
        self.timers: list[StartTimer] = []
        """All that were begun, in their order."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        instance = super().create_instance(det)
        activate = instance.activate

        def watched(act: WorkflowActivation) -> WorkflowActivationCompletion:
            completion = activate(act)
            jobs = {job.WhichOneof("variant") for job in act.jobs}
            commands = completion.successful.commands
            asked = [e.schedule_activity for e in commands if e.HasField("schedule_activity")]
            self.seen.append((jobs, asked))
            self.timers += [e.start_timer for e in commands if e.HasField("start_timer")]
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


def appended(events: list[HistoryEvent], *kinds: EventType) -> list[HistoryEvent]:
    """Return events that follow, at the time of the last one."""
    at, number = events[-1].event_time, len(events)
    return [
        HistoryEvent(event_id=number + index, event_time=at, event_type=kind)
        for index, kind in enumerate(kinds, start=1)
    ]


def reset(events: list[HistoryEvent], after: timedelta = timedelta()) -> list[HistoryEvent]:
    """Append a task whose cause was none of the workflow's, the reset to it, and its repetition."""
    added = appended(
        events,
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    )
    for each in added:
        each.event_time.FromDatetime(each.event_time.ToDatetime() + after)
    scheduled, started, failed, scheduled_again, again = added
    for each in (scheduled, scheduled_again):
        each.workflow_task_scheduled_event_attributes.SetInParent()
    started.workflow_task_started_event_attributes.scheduled_event_id = scheduled.event_id
    again.workflow_task_started_event_attributes.scheduled_event_id = scheduled_again.event_id
    attributes = failed.workflow_task_failed_event_attributes
    attributes.scheduled_event_id = scheduled.event_id
    attributes.started_event_id = started.event_id
    attributes.cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    attributes.base_run_id, attributes.new_run_id = "the-run-before", "this-run"
    return [*events, *added]


def recalled(events: list[HistoryEvent], activity_id: str) -> list[HistoryEvent]:
    """Append the end of the task that a reset repeated, and what it asked for, with its answer."""
    [timer] = [e for e in events if e.event_type == EventType.EVENT_TYPE_TIMER_STARTED]
    added = appended(
        events,
        EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
        EventType.EVENT_TYPE_TIMER_CANCELED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED,
        EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
    )
    task, cancelled, scheduled, timer_again, started, completed = added
    old = timer.timer_started_event_attributes.timer_id
    cancelled.timer_canceled_event_attributes.timer_id = old
    cancelled.timer_canceled_event_attributes.started_event_id = timer.event_id
    timer_again.timer_started_event_attributes.timer_id = str(int(old) + 1)
    done = task.workflow_task_completed_event_attributes
    done.scheduled_event_id, done.started_event_id = events[-2].event_id, events[-1].event_id
    asked = scheduled.activity_task_scheduled_event_attributes
    asked.activity_id, asked.activity_type.name = activity_id, names.RECALL_ACTIVITY
    started.activity_task_started_event_attributes.scheduled_event_id = scheduled.event_id
    answer = completed.activity_task_completed_event_attributes
    answer.scheduled_event_id, answer.started_event_id = scheduled.event_id, started.event_id
    answer.result.payloads.extend(data_converter.payload_converter.to_payloads([Recalled()]))
    return [*events, *added]


async def replayed(events: list[HistoryEvent]) -> Watched:
    runner = Watched()
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=runner, data_converter=data_converter)
    history = WorkflowHistory("recording-1", events)
    await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return runner


async def test_what_a_run_knew_is_asked_for_where_nothing_else_wakes_it() -> None:
    """Seen under `make chaos`: it was asked for once something else happened to the call."""
    seen = (await replayed(reset(quiet_history()))).seen
    alone = [asked for jobs, asked in seen if jobs == {"update_random_seed"}]
    assert [[each.activity_type for each in asked] for asked in alone] == [[names.RECALL_ACTIVITY]]


async def test_a_reset_that_comes_with_the_answer_to_the_one_before_is_not_overlooked() -> None:
    """Seen under `make chaos`: the call did not know of its end, and was kept for a day."""
    once = reset(quiet_history())
    [asked] = (await replayed(once)).seen[-2][1]
    twice = reset(recalled(once, asked.activity_id))
    jobs, activities = (await replayed(twice)).seen[-2]
    assert jobs == {"update_random_seed", "resolve_activity"}
    assert [each.activity_type for each in activities] == [names.RECALL_ACTIVITY]


async def test_a_timer_that_temporal_never_heard_of_is_begun_by_the_time_of_the_reset() -> None:
    """Seen under `make chaos`: an alarm came as much later as the reset after its task."""
    late = timedelta(seconds=12)
    [on_time] = (await replayed(events := quiet_history())).timers
    # The worker had answered, and done nothing.
    *_, timer = (await replayed(reset(events[:-1], late))).timers
    left = on_time.start_to_fire_timeout.ToTimedelta() - late
    assert abs(timer.start_to_fire_timeout.ToTimedelta() - left) < timedelta(seconds=1)
