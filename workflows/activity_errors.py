"""The errors of activities, as a workflow sees them.

An activity's class does not survive the boundary: errors are known by their ``type``.
"""

from typing import Any

from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.control import OCCUPIED
from activities.export import ARCHIVE_REFUSED, NOT_ARCHIVED
from activities.seal import FILES_GONE
from callvault.causes import Cause


def gave_up_archive(error: FailureError) -> bool:
    """Tell if an export ended because its archive refused for long."""
    return _type(error) == ARCHIVE_REFUSED


def is_not_archived(error: FailureError) -> bool:
    """Tell if an archive was looked into, and does not hold a chunk."""
    return _type(error) == NOT_ARCHIVED


def files_gone(error: FailureError) -> list[tuple[str, int]]:
    """Return document id and index of each file that a seal did not find in the archive."""
    cause = _cause(error)
    if not isinstance(cause, ApplicationError) or cause.type != FILES_GONE:
        return []
    return [(document_id, index) for document_id, index in cause.details]


def is_final(error: FailureError) -> bool:
    """Tell if another attempt would change nothing."""
    cause = _cause(error)
    return isinstance(cause, ApplicationError) and cause.non_retryable


def is_occupied(error: FailureError) -> bool:
    """Tell if a start failed because a recording of this kind runs in the call already."""
    return _type(error) == OCCUPIED


def reason(error: FailureError) -> str:
    """Say in a sentence why an activity failed: its last own error, not the engine's wrapping."""
    cause = _cause(error)
    if isinstance(cause, ActivityTimeout):
        last = cause.cause
        if isinstance(last, ApplicationError):
            return last.message
        if cause.type is TimeoutType.SCHEDULE_TO_CLOSE:
            return "it was not done within the time allowed for it"
        return "a worker gave no sign of life"
    if isinstance(cause, ApplicationError):
        return cause.message
    return str(cause or error)


def problem(error: FailureError) -> tuple[str, Cause | None]:
    """Say in a sentence why an activity failed, and return the cause if its last error has one."""
    return reason(error), _cause_told(error)


def is_archives_fault(error: FailureError) -> bool:
    """Tell if an activity failed because an archive could not be used."""
    return _told(error).get("fault") == "archive"


def _cause_told(error: FailureError) -> Cause | None:
    failure = _cause(error)
    if isinstance(failure, ActivityTimeout) and failure.cause is None:
        return Cause.NO_ANSWER
    # A later version may know other causes.
    return next((cause for cause in Cause if cause == _told(error).get("cause")), None)


def _told(error: FailureError) -> dict[str, Any]:
    """Return what `activities.translate` tells of an activity's last error."""
    failure = _cause(error)
    if isinstance(failure, ActivityTimeout):
        failure = failure.cause
    told = failure.details if isinstance(failure, ApplicationError) else ()
    return next((each for each in told if isinstance(each, dict)), {})


def _type(error: FailureError) -> str | None:
    cause = _cause(error)
    return cause.type if isinstance(cause, ApplicationError) else None


def _cause(error: FailureError) -> BaseException | None:
    return error.cause if isinstance(error, ActivityError) else error
