"""Infrequent polling: ask ACS about a recording of which no event comes, in one long activity.

An attempt that brings nothing new fails, and Temporal makes the next one: retries leave no event in
the history, so that waiting for days costs nothing there.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.clock import ServerTime
from activities.heartbeat import denied_since, left_note
from activities.readings import read
from activities.translate import translated
from callvault.acs.client import AcsClient
from callvault.acs.models import RecordingResultResponse
from callvault.contracts.activity_io import (
    ControlResult,
    PolledResult,
    PollProgress,
    PollResultInput,
    PollStateInput,
)
from callvault.contracts.events import FileStatusUpdated
from callvault.errors import NotReady, RecordingNotFound

RECHECK_INTERVAL = timedelta(minutes=1)
"""Time for which ACS must deny a recording before it counts as over: by then it could not be paused
or stopped any more."""

FIRST_POLL_INTERVAL = timedelta(seconds=1)
MAX_POLL_INTERVAL = timedelta(minutes=1)
"""Intervals at which a recording is read that should be silent: soon, and then regularly."""

MIN_POLL_INTERVAL = timedelta(milliseconds=100)

MAX_ERRORS = 10


class PollingActivities:
    """Built once by a worker, with its clients."""

    def __init__(self, client_of: Callable[[str], AcsClient], server_time: ServerTime) -> None:
        self._client_of = client_of
        self._server_time = server_time

    @activity.defn
    def poll_state(self, input: PollStateInput) -> ControlResult:
        """Return once the state is another one than expected, or ACS knows the recording no more.

        ``inactive`` is returned, too, by the first reading that proves silence, where it is not
        proven yet.
        """
        self._server_time.begin()
        with translated(retry_permanent=True):
            if input.expected == "inactive" and activity.info().attempt == 1:
                # It has just been asked to pause: a request would be wasted.
                raise _not_ready("it has only begun: ACS is asked later")
            seen = read(self._client_of(input.resource), input, self._server_time)
            before = _progress()
            if seen.state == "gone":
                _confirm_gone(before)
            elif not _is_news(seen, input):
                self._wait(seen, input, before)
            return seen.model_copy(update={"inactive_at": before.inactive_at})

    def _wait(self, seen: ControlResult, input: PollStateInput, before: PollProgress) -> None:
        """Leave a note for the next attempt, and end this one."""
        inactive_at = seen.read_at if seen.state == "inactive" else before.inactive_at
        # ACS knows it: an earlier denial no longer counts.
        progress = PollProgress(inactive_at=inactive_at)
        if progress != before:
            activity.heartbeat(progress)
        left = None
        if input.proves_from is not None and seen.state == "inactive":
            left = _wait_for_proof(input.proves_from - self._server_time.now())
        raise _not_ready(f"ACS reports the recording as {seen.state}: asking again later", left)

    @activity.defn
    def poll_result(self, input: PollResultInput) -> PolledResult:
        """Return once ACS tells of a file that is not among the known ones."""
        self._server_time.begin()
        with translated(retry_permanent=True):
            response = self._result(input)
            now = self._server_time.now()
            files = response.announced(input.server_call_id, input.recording_id, now)
            errors = tuple(map(str, response.errors[:MAX_ERRORS]))
            if files is None or not _are_news(files, input.known):
                reported = f"; it says: {'; '.join(errors)}" if errors else ""
                raise _not_ready(f"ACS tells of no further file yet{reported}: asking again later")
            return PolledResult(files=files, expires_at=response.expires_at, errors=errors)

    def _result(self, input: PollResultInput) -> RecordingResultResponse:
        try:
            return self._client_of(input.resource).get_result(
                input.recording_id, input.server_call_id
            )
        except RecordingNotFound as error:
            # ACS may have lost sight of it for a moment.
            # As the error of a permanent fault it would be asked again after five minutes only.
            raise _not_ready(str(error)) from error


def _are_news(files: FileStatusUpdated, known: Iterable[str]) -> bool:
    return not {chunk.document_id for chunk in files.chunks} <= set(known)


def _is_news(seen: ControlResult, input: PollStateInput) -> bool:
    if seen.state != "inactive" or input.expected == "active":
        return seen.state != input.expected and seen.state != "unknown"
    return (
        input.proves_from is not None
        and seen.read_at is not None
        and seen.read_at >= input.proves_from
    )


def _progress() -> PollProgress:
    return left_note(PollProgress) or PollProgress()


def _confirm_gone(before: PollProgress) -> None:
    """Return if ACS has denied the recording for long enough, else raise for another attempt."""
    if denied_since(before, "gone_since", RECHECK_INTERVAL) is None:
        raise _not_ready("ACS no longer knows the recording: asking once more", RECHECK_INTERVAL)


def _wait_for_proof(left: timedelta) -> timedelta:
    """Return the time until the next attempt: as ever, or until a reading proves silence."""
    doubled = min(activity.info().attempt - 1, 10)
    interval: timedelta = min(FIRST_POLL_INTERVAL * 2**doubled, MAX_POLL_INTERVAL)
    return max(min(left, interval), MIN_POLL_INTERVAL)


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
