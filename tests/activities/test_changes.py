"""Is a change taken for made only once ACS was seen to have made it?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.control import EFFECT_TIMEOUT, MAY_HAVE_BEGUN, ControlActivities
from callvault.contracts.activity_io import (
    ACS_TIMEOUT,
    ControlProgress,
    ControlResult,
    RecordingInput,
    StartInput,
)
from callvault.errors import (
    AlreadyRecording,
    CallvaultError,
    InvalidRequest,
    NotReady,
    RecordingNotFound,
    Unavailable,
)
from tests.policies import a_policy

INPUT = RecordingInput(resource="default", server_call_id="call-1", recording_id="recording-1")


class Client:
    """ACS, which accepts everything, and answers readings in this order."""

    def __init__(self, *readings: str | CallvaultError) -> None:
        self._readings = list(readings)

    def get_state(self, *of: str) -> SimpleNamespace:
        reading = self._readings.pop(0)
        if isinstance(reading, CallvaultError):
            raise reading
        return SimpleNamespace(recording_state=reading)

    def stop(self, *of: str) -> None:
        """Accept."""

    resume = stop


def changes(operation: str, client: Client, *told: ControlProgress) -> ControlResult:
    """Return what an attempt at a change comes to, after what earlier ones have told."""
    environment = ActivityEnvironment()
    now = datetime.now(UTC)
    environment.info = replace(
        environment.info,
        heartbeat_details=list(told),
        scheduled_time=now,
        current_attempt_scheduled_time=now,
        started_time=now,
    )
    control: Any = ControlActivities(lambda _: client, _none, _none)  # type: ignore[arg-type]
    result: ControlResult = environment.run(getattr(control, operation), INPUT)
    return result


def _none(name: str) -> Any:
    raise AssertionError(name)


START = StartInput(
    resource="default",
    server_call_id="call-1",
    callback_uri="https://gateway/1",
    recording_content_type="audio",
    recording_channel_type="mixed",
    recording_format_type="wav",
    pause_on_start=False,
    repeatability_request_id="1",
    repeatability_first_sent=datetime(2026, 3, 2, tzinfo=UTC),
)


class RefusingClient:
    """ACS, which answers a start with this error."""

    def __init__(self, error: CallvaultError) -> None:
        self._error = error

    def start(self, *of: Any) -> None:
        raise self._error


def starts(
    error: CallvaultError, attempt: int, *told: ControlProgress
) -> ControlProgress | tuple[str, ...]:
    """Make an attempt at a start, which fails; return what the next one is told.

    If none follows, return the details of the refusal.
    """
    environment = ActivityEnvironment()
    now = datetime.now(UTC)
    environment.info = replace(
        environment.info,
        attempt=attempt,
        heartbeat_details=list(told),
        current_attempt_scheduled_time=now,
        started_time=now,
    )
    notes: list[ControlProgress] = []
    environment.on_heartbeat = notes.append
    client: Any = RefusingClient(error)
    control: Any = ControlActivities(lambda _: client, lambda _: a_policy(), _none)
    with pytest.raises(ApplicationError) as raised:
        environment.run(control.start_recording, START)
    return tuple(raised.value.details) if raised.value.non_retryable else notes[-1]


def test_a_start_that_is_refused_at_once_has_begun_nothing() -> None:
    assert starts(InvalidRequest("403"), 1) == ()


def test_a_refusal_is_not_believed_while_an_earlier_attempt_at_the_start_may_arrive() -> None:
    """It would begin a recording of which Callvault had said that it failed to start."""
    lost = starts(Unavailable("no answer"), 1)
    assert isinstance(lost, ControlProgress)
    refused = starts(InvalidRequest("403"), 2, lost)
    assert refused == lost, "and it does not wait for ever"
    long_ago = ControlProgress(unanswered_at=datetime.now(UTC) - ACS_TIMEOUT)
    assert starts(InvalidRequest("403"), 3, long_ago) == (MAY_HAVE_BEGUN,)
    assert starts(InvalidRequest("403"), 2) != (), "a worker died before it could tell"
    answered = starts(NotReady("412"), 1)
    assert answered == ControlProgress()
    assert starts(InvalidRequest("403"), 2, answered) == ()


def test_a_recording_in_the_way_tells_nothing_while_an_earlier_attempt_may_arrive() -> None:
    """The attempt began a recording after the answer, and nobody was told that it recorded."""
    lost = starts(Unavailable("no answer"), 1)
    assert isinstance(lost, ControlProgress)
    assert starts(AlreadyRecording("8553"), 2, lost) == lost
    long_ago = ControlProgress(unanswered_at=datetime.now(UTC) - ACS_TIMEOUT)
    assert starts(AlreadyRecording("8553"), 3, long_ago) == (MAY_HAVE_BEGUN,)
    assert starts(AlreadyRecording("8553"), 1) == ()


class GoneClient(Client):
    """ACS, which does not know the recording any more."""

    def resume(self, *of: str) -> None:
        raise RecordingNotFound("no such recording")


def test_an_end_tells_of_an_earlier_attempt_that_may_have_come_through() -> None:
    asked_at = datetime.now(UTC)
    gone = changes("resume_recording", GoneClient(), ControlProgress(unanswered_at=asked_at))
    assert (gone.state, gone.unanswered_at) == ("gone", asked_at)


def test_of_two_resumes_that_were_accepted_one_may_still_take_effect() -> None:
    accepted_at = datetime.now(UTC) - 2 * EFFECT_TIMEOUT
    before = ControlProgress(accepted_at=accepted_at)
    again = changes("resume_recording", Client("inactive", "active"), before)
    assert again.state == "active"
    assert again.unanswered_at is not None
    assert again.unanswered_at > accepted_at + timedelta(seconds=1)
    assert changes("resume_recording", Client("active"), before).unanswered_at is None


@pytest.mark.parametrize("state", ["active", "inactive"])
def test_a_stop_is_not_confirmed_while_acs_knows_the_recording(state: str) -> None:
    with pytest.raises(ApplicationError, match=state):
        changes("stop_recording", Client(state))


def test_a_reading_that_fails_holds_up_no_stop() -> None:
    for reading in (Unavailable("503"), RecordingNotFound("404")):
        stopped = changes("stop_recording", Client(reading))
        assert (stopped.state, stopped.accepted_at is not None) == ("inactive", True)
