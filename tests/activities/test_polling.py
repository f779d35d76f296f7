"""Inquiries of the real client to the emulator: what is an answer, what is tried again?"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.clock import ServerTime
from activities.polling import PollingActivities
from callvault.contracts.activity_io import (
    ControlResult,
    PolledResult,
    PollProgress,
    PollResultInput,
    PollStateInput,
)
from callvault.emulator.server import RunningEmulator, running
from callvault.emulator.settings import EmulatorSettings
from tests.activities.emulated_call import Call

DELAY = timedelta(seconds=1)


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running(EmulatorSettings(start_delay=DELAY, event_delay=timedelta(0))) as emulator:
        yield emulator


@pytest.fixture
def call(emulator: RunningEmulator) -> Iterator[Call]:
    call = Call(emulator)
    yield call
    call.close()


def poll_result(call: Call, *known: str) -> PolledResult:
    activities = PollingActivities(lambda _: call.client, ServerTime())
    input = PollResultInput(**call.input, known=known)
    told: PolledResult = ActivityEnvironment().run(activities.poll_result, input)
    return told


def poll_state(
    call: Call,
    attempt: int,
    noted: PollProgress | None = None,
    expected: Literal["active", "inactive"] = "active",
    proves_from: datetime | None = None,
) -> tuple[ControlResult | ApplicationError, list[PollProgress]]:
    """One attempt: how it ended, and what it noted for the next one."""
    environment = ActivityEnvironment()
    details = [noted] if noted else []
    environment.info = replace(environment.info, attempt=attempt, heartbeat_details=details)
    notes: list[PollProgress] = []
    environment.on_heartbeat = lambda *found: notes.extend(found)
    activities = PollingActivities(lambda _: call.client, ServerTime())
    try:
        outcome = environment.run(
            activities.poll_state,
            PollStateInput(**call.input, expected=expected, proves_from=proves_from),
        )
    except ApplicationError as error:
        return error, notes
    return outcome, notes


def test_the_result_tells_of_the_file_as_an_event_would(call: Call) -> None:
    with pytest.raises(ApplicationError, match="no further file yet") as nothing_yet:
        poll_result(call)
    assert nothing_yet.value.type == "NotReady"
    file = call.ends()

    told = poll_result(call)

    (chunk,) = told.files.chunks
    assert chunk.document_id == file["documentId"]
    assert chunk.content_location == file["contentLocation"]
    assert told.files.recording_id == call.recording_id
    assert told.files.recording_duration_ms == file["durationMs"]
    assert told.files.session_end_reason == "callEnded"
    assert told.expires_at is not None
    assert told.expires_at > told.files.event_time
    with pytest.raises(ApplicationError, match="no further file yet"):
        poll_result(call, chunk.document_id)


def test_a_result_that_acs_denies_is_asked_for_again_as_soon_as_one_that_is_not_there_yet(
    call: Call,
) -> None:
    call.recording_id = f"{call.recording_id}-unknown"
    with pytest.raises(ApplicationError, match="8522") as denied:
        poll_result(call)
    assert denied.value.type == "NotReady"
    assert denied.value.next_retry_delay is None
    assert not denied.value.non_retryable


def test_just_after_a_pause_nothing_is_asked(call: Call) -> None:
    first, _ = poll_state(call, attempt=1, expected="inactive")
    assert isinstance(first, ApplicationError)
    assert "only begun" in str(first)


def test_acs_is_asked_until_it_denies_the_recording_twice(call: Call) -> None:
    call.client.stop(call.recording_id, call.server_call_id)
    second, (noted,) = poll_state(call, attempt=1)
    assert isinstance(second, ApplicationError)
    assert second.next_retry_delay == timedelta(minutes=1)
    assert noted.gone_since is not None

    long_ago = PollProgress(gone_since=noted.gone_since - timedelta(minutes=1))
    third, _ = poll_state(call, attempt=3, noted=long_ago)
    assert isinstance(third, ControlResult)
    assert third.state == "gone"


def test_a_recording_that_is_seen_again_was_never_gone(call: Call) -> None:
    denied = PollProgress(gone_since=datetime.now(UTC) - timedelta(days=1))
    call.becomes("active")
    outcome, notes = poll_state(call, attempt=3, noted=denied)
    assert isinstance(outcome, ApplicationError)
    assert notes == [PollProgress()]


def test_g5_a_state_that_is_not_expected_is_told_with_the_last_one_that_was(call: Call) -> None:
    """It was thrown away: the poll looked for a 404 alone."""
    call.becomes("active")
    call.client.pause(call.recording_id, call.server_call_id)
    silent, (noted,) = poll_state(call, attempt=2, expected="inactive")
    assert isinstance(silent, ApplicationError)
    assert noted.inactive_at is not None
    call.client.resume(call.recording_id, call.server_call_id)
    told, _ = poll_state(call, attempt=3, noted=noted, expected="inactive")
    assert isinstance(told, ControlResult)
    assert (told.state, told.inactive_at) == ("active", noted.inactive_at)


@pytest.mark.parametrize(("seconds", "is_proof"), [(-60, True), (0.4, False), (60, False)])
def test_a_reading_is_told_that_proves_silence_and_asked_for_as_soon_as_one_can(
    call: Call, seconds: float, is_proof: bool
) -> None:
    call.becomes("active")
    call.client.pause(call.recording_id, call.server_call_id)
    proves_from = STARTED + timedelta(seconds=seconds)
    told, _ = poll_state(call, attempt=2, expected="inactive", proves_from=proves_from)
    if is_proof:
        assert isinstance(told, ControlResult)
        assert told.state == "inactive"
        return
    assert isinstance(told, ApplicationError)
    assert told.next_retry_delay is not None
    assert told.next_retry_delay <= timedelta(seconds=min(seconds, 2))


STARTED = ActivityEnvironment().info.started_time
"""The server's time, as an environment without a server tells it."""
