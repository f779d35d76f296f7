"""What Temporal is told of an error."""

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from activities.translate import translated
from callvault.causes import Cause, blame_in
from callvault.errors import Unavailable
from callvault.temporal.converter import data_converter


def told_of(error: BaseException) -> Failure:
    failure = Failure()
    converter = data_converter.failure_converter
    converter.to_failure(error, data_converter.payload_converter, failure)
    return failure


@translated()
def fail() -> None:
    try:
        raise OSError(28, "No space left on device")
    except OSError as error:
        raise Unavailable("the archive is full", owner="archive", cause=Cause.FULL) from error


def test_an_error_is_one_sentence_without_stack_trace_and_chain() -> None:
    with pytest.raises(ApplicationError) as raised:
        fail()
    failure = told_of(raised.value)
    assert failure.stack_trace == ""
    assert not failure.HasField("cause")
    assert failure.application_failure_info.type == "Unavailable"
    assert failure.message.startswith("the archive is full")
    assert blame_in(failure.message) == ("archive", Cause.FULL)


def test_an_error_without_a_word_is_named_by_its_type() -> None:
    with pytest.raises(AssertionError) as raised:
        raise AssertionError
    failure = told_of(raised.value)
    assert (failure.message, failure.stack_trace) == ("AssertionError", "")


def test_the_engines_wrapping_keeps_what_is_in_it() -> None:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="seal_recording",
        activity_id="1",
        retry_state=RetryState.TIMEOUT,
    )
    error.__cause__ = ApplicationError("the archive is full", type="Unavailable")
    assert told_of(error).cause.message == "the archive is full"
