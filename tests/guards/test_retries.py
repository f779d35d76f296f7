"""Every retry policy, bound and time-out has the value that was decided, and a reason for it."""

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as ActivityTimeout

from tests.decisions.test_activity_errors import of_activity
from workflows import activity_errors, activity_options
from workflows.call.deadlines import HEARTBEAT_TIMEOUT

from .bounds import in_source, table, value

S, M, H = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
EVER = None
"""No schedule-to-close time-out: it is tried until the workflow calls it off."""

# Activity, what makes its options, time for all attempts and for one, retries (first and longest
# interval in seconds, coefficient), and the reason.
OPTIONS: list[tuple[str, dict[str, Any], timedelta | None, timedelta, tuple[Any, ...], str]] = [
    ("control", {}, EVER, 30 * S, (0.5, 3, 2), "a pause is asked until ACS answers: soon, always"),
    ("recall", {}, 2 * M, 30 * S, (0.5, 3, 2), "a reset run must not wait for ever for another"),
    ("start", {}, 10 * M, 30 * S, (0.5, 3, 2), "a call may still be connecting; then it is told"),
    ("confirm", {}, 2 * M, 30 * S, (0.5, None, 1.5), "who asked waits; later polls go on"),
    ("export", {"priority": 3}, EVER, 12 * H, (1, 900, 2), "never given up within its window"),
    ("last_chance_export", {"timeout": M}, M, 12 * H, (1, 60, 2), "minutes are left: often"),
    ("seal", {}, 48 * H, 30 * M, (1, 900, 2), "the files are safe: there is time, and an alarm"),
    ("find_sealed", {}, EVER, 30 * M, (1, 900, 2), "nothing is told as lost before it answers"),
    ("legal_hold", {}, EVER, 30 * M, (1, 900, 2), "a hold that was taken down is written"),
    ("erase", {}, EVER, 6 * H, (1, 900, 2), "an erasure that was begun comes to its end"),
    ("delete_source", {}, H, 30 * S, (1, 60, 2), "the service deletes its copy by itself"),
    ("alarm", {"timeout": 24 * H}, 24 * H, 30 * S, (1, 300, 2), "ever louder, for its whole day"),
    ("group_alarm", {}, 24 * H, 15 * S, (1, 300, 2), "as an alarm; the webhook has ten seconds"),
    ("poll_silence", {}, EVER, 30 * S, (1, 60, 2), "silence is proven by readings alone"),
    ("poll_state", {"interval": 10 * S}, EVER, 30 * S, (10, 40, 1.5), "as long as it records"),
    ("poll_result", {}, EVER, 30 * S, (30, 1800, 2), "until the workflow calls it off"),
    ("signal_times", {}, 2 * M, 10 * S, (1, 10, 2), "then signals count from when they were seen"),
    ("sweep", {}, H, H, (1, 300, 2), "the next sweep does what is left"),
    ("event_delivery", {}, 15 * S, 12 * S, (1, None, 2), "a result waits for it no longer"),
    (
        "late_event_delivery",
        {"within": 24 * H},
        24 * H,
        12 * S,
        (5, 900, 2),
        "a receiver may be away for a day",
    ),
    ("event_hand_over", {}, EVER, 10 * S, (1, 30, 2), "nothing is forgotten once Temporal has it"),
    ("announcement", {"timeout": 20 * S}, 20 * S, 20 * S, (0.5, 3, 2), "people are waiting"),
]


@pytest.mark.parametrize(
    ("name", "arguments", "in_all", "one", "retry", "why"), OPTIONS, ids=[o[0] for o in OPTIONS]
)
def test_an_activity_is_tried_as_long_and_as_often_as_its_reason_asks(
    name: str,
    arguments: dict[str, Any],
    in_all: timedelta | None,
    one: timedelta,
    retry: tuple[Any, ...],
    why: str,
) -> None:
    options = made(getattr(activity_options, name), arguments)
    assert options.get("schedule_to_close_timeout") == in_all, why
    assert options["start_to_close_timeout"] == one, why
    assert facts(options["retry_policy"]) == retry, why


