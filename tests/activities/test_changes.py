"""Is a change taken for made only once ACS was seen to have made it?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Self

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.control import EFFECT_TIMEOUT, GONE_AFTER, MAY_HAVE_BEGUN, ControlActivities
from callvault.contracts.activity_io import (
    ACS_TIMEOUT,
    ControlProgress,
    RecordingInput,
    StartInput,
    ToldRecording,
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

    def with_timeout(self, seconds: float) -> Self:
        return self

    def get_state(self, *of: str) -> SimpleNamespace:
        reading = self._readings.pop(0)
        if isinstance(reading, CallvaultError):
            raise reading
        return SimpleNamespace(recording_state=reading)

    def stop(self, *of: str) -> None:
        """Accept."""

    pause = resume = stop


def changes(
    operation: str,
    client: Client,
    *told: ControlProgress,
    input: RecordingInput = INPUT,
    left: list[ControlProgress] | None = None,
) -> Any:
    """Return what an attempt at a change comes to, after what earlier ones have told.

    What it leaves for the next one is added to ``left``.
    """
    environment = ActivityEnvironment()
    environment.on_heartbeat = (left if left is not None else []).append
    now = datetime.now(UTC)
    environment.info = replace(
        environment.info,
        heartbeat_details=list(told),
        scheduled_time=now,
        current_attempt_scheduled_time=now,
        started_time=now,
    )
    control: Any = ControlActivities(lambda _: client, _none, _none)  # type: ignore[arg-type]
    return environment.run(getattr(control, operation), input)


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

    def __init__(self) -> None:
        super().__init__(*[RecordingNotFound("no such recording")] * 9)

    def stop(self, *of: str) -> None:
        raise RecordingNotFound("no such recording")

    pause = resume = belongs_to = stop


def test_an_end_tells_of_an_earlier_attempt_that_may_have_come_through() -> None:
    asked_at = datetime.now(UTC)
    before = ControlProgress(unanswered_at=asked_at, gone_since=asked_at - GONE_AFTER)
    gone = changes("resume_recording", GoneClient(), before)
    assert (gone.state, gone.unanswered_at) == ("gone", asked_at)


ALL = (
    "pause_recording",
    "resume_recording",
    "stop_recording",
    "read_state",
    "confirm_active",
)


@pytest.mark.parametrize("operation", ALL)
def test_a_recording_is_not_over_on_the_word_of_one_denial(operation: str) -> None:
    """A pause got 404 after a failover: nobody paused or stopped the recording, which went on."""
    first = in_doubt(operation, GoneClient())
    assert first.gone_since is not None
    assert in_doubt(operation, GoneClient(), denied_for(GONE_AFTER / 2)).gone_since is not None
    assert changes(operation, GoneClient(), denied_for(GONE_AFTER)).state == "gone"
    with pytest.raises(ApplicationError, match="does not know the recording"):
        changes(operation, GoneClient(), input=INPUT.model_copy(update={"is_quick": True}))


@pytest.mark.parametrize("operation", ["pause_recording", "resume_recording"])
def test_nor_if_it_was_denied_after_it_had_accepted_the_change(operation: str) -> None:
    accepted = ControlProgress(accepted_at=datetime.now(UTC))
    denied = in_doubt(operation, Client(RecordingNotFound("404")), accepted)
    assert denied.accepted_at == accepted.accepted_at
    just_accepted = in_doubt(operation, Client(RecordingNotFound("404")), denied_for(GONE_AFTER))
    assert just_accepted.accepted_at is not None, "since it was accepted it was denied once"


def test_nor_is_one_unknown_of_which_a_callback_told() -> None:
    """It was left alone, as if the callback had been forged."""
    denied = in_doubt("identify_recording", GoneClient())
    long_ago = denied.model_copy(update={"gone_since": datetime.now(UTC) - GONE_AFTER})
    assert changes("identify_recording", GoneClient(), long_ago) == ToldRecording(is_known=False)


def test_a_denial_no_longer_counts_once_acs_knows_the_recording() -> None:
    left: list[ControlProgress] = []
    with pytest.raises(ApplicationError, match="not yet active"):
        changes("confirm_active", Client("inactive"), denied_for(GONE_AFTER), left=left)
    assert left == [ControlProgress()]


def denied_for(time: timedelta) -> ControlProgress:
    return ControlProgress(gone_since=datetime.now(UTC) - time)


def in_doubt(operation: str, client: Client, *told: ControlProgress) -> ControlProgress:
    """Return the note of an attempt that leaves it open if the recording is over."""
    left: list[ControlProgress] = []
    with pytest.raises(ApplicationError, match="does not know the recording") as raised:
        changes(operation, client, *told, left=left)
    assert not raised.value.non_retryable
    return left[-1]


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
