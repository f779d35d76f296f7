"""A guard against events that a query brings before their workflow task.

A worker that does not hold a run, and is asked a query of it, reads the whole history. The SDK
(temporalio 1.35) then also applies the events behind the last workflow task, in an activation of
their own, and keeps the run. If the next workflow task brings an update, the worker answers with
the commands of two activations; a replay makes one of them, in another order, so that no worker can
ever replay the run: its tasks fail until somebody resets it. The SDK for Java had the same fault
(temporalio/sdk-java#643). Here the query fails instead, and the run is forgotten: its next task
finds the events where they belong, and the query is asked again.
"""

from collections.abc import Callable
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import Success, WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner

from callvault.temporal.repeated_queries import EARLY_EVENTS, OF_ENDED

Activate = Callable[[WorkflowActivation], WorkflowActivationCompletion]


class GuardedRunner(WorkflowRunner):
    """A runner of workers whose instances refuse events that come before their workflow task.

    Not for a replay, which ends with such events where the history does.
    """

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner

    def prepare_workflow(self, defn: Any) -> None:
        """Prepare a workflow as the guarded runner does."""
        self._runner.prepare_workflow(defn)

    def set_worker_level_failure_exception_types(self, types: Any) -> None:
        """Tell the guarded runner which errors fail a workflow."""
        self._runner.set_worker_level_failure_exception_types(types)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Return a guarded instance."""
        instance = self._runner.create_instance(det)
        instance.activate = Guard(instance.activate)  # type: ignore[method-assign]
        return instance


class Guard:
    """The activations of one instance, but for those that come before their workflow task."""

    def __init__(self, activate: Activate) -> None:
        self._activate = activate
        self._early: list[WorkflowActivation] = []
        self._task: tuple[int, int] = (0, 0)
        """Bytes of the history as the last workflow task began, and when that was, in ns."""
        self._length = 0
        """Number of events of the history then."""

    def __call__(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Apply an activation. One that comes too early waits for the query that brought it."""
        kinds = {job.WhichOneof("variant") for job in act.jobs}
        if kinds == {"remove_from_cache"}:
            return self._activate(act)
        if kinds != {"query_workflow"}:
            if self._is_early(act):
                self._early.append(act)
                return WorkflowActivationCompletion(run_id=act.run_id, successful=Success())
            self._task, self._length = _task_of(act), act.history_length
        if self._early and not _is_of_ended(act):
            # With it the SDK forgets the run: the next task finds the events where they belong.
            return _refused(act.run_id)
        self._apply_early()
        return self._activate(act)

    def _is_early(self, act: WorkflowActivation) -> bool:
        # The start of each workflow task tells a size and a time. Either alone may be those of the
        # one before: the size if that one was written together with this, the time if the server's
        # clock went back. A server that tells no size is not guarded. What is replayed had a task.
        is_same_task = _task_of(act) == self._task and act.history_size_bytes > 0
        return is_same_task and not act.is_replaying and act.history_length > self._length

    def _apply_early(self) -> None:
        """Apply what no workflow task will take any more; its commands go nowhere."""
        for act in self._early:
            self._activate(act)
        self._early.clear()


def _task_of(act: WorkflowActivation) -> tuple[int, int]:
    return act.history_size_bytes, act.timestamp.ToNanoseconds()


def _is_of_ended(act: WorkflowActivation) -> bool:
    return all(OF_ENDED in job.query_workflow.headers for job in act.jobs)


def _refused(run_id: str) -> WorkflowActivationCompletion:
    completion = WorkflowActivationCompletion(run_id=run_id)
    completion.failed.failure.message = EARLY_EVENTS
    completion.failed.failure.application_failure_info.SetInParent()
    return completion
