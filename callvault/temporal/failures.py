"""Failures as Temporal keeps them, read without the workflow or the activity that they are of."""

from collections.abc import Iterator

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client

from callvault.causes import without_tag
from callvault.contracts.base import shorten
from callvault.errors import PayloadDamaged, PayloadKeyMissing

_OF_PAYLOADS = {PayloadKeyMissing.__name__, PayloadDamaged.__name__}

LAST_EVENTS = 20
"""Events of a history that are looked at: a task that fails again leaves no further event."""


async def readable(client: Client, failure: Failure) -> Failure:
    """Return a failure whose messages, and those of its causes, are no payloads any more.

    Where the key is missing that they are encrypted with, the messages say so.
    """
    found = Failure()
    found.CopyFrom(failure)
    try:
        if client.data_converter.payload_codec is not None:
            await client.data_converter.payload_codec.decode_failure(found)
    except PayloadKeyMissing as missing:
        for each in _chain(found):
            each.message = str(missing) if each.HasField("encoded_attributes") else each.message
        return found
    for each in _chain(found):
        _unpack(client, each)
    return found


async def failure_of_task(client: Client, workflow_id: str, run_id: str) -> str:
    """Say why the tasks of a run fail, where a payload is why; empty for any other reason.

    Of other errors only the worker's log may tell, for their words may quote what a call holds.
    """
    answer = await client.workflow_service.get_workflow_execution_history_reverse(
        GetWorkflowExecutionHistoryReverseRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            maximum_page_size=LAST_EVENTS,
        )
    )
    for event in answer.history.events:
        if event.HasField("workflow_task_failed_event_attributes"):
            failure = event.workflow_task_failed_event_attributes.failure
            if failure.application_failure_info.type not in _OF_PAYLOADS:
                return ""
            return shorten(without_tag((await readable(client, failure)).message))
    return ""


def _unpack(client: Client, failure: Failure) -> None:
    if not failure.HasField("encoded_attributes"):
        return
    converter = client.data_converter.payload_converter
    [attributes] = converter.from_payloads([failure.encoded_attributes])
    if isinstance(attributes, dict):
        failure.message = str(attributes.get("message", ""))
    failure.ClearField("encoded_attributes")


def _chain(failure: Failure) -> Iterator[Failure]:
    while True:
        yield failure
        if not failure.HasField("cause"):
            return
        failure = failure.cause
