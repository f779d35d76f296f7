"""Errors of activities: what each is known for, whatever Temporal wrapped it in."""

from typing import Any

import pytest
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    RetryState,
    ServerError,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as ActivityTimeout

from activities.control import MAY_HAVE_BEGUN, OCCUPIED
from activities.export import ARCHIVE_REFUSED, NOT_ARCHIVED
from activities.translate import ERASED, FILES_GONE
from callvault.causes import Cause, tag
from callvault.contracts import names
from workflows import activity_errors as errors

FILE = ["d1", 0]


def own(
    kind: str = "Other", *details: Any, message: str = "no", final: bool = False
) -> ApplicationError:
    return ApplicationError(message, *details, type=kind, non_retryable=final)


def of_activity(cause: BaseException | None) -> ActivityError:
    """Wrap a failure as Temporal does."""
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker",
        activity_type="export",
        activity_id="1",
        retry_state=RetryState.TIMEOUT,
    )
    error.__cause__ = cause
    return error


def timed_out(
    last: BaseException | None = None, kind: TimeoutType = TimeoutType.SCHEDULE_TO_CLOSE
) -> ActivityTimeout:
    error = ActivityTimeout("activity timeout", type=kind, last_heartbeat_details=[])
    error.__cause__ = last
    return error


def cut(last: BaseException) -> ServerError:
    error = ServerError(names.CUT_FAILURE)
    error.__cause__ = last
    return error


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (errors.gave_up_archive, ARCHIVE_REFUSED),
        (errors.is_not_archived, NOT_ARCHIVED),
        (errors.was_erased, ERASED),
        (errors.is_gone, FILES_GONE),
        (errors.is_occupied, OCCUPIED),
    ],
)
def test_an_error_is_known_by_its_type_wrapped_or_not(told: Any, kind: str) -> None:
    assert told(own(kind))
    assert told(of_activity(own(kind)))
    assert not told(own("Other"))
    assert not told(of_activity(timed_out(own(kind)))), "the last attempt was not the end"
    assert not told(CancelledError(kind))


def test_a_start_may_have_begun_if_its_refusal_says_so_in_its_details() -> None:
    assert errors.may_have_begun(of_activity(own("Other", MAY_HAVE_BEGUN)))
    assert errors.may_have_begun(own("Other", 1, MAY_HAVE_BEGUN))
    assert not errors.may_have_begun(own("Other", message=MAY_HAVE_BEGUN))
    assert not errors.may_have_begun(of_activity(timed_out()))


@pytest.mark.parametrize(
    ("told", "kind"), [(errors.files_gone, FILES_GONE), (errors.files_erased, ERASED)]
)
def test_the_files_that_an_error_names_are_those_of_its_own_type(told: Any, kind: str) -> None:
    assert told(of_activity(own(kind, FILE, ["d2", 1]))) == [("d1", 0), ("d2", 1)]
    assert told(own("Other", FILE)) == []
    assert told(of_activity(timed_out())) == []


@pytest.mark.parametrize(
    ("error", "is_final"),
    [
        (own(final=True), True),
        (of_activity(own(final=True)), True),
        (own(), False),
        (of_activity(timed_out(own(final=True))), False),
        (CancelledError("no"), False),
    ],
)
def test_only_what_says_so_of_itself_is_not_worth_another_attempt(
    error: FailureError, is_final: bool
) -> None:
    assert errors.is_final(error) is is_final


LATE = "it was not done within the time allowed for it"
NO_SIGN = "a worker gave no sign of life"
BLAMED = "away" + tag("archive", Cause.STORAGE)


@pytest.mark.parametrize(
    ("error", "reason", "cause", "is_archives"),
    [
        (own(message="no licence"), "no licence", None, False),
        (of_activity(own(message=BLAMED)), BLAMED, Cause.STORAGE, True),
        (of_activity(own(message="no" + tag("service", Cause.KEY))), None, Cause.KEY, False),
        (of_activity(timed_out()), LATE, Cause.NO_ANSWER, False),
        (of_activity(timed_out(kind=TimeoutType.HEARTBEAT)), NO_SIGN, Cause.NO_ANSWER, False),
        (of_activity(timed_out(own(message=BLAMED))), BLAMED, Cause.STORAGE, True),
        (of_activity(timed_out(cut(own(message=BLAMED)))), BLAMED, Cause.STORAGE, True),
        (of_activity(timed_out(ServerError("odd"))), LATE, None, False),
        (of_activity(cut(own(message=BLAMED))), BLAMED, Cause.STORAGE, True),
        (of_activity(CancelledError("called off")), "called off", None, False),
        (of_activity(None), "Activity task failed", None, False),
    ],
)
def test_why_an_activity_failed_is_said_by_its_last_own_error(
    error: FailureError, reason: str | None, cause: Cause | None, is_archives: bool
) -> None:
    if reason is not None:
        assert errors.reason(error) == reason
    assert errors.problem(error) == (errors.reason(error), cause)
    assert errors.is_archives_fault(error) is is_archives
