"""Is a run read as what happened in it, and not in the one that it was copied from?"""

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent, WorkflowTaskFailedEventAttributes

from bench.chaos.history import Run, Started, _Reader


def failed(cause: "WorkflowTaskFailedCause.ValueType") -> HistoryEvent:
    return HistoryEvent(
        event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
        workflow_task_failed_event_attributes=WorkflowTaskFailedEventAttributes(cause=cause),
    )


def test_what_lies_before_a_reset_is_another_runs() -> None:
    run = Run("call", "run", "COMPLETED")
    run.started.append(Started("export_chunk", "1", "d", 1, 0, 0))
    reader = _Reader(run)
    broken = failed(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR)
    reader.read(broken)
    reader.read(failed(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW))
    assert (run.failed_tasks, run.started) == ([], [])
    reader.read(broken)
    assert len(run.failed_tasks) == 1
