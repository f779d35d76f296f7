"""The errors of Temporal's client, as ours; and the time that a request to it may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from callvault.contracts import names
from callvault.contracts.base import shorten
from callvault.errors import CallvaultError, InvalidRequest, Unavailable

RPC_TIMEOUT = timedelta(seconds=5)
"""Time for Temporal to answer one request; Event Grid waits 30 s for all of ours together."""

UPDATE_TIMEOUT = timedelta(seconds=30)
"""Time that a control request waits for ACS's confirmation."""

NOT_CONFIRMED = "not_confirmed"
"""Code of the error where ACS's confirmation does not come in time."""

PAUSE_UNCONFIRMED = "pause_unconfirmed"
"""Code of the error where ACS has not confirmed in time that it records no more."""

REQUEST_ID_REUSED = "request_id_reused"
"""Code of the refusal of another request under an id that was used before."""

_PERMANENT_STATUSES = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.OUT_OF_RANGE})


class WorkflowNotFound(Unavailable):
    """Temporal knows no such workflow, or it does not run any more."""


def unknown_call(workflow_id: str) -> InvalidRequest:
    """Return the error for a call that was never kept."""
    message = f"there is no recording {shorten(workflow_id, 100)}"
    return InvalidRequest(message, status=404, code="not_found")


@asynccontextmanager
async def translated(within: timedelta, late: str | None = None) -> AsyncIterator[None]:
    """Translate all errors of a request to Temporal into ours.

    ``late`` is the code of the error where Temporal has the request and no answer comes in time.
    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            yield
    except RPCError as error:
        raise _of(error) from error
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
        raise Unavailable(
            f"no answer within {within.total_seconds():.0f} s: does a worker run? The request may"
            " still take effect: repeat it with the same requestId, or ask for the status",
            owner="callvault",
            status=504 if late else None,
            code=late,
        ) from error
    except (RuntimeError, ValueError) as error:
        # The SDK raises them bare where a lazy connection cannot be made: the second for an
        # address or a certificate that is none. Any kind of the second is somebody else's.
        if isinstance(error, ValueError) and type(error) is not ValueError:
            raise
        raise Unavailable("Temporal cannot be reached", owner="callvault") from error


def _of(error: RPCError) -> Exception:
    message = shorten(error.message)
    if _is_about_a_workflow(error):
        return WorkflowNotFound(message)
    if error.status in _PERMANENT_STATUSES:
        return InvalidRequest(f"Temporal refuses it: {message}")
    return Unavailable(f"Temporal does not answer: {message}", owner="callvault")


def _is_about_a_workflow(error: RPCError) -> bool:
    """Tell a missing workflow from a missing namespace, which is NOT_FOUND too."""
    # The second is a fault of the set-up, for which no event may be dropped.
    details = error.grpc_status.details if error.status is RPCStatusCode.NOT_FOUND else ()
    return any(detail.type_url.endswith(".NotFoundFailure") for detail in details)


def refusal_of(error: WorkflowUpdateFailedError) -> CallvaultError:
    """Return the error for an update that its workflow refused, with the workflow's sentence."""
    sentence = shorten(getattr(error.cause, "message", "") or str(error.cause))
    kind = getattr(error.cause, "type", None)
    if kind == names.PAUSE_UNCONFIRMED:
        return Unavailable(sentence, status=504, code=PAUSE_UNCONFIRMED)
    is_reused = kind == names.REQUEST_ID_REUSED
    code = REQUEST_ID_REUSED if is_reused else "refused"
    return InvalidRequest(sentence, status=409, code=code)
