"""The internal interfaces of the SDK that the simulation uses: a new version may change them.

Then `bench/simulation/instance.py` and `protocol.py` have to follow; nothing that ships uses them.
"""

from dataclasses import fields

from temporalio.bridge.proto.workflow_activation import (
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker._workflow_instance import WorkflowInstanceDetails
from temporalio.workflow import Info, _Definition

from workflows.recording import RecordingWorkflow

DETAILS = {
    "payload_converter_factory",
    "failure_converter_class",
    "interceptor_classes",
    "defn",
    "info",
    "randomness_seed",
    "extern_functions",
    "disable_eager_activity_execution",
    "worker_level_failure_exception_types",
    "patch_activation_callback",
    "last_completion_result",
    "last_failure",
}
JOBS = {
    "initialize_workflow",
    "fire_timer",
    "resolve_activity",
    "signal_workflow",
    "do_update",
    "query_workflow",
    "cancel_workflow",
    "remove_from_cache",
}
COMMANDS = {
    "start_timer",
    "cancel_timer",
    "schedule_activity",
    "request_cancel_activity",
    "update_response",
    "respond_to_query",
    "upsert_workflow_search_attributes",
    "modify_workflow_properties",
    "complete_workflow_execution",
    "continue_as_new_workflow_execution",
    "fail_workflow_execution",
    "cancel_workflow_execution",
}


def names(message: type) -> set[str]:
    return {field.name for field in message.DESCRIPTOR.fields}  # type: ignore[attr-defined]


def test_an_instance_is_made_of_what_the_simulation_gives() -> None:
    told = {field.name for field in fields(WorkflowInstanceDetails)}
    assert told - DETAILS == {"default_workflow_logic_flags"}
    assert told >= DETAILS
    assert callable(UnsandboxedWorkflowRunner.create_instance)
    assert _Definition.must_from_class(RecordingWorkflow).name == "RecordingWorkflow"
    assert {field.name for field in fields(Info)} >= {"run_id", "original_execution_run_id"}


def test_activations_and_commands_have_the_parts_that_are_used() -> None:
    assert names(WorkflowActivation) >= {"run_id", "timestamp", "history_length", "is_replaying"}
    assert names(WorkflowActivationJob) >= JOBS
    assert names(WorkflowCommand) >= COMMANDS
