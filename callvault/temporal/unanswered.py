"""Requests that are not answered in time: whose fault it is, as far as it can be told.

A workflow that answers a query has a worker, and knows why ACS does not do what is asked. Where it
does not, and Temporal is well, no worker answers.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from callvault.causes import Cause, without_tag
from callvault.contracts.status import CallStatus, Trouble
from callvault.errors import CallvaultError, Unavailable
from callvault.temporal.call_reader import CallReader
from callvault.temporal.rpc_errors import NOT_CONFIRMED, UPDATE_TIMEOUT, translated

T = TypeVar("T")

WORKER_TIMEOUT = timedelta(seconds=3)
"""Time after which it is asked if a worker answers at all, where somebody waits for silence."""

LOOK_TIMEOUT = timedelta(seconds=2)
"""Time for the answer to that: together as long as a pause may take by default."""

_GOES_ON = (
    "The request may still take effect: repeat it with the same requestId, or ask for the status"
)


async def answered(
    calls: CallReader,
    workflow_id: str,
    request: Coroutine[Any, Any, T],
    *,
    is_for_silence: bool = False,
) -> T:
    """Return the answer to an update, or raise an `Unavailable` that says whose fault it is.

    Where somebody waits for silence it is told early that no worker answers.
    """
    asking = asyncio.ensure_future(request)
    try:
        if is_for_silence:
            await _worker_answers(calls, workflow_id, asking)
        async with translated(UPDATE_TIMEOUT, NOT_CONFIRMED):
            return await asking
    except Unavailable as error:
        if error.code != NOT_CONFIRMED or error.cause is Cause.WORKER:
            raise
        raise await _why_late(calls, workflow_id, UPDATE_TIMEOUT) from error
    finally:
        asking.cancel()


async def _worker_answers(
    calls: CallReader, workflow_id: str, asking: "asyncio.Future[Any]"
) -> None:
    """Raise `Unavailable` if, by the time a pause may take, no worker answers anything."""
    done, _ = await asyncio.wait({asking}, timeout=WORKER_TIMEOUT.total_seconds())
    if done:
        return
    looking = asyncio.ensure_future(_why_late(calls, workflow_id, WORKER_TIMEOUT + LOOK_TIMEOUT))
    try:
        await asyncio.wait({asking, looking}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done() and (why := looking.result()).owner == "callvault":
            raise why
    finally:
        looking.cancel()


async def _why_late(calls: CallReader, workflow_id: str, waited: timedelta) -> Unavailable:
    """Find out why there is no answer; the error's owner says whose fault it is."""
    status, is_temporal_well = await asyncio.gather(
        _looked(calls.status(workflow_id)), _looked(_checked(calls))
    )
    within = f"within {waited.total_seconds():.0f} s"
    if isinstance(status, CallStatus):
        return _late_at_acs(status, within)
    if not is_temporal_well:
        return Unavailable(
            f"Temporal does not answer {within}. {_GOES_ON}",
            owner="callvault",
            cause=Cause.UNREACHABLE,
        )
    return Unavailable(
        f"no worker has answered {within}: start workers, or look at their load. {_GOES_ON}",
        owner="callvault",
        status=504,
        code=NOT_CONFIRMED,
        cause=Cause.WORKER,
    )


def _late_at_acs(status: CallStatus, within: str) -> Unavailable:
    troubles = [each.trouble for each in status.recordings if each.trouble is not None]
    trouble: Trouble | None = max(troubles, key=lambda each: each.at, default=None)
    why = without_tag(trouble.what) if trouble else "a worker runs, and has no answer yet"
    return Unavailable(
        f"ACS has not confirmed it {within} ({why}). {_GOES_ON}",
        owner="service",
        status=504,
        code=NOT_CONFIRMED,
        cause=trouble.cause if trouble else Cause.NO_ANSWER,
    )


async def _checked(calls: CallReader) -> bool:
    await calls.check()
    return True


async def _looked(look: Coroutine[Any, Any, T]) -> T | None:
    """Return what is found; None where there is no answer."""
    try:
        async with asyncio.timeout(LOOK_TIMEOUT.total_seconds()):
            return await look
    except (CallvaultError, TimeoutError):
        return None
