"""Is an update that met the end of a run asked again, and nothing else?"""

import asyncio
import gc
from typing import Any

import pytest
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts.requests import RecordingRequest
from callvault.temporal import updates

NOT_READY = (
    b"\x08\t\x12TUnable to perform workflow execution update due to unexpected workflow task"
    b" failure.\x1aJ\nHtype.googleapis.com/temporal.api.errordetails.v1.WorkflowNotReadyFailure"
)
"""What Temporal's server said of an update whose workflow was just continuing as new."""


class Asked:
    """Something that fails some times, and then answers."""

    def __init__(self, times: int, details: bytes, status: RPCStatusCode) -> None:
        self.times = 0
        self._fails = times
        self._error = RPCError("not now", status, details)

    async def __call__(self) -> str:
        self.times += 1
        if self.times <= self._fails:
            raise self._error
        return "done"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "RETRY_INTERVAL", 0)


async def test_a_workflow_that_is_not_ready_is_asked_again() -> None:
    ask = Asked(3, NOT_READY, RPCStatusCode.FAILED_PRECONDITION)
    assert await updates.until_ready(ask) == "done"
    assert ask.times == 4


async def test_one_that_never_gets_ready_is_given_up() -> None:
    ask = Asked(1_000, NOT_READY, RPCStatusCode.FAILED_PRECONDITION)
    with pytest.raises(RPCError):
        await updates.until_ready(ask)
    assert ask.times == updates.MAX_ATTEMPTS


@pytest.mark.parametrize(
    ("details", "status"),
    [(b"", RPCStatusCode.FAILED_PRECONDITION), (NOT_READY, RPCStatusCode.UNAVAILABLE)],
)
async def test_other_errors_are_passed_on(details: bytes, status: RPCStatusCode) -> None:
    ask = Asked(1, details, status)
    with pytest.raises(RPCError):
        await updates.until_ready(ask)
    assert ask.times == 1


class Ended:
    """Temporal's client, where the call's workflow has ended."""

    async def execute_update_with_start_workflow(
        self, *asked: Any, start_workflow_operation: Any, **told: Any
    ) -> None:
        error = WorkflowAlreadyStartedError("recording-1", "RecordingWorkflow")
        # As the SDK does.
        start_workflow_operation._workflow_handle.set_exception(error)
        raise error


async def test_a_start_that_is_refused_leaves_no_error_that_nobody_has_read() -> None:
    """`recordings start` of an archived call printed a traceback, and went on."""
    unread: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unread.append(context))
    request = RecordingRequest(server_call_id="aHR0cHM6", resource="default")
    client: Any = Ended()
    try:
        with pytest.raises(WorkflowAlreadyStartedError):
            await updates.start_confirmed(client, request)
        gc.collect()
        await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(None)
    assert unread == []
