"""Deadlines: how old a file is at most, and how urgent that makes it, at each boundary."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.policies import a_policy
from tests.unit.call import chunk, event, more
from workflows.call import deadlines
from workflows.call.deadlines import LAST_CHANCE_TIMEOUT, MIN_LAST_CHANCE_TIMEOUT

from .facts import at, at_or_none, seconds

HOUR = timedelta(hours=1)
DAY = a_policy(export_window=24 * HOUR, escalation_schedule=())
SENTINEL = datetime(1, 1, 1, tzinfo=UTC)
"""The time that the service writes where it knows none."""


@pytest.mark.parametrize(
    ("told", "received", "notified"), [(5, 9, 5), (9, 9, 9), (12, 9, 9), (None, 9, 9)]
)
def test_a_file_is_told_of_by_the_events_own_time_and_no_later_than_it_came(
    told: float | None, received: float, notified: float
) -> None:
    said = event(chunk(), at=SENTINEL if told is None else at(told))
    assert seconds(deadlines.notified_at(said, at(received))) == notified


@pytest.mark.parametrize(
    ("file", "started", "lasted_ms", "starts"),
    [
        (chunk(), None, 60_000, 100),
        (chunk(), 10, None, 10),
        (chunk(), 10, 60_000, 70),
        (chunk(), 10, 90_000, 100),
        (chunk(), 10, 95_000, 100),
        (chunk(), 10, 1e11, 100),
        (more(), 10, 60_000, 10),
        (chunk(), 150, None, 100),
    ],
)
def test_a_file_is_as_old_as_it_can_be(
    file, started: float | None, lasted_ms: float | None, starts: float
) -> None:
    told = {"recording_duration_ms": lasted_ms, "recording_start_time": at_or_none(started)}
    said = event(file, at=at(100), **{k: v for k, v in told.items() if v is not None})
    assert seconds(deadlines.retention_starts_at(said, file, at(110))) == starts


def test_a_last_part_that_certainly_lasted_until_its_receipt_is_no_older_than_that() -> None:
    said = event(chunk(), at=at(100), recording_start_time=at(10), recording_duration_ms=99_000)
    assert seconds(deadlines.retention_starts_at(said, chunk(), at(99))) == 99


def test_a_beginning_at_the_end_of_the_calendar_makes_a_file_no_younger() -> None:
    end = datetime.max.replace(tzinfo=UTC)
    said = event(chunk(), at=at(100), recording_start_time=end, recording_duration_ms=1e11)
    assert seconds(deadlines.retention_starts_at(said, chunk(), at(110))) == 100


@pytest.mark.parametrize(
    ("window", "chance"),
    [
        (timedelta(), MIN_LAST_CHANCE_TIMEOUT),
        (timedelta(minutes=4), timedelta(minutes=4)),
        (timedelta(minutes=10), LAST_CHANCE_TIMEOUT),
        (HOUR, LAST_CHANCE_TIMEOUT),
    ],
)
def test_a_last_chance_is_as_long_as_the_window_within_bounds(
    window: timedelta, chance: timedelta
) -> None:
    assert deadlines.last_chance_timeout(window) == chance


@pytest.mark.parametrize(
    ("hours", "severity"), [(5.99, "warning"), (6, "error"), (17.99, "error"), (18, "critical")]
)
def test_a_file_is_critical_from_its_windows_last_quarter_on_and_no_warning_after_the_first(
    hours: float, severity: str
) -> None:
    assert deadlines.severity(DAY, hours * HOUR) == severity


def test_the_steps_of_the_escalation_are_parts_of_the_window_or_the_settings_own_in_order() -> None:
    expected = [part / 2 for part in (1, 6, 12, 20, 36, 44, 47)]
    assert [age / HOUR for age in deadlines.escalation_ages(DAY)] == pytest.approx(expected)
    own = a_policy(escalation_schedule=(2 * HOUR, HOUR))
    assert deadlines.escalation_ages(own) == (HOUR, 2 * HOUR)


@pytest.mark.parametrize(
    ("left", "priority"),
    [(36.01, 5), (36, 4), (12.01, 4), (12, 3), (4.01, 3), (4, 2), (1.01, 2), (1, 1), (-1, 1)],
)
def test_an_export_is_the_more_urgent_the_less_time_is_left_for_it(
    left: float, priority: int
) -> None:
    assert deadlines.priority(left * HOUR) == priority


@pytest.mark.parametrize(("left", "then"), [(48, 36), (36, 12), (12.5, 12), (1.5, 1), (1, 0)])
def test_an_export_gets_a_higher_priority_at_the_next_step_or_its_file_may_be_gone(
    left: float, then: float
) -> None:
    deadline = at(10 * 24 * 3600)
    now = deadline - left * HOUR
    assert deadlines.next_priority_at(deadline, now) == deadline - then * HOUR


@pytest.mark.parametrize(
    ("fallback", "after", "age"),
    [(None, None, None), (None, HOUR, None), ("other", None, 12 * HOUR), ("other", HOUR, HOUR)],
)
def test_the_fallback_is_for_files_as_old_as_the_settings_say_or_half_the_window(
    fallback: str | None, after: timedelta | None, age: timedelta | None
) -> None:
    policy = a_policy(export_window=24 * HOUR, fallback_archive=fallback, fallback_after=after)
    assert deadlines.fallback_age(policy) == age


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.9, "0 min"), (59, "59 min"), (60, "1 h 0 min"), (61.5, "1 h 1 min"), (1500, "25 h 0 min")],
)
def test_a_span_is_said_in_hours_from_the_first_hour_on(minutes: float, words: str) -> None:
    assert deadlines.in_words(timedelta(minutes=minutes)) == words
