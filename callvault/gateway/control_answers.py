"""The answers to control requests: 2xx only for what ACS was seen to do."""

from fastapi import Response

from callvault.causes import Cause, blame_in
from callvault.contracts import names
from callvault.contracts.base import State
from callvault.contracts.states import RequestState
from callvault.contracts.status import ControlRecord
from callvault.errors import CallvaultError
from callvault.gateway.error_responses import error_response, error_response_for
from callvault.temporal.rpc_errors import NOT_CONFIRMED, PAUSE_UNCONFIRMED

_SILENCING = (names.PAUSE, names.STOP)
"""What is asked so that nothing is recorded: each of its errors says whether ACS may record."""


def json_response(
    answer: State, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a response that carries a model."""
    return Response(answer.model_dump_json(), status, headers, "application/json")


def answer_for(record: ControlRecord) -> Response:
    """Return the response for what became of a request."""
    return json_response(record) if record.is_done else not_done(record)


def not_done(record: ControlRecord) -> Response:
    """Return the error response for a request that came to nothing."""
    status, code = _kind_of(record)
    details: dict[str, object] = {}
    if record.operation in _SILENCING:
        details["mayBeRecording"] = record.may_be_recording
    if record.held_by:
        details["heldBy"] = [holder.model_dump(mode="json") for holder in record.held_by]
    message = record.problem or f"the {record.operation} came to nothing"
    return error_response(status, code, message, details=details)


def not_answered(operation: str, error: CallvaultError) -> Response:
    """Return the error response for a request of which it is not known what became of it."""
    details = {"mayBeRecording": True} if operation in _SILENCING else None
    return error_response_for(error, details=details)


def _kind_of(record: ControlRecord) -> tuple[int, str]:
    if record.operation == names.START and blame_in(record.problem).cause is Cause.UNKNOWN_CALL:
        return 422, "unknown_call"
    is_superseded = record.state is RequestState.SUPERSEDED
    is_pause = record.operation == names.PAUSE
    has_expired = record.expires_at and record.settled_at and record.settled_at >= record.expires_at
    is_pending = record.state is RequestState.PENDING
    if is_pause and (record.is_overdue or is_pending):
        return 504, PAUSE_UNCONFIRMED
    if is_pending:
        return 504, NOT_CONFIRMED
    if record.held_by:
        return 409, "still_paused"
    if is_superseded:
        return 409, "superseded"
    if has_expired:
        return 504, "expired"
    return 502, "pause_failed" if is_pause else "not_done"
