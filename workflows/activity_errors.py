"""The errors of activities, as a workflow sees them.

An activity's class does not survive the boundary: errors are known by their ``type``.
"""

from temporalio.exceptions import ActivityError, ApplicationError, FailureError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.control import MAY_HAVE_BEGUN, OCCUPIED
from activities.export import ARCHIVE_REFUSED, NOT_ARCHIVED
from activities.translate import ERASED, FILES_GONE
from callvault.causes import Blame, Cause, blame_in
from callvault.contracts import names


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


def is_gone(error: FailureError) -> bool:
    """Tell if an archive was found to lack what was archived or sealed, or to hold other bytes."""
    return _type(error) == FILES_GONE


def was_erased(error: FailureError) -> bool:
    """Tell if an activity refused to archive what was erased."""
    return _type(error) == ERASED


def files_erased(error: FailureError) -> list[tuple[str, int]]:
    """Return document id and index of each file that a seal refused because it was erased."""
    cause = _cause(error)
    if not isinstance(cause, ApplicationError) or cause.type != ERASED:
        return []
    return [(document_id, index) for document_id, index in cause.details]


def is_final(error: FailureError) -> bool:
    """Tell if another attempt would change nothing."""
    cause = _cause(error)
    return isinstance(cause, ApplicationError) and cause.non_retryable


def is_occupied(error: FailureError) -> bool:
    """Tell if a start failed because a recording of this kind runs in the call already."""
    return _type(error) == OCCUPIED


def may_have_begun(error: FailureError) -> bool:
    """Tell if a start was refused after an attempt that got no answer, and may have begun."""
    cause = _cause(error)
    return isinstance(cause, ApplicationError) and MAY_HAVE_BEGUN in cause.details


def reason(error: FailureError) -> str:
    """Say in a sentence why an activity failed: its last own error, not the engine's wrapping."""
    failure, last = _cause(error), _last(error)
    if isinstance(last, ApplicationError):
        return last.message
    if isinstance(failure, ActivityTimeout):
        if failure.type is TimeoutType.SCHEDULE_TO_CLOSE:
            return "it was not done within the time allowed for it"
        return "a worker gave no sign of life"
    return str(failure or error)


def problem(error: FailureError) -> tuple[str, Cause | None]:
    """Say in a sentence why an activity failed, and return the cause if its last error has one."""
    return reason(error), _cause_told(error)


def is_archives_fault(error: FailureError) -> bool:
    """Tell if an activity failed because an archive could not be used."""
    return _blame(error).owner == "archive"


def _cause_told(error: FailureError) -> Cause | None:
    failure = _cause(error)
    if isinstance(failure, ActivityTimeout) and failure.cause is None:
        return Cause.NO_ANSWER
    return _blame(error).cause


def _blame(error: FailureError) -> Blame:
    last = _last(error)
    return blame_in(last.message) if isinstance(last, ApplicationError) else Blame()


def _last(error: FailureError) -> BaseException | None:
    """Return the last error of the activity itself."""
    failure = _cause(error)
    if isinstance(failure, ActivityTimeout):
        failure = failure.cause
    while isinstance(failure, FailureError) and failure.message == names.CUT_FAILURE:
        failure = failure.cause
    return failure


def _type(error: FailureError) -> str | None:
    cause = _cause(error)
    return cause.type if isinstance(cause, ApplicationError) else None


def _cause(error: FailureError) -> BaseException | None:
    return error.cause if isinstance(error, ActivityError) else error
