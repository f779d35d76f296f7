"""Is whose fault an activity's end was still known where Temporal has cut its last error?"""

from temporalio.api.enums.v1 import TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.converter import DataConverter
from temporalio.exceptions import ActivityError

from activities.translate import to_application_error
from callvault.causes import Cause
from callvault.contracts import names
from callvault.errors import CallvaultError, ObjectExists, Unavailable
from workflows.activity_errors import is_archives_fault, problem, reason

AWAY = Unavailable("archive main, beginning a: no answer", owner="archive", cause=Cause.NO_ANSWER)


def timed_out(error: CallvaultError | None, *, is_cut: bool = False) -> ActivityError:
    """Make the end of an activity as the server tells it: of its last error it keeps 4 KiB."""
    ended = Failure(message="Activity task timed out")
    ended.activity_failure_info.SetInParent()
    ended.cause.message = "activity ScheduleToClose timeout"
    ended.cause.timeout_failure_info.timeout_type = TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE
    if error is not None:
        own = ended.cause.cause
        if is_cut:
            own.message = names.CUT_FAILURE
            own.server_failure_info.SetInParent()
            own = own.cause
        told = to_application_error(error, retry_permanent=True)
        own.message = told.message
        own.application_failure_info.type = told.type or ""
    converter = DataConverter.default
    made = converter.failure_converter.from_failure(ended, converter.payload_converter)
    assert isinstance(made, ActivityError)
    return made


def test_the_archives_fault_is_known_though_its_error_was_cut() -> None:
    """Else a file would be told as lost that nobody could look for."""
    for is_cut in (False, True):
        error = timed_out(AWAY, is_cut=is_cut)
        assert is_archives_fault(error)
        why = "archive main, beginning a: no answer (fault: archive, cause: no_answer)"
        assert problem(error) == (why, Cause.NO_ANSWER)


def test_an_activity_that_has_no_last_error_has_none_of_an_archive() -> None:
    error = timed_out(None)
    assert not is_archives_fault(error)
    assert reason(error) == "it was not done within the time allowed for it"
    assert problem(error)[1] is Cause.NO_ANSWER


def test_whose_fault_it_is_stays_in_a_message_that_is_cut() -> None:
    error = timed_out(ObjectExists("x" * 5_000, cause=Cause.ARCHIVE), is_cut=True)
    assert is_archives_fault(error)
    assert problem(error)[1] is Cause.ARCHIVE
