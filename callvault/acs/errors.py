"""Translation of ACS's error responses into Callvault's own errors.

Codes: Microsoft's Call Automation troubleshooting page and recorded sessions; statuses decide where
there is no known code. A gateway on the way may answer HTML, or nothing at all.
"""

from datetime import timedelta
from typing import Literal, NamedTuple

import httpx

from callvault import name_service
from callvault.acs.error_body import ErrorBody, ErrorResponse, clean, read
from callvault.causes import Cause
from callvault.contracts.base import shorten
from callvault.errors import (
    AccessDenied,
    AlreadyRecording,
    BrokenContent,
    CallvaultError,
    ContentMissing,
    InvalidRequest,
    NotReady,
    RecordingNotFound,
    StateConflict,
    TeamsInterop,
    Throttled,
    Unavailable,
)
from callvault.header_values import http_time, retry_after, whole_number

_MAX_MESSAGE = 600

MAX_SIGNED_AWAY = timedelta(minutes=5)
"""Difference of clocks that ACS allows a signature."""

Subject = Literal["call", "recording", "content"]


class Operation(NamedTuple):
    """The operation and its subject: both are needed to understand the answer."""

    verb: str
    """For the message: ``start a recording``."""
    subject: Subject


class _Verdict(NamedTuple):
    error: type[CallvaultError]
    advice: str
    cause: Cause | None = None
    """None for that of the error's class."""


_WRONG_FORMAT = _Verdict(InvalidRequest, "Choose a combination of formats that ACS records.")
_CALL_OVER = _Verdict(InvalidRequest, "The call is over; there is nothing left to record.")
_BUSY = _Verdict(Throttled, "Wait before asking again; for higher limits ask Azure support.")
_OCCUPIED = _Verdict(AlreadyRecording, "Adopt the running recording, or stop it first.")
_MOVED = _Verdict(StateConflict, "Read the recording's state before deciding again.")
_DENIED = _Verdict(AccessDenied, "Check the access key or the identity's role on the resource.")
_BAD_SIGNATURE = _Verdict(AccessDenied, "Check the access key, its resource and this clock.")
_DOWN = _Verdict(Unavailable, "It fails at the service; it is asked again.")
_COMPLIANCE = _Verdict(InvalidRequest, "A compliance policy of the call forbids it.")
_REFUSED = _Verdict(InvalidRequest, "Repeating it changes nothing; correct the request.")
_NOT_FOUND = _Verdict(RecordingNotFound, "The recording is over, or never was.")
_UNKNOWN_CALL = _Verdict(
    InvalidRequest, "Pass the serverCallId of a call of this resource.", Cause.UNKNOWN_CALL
)
_MISSING = _Verdict(ContentMissing, "The file may have expired or been deleted.")
_NOT_YET = _Verdict(NotReady, "The file is not written yet; ask again.")
_CHANGED = _Verdict(BrokenContent, "This is not the file; ask for it again.")
_GATEWAY = _Verdict(
    Unavailable,
    "ACS itself does not answer so. If this lasts, check endpoint and api-version.",
    Cause.ENDPOINT,
)

_BY_CODE = {
    "7502": _DENIED,
    "7504": _DENIED,
    "7509": _BAD_SIGNATURE,
    "7605": _Verdict(TeamsInterop, "Record calls of Microsoft Teams with Teams' own recording."),
    "8501": _Verdict(NotReady, "The call is not established: it still connects, or is over."),
    "8506": _COMPLIANCE,
    "8516": _BUSY,
    "8519": _MOVED,
    "8520": _Verdict(InvalidRequest, "ACS does not offer this operation."),
    "8522": _NOT_FOUND,
    "8523": _REFUSED,
    "8527": _Verdict(
        InvalidRequest, "Pass the call's serverCallId, not its callId.", Cause.UNKNOWN_CALL
    ),
    "8528": _CALL_OVER,
    "8529": _BUSY,
    "8530": _BUSY,
    "8548": _Verdict(InvalidRequest, "ACS records this mode in group calls only."),
    "8553": _OCCUPIED,
    "8556": _COMPLIANCE,
    "8557": _WRONG_FORMAT,
    "8559": _OCCUPIED,
    "8562": _WRONG_FORMAT,
    "8571": _MOVED,
    "8573": _MOVED,
    "8583": _REFUSED,
    "8588": _REFUSED,
    "8589": _BUSY,
    "8608": _REFUSED,
    "9001": _DOWN,
    "9002": _DOWN,
    "9003": _DOWN,
    "9998": _DOWN,
    "9999": _DOWN,
    "Denied": _BAD_SIGNATURE,
}