def made(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Make options; texts are the same for all."""
    texts = {"summary": "what for", "resource": "default"}
    wanted = inspect.signature(function).parameters
    known = {name: text for name, text in texts.items() if name in wanted}
    options: dict[str, Any] = function(**known, **arguments)
    return options


def facts(retry: RetryPolicy) -> tuple[float, float | None, float]:
    longest = retry.maximum_interval
    return (
        retry.initial_interval.total_seconds(),
        longest.total_seconds() if longest else None,
        retry.backoff_coefficient,
    )


def test_i4_only_a_quick_attempt_is_given_up_after_a_number_of_attempts() -> None:
    for name, arguments, *_, why in OPTIONS:
        retry = made(getattr(activity_options, name), arguments)["retry_policy"]
        assert retry.maximum_attempts == 0, f"{name}: {why}"
        assert not retry.non_retryable_error_types, f"{name}: the error itself says if it is final"
    assert activity_options.RECONCILE["retry_policy"].maximum_attempts == 0
    assert activity_options.CHECKPOINTS["retry_policy"].maximum_attempts == 0
    quick = activity_options.quick(activity_options.control("pause"))
    assert quick["retry_policy"].maximum_attempts == 1, "an activity with patience takes over"
    for timeout in ("start_to_close_timeout", "schedule_to_close_timeout"):
        assert quick[timeout] == 4 * S, "a pause is to be confirmed within 5 s"


def test_the_tables_name_every_activity() -> None:
    functions = {
        name
        for name, found in inspect.getmembers(activity_options, inspect.isfunction)
        if found.__module__ == activity_options.__name__
    }
    assert functions == {name for name, *_ in OPTIONS} | {"quick"}


def test_the_long_activities_without_a_table_of_their_own_end_in_time() -> None:
    assert activity_options.RECONCILE["start_to_close_timeout"] == 12 * H
    assert activity_options.RECONCILE["schedule_to_close_timeout"] == 20 * H, (
        "daily: before the next"
    )
    assert activity_options.RECONCILE["heartbeat_timeout"] == HEARTBEAT_TIMEOUT
    checkpoints = activity_options.CHECKPOINTS
    assert checkpoints["schedule_to_close_timeout"] == 30 * M, "hourly: before the next round"
    assert checkpoints["heartbeat_timeout"] == HEARTBEAT_TIMEOUT
    assert activity_options.BEGIN["start_to_close_timeout"] == 5 * S


def test_every_bound_stands_in_the_table_with_a_reason() -> None:
    known = table()
    assert set(in_source()) == set(known), "add a line with its reason to tests/guards/bounds.txt"
    assert not [name for name, bound in known.items() if len(bound.reason) < 10]


@pytest.mark.parametrize("name", table())
def test_a_bound_is_what_its_reason_asks_for(name: str) -> None:
    expected = table()[name]
    assert value(name) == expected.value, f"its reason was: {expected.reason}"


def timed_out(kind: TimeoutType, last: Exception | None = None) -> ActivityError:
    error = ActivityTimeout("timed out", type=kind, last_heartbeat_details=[])
    error.__cause__ = last
    return of_activity(error)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (of_activity(ApplicationError("the archive is full")), "the archive is full"),
        (
            timed_out(TimeoutType.SCHEDULE_TO_CLOSE, ApplicationError("the last one")),
            "the last one",
        ),
        (
            timed_out(TimeoutType.SCHEDULE_TO_CLOSE),
            "it was not done within the time allowed for it",
        ),
        (timed_out(TimeoutType.HEARTBEAT), "a worker gave no sign of life"),
        (of_activity(None), "Activity task failed"),
    ],
)
def test_a_failure_is_told_by_its_own_last_error(error: FailureError, said: str) -> None:
    assert activity_errors.reason(error) == said


@pytest.mark.parametrize("kind", ["ArchiveRefused", "FilesGone", "Occupied", "ContentGone"])
@pytest.mark.parametrize("is_final", [True, False])
def test_a_failure_is_known_by_its_type_and_finality(kind: str, is_final: bool) -> None:
    types = {
        "ArchiveRefused": activity_errors.ARCHIVE_REFUSED,
        "FilesGone": activity_errors.FILES_GONE,
        "Occupied": activity_errors.OCCUPIED,
    }
    cause = ApplicationError(
        "said", ["document", 3], type=types.get(kind, kind), non_retryable=is_final
    )
    for error in (of_activity(cause), cause):
        assert activity_errors.is_final(error) is is_final
        assert activity_errors.gave_up_archive(error) is (kind == "ArchiveRefused")
        assert activity_errors.is_occupied(error) is (kind == "Occupied")
        gone = [("document", 3)] if kind == "FilesGone" else []
        assert activity_errors.files_gone(error) == gone
    for other in (of_activity(None), timed_out(TimeoutType.HEARTBEAT)):
        assert not activity_errors.is_final(other)
        assert not activity_errors.gave_up_archive(other)
        assert activity_errors.files_gone(other) == []
