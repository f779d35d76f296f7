"""The requests that are refused, each with a sentence for a person."""

from datetime import datetime

from callvault.contracts.requests import ControlRequest
from callvault.contracts.states import Actual, Wanted
from callvault.contracts.status import ControlRecord, RecordingStatus
from workflows.call import pauses
from workflows.call.commands import Operation
from workflows.call.pauses import GATE
from workflows.call.state_limits import MAX_RECORDINGS

PROTECTIVE = (Operation.PAUSE, Operation.STOP)
"""The operations that are carried out rather than refused for their form."""


def refuse_start(
    current: RecordingStatus | None, call_ended: datetime | None, started: int = 0
) -> str | None:
    """Say why nothing can be started now; None if it can.

    ``started`` is the number of recordings that were asked for before.
    """
    if call_ended is not None:
        return "The call is over: nothing more can be recorded in it."
    if current is not None and current.wanted is not Wanted.STOPPED:
        return (
            f"Recording {current.number} of this call is still {current.state}: "
            "stop it before starting another."
        )
    if started >= MAX_RECORDINGS:
        return f"{started} recordings were started in this call: it may not have more."
    return None


def refuse_control(operation: Operation, current: RecordingStatus | None) -> str | None:
    """Say why the current recording cannot be controlled so; None if it can."""
    if current is None:
        return "Callvault controls no recording of this call: start one first."
    if operation is not Operation.STOP and _is_final(operation, current):
        how = "stopped" if current.actual is Actual.STOPPED else "being stopped"
        return f"Recording {current.number} is {how}, and a stop is final: start another one."
    if operation is Operation.RESUME and current.is_held:
        why = current.holds[-1].reason
        return f"Recording {current.number} is held back, because {why}: {_afterwards(current)}."
    return None


def _afterwards(held: RecordingStatus) -> str:
    """Say what follows once consent is given: a refused resume has released nobody's pause."""
    if held.wanted is Wanted.ACTIVE:
        return "it goes on by itself once consent is given"
    names = ", ".join(each.caller for each in pauses.holders(held) if each.requested_by != GATE)
    return f"once consent is given it stays paused by {names}, until that is released: resume then"


def _is_final(operation: Operation, current: RecordingStatus) -> bool:
    """Tell if a stop leaves nothing to pause or to resume."""
    # A pause counts until ACS has confirmed the stop: what is recorded meanwhile is told.
    is_over = current.actual is Actual.STOPPED or operation is not Operation.PAUSE
    return current.wanted is Wanted.STOPPED and is_over


def refuse_expired(operation: Operation, expires_at: datetime | None, now: datetime) -> str | None:
    """Say why a resume comes too late; None if it does not."""
    if operation is not Operation.RESUME or expires_at is None or now <= expires_at:
        return None
    return (
        f"This resume expired at {expires_at:%H:%M:%S} UTC, and nothing was resumed: ask again if"
        " recording is to go on now."
    )


def refuse_reused(
    operation: Operation, request: ControlRequest, known: ControlRecord | None
) -> str | None:
    """Say that an id stands for another request; None for an operation that protects."""
    if known is None or operation in PROTECTIVE:
        return None
    return (
        f"The requestId {request.request_id!a} was used for a {known.operation} asked by"
        f" {known.requested_by}, and this {operation} is another request: send it with an id of its"
        " own."
    )
