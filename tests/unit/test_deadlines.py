"""When a file may be gone: always the earliest defensible instant."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from callvault.contracts.events import ends_recording
from workflows.call import deadlines

from .call import NOON, chunk, event, more

HOUR = timedelta(hours=1)
YEAR_ONE = datetime(1, 1, 1, tzinfo=UTC)


def test_without_any_other_time_a_file_is_as_old_as_its_event() -> None:
    assert deadlines.retention_starts_at(event(chunk(), at=NOON), chunk(), NOON + 5 * HOUR) == NOON


def test_the_time_of_receipt_never_makes_a_file_younger() -> None:
    first = deadlines.retention_starts_at(event(chunk(), at=NOON), chunk(), NOON + HOUR)
    late = deadlines.retention_starts_at(event(chunk(), at=NOON), chunk(), NOON + 40 * HOUR)
    assert first == late == NOON


def test_a_clock_that_runs_ahead_gains_no_time() -> None:
    assert deadlines.retention_starts_at(event(chunk(), at=NOON + 9 * HOUR), chunk(), NOON) == NOON


def test_the_last_chunk_was_born_when_its_recording_ended() -> None:
    facts = {"recording_start_time": NOON - 3 * HOUR, "recording_duration_ms": 3_600_000}
    assert deadlines.retention_starts_at(event(chunk(), **facts), chunk(), NOON) == NOON - 2 * HOUR


def test_of_an_earlier_chunk_only_the_beginning_of_the_recording_is_sure() -> None:
    facts = {"recording_start_time": NOON - 3 * HOUR, "recording_duration_ms": 3_600_000}
    assert deadlines.retention_starts_at(event(more(), **facts), more(), NOON) == NOON - 3 * HOUR


def test_without_a_duration_only_the_beginning_of_the_recording_is_sure() -> None:
    told = event(chunk(), recording_start_time=NOON - 3 * HOUR)
    assert deadlines.retention_starts_at(told, chunk(), NOON) == NOON - 3 * HOUR


def test_a_recording_that_claims_to_end_after_its_event_gains_no_time() -> None:
    facts = {"recording_start_time": NOON - HOUR, "recording_duration_ms": 10 * 3_600_000}
    assert deadlines.retention_starts_at(event(chunk(), **facts), chunk(), NOON + HOUR) == NOON


def test_year_one_is_no_time() -> None:
    told = event(chunk(), at=YEAR_ONE, recording_start_time=YEAR_ONE, recording_duration_ms=1)
    assert deadlines.retention_starts_at(told, chunk(), NOON) == NOON


@pytest.mark.parametrize("duration", [1e15, 1e300, float("inf")])
def test_an_absurd_duration_is_none_so_only_the_beginning_is_sure(duration: float) -> None:
    """D6: such a number is left out of the event, and the deadline is the earliest that may be."""
    facts = {"recording_start_time": NOON - HOUR, "recording_duration_ms": duration}
    assert deadlines.retention_starts_at(event(chunk(), **facts), chunk(), NOON) == NOON - HOUR


@settings(max_examples=200, derandomize=True, database=None)
@given(
    at=st.datetimes(timezones=st.just(UTC)),
    started=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    duration=st.one_of(st.none(), st.floats(min_value=0, allow_nan=False)),
    received=st.datetimes(datetime(2024, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_a_file_is_never_younger_than_its_receipt_and_nothing_overflows(
    at: datetime, started: datetime | None, duration: float | None, received: datetime
) -> None:
    told = event(chunk(), at=at, recording_start_time=started, recording_duration_ms=duration)
    born = deadlines.retention_starts_at(told, chunk(), received)
    assert datetime(2020, 1, 1, tzinfo=UTC) <= born <= received
    assert at.year < 2020 or born <= at


@pytest.mark.parametrize(
    ("reason", "ends"),
    [
        ("SessionEnded", True),
        ("sessionEnded", True),
        ("SomethingNew", True),
        ("", True),
        ("ChunkMaximumSizeExceeded", False),
        ("chunkMaximumTimeExceeded", False),
        ("ChunkUploadFailure", False),
        ("ChunkIsBeingRecorded", False),
    ],
)
def test_every_reason_ends_a_recording_save_those_known_not_to(reason: str, ends: bool) -> None:
    assert ends_recording(reason) is ends


def test_what_is_being_recorded_is_no_file_yet() -> None:
    assert not chunk(reason="chunkIsBeingRecorded").is_written
    assert chunk(reason="ChunkUploadFailure").is_written


def test_the_less_time_is_left_the_sooner_a_file_is_exported() -> None:
    second = timedelta(seconds=1)
    keys = [deadlines.priority(left) for left in (48 * HOUR, 36 * HOUR + second, 36 * HOUR)]
    assert keys == [5, 5, 4]
    near = (12 * HOUR + second, 12 * HOUR, 4 * HOUR, HOUR + second, HOUR, second, -HOUR)
    assert [deadlines.priority(left) for left in near] == [4, 3, 2, 2, 1, 1, 1]


def test_a_file_is_exported_anew_whenever_its_priority_changes_and_at_no_other_time() -> None:
    now, deadline, moments = NOON, NOON + 48 * HOUR, []
    while now < deadline:
        now = deadlines.next_priority_at(deadline, now)
        moments.append((deadline - now) / HOUR)
    assert moments == [36, 12, 4, 1, 0]
    assert deadlines.next_priority_at(deadline, deadline) == deadline


@given(st.timedeltas(max_value=timedelta(days=40)), st.timedeltas(max_value=timedelta(days=40)))
def test_no_file_goes_before_one_that_is_deleted_sooner(one: timedelta, other: timedelta) -> None:
    """Whatever their windows are: the time left decides alone."""
    sooner, later = sorted((one, other))
    assert deadlines.priority(sooner) <= deadlines.priority(later)
