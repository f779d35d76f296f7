from datetime import timedelta

import pytest

from callvault.emulator.eventgrid.retry_schedule import accepted, next_delay


def test_retries_follow_the_documented_schedule() -> None:
    seconds = [next_delay(attempts, 500) for attempts in range(1, 12)]
    documented = [10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 43_200]
    assert seconds == [timedelta(seconds=each) for each in documented]


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_some_answers_are_final(status: int) -> None:
    assert next_delay(1, status) is None


@pytest.mark.parametrize(("status", "least"), [(404, 300), (408, 120), (503, 30), (None, 10)])
def test_some_answers_are_given_more_time(status: int | None, least: int) -> None:
    assert next_delay(1, status) == timedelta(seconds=least)


def test_thirty_attempts_are_the_last() -> None:
    assert next_delay(29, 500)
    assert next_delay(30, 500) is None


def test_only_five_statuses_are_a_success() -> None:
    assert [status for status in range(100, 600) if accepted(status)] == [200, 201, 202, 203, 204]
    assert not accepted(None)
