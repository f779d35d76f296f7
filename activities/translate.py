"""From Callvault's errors to Temporal's: which are worth another attempt, and after how long.

Temporal owns all retries.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from callvault.causes import tag
from callvault.contracts.base import MAX_TEXT, shorten
from callvault.errors import (
    AccessDenied,
    CallvaultError,
    ConfigurationError,
    NotReady,
    RecordingErased,
    TryAgain,
    WrongArchive,
)
from callvault.telemetry.metrics import failed_attempts

OPERATOR_FIXABLE = (AccessDenied, ConfigurationError, WrongArchive)
"""Errors that last until a person mends a key or a setting.

Such an attempt is repeated every `OPERATOR_RETRY_INTERVAL`.
"""

ERASED = RecordingErased.__name__
"""Type of the failure of what would archive something that was erased; of a seal, its details are
the document id and the index of each such file."""

FILES_GONE = "ArchivedFilesGone"
"""Type of the failure of what did not find files in the archive as they were verified; of a seal,
its details are the document id and the index of each."""

OPERATOR_RETRY_INTERVAL = timedelta(seconds=30)
PERMANENT_RETRY_INTERVAL = timedelta(minutes=5)


@contextmanager
def translated(*, retry_permanent: bool = False) -> Iterator[None]:
    """Raise Callvault's errors as Temporal's ``ApplicationError``, of the same type name.

    ``retry_permanent`` is for work that must never be given up before its deadline (an export):
    there even an error that repeating does not mend is tried again, slowly, as a person may mend
    its cause. An erasure is none to be mended.
    """
    try:
        yield
    except CallvaultError as error:
        if not isinstance(error, (NotReady, RecordingErased)):
            _count(error)
        raise to_application_error(error, retry_permanent=retry_permanent) from error


def _count(error: CallvaultError) -> None:
    if activity.in_activity():
        attributes = {"owner": error.owner, "error": type(error).__name__}
        failed_attempts(activity.metric_meter()).add(1, attributes)


def to_application_error(error: CallvaultError, *, retry_permanent: bool) -> ApplicationError:
    """Map one error; the message names its owner and what to do, within bounds."""
    is_transient = isinstance(error, TryAgain)
    delay = error.retry_after
    if isinstance(error, OPERATOR_FIXABLE):
        is_transient, delay = True, OPERATOR_RETRY_INTERVAL
    elif not is_transient and retry_permanent and not isinstance(error, RecordingErased):
        is_transient, delay = True, PERMANENT_RETRY_INTERVAL
    return ApplicationError(
        _message(error),
        *error.details,
        # The name by which workflows tell errors apart.
        type=type(error).__name__,
        non_retryable=not is_transient,
        # None leaves the interval to the retry policy of the activity.
        next_retry_delay=delay,
        category=_category(error),
    )


def _message(error: CallvaultError) -> str:
    told = tag(error.owner, error.cause)
    # A payload above the server's limit would fail the task.
    return shorten(str(error), MAX_TEXT - len(told)) + told


def _category(error: CallvaultError) -> ApplicationErrorCategory:
    # A healthy call waits for what is not there yet, and what was erased is not to come: no line
    # of the log, no failure in metrics.
    is_well = isinstance(error, (NotReady, RecordingErased))
    return ApplicationErrorCategory.BENIGN if is_well else ApplicationErrorCategory.UNSPECIFIED
