"""The messages between Temporal's core and a workflow instance: jobs, payloads, failures.

All of it is internal to the SDK: `tests/simulation/test_protocol.py` pins what is used.
"""

from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import TimeoutType as TimeoutTypeProto
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob
from temporalio.exceptions import TimeoutType

from callvault.temporal.converter import data_converter

CONVERTER = data_converter.payload_converter

Job = WorkflowActivationJob


def payload(value: Any) -> Payload:
    """Encode a value as a worker does."""
    return CONVERTER.to_payloads([value])[0]


def value_of(payload: Payload, kind: type[Any]) -> Any:
    """Decode a payload as a worker does."""
    return CONVERTER.from_payloads([payload], [kind])[0]


# Jobs.


def timer_fired(seq: int) -> Job:
    job = Job()
    job.fire_timer.seq = seq
    return job


def signal(name: str, payloads: list[Payload]) -> Job:
    job = Job()
    job.signal_workflow.signal_name = name
    job.signal_workflow.input.extend(payloads)
    return job


def update(name: str, update_id: str, payloads: list[Payload]) -> Job:
    job = Job()
    job.do_update.id = job.do_update.protocol_instance_id = update_id
    job.do_update.name = name
    job.do_update.input.extend(payloads)
    job.do_update.run_validator = True
    return job


def query(name: str, payloads: list[Payload]) -> Job:
    job = Job()
    job.query_workflow.query_id = "query"
    job.query_workflow.query_type = name
    job.query_workflow.arguments.extend(payloads)
    return job


def cancellation() -> Job:
    job = Job()
    job.cancel_workflow.reason = "Request Cancellation"
    return job


def eviction() -> Job:
    job = Job()
    job.remove_from_cache.SetInParent()
    return job


def resolution(seq: int, result: ActivityResolution) -> Job:
    job = Job()
    job.resolve_activity.seq = seq
    job.resolve_activity.result.CopyFrom(result)
    return job


# Results of activities.


def completed(value: Any) -> ActivityResolution:
    result = ActivityResolution()
    result.completed.result.CopyFrom(payload(value))
    return result


def failed(
    kind: str, message: str, *, is_final: bool, details: Sequence[Any] = ()
) -> ActivityResolution:
    failure = Failure(message=message)
    failure.application_failure_info.type = kind
    failure.application_failure_info.non_retryable = is_final
    failure.application_failure_info.details.payloads.extend(CONVERTER.to_payloads(details))
    result = ActivityResolution()
    result.failed.failure.CopyFrom(_wrapped(failure))
    return result


def timed_out(timeout_type: TimeoutType) -> ActivityResolution:
    failure = Failure(message="timed out")
    failure.timeout_failure_info.timeout_type = TimeoutTypeProto.ValueType(timeout_type)
    result = ActivityResolution()
    result.failed.failure.CopyFrom(_wrapped(failure))
    return result


def cancelled() -> ActivityResolution:
    failure = Failure(message="cancelled")
    failure.canceled_failure_info.SetInParent()
    result = ActivityResolution()
    result.cancelled.failure.CopyFrom(_wrapped(failure))
    return result


def _wrapped(cause: Failure) -> Failure:
    failure = Failure(message="Activity task failed")
    failure.activity_failure_info.SetInParent()
    failure.cause.CopyFrom(cause)
    return failure
