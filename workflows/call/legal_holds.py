"""Legal holds on a call: which were asked for, which are written, and which have ended."""

from datetime import datetime

from pydantic import ValidationError

from callvault.contracts.base import quoted
from callvault.contracts.hold_messages import (
    CallHold,
    HoldOrder,
    HoldRequest,
    HoldTarget,
    ReleaseOrder,
    ReleaseRequest,
    WrittenHold,
)
from callvault.contracts.status import CallStatus

MAX_HOLDS = 50
"""Most holds of a call that its workflow remembers: each takes up to 5 KB of its state."""


def place(status: CallStatus, request: HoldRequest, now: datetime) -> str:
    """Take a hold down; return what is to be said of it."""
    if _same(status, request) is not None:
        return f"the legal hold of {request.caller} is placed already"
    if len(status.legal_holds) >= MAX_HOLDS:
        return f"the legal hold of {request.caller} is refused: the call has {MAX_HOLDS} already"
    if request.recording_id is None and not _may_be_named(status):
        return (
            f"the legal hold of {request.caller} is refused: the serverCallId of this call is not"
            " known, so name the recording"
        )
    hold = CallHold(
        recording_id=request.recording_id,
        requested_by=request.requested_by or "unknown",
        authenticated_as=request.authenticated_as,
        reason=request.reason,
        placed_at=now,
        # It may be released again by now: written once more, it would be another one.
        id=request.hold or "",
    )
    status.legal_holds.append(hold)
    return f"a legal hold is placed by {request.caller} on {what(hold)}: {request.reason}"


def release(status: CallStatus, request: ReleaseRequest) -> str:
    """Take down that a hold is to end; return what is to be said of it."""
    hold = next((each for each in status.legal_holds if each.id == request.hold), None)
    if hold is None:
        return f"hold {quoted(request.hold)} is none of this call: nothing is released"
    if hold.release is not None:
        return f"hold {hold.id} is released already"
    hold.release = request
    return f"hold {hold.id} is released by {request.caller}: {request.reason}"


def to_write(status: CallStatus) -> CallHold | None:
    """Return the first hold of which something is not in the archives yet."""
    return next(filter(_is_unwritten, status.legal_holds), None)


def order(status: CallStatus, hold: CallHold) -> HoldOrder | ReleaseOrder:
    """Return what is to be written next of a hold."""
    if hold.release is not None:
        return ReleaseOrder(
            hold=hold.id,
            requested_by=hold.release.requested_by or "unknown",
            authenticated_as=hold.release.authenticated_as,
            reason=hold.release.reason,
        )
    return HoldOrder(
        target=_target(status, hold.recording_id),
        resource=status.resource,
        requested_by=hold.requested_by,
        authenticated_as=hold.authenticated_as,
        reason=hold.reason,
        asked_at=hold.placed_at,
    )


def written(hold: CallHold, written: WrittenHold, now: datetime) -> str:
    """Note that a hold, or its release, lies in the archives; return what is to be said of it."""
    if hold.release is not None:
        hold.released_at = now
        return f"the release of hold {hold.id} is in the archives"
    hold.id, hold.archives = written.id, list(written.archives)
    return f"hold {hold.id} is in the archives {', '.join(written.archives)}"


def join(mine: list[CallHold], theirs: list[CallHold]) -> None:
    """Add the holds that a dead run of the call knew, and its knowledge of those known to both."""
    for hold in theirs:
        own = next((each for each in mine if _are_one(each, hold)), None)
        if own is None:
            mine.append(hold)
            continue
        own.id, own.archives = own.id or hold.id, own.archives or hold.archives
        own.release = own.release or hold.release
        own.released_at = own.released_at or hold.released_at


def what(hold: CallHold) -> str:
    """Say in words what is held."""
    return f"recording {hold.recording_id}" if hold.recording_id else "the call"


def _same(status: CallStatus, request: HoldRequest) -> CallHold | None:
    """Find the hold that a request asks for again."""
    if request.hold:
        return next((each for each in status.legal_holds if each.id == request.hold), None)
    wanted = (request.recording_id, request.requested_by or "unknown", request.reason)
    standing = (each for each in status.legal_holds if each.release is None)
    return next((each for each in standing if _told(each) == wanted), None)


def _told(hold: CallHold) -> tuple[str | None, str, str]:
    return hold.recording_id, hold.requested_by, hold.reason


def _are_one(own: CallHold, other: CallHold) -> bool:
    """Tell if two runs know one hold, which perhaps only one of them had seen written."""
    if own.id and other.id:
        return own.id == other.id
    # Whoever asks for the same again once it was released asks for another one.
    is_another = bool(own.id) and own.release is not None and other.release is None
    return _told(own) == _told(other) and not is_another


def _is_unwritten(hold: CallHold) -> bool:
    return not hold.id or (hold.release is not None and hold.released_at is None)


def _may_be_named(status: CallStatus) -> bool:
    try:
        _target(status, None)
    except ValidationError:
        return False
    return True


def _target(status: CallStatus, recording_id: str | None) -> HoldTarget:
    if recording_id is not None:
        return HoldTarget(recording_id=recording_id)
    return HoldTarget(server_call_id=status.server_call_id)
