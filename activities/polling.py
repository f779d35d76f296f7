"""Infrequent polling: ask ACS about a recording of which no event comes, in one long activity.

An attempt that brings nothing new fails, and Temporal makes the next one: retries leave no event in
the history, so that waiting for days costs nothing there.
"""

from collections.abc import Callable
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.clock import server_clock
from activities.heartbeat import denied_since
from activities.translate import translated
from callvault.acs.client import AcsClient
from callvault.acs.models import RecordingResultResponse, ResultError
from callvault.contracts.activity_io import (
    ControlResult,
    PolledResult,
    PollProgress,
    PollResultInput,
    RecordingInput,
)
from callvault.contracts.base import shorten
from callvault.contracts.events import FileStatusUpdated
from callvault.errors import NotReady, RecordingNotFound

RECHECK_INTERVAL = timedelta(minutes=1)
"""Time for which ACS must deny a recording before it counts as over: by then it could not be paused
or stopped any more."""

MAX_ERRORS = 10


class PollingActivities:
    """Built once by a worker, with its clients."""

    def __init__(self, client_of: Callable[[str], AcsClient]) -> None:
        self._client_of = client_of

    @activity.defn
    def poll_state(self, input: RecordingInput) -> ControlResult:
        """Return once ACS no longer knows a recording that was not stopped here."""
        with translated(retry_permanent=True):
            if activity.info().attempt == 1:
                # A recording that has just begun is not over, and a request would be wasted.
                raise _not_ready("it has only begun: ACS is asked later")
            try:
                self._client_of(input.resource).get_state(input.recording_id, input.server_call_id)
            except RecordingNotFound:
                _confirm_gone()
                return ControlResult(recording_id=input.recording_id, state="gone")
            if activity.info().heartbeat_details:
                # ACS knows it again: an earlier denial no longer counts.
                activity.heartbeat(PollProgress())
            raise _not_ready("ACS still knows the recording: asking again later")

    @activity.defn
    def poll_result(self, input: PollResultInput) -> PolledResult:
        """Return once ACS tells of a file that is not among the known ones."""
        now = server_clock()
        with translated(retry_permanent=True):
            response = self._result(input)
            storage = response.recording_storage_info
            chunks = [chunk for chunk in storage.recording_chunks if chunk.is_written]
            errors = tuple(_describe(error) for error in response.errors[:MAX_ERRORS])
            if {chunk.document_id for chunk in chunks} <= set(input.known):
                reported = f"; it says: {'; '.join(errors)}" if errors else ""
                raise _not_ready(f"ACS tells of no further file yet{reported}: asking again later")
            return PolledResult(
                files=FileStatusUpdated(
                    event_time=now(),
                    server_call_id=input.server_call_id,
                    recording_id=input.recording_id,
                    recording_start_time=response.recording_start_time,
                    recording_duration_ms=response.recording_duration_ms,
                    session_end_reason=response.session_end_reason,
                    chunks=tuple(chunks),
                    left_out=storage.left_out,
                    chunks_left_out=storage.chunks_left_out,
                ),
                expires_at=response.recording_expiration_time,
                errors=errors,
            )

    def _result(self, input: PollResultInput) -> RecordingResultResponse:
        try:
            return self._client_of(input.resource).get_result(
                input.recording_id, input.server_call_id
            )
        except RecordingNotFound as error:
            # ACS may have lost sight of it for a moment.
            # As the error of a permanent fault it would be asked again after five minutes only.
            raise _not_ready(str(error)) from error


def _confirm_gone() -> None:
    """Return if ACS has denied the recording for long enough, else raise for another attempt."""
    if denied_since(PollProgress(), "gone_since", RECHECK_INTERVAL) is None:
        raise _not_ready("ACS no longer knows the recording: asking once more", RECHECK_INTERVAL)


def _not_ready(what: str, retry_after: timedelta | None = None) -> ApplicationError:
    """Make the error of an attempt that brought nothing new.

    It is benign, so that neither logs nor metrics count it as a failure.
    """
    return ApplicationError(
        what,
        type=NotReady.__name__,
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=retry_after,
    )


def _describe(error: ResultError) -> str:
    inner = error.innererror
    cause = f" ({inner.code}: {inner.message})" if inner else ""
    return shorten(f"{error.code}: {error.message}{cause}")
