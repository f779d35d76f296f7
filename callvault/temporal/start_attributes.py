"""The search attributes that a call's workflow is started with, so that it need not set them first.

Temporal bills each setting by a workflow as an action, and those of a start not at all.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.requests import RecordingRequest
from callvault.contracts.states import RecordingState

T = TypeVar("T")


async def with_attributes(
    request: RecordingRequest, start: Callable[[TypedSearchAttributes | None], Awaitable[T]]
) -> T:
    """Start a workflow with its first search attributes; with none where Temporal refuses them.

    What lists show may fail, control may not: somebody may have removed one from the namespace. The
    workflow sets by itself what it was not started with.
    """
    if not request.start_recording:
        return await start(None)
    try:
        return await start(_attributes_of(request))
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
    return await start(None)


def _attributes_of(request: RecordingRequest) -> TypedSearchAttributes:
    """Return what the workflow itself would set before it has done anything."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(names.STATE, RecordingState.STARTING),
            SearchAttributePair(names.AT_RISK, False),
            SearchAttributePair(names.RESOURCE, request.resource),
            SearchAttributePair(names.ORPHAN, False),
            SearchAttributePair(names.DUTIES, 0),
        ]
    )