_BY_STATUS = {
    401: _DENIED,
    403: _DENIED,
    408: _DOWN,
    409: _MOVED,
    429: _BUSY,
    501: _Verdict(InvalidRequest, "The other side does not offer this operation."),
}

_BY_STATUS_OF_CONTENT = {
    404: _MISSING,
    410: _MISSING,
    412: _CHANGED,
    416: _NOT_YET,
}


def error_for(cause: ErrorResponse | httpx.HTTPError, operation: Operation) -> CallvaultError:
    """Translate a failure into one of Callvault's errors, ready to be raised."""
    if isinstance(cause, httpx.HTTPError):
        return connection_failed(cause, operation)
    body = read(cause)
    verdict = _judge(cause, body, operation.subject)
    quote = f" ({clean(body.message)})" if body.message else ""
    code = f" {clean(body.code)}" if body.code else ""
    return verdict.error(
        shorten(
            f"could not {operation.verb}: ACS answered"
            f" {cause.status}{code}{quote}. {verdict.advice}",
            _MAX_MESSAGE,
        ),
        status=cause.status,
        code=clean(body.code) or None,
        retry_after=retry_after(cause.headers.get("Retry-After")),
        cause=_clock_is_wrong(cause, verdict) or verdict.cause,
    )


def _clock_is_wrong(response: ErrorResponse, verdict: _Verdict) -> Cause | None:
    """Return the clock as the cause where a refused request bore another time than the answer."""
    ours, theirs = http_time(response.signed_date), http_time(response.headers.get("Date"))
    if verdict.error is not AccessDenied or ours is None or theirs is None:
        return None
    return Cause.CLOCK if abs(theirs - ours) > MAX_SIGNED_AWAY else None


def _judge(response: ErrorResponse, body: ErrorBody, subject: Subject) -> _Verdict:
    # Before the status: ACS answers 400 for a call that is busy, over, or not of this resource.
    if body.code in _BY_CODE:
        verdict = _BY_CODE[body.code]
        # a start names no recording: an earlier attempt may have begun one
        return _GATEWAY if verdict is _NOT_FOUND and subject == "call" else verdict
    if subject == "content" and response.status in _BY_STATUS_OF_CONTENT:
        return _judge_content(response)
    if response.status in _BY_STATUS:
        return _BY_STATUS[response.status]
    if not 400 <= response.status < 500:
        return _GATEWAY if response.status < 500 else _DOWN
    return _judge_client_error(response, body, subject)


def _judge_content(response: ErrorResponse) -> _Verdict:
    # 416 names the real size: only an empty file is still to be written
    size = response.headers.get("Content-Range", "").rpartition("/")[2]
    if response.status == 416 and (whole_number(size) or 0) > 0:
        return _CHANGED
    return _BY_STATUS_OF_CONTENT[response.status]


def _judge_client_error(response: ErrorResponse, body: ErrorBody, subject: Subject) -> _Verdict:
    """Judge a 4xx without a known code by its origin: ACS itself, or a gateway on the way."""
    if subject == "content":
        # seen since 2025: intermittent 400 with HTML on downloads (azure-sdk-for-js #33764).
        is_passing = body.is_markup or (response.status == 400 and not body.code)
        return _CHANGED if is_passing else _REFUSED
    # ACS gives its own 404 a code (8522): one without comes from a gateway on the way.
    if body.is_markup or (response.status == 404 and not body.code):
        return _GATEWAY
    if response.status in {404, 410}:
        return _NOT_FOUND if subject == "recording" else _UNKNOWN_CALL
    return _REFUSED


def connection_failed(error: Exception, operation: Operation) -> CallvaultError:
    """Make the error for an answer that did not come, or only in part."""
    in_name = name_service.cause_of(error)
    is_late = isinstance(error, httpx.TimeoutException | TimeoutError)
    if in_name is Cause.NAME_SERVICE:
        what = "the name service did not answer"
    elif is_late:
        what = "no answer came in time"
    else:
        what = f"the connection failed ({clean(str(error)) or type(error).__name__})"
    return Unavailable(
        shorten(f"could not {operation.verb}: {what}. Try again.", _MAX_MESSAGE),
        cause=in_name or _cause_without_answer(error, is_late=is_late),
    )


def _cause_without_answer(error: Exception, *, is_late: bool) -> Cause:
    is_unconnected = isinstance(error, httpx.ConnectTimeout)
    return Cause.NO_ANSWER if is_late and not is_unconnected else Cause.UNREACHABLE
