"""The errors of activities, as a workflow sees them.

An activity's class does not survive the boundary: errors are known by their ``type``.
"""

from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.control import OCCUPIED
from activities.export import ARCHIVE_REFUSED
from activities.seal import FILES_GONE
from callvault.causes import Cause

ActivityFailures = (ActivityError, ApplicationError, ActivityTimeout)
"""The ways in which an activity fails: the SDK wraps the error of an ordinary one in an
`ActivityError`, and not that of a local one."""


def gave_up_archive(error: FailureError) -> bool:
    """Tell if an export ended because its archive refused for long."""
    return _type(error) == ARCHIVE_REFUSED


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


def _cause_told(error: FailureError) -> Cause | None:
    failure = _cause(error)
    if isinstance(failure, ActivityTimeout):
        if not isinstance(failure.cause, ApplicationError):
            return Cause.NO_ANSWER
        failure = failure.cause
    # A later version may know other causes.
    told = failure.details if isinstance(failure, ApplicationError) else ()
    return next((cause for cause in Cause if cause in told), None)


def _type(error: FailureError) -> str | None:
    cause = _cause(error)
    return cause.type if isinstance(cause, ApplicationError) else None


def _cause(error: FailureError) -> BaseException | None:
    return error.cause if isinstance(error, ActivityError) else error
