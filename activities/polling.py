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
    ControlOutcome,
    InquiryProgress,
    RecordingOrder,
    ResultOrder,
    ToldResult,
)
from callvault.contracts.base import shorten
from callvault.contracts.events import FileStatusUpdated
from callvault.errors import NotReady, RecordingNotFound

ASK_AGAIN = timedelta(minutes=1)
"""Time for which ACS must deny a recording before it counts as over: by then it could not be paused
or stopped any more."""

MAX_ERRORS = 10


class InquiryActivities:
    """Built once by a worker, with its clients."""

    def __init__(self, client_of: Callable[[str], AcsClient]) -> None:
        self._client_of = client_of

    @activity.defn
    def await_end(self, order: RecordingOrder) -> ControlOutcome:
        """Return once ACS no longer knows a recording that was not stopped here."""
        with translated(patient=True):
            if activity.info().attempt == 1:
                # A recording that has just begun is not over, and a request would be wasted.
                raise _nothing_new("it has only begun: ACS is asked later")
            try:
                self._client_of(order.resource).get_state(order.recording_id, order.server_call_id)
            except RecordingNotFound:
                _confirm_gone()
                return ControlOutcome(recording_id=order.recording_id, state="gone")
            if activity.info().heartbeat_details:
                # ACS knows it again: an earlier denial no longer counts.
                activity.heartbeat(InquiryProgress())
            raise _nothing_new("ACS still knows the recording: asking again later")

    @activity.defn
    def ask_result(self, order: ResultOrder) -> ToldResult:
        """Return once ACS tells of a file that is not among the known ones."""
        now = server_clock()
        with translated(patient=True):
            told = self._result(order)
            chunks = [c for c in told.recording_storage_info.recording_chunks if c.is_written]
            errors = tuple(_describe(error) for error in told.errors[:MAX_ERRORS])
            if {chunk.document_id for chunk in chunks} <= set(order.known):
                said = f"; it says: {'; '.join(errors)}" if errors else ""
                raise _nothing_new(f"ACS tells of no further file yet{said}: asking again later")
            return ToldResult(
                files=FileStatusUpdated(
                    event_time=now(),
                    server_call_id=order.server_call_id,
                    recording_id=order.recording_id,
                    recording_start_time=told.recording_start_time,
                    recording_duration_ms=told.recording_duration_ms,
                    session_end_reason=told.session_end_reason,
                    chunks=tuple(chunks),
                ),
                expires_at=told.recording_expiration_time,
                errors=errors,
            )

    def _result(self, order: ResultOrder) -> RecordingResultResponse:
        try:
            return self._client_of(order.resource).get_result(
                order.recording_id, order.server_call_id
            )
        except RecordingNotFound as error:
            # ACS may have lost sight of it for a moment.
            raise _nothing_new(str(error)) from error


def _confirm_gone() -> None:
    """Return if ACS has denied the recording for long enough, else raise for another attempt."""
    if denied_since(InquiryProgress(), "gone_since", ASK_AGAIN) is None:
        raise _nothing_new("ACS no longer knows the recording: asking once more", ASK_AGAIN)


def _nothing_new(what: str, ask_again: timedelta | None = None) -> ApplicationError:
    """Make the error of an attempt that brought nothing new.

    It is benign, so that neither logs nor metrics count it as a failure.
    """
    return ApplicationError(
        what,
        type=NotReady.__name__,
        category=ApplicationErrorCategory.BENIGN,
        next_retry_delay=ask_again,
    )


def _describe(error: ResultError) -> str:
    inner = error.innererror
    cause = f" ({inner.code}: {inner.message})" if inner else ""
    return shorten(f"{error.code}: {error.message}{cause}")
