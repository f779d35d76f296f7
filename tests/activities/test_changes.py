"""Is a change taken for made only once ACS was seen to have made it?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.control import EFFECT_TIMEOUT, ControlActivities
from callvault.contracts.activity_io import ControlProgress, ControlResult, RecordingInput
from callvault.errors import CallvaultError, RecordingNotFound, Unavailable

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
